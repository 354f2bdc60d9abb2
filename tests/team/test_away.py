"""The database is away, or the answer to a commit is lost: whoever needs the store refuses, and what may have
been written counts as unknown. Nothing is placed twice."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import NUMBER, Finished, RunningSandbox, voicecli
from machines import Machine
from running_listener import public_access

from voicecli.account import DEFAULT_VOICE, Account
from voicecli.broadcast import resume
from voicecli.broadcast.begin import plan_broadcast
from voicecli.calling import place_calls
from voicecli.calling.caller import Caller
from voicecli.calling.make_call import MakeCallRoute
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.store import contacts, hang_guard
from voicecli.store.following import Follower
from voicecli.store.opening import open_store
from voicecli.store.postgresql import PostgresqlStore
from voicecli.store.read_positions import last_event_number
from voicecli.voice_api.client import Client

Machines = Callable[[str], Machine]
BUSY = "+33199000486"


def call(machine: Machine, *arguments: str) -> Finished:
    return voicecli("call", *arguments, env=machine.env)


@contextmanager
def losing_commit(number: int, *, is_done: bool) -> Iterator[None]:
    """Inside, the connection breaks at the commit with this number, before or after it was done."""
    commit, commits = PostgresqlStore._commit, 0

    def lose(store: PostgresqlStore, db: psycopg.Connection[tuple[object, ...]]) -> None:
        nonlocal commits
        commits += 1
        if is_done or commits != number:
            commit(store, db)
        if commits == number:
            db.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostgresqlStore, "_commit", lose)
        yield
    assert commits >= number


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("guard", [("--once",), ("--at-most", "1/24h")])
def test_where_the_answer_to_a_claim_is_lost_nothing_is_sent_and_the_guard_is_not_free(
    machines: Machines, own_sandbox: RunningSandbox, guard: tuple[str, ...], is_done: bool
) -> None:
    """It may be written: then nobody knows whether the call was placed."""
    machine = machines("a")
    if "--at-most" in guard:
        with open_store(machine.place) as store:
            contacts.prepare(store)  # what is made once, by a commit of its own
    with losing_commit(1, is_done=is_done):
        done = call(machine, NUMBER, "Hello", *guard)
    assert (done.code, done.out) == (3, "")
    assert "Nothing was sent." in done.err
    assert not own_sandbox.sandbox.requested
    again = call(machines("b"), NUMBER, "Hello", *guard, "--json")
    if is_done:
        assert again.code == 9
        assert again.error.get("earlier", "unknown") == "unknown"
    assert len(own_sandbox.sandbox.requested) == (0 if is_done else 1)


def test_a_call_that_was_placed_is_told_whatever_happens_to_its_record(
    machines: Machines, own_sandbox: RunningSandbox
) -> None:
    """The first commit is that of the request, the others are those of its answer."""
    machine = machines("a")
    with losing_commit(2, is_done=False):
        done = call(machine, NUMBER, "Hello", "--once", "-q")
    assert (done.code, done.err) == (0, ""), "it was written once more"
    assert call(machine, NUMBER, "Hello", "--once").code == 9
    with losing_commit(2, is_done=False), losing_commit(3, is_done=False):
        done = call(machine, BUSY, "Hello")
    assert done.code == 0
    assert "will not know the session of this call" in done.err
    assert len(own_sandbox.sandbox.requested) == 2


def test_a_call_does_not_wait_for_a_server_that_stands_still(
    machines: Machines, own_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does whose machine is paused: connections stay, and nothing is answered."""
    monkeypatch.setattr(hang_guard, "LOOK_EVERY", 0.02)
    machine, request = machines("a"), Client.send
    standing = ExitStack()

    def stop_and_send(*arguments: Any, **options: Any) -> Any:
        standing.enter_context(machine.standing_still())
        monkeypatch.setattr(hang_guard, "PATIENCE", 0.1)
        return request(*arguments, **options)

    monkeypatch.setattr(Client, "send", stop_and_send)
    with standing:
        done = call(machine, NUMBER, "Hello", "-q")
    assert done.code == 0
    [warning] = done.err.splitlines()
    assert "will not know the session of this call" in warning
    assert "did not answer in time" in warning
    assert len(own_sandbox.sandbox.requested) == 1


def test_what_waits_for_outcomes_reads_under_a_guard(
    machines: Machines, own_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would wait for such a server before it calls."""
    monkeypatch.setattr(hang_guard, "LOOK_EVERY", 0.02)
    machine = machines("a")

    async def stop_and_read(_placer: object, follower: Follower, *_: object) -> None:
        monkeypatch.setattr(hang_guard, "PATIENCE", 0.1)
        with machine.standing_still():
            last_event_number(follower.store)

    monkeypatch.setattr(place_calls, "_wait", stop_and_read)
    done = call(machine, NUMBER, "Hello", "--wait", *public_access())
    assert (done.code, "did not answer in time" in done.err) == (1, True), done


@pytest.mark.parametrize("command", ["join", "resume"])
def test_a_broadcast_whose_database_goes_before_anybody_is_called_is_refused(
    machines: Machines, own_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    machine = machines("a")
    Path("people.csv").write_text(f"phone\n{NUMBER}\n{BUSY}\n")
    begun = voicecli("broadcast", "people.csv", "Hello", "--yes", "-q", "--max-calls", "1", env=machine.env)
    assert begun.code == 7, begun

    def cut_and_plan(*arguments: Any) -> object:
        machine.cut_off()
        return plan_broadcast(*arguments)

    monkeypatch.setattr(resume, "plan_broadcast", cut_and_plan)
    done = voicecli("broadcast", command, begun.out.strip(), env=machine.env)
    assert (done.code, done.out) == (3, "")
    assert "Nothing was sent." in done.err
    assert len(own_sandbox.sandbox.requested) == 1


async def test_who_asks_a_listener_for_a_call_is_refused_unless_all_may_be_called(
    machines: Machines, own_sandbox: RunningSandbox
) -> None:
    """Nobody would see a warning."""
    machine = machines("a")
    machine.cut_off()
    account = Account(API_KEY, SUBACCOUNT, own_sandbox.sandbox.url)
    route = MakeCallRoute(
        lambda: Caller(account, machine.place), source=lambda: "+33199000000", voice_profile=DEFAULT_VOICE
    )
    status, body = await route({"customerPhone": NUMBER, "message": "Hello"})
    assert status == 503
    assert "Nothing was sent." in str(body)
    assert not own_sandbox.sandbox.requested
    status, _ = await route({"customerPhone": NUMBER, "message": "Hello", "callUnsubscribed": True})
    assert status == 200


def test_a_plain_call_with_another_key_is_refused(machines: Machines, own_sandbox: RunningSandbox) -> None:
    """It is set up wrongly, which would not be noticed for long if it went on."""
    machine = machines("a")
    machine.env = {**machine.env, "VOICECLI_STORE_KEY": "A" * 43}
    done = call(machine, NUMBER, "Hello")
    assert (done.code, done.out) == (3, "")
    assert not own_sandbox.sandbox.requested
