"""``--keys``: what people pressed has a name, and whoever pressed stop is not called again."""

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import DEADLINE, NUMBER, Program, RunningSandbox, start_call, wait_until
from lists import Broadcast, people, write
from past import event, keep
from running_listener import TOKEN, listening, public_access, registering
from soak import FULL, share_of

from voicecli.sandbox.reading import READINGS, Reading
from voicecli.store import unsubscribed
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

CONFIRMS, RESCHEDULES, STOPS, OTHER_KEY = (f"+3319900{end}" for end in ("7103", "7203", "7903", "7503"))
KEYS = ("--keys", "1=confirmed,2=reschedule,9=stop")


@pytest.fixture
def home() -> Path:
    return Path(os.environ["VOICECLI_HOME"])


def known(home: Path) -> set[str]:
    with open_store(StorePlace(home)) as store:
        return unsubscribed.numbers(store)


# -- call --------------------------------------------------------------------------------------------------


def test_each_answer_has_its_exit_code_and_its_name(
    run: Program, own_sandbox: RunningSandbox, home: Path
) -> None:
    numbers = (CONFIRMS, RESCHEDULES, STOPS, OTHER_KEY, NUMBER)
    options = ("--message", "At 9? 1, 2 or 9.", *KEYS, "--accept", "confirmed", *public_access())
    done = run("call", *numbers, *options, "--json", env=own_sandbox.environment)
    assert done.code == 7, done
    calls = {call["destination"]: call for call in map(json.loads, done.out.splitlines())}
    found = {
        number: (calls[number]["exitCode"], calls[number]["result"], calls[number]["answers"])
        for number in numbers
    }
    assert found == {
        CONFIRMS: (0, "confirmed", {"keys": "1"}),
        RESCHEDULES: (16, "reschedule", {"keys": "2"}),
        STOPS: (15, "stop", {"keys": "9"}),
        OTHER_KEY: (16, None, {"keys": "5"}),
        NUMBER: (16, None, {}),
    }
    assert calls[STOPS]["words"].startswith("stop with 9: no more calls; completed")
    assert [calls[number]["confirmed"] for number in numbers] == [True, False, False, False, False]
    assert known(home) == {STOPS}
    again = run("call", STOPS, "Hello", env=own_sandbox.environment)
    assert (again.code, len(own_sandbox.sandbox.sessions)) == (15, len(numbers)), again
    sessions = map(json.loads, run("sessions", "--json").out.splitlines())
    assert {one["destination"]: (one["result"], one["answers"]) for one in sessions} == {
        number: found[number][1:] for number in numbers
    }
    figures = run("stats", "--json").json
    assert figures["results"] == {"confirmed": 1, "reschedule": 1, "stop": 1}
    assert "Results\n  " in run("stats").out


def test_who_presses_stop_confirms_nothing(run: Program, own_sandbox: RunningSandbox) -> None:
    """The next one is called; an accepted answer ends it."""
    alert = ("--message", "1, 2 or 9.", *KEYS, "--until-confirmed", "--once", *public_access())
    numbers = (STOPS, RESCHEDULES, CONFIRMS)
    done = run("call", *numbers, *alert, env=own_sandbox.environment)
    assert (done.code, len(own_sandbox.sandbox.sessions)) == (0, 2), done
    assert "reschedule with 2" in done.out
    assert run("call", *numbers, *alert, env=own_sandbox.environment).code == 9


def test_where_the_only_key_is_stop_nobody_has_to_press_any(
    run: Program, own_sandbox: RunningSandbox, home: Path
) -> None:
    options = ("The gym is closed. 9: no more calls.", "--keys", "9=stop", *public_access())
    assert run("call", NUMBER, *options, env=own_sandbox.environment).code == 0
    done = run("call", STOPS, *options, env=own_sandbox.environment)
    assert (done.code, known(home)) == (15, {STOPS}), done


# -- broadcast ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("short_seconds")
def test_a_broadcast_counts_each_name_and_calls_nobody_again_who_has_decided(
    own_sandbox: RunningSandbox, home: Path
) -> None:
    broadcast = Broadcast(own_sandbox)
    numbers = (CONFIRMS, RESCHEDULES, STOPS, OTHER_KEY)
    listed = write("people.csv", people(*numbers, NUMBER))
    options = (*KEYS, "--retry", "error", "--every", "1s", "--max-calls", "4", *public_access())
    assert (
        "Keys: 1 confirmed, 2 reschedule, 9 stop (no more calls)\n"
        in broadcast(listed, "1, 2 or 9.", *options, "--dry-run").out
    )
    done = broadcast(listed, "1, 2 or 9.", "--yes", *options, "--json")
    assert done.code == 7, done
    of = json.loads(done.out.splitlines()[0])["broadcastId"]
    shown = json.loads(broadcast("show", of, "--json").out)
    assert shown["results"] == {"confirmed": 1, "reschedule": 1, "stop": 1}
    assert shown["confirmed"] == 2
    assert "Results\n  1  confirmed\n  1  reschedule\n  1  stop: no more calls\n" in broadcast("show", of).out
    for one in own_sandbox.sandbox.sessions:  # it ended in an error, as is reported late
        fields = {"number": one.destination, "endTime": "2099-01-01T00:00:00Z"}
        keep(home, event("VSS", "ERROR", one.session_id, **fields))
    assert broadcast("allow", STOPS).code == 0
    assert broadcast("resume", of).code == 7
    called = sorted(one.destination for one in own_sandbox.sandbox.sessions)
    assert called == sorted([*numbers, NUMBER, OTHER_KEY]), "only who has not decided is called again"


@pytest.mark.soak
def test_who_pressed_stop_is_left_out_of_the_next_list(own_sandbox: RunningSandbox, home: Path) -> None:
    broadcast = Broadcast(own_sandbox)
    listed = write("people.csv", people(STOPS, CONFIRMS))
    assert broadcast(listed, "9: no more.", "--yes", "--keys", "9=stop", *public_access()).code == 0
    assert broadcast(listed, "Hello", "--yes", "--again", "-q").code == 0
    assert [one.destination for one in own_sandbox.sandbox.sessions].count(STOPS) == 1


# -- nobody waits for the answer ---------------------------------------------------------------------------


@pytest.mark.soak
def test_a_listener_alone_takes_the_answers_of_make_call(
    run: Program, own_sandbox: RunningSandbox, home: Path
) -> None:
    with listening(home, *registering(), env=own_sandbox.environment, in_thread=True) as listener:
        body = {"customerPhone": STOPS, "message": "1 or 9.", "keys": "1=yes,9=stop", "accept": "yes"}
        place = f"{listener.url}/api/make-call"
        first = httpx.post(place, json=body, auth=("admin", TOKEN))
        assert first.status_code == 200, first.text
        session = first.json()["data"]["sessionId"]
        wait_until(lambda: listener.of("event", type="VSS", sessionId=session))
        [vca] = listener.of("event", type="VCA", sessionId=session)
        assert vca["reply"] == "hangup"
        again = httpx.post(place, json=body, auth=("admin", TOKEN))
        assert (again.status_code, len(own_sandbox.sandbox.sessions)) == (409, 1), again.text
    assert run("sessions", session, "--json").json["result"] == "stop"


@pytest.mark.soak
@pytest.mark.parametrize("request_ids", [True, False])
@pytest.mark.parametrize("reading", READINGS[:: 1 if FULL else 6], ids="-".join)
def test_each_answer_is_known_under_every_reading_of_8x8s_documents(
    run: Program, home: Path, reading: Reading, *, request_ids: bool
) -> None:
    """With webhooks that come twice, late and out of order, and in all spellings."""
    options: dict[str, Any] = {"reading": reading, "request_ids": request_ids, "chaos": True}
    with RunningSandbox(time_scale=200, seed=7, **options) as sandbox:
        for number, code in ((CONFIRMS, 0), (STOPS, 15), (OTHER_KEY, 16)):
            asked = ("1 or 9.", "--keys", "1=yes,9=stop", *public_access())
            done = run("call", number, *asked, env=sandbox.environment)
            assert done.code == code, done
    assert known(home) == {STOPS}


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize(("runs", "seed"), [(share_of(60), 1)])
def test_stop_counts_though_the_caller_was_killed(
    run: Program, home: Path, tmp_path: Path, runs: int, seed: int
) -> None:
    """At any moment, with a listener that only records: whoever asks next knows it, and once."""
    rng = random.Random(seed)
    with RunningSandbox(time_scale=20, seed=seed) as sandbox:
        with listening(home, *registering(), env=sandbox.environment) as listener:
            assert listener.url
            for attempt in range(runs):
                number = f"+3319900{rng.choice(('7901', '7902', '7903'))}"
                message_id = f"kill-{attempt}"
                options = ("9: no more.", *KEYS, "--message-id", message_id)
                with start_call(sandbox, number, *options, forked=False) as process:
                    time.sleep(rng.uniform(0.3, 1.0))  # the moment is the test's input
                    process.kill()
                    process.communicate(timeout=DEADLINE)
                placed = [
                    one for one in list(sandbox.sandbox.sessions) if one.client_request_id == message_id
                ]
                for one in placed:
                    wait_until(lambda one=one: listener.of("event", type="VSS", sessionId=one.session_id))  # type: ignore[misc]
                before = len(sandbox.sandbox.sessions)
                done = run("call", number, "Hello", env=sandbox.environment)
                assert done.code == (15 if placed else 0), (attempt, done)
                assert len(sandbox.sandbox.sessions) == before + (not placed)
                allowed = run("broadcast", "allow", number, "--json").json
                assert allowed["allowed"] == bool(placed)
