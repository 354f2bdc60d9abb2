"""Who waits on one machine of a team for what a listener on another one receives."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import DEADLINE, NUMBER, Finished, RunningSandbox, voicecli, wait_until
from machines import Machine
from placed_calls import ASK, SAY
from running_listener import InThread, RunningListener, listening, public_access, registering, told, webhooks

from voicecli.broadcast import engine
from voicecli.calling import waiting
from voicecli.listener import team_listeners
from voicecli.platforms.identity import user_at_host
from voicecli.store import following
from voicecli.store.event_queries import newest_events
from voicecli.store.opening import open_store
from voicecli.voice_api.callflow import HANGUP

Machines = Callable[[str], Machine]
BUSY, NO_ANSWER, PRESSES_1 = "+33199000486", "+33199000480", "+33199007103"  # after 2, 30 and 3 s


@pytest.fixture
def own_sandbox() -> Iterator[RunningSandbox]:
    """Where there is time to do something during a call."""
    with RunningSandbox(time_scale=10, seed=1) as running:
        yield running


@pytest.fixture
def summaries(own_sandbox: RunningSandbox) -> Iterator[threading.Event]:
    """How calls ended is reported only when this is set."""
    with own_sandbox.holding_summaries() as may_leave:
        yield may_leave


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team_listeners, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(team_listeners, "TRY_EVERY", 0.02)
    monkeypatch.setattr(following, "CONNECT_EVERY", 0.02)


@contextmanager
def listens(machine: Machine, *options: str, in_thread: bool = True) -> Iterator[RunningListener]:
    """``voicecli listen`` runs there."""
    arguments = (*registering(), *options)
    with listening(machine.place.folder, *arguments, env=machine.env, in_thread=in_thread) as listener:
        assert listener.url
        yield listener


def call(machine: Machine, *arguments: str) -> Finished:
    return voicecli("call", *arguments, env=machine.env)


def call_under_way(machine: Machine, *arguments: str) -> InThread:
    """It can be the listener, if nobody else is."""
    return InThread(["call", *arguments, *public_access()], {**os.environ, **machine.env})


def test_an_outcome_and_a_key_are_known_on_another_machine(machines: Machines, tmp_path: Path) -> None:
    """What follows the question is replied by the listener, which has it from the store."""
    one, other = machines("a"), machines("b")
    with listens(one):
        done = call(other, BUSY, "Hello", "--wait")
        assert (done.code, done.out) == (11, f"{BUSY}: busy after 2 s\n")
        assert "The voicecli listen of " in done.err
        assert "Registered" not in done.err
        assert call(other, PRESSES_1, "Press 1", "--confirm", "1").code == 0
        flow = tmp_path / "flow.json"
        flow.write_text(json.dumps([ASK, SAY, HANGUP]))
        assert call(other, PRESSES_1, "--callflow", str(flow), "--wait").code == 0
    with open_store(other.place) as store:
        replies = [one.reply for one in newest_events(store) if one.event.type == "VCA"]
    assert replies == ["say, hangup", "hangup"]


@pytest.mark.soak
def test_who_does_not_get_what_is_needed_is_told_and_keeps_what_it_has(
    machines: Machines, own_sandbox: RunningSandbox
) -> None:
    with listens(machines("a"), "--events", "vss"):
        before = webhooks(own_sandbox)
        done = call(machines("b"), NUMBER, "Press 1", "--confirm", "1")
        assert done.code == 3
        assert "does not get VCA events. The VCA webhook is not set" in done.err
        assert webhooks(own_sandbox) == before
        assert not own_sandbox.sandbox.requested


@pytest.mark.soak
def test_who_waits_and_listens_stays_for_other_machines(
    machines: Machines, own_sandbox: RunningSandbox
) -> None:
    """The second call is over after the first."""
    with call_under_way(machines("a"), NO_ANSWER, "Hello", "--wait") as first:
        said = told(first, "accepted session")
        assert "Ready: listening" in said
        second = call(machines("b"), NO_ANSWER, "Hello", "--wait")
        assert (second.code, second.out) == (10, f"{NO_ANSWER}: no answer after 30 s\n")
        assert "receives what 8x8 reports" in second.err
        out, said = first.communicate(DEADLINE)
        assert (first.returncode, out) == (10, f"{NO_ANSWER}: no answer after 30 s\n")
        assert "Other commands of the team wait for these reports" in said
    assert webhooks(own_sandbox) == {}


@pytest.mark.soak
def test_where_the_listener_ends_another_machine_takes_over_and_tells_the_gap(
    machines: Machines, own_sandbox: RunningSandbox, summaries: threading.Event
) -> None:
    with listens(machines("a")) as listener:
        caller = call_under_way(machines("b"), NO_ANSWER, "Hello", "--wait")
        with caller:
            told(caller, "accepted session")  # type: ignore[arg-type]
            listener.stop()
            said = told(caller, "s nobody received what 8x8 reports")  # type: ignore[arg-type]
            summaries.set()
            out, _ = caller.communicate(DEADLINE)
    assert (caller.returncode, out) == (10, f"{NO_ANSWER}: no answer after 30 s\n")
    assert "The voicecli listen that received what 8x8 reports has ended." in said
    assert webhooks(own_sandbox) == {}


@pytest.mark.soak
@pytest.mark.process
def test_where_the_listener_is_killed_another_machine_takes_over_once_its_lease_is_over(
    machines: Machines, own_sandbox: RunningSandbox
) -> None:
    one, other = machines("a"), machines("b")
    with (
        listens(one, in_thread=False) as listener,
        call_under_way(other, NO_ANSWER, "Hello", "--wait") as caller,
        open_store(other.place) as store,
    ):
        told(caller, "accepted session")  # type: ignore[arg-type]
        listener.process.kill()
        store.execute_many("UPDATE listeners SET lease_until = ? WHERE lease_until > ?", [(1, 1)])
        assert "has ended" in told(caller, "Ready: listening")  # type: ignore[arg-type]
        assert "nobody received what 8x8 reports" in told(caller, "some of it may be lost")  # type: ignore[arg-type]
        assert set(webhooks(own_sandbox)) == {"VSS", "VCS", "VCA"}
        caller.send_signal(signal.SIGINT)
        caller.wait(DEADLINE)
    assert webhooks(own_sandbox) == {}


@pytest.mark.soak
def test_who_waits_goes_on_while_the_database_is_away(machines: Machines, summaries: threading.Event) -> None:
    """The listener keeps what comes meanwhile."""
    one, other = machines("a"), machines("b")
    with listens(one), call_under_way(other, NO_ANSWER, "Hello", "--wait") as caller:
        told(caller, "dialling")  # type: ignore[arg-type]
        other.cut_off()
        said = told(caller, "Waiting goes on.")  # type: ignore[arg-type]
        summaries.set()
        other.come_back()
        out, said = caller.communicate(DEADLINE)
    assert (caller.returncode, out) == (10, f"{NO_ANSWER}: no answer after 30 s\n")
    assert "Waiting goes on." not in said
    assert "The store can be read again." in said


@pytest.mark.soak
@pytest.mark.usefixtures("short_seconds", "summaries")
def test_who_waits_for_longer_than_it_may_does_not_know_the_outcome(machines: Machines) -> None:
    one, other = machines("a"), machines("b")
    with listens(one), call_under_way(other, NO_ANSWER, "Hello", "--wait", "--timeout", "10s") as caller:
        told(caller, "dialling")  # type: ignore[arg-type]
        other.cut_off()
        out, said = caller.communicate(DEADLINE)
        other.come_back()
    assert (caller.returncode, out) == (8, f"{NO_ANSWER}: no summary came in time\n")
    assert said.count("Waiting goes on.") == 1


@pytest.mark.soak
@pytest.mark.usefixtures("short_seconds")
def test_an_alert_reaches_all_while_the_database_is_away(
    machines: Machines, own_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can confirm then: they are told, and the patience with the database is spent once."""
    monkeypatch.setattr(waiting, "PATIENCE", 0.2)
    one, other = machines("a"), machines("b")
    people = (NO_ANSWER, NUMBER, BUSY)
    options = ("Press 1", "--confirm", "1", "--until-confirmed", "--tell-anyway", "--timeout", "10s")
    with listens(one), call_under_way(other, *people, *options) as alert:
        told(alert, "dialling")  # type: ignore[arg-type]
        other.cut_off()
        _, said = alert.communicate(DEADLINE)
        other.come_back()
    assert said.count("is called without the question") == 2
    assert len(own_sandbox.sandbox.requested) == 3


@pytest.mark.soak
def test_a_broadcast_knows_its_outcomes_as_soon_as_another_machine_receives_them(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOOK_EVERY", 10 * DEADLINE)
    people = tmp_path / "people.csv"
    people.write_text(f"phone\n{BUSY}\n{NO_ANSWER}\n")
    one, other = machines("a"), machines("b")
    command = ["broadcast", str(people), "Hello", "--wait", "--yes"]
    with (
        listens(one),
        InThread(command, {**os.environ, **other.env}) as running,
        open_store(one.place) as store,
    ):
        query = "SELECT outcome FROM broadcast_rows ORDER BY line"
        wait_until(lambda: list(store.rows(query)) == [("BUSY",), ("NO_ANSWER",)])
        running.send_signal(signal.SIGINT)
        running.wait(DEADLINE)


@pytest.mark.soak
def test_doctor_finds_the_listener_of_another_machine(machines: Machines) -> None:
    one, other = machines("a"), machines("b")
    with listens(one):
        done = voicecli("doctor", env={**other.env, "OUTBOUND_PHONE_NUMBER": "+33199000000"})
    assert f"VSS points to the voicecli listen of {user_at_host()}." in done.out + done.err
