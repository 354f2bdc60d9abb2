"""``voicecli call --wait`` and what goes with it: outcomes, digits, escalation, who receives the reports."""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import DEADLINE, NUMBER, Finished, Program, RunningSandbox, voicecli, wait_until
from forked import under_way
from running_listener import (
    InThread,
    interrupted_twice,
    listening,
    public_access,
    registering,
    set_webhook,
    told,
    webhooks,
)
from soak import share_of

from voicecli.calling import waiting as waiting_module
from voicecli.platforms.identity import user_at_host
from voicecli.store.event_queries import events_of_session
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.callflow import HANGUP

NUMBER_2, CANCELED = "+33199001235", "+33199000487"
BUSY, NO_ANSWER, PRESSES_1, PRESSES_2 = "+33199000486", "+33199000480", "+33199007103", "+33199007203"
TYPES_123, REFUSED, LOST, SILENT = "+33199008123", "+33199001014", "+33199005051", "+33199005040"
CUT, TOO_MANY = "+33199005050", "+33199004290"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class Caller:
    """Runs ``voicecli call`` with public access of its own."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.access = public_access()

    def under_way(self, *arguments: str, killed: bool = False) -> AbstractContextManager[Any]:
        """In a thread, unless it is to be killed."""
        command, env = ["call", *arguments, *self.access], {**os.environ, **self.sandbox.environment}
        return under_way(command, env=env) if killed else InThread(command, env)

    def __call__(self, *arguments: str) -> Finished:
        return voicecli("call", *arguments, *self.access, env=self.sandbox.environment)

    def placed(self) -> int:
        return len(self.sandbox.sandbox.sessions)


@pytest.fixture
def caller(own_sandbox: RunningSandbox) -> Caller:
    return Caller(own_sandbox)


# -- the outcome -------------------------------------------------------------------------------------


def test_it_tells_the_outcome_and_leaves_no_trace_at_8x8(caller: Caller) -> None:
    done = caller(BUSY, "Hello", "--wait")
    assert (done.code, done.out) == (11, f"{BUSY}: busy after 2 s\n")
    assert f"{BUSY}: dialling" in done.err
    assert webhooks(caller.sandbox) == {}


def test_a_completed_call_exits_0(caller: Caller) -> None:
    done = caller(NUMBER, "Hello", "--wait")
    assert done.code == 0
    assert re.fullmatch(rf"\{NUMBER}: completed, \d+ s, MOS [\d.]+ \w+\n", done.out)


def test_programs_get_one_document(caller: Caller) -> None:
    done = caller(PRESSES_1, "Press 1", "--confirm", "1", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    fields = done.json
    assert fields["outcome"] == "COMPLETED"
    assert (fields["digits"], fields["confirmed"], fields["exitCode"]) == ("1", True, 0)
    assert fields["sessionId"] == caller.sandbox.sandbox.sessions[0].session_id
    assert fields["destination"] == PRESSES_1


@pytest.mark.parametrize("beside", [False, pytest.param(True, marks=pytest.mark.soak)])
@pytest.mark.process
def test_of_a_question_nothing_is_left_on_disk_when_the_call_is_over(
    caller: Caller, home: Path, beside: bool
) -> None:
    with ExitStack() as stack:
        if beside:
            stack.enter_context(listening(home, *registering(), env=caller.sandbox.environment))
            wait_until(lambda: len(webhooks(caller.sandbox)) == 3)
        assert caller(PRESSES_1, "Press 1", "--confirm", "1").code == 0
        assert (home / "seal.key").exists()
        assert not [path for path in home.iterdir() if b"voicecli sealed" in path.read_bytes()]


def test_quiet_prints_the_session_alone(caller: Caller) -> None:
    done = caller(BUSY, "Hello", "--wait", "-q")
    assert done.out == f"{caller.sandbox.sandbox.sessions[0].session_id}\n"


@pytest.mark.usefixtures("short_seconds")
def test_out_of_time_is_exit_8_and_says_where_to_look(home: Path) -> None:
    with RunningSandbox(time_scale=0.1) as slow:
        done = Caller(slow)(NO_ANSWER, "Hello", "--wait", "--timeout", "1s")
    assert done.code == 8
    assert done.out == f"{NO_ANSWER}: no summary came in time\n"
    assert "Hint: It may go on: voicecli sessions " in done.err


def test_a_lost_answer_is_settled_by_the_summary(caller: Caller) -> None:
    done = caller(LOST, "Hello", "--wait", "--message-id", "m-1")
    assert done.code == 0, done
    assert "the call may have been placed. Waiting for its summary." in done.err
    assert f"{LOST}: completed" in done.out


@pytest.mark.usefixtures("short_seconds")
def test_a_lost_answer_that_nothing_settles_stays_unknown(caller: Caller) -> None:
    done = caller(SILENT, "Hello", "--wait", "--timeout", "1s", "--request-timeout", "0.3")
    assert (done.code, done.out) == (6, "")
    assert "Hint: Look for clientRequestId" in done.err
    assert webhooks(caller.sandbox) == {}


@pytest.mark.soak
@pytest.mark.usefixtures("short_seconds")
def test_the_summary_of_an_earlier_call_of_the_same_name_settles_nothing(caller: Caller) -> None:
    assert caller(BUSY, "Hello", "--wait", "--message-id", "m-1").code == 11
    options = ("--wait", "--message-id", "m-1", "--timeout", "1s", "--request-timeout", "0.3")
    assert caller(SILENT, "Hello", *options).code == 6


@pytest.mark.soak
def test_the_summary_of_another_call_of_the_same_name_settles_nothing(caller: Caller, home: Path) -> None:
    options = ("--wait", "--message-id", "m-1")
    with listening(
        home, *caller.access, "--register", env=caller.sandbox.environment, in_thread=True
    ) as listener:
        assert listener.url
        with caller.under_way(CUT, "Hello", *options, "--timeout", "3s") as lost:
            told(lost, "Waiting for its summary")
            assert caller(NUMBER, "Another", *options).code == 0
            assert caller(LOST, "Another", *options).code == 0
            out, err = lost.communicate(timeout=DEADLINE)
    assert (lost.returncode, out) == (6, ""), err


@pytest.mark.soak
def test_of_two_lost_calls_of_one_name_each_keeps_its_own_fate(caller: Caller, run: Program) -> None:
    options = ("--wait", "--message-id", "m-1")
    assert caller(CUT, "Hello", *options, "--timeout", "1s").code == 6
    assert caller(LOST, "Hello", *options).code == 0
    shown = [json.loads(line) for line in run("sessions", "--json").out.splitlines()]
    assert sorted((one["destination"], one["status"]) for one in shown) == [
        (CUT, "UNKNOWN"),
        (LOST, "COMPLETED"),
    ]


def test_a_refused_call_is_not_waited_for(caller: Caller) -> None:
    done = caller(REFUSED, "Hello", "--wait")
    assert (done.code, done.out) == (4, "")
    assert webhooks(caller.sandbox) == {}


# -- digits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "keys", "code", "words"),
    [
        (PRESSES_2, "1", 16, "not confirmed, 2 was pressed; completed"),
        (PRESSES_2, "1,2", 0, "confirmed with 2; completed"),
        (NUMBER, "1", 16, "not confirmed, nothing was pressed; completed"),
    ],
)
def test_only_a_listed_key_confirms(caller: Caller, number: str, keys: str, code: int, words: str) -> None:
    done = caller(number, "Press 1", "--confirm", keys, "--thanks", "Thank you")
    assert done.code == code
    assert done.out.startswith(f"{number}: {words}")
    [request] = caller.sandbox.sandbox.requested
    actions = request["callflow"]
    assert isinstance(actions, list)
    assert actions[1]["params"]["successMessage"] == "Thank you"


def test_a_code_is_printed(caller: Caller) -> None:
    done = caller(TYPES_123, "Type your code", "--digits", "3-6", "--hash")
    assert done.code == 0
    assert done.out.startswith(f"{TYPES_123}: digits 123; completed")
    assert caller(TYPES_123, "Type your code", "--digits", "3-6", "--quiet").out == "123\n"


def test_no_code_is_not_confirmed(caller: Caller) -> None:
    done = caller(TYPES_123, "Type your code", "--digits", "6", "--hash", "--json")
    assert (done.code, done.json["digits"]) == (16, None)


def test_a_callflow_of_ones_own_can_ask_for_digits(caller: Caller, tmp_path: Path) -> None:
    params = {"promptMessage": "Press 1", "voiceProfile": "en-US-BenjaminRUS"}
    flow = tmp_path / "flow.json"
    say = {"action": "say", "params": {"text": "Thanks", "voiceProfile": "en-US-BenjaminRUS"}}
    flow.write_text(json.dumps([{"action": "sayAndCapture", "params": params}, say, HANGUP]))
    done = caller(PRESSES_1, "--callflow", str(flow), "--wait")
    assert done.code == 0, done
    assert f"{PRESSES_1}: digit 1" in done.err
    [session] = caller.sandbox.sandbox.sessions
    kinds = [action["action"] for action in session.played]
    assert kinds == ["makeCall", "sayAndCapture", "say", "hangup"], "our reply must not cut off what follows"


@pytest.mark.usefixtures("short_seconds")
def test_the_result_is_told_at_once_and_the_listener_stays_for_the_answer(home: Path) -> None:
    with RunningSandbox(time_scale=15, seed=1) as sandbox:
        options = ("--confirm", "1", "--timeout", "1s")
        caller = Caller(sandbox)
        with caller.under_way("+33199007109", "Press 1", *options) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "+33199007109: no summary came in time\n"
            told(process, "1 question is open: it stays")
            assert "VCA" in webhooks(sandbox)
            _, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == 8, err
        [session] = sandbox.sandbox.sessions
        assert "digit 1" not in err
        assert session.describe_end().startswith("completed")
        assert webhooks(sandbox) == {}
    with SqliteStore(home) as store:
        assert [event.event.type for event in events_of_session(store, session.session_id)].count("VCA") == 1


@pytest.mark.soak
@pytest.mark.usefixtures("short_seconds")
def test_programs_are_told_why_it_stays_and_until_when(home: Path) -> None:
    with RunningSandbox(time_scale=15, seed=1) as sandbox:
        options = ("--confirm", "1", "--timeout", "1s", "--json")
        with Caller(sandbox).under_way("+33199007109", "Press 1", *options) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["exitCode"] == 8
            warning = json.loads(told(process, "it stays until").splitlines()[-1])["warning"]
            assert re.match(r"1 question is open: it stays until \d\d:\d\d:\d\d at", warning["message"])
            _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (8, "")


@pytest.mark.soak
def test_quietly_nothing_is_said_of_it(home: Path) -> None:
    with RunningSandbox(time_scale=5, seed=1) as sandbox:
        done = Caller(sandbox)("+33199007109", "Press 1", "--confirm", "1", "--timeout", "1s", "-q")
    assert (done.code, done.err) == (8, "")


# -- several numbers ---------------------------------------------------------------------------------


def test_several_calls_have_a_line_each_and_exit_7_where_some_failed(caller: Caller) -> None:
    done = caller(NUMBER, BUSY, REFUSED, "Hello", "--wait")
    assert done.code == 7
    lines = sorted(done.out.splitlines())
    assert [line.partition(":")[0] for line in lines] == sorted([NUMBER, BUSY, REFUSED])
    assert caller.placed() == 2


def test_the_escalation_ends_with_who_confirms(caller: Caller) -> None:
    done = caller(
        NO_ANSWER, REFUSED, PRESSES_2, PRESSES_1, NUMBER, "Press 1", "--confirm", "1", "--until-confirmed"
    )
    assert done.code == 0
    assert [line.partition(";")[0] for line in done.out.splitlines()] == [
        f"{NO_ANSWER}: no answer after 30 s",
        done.out.splitlines()[1],
        f"{PRESSES_2}: not confirmed, 2 was pressed",
        f"{PRESSES_1}: confirmed with 1",
    ]
    assert "refused" in done.out.splitlines()[1]
    assert caller.placed() == 3, "the last number was called although somebody had confirmed"


def test_where_nobody_confirms_the_escalation_exits_16(caller: Caller) -> None:
    done = caller(BUSY, PRESSES_2, "Press 1", "--confirm", "1", "--until-confirmed")
    assert done.code == 16


@pytest.mark.soak
def test_who_confirms_late_confirms_all_the_same(home: Path) -> None:
    with RunningSandbox(time_scale=6, seed=1) as sandbox:
        numbers = ("+33199007109", NO_ANSWER)  # presses 1 after 9 s, and rings for 30 s
        options = ("--confirm", "1", "--until-confirmed", "--timeout", "2s")
        done = Caller(sandbox)(*numbers, "Press 1", *options)
    assert done.code == 0, done
    first, last = done.out.splitlines()
    assert first == f"{numbers[0]}: no summary came in time"
    assert last.startswith(f"{numbers[0]}: confirmed with 1")


@pytest.mark.soak
def test_where_an_answer_was_lost_an_escalation_does_not_say_that_nothing_was_placed(caller: Caller) -> None:
    options = ("--confirm", "1", "--until-confirmed", "--timeout", "1s")
    with caller.under_way(CUT, REFUSED, "Press 1", *options) as process:
        told(process, "1 question is open: it stays")
        assert interrupted_twice(process).code == 6


@pytest.mark.soak
@pytest.mark.usefixtures("short_seconds")
def test_who_confirms_while_the_next_call_may_not_leave_yet_ends_the_alert(home: Path) -> None:
    with RunningSandbox(time_scale=20, seed=1) as sandbox:
        caller = Caller(sandbox)
        numbers = ("+33199007109", TOO_MANY, BUSY)  # presses 1 after 9 s, and 429 for ever
        options = ("--confirm", "1", "--until-confirmed", "--timeout", "2s", "--retries", "20")
        done = caller(*numbers, "Press 1", *options)
        assert done.code == 0, done
        assert done.out.splitlines()[-1].startswith(f"{numbers[0]}: confirmed with 1")
        assert TOO_MANY not in done.out
        assert caller.placed() == 1


def test_where_an_answer_was_lost_nobody_knows_whether_the_alert_was_confirmed(caller: Caller) -> None:
    options = ("--confirm", "1", "--until-confirmed", "--timeout", "1s")
    with caller.under_way(CUT, BUSY, "Press 1", *options) as process:
        said = told(process, "1 question is open: it stays")
        done = interrupted_twice(process)
    assert done.code == 6, done
    assert "Nobody has confirmed" not in said + done.err


@pytest.mark.soak
def test_a_part_of_an_alert_that_somebody_else_placed_is_no_alert(caller: Caller) -> None:
    options = ("Press 1", "--confirm", "1", "--once")
    assert caller(PRESSES_1, *options).code == 0
    done = caller(BUSY, PRESSES_1, *options, "--until-confirmed")
    assert (done.code, done.out) == (9, ""), "what was placed before is known beforehand"


def test_the_same_alert_is_not_placed_again(caller: Caller) -> None:
    options = ("--confirm", "1", "--until-confirmed", "--once", "--message-id", "disk-full")
    numbers = (NO_ANSWER, PRESSES_1, NUMBER)
    assert caller(*numbers, "Press 1", *options).code == 0
    again = caller(*numbers, "Press 1", *options)
    assert (again.code, again.out) == (9, "")
    assert "Registered" not in again.err
    assert caller(PRESSES_1, *numbers[:1], "Press 1", *options).code == 9, "in another order"
    assert caller.placed() == 2


@pytest.mark.soak
def test_an_alert_of_which_the_first_call_was_refused_is_not_placed_again(caller: Caller) -> None:
    options = ("--confirm", "1", "--until-confirmed", "--once", "--message-id", "disk-full")
    assert caller(REFUSED, PRESSES_1, NUMBER, "Press 1", *options).code == 0
    assert caller(REFUSED, PRESSES_1, NUMBER, "Press 1", *options).code == 9
    assert caller.placed() == 1


def test_an_alert_that_nobody_took_is_placed_again_and_one_that_somebody_took_is_not(caller: Caller) -> None:
    options = ("Press 1", "--confirm", "1", "--until-confirmed", "--once", "--message-id", "disk-full")
    assert caller(NO_ANSWER, PRESSES_2, *options).code == 16
    assert caller.placed() == 2
    assert caller(NO_ANSWER, PRESSES_1, *options).code == 0
    again = caller(NO_ANSWER, PRESSES_2, *options, "--json")
    assert again.code == 9
    assert (again.error["code"], again.error["earlier"]) == ("placed_before", "confirmed")
    assert "was confirmed at" in again.error["message"]
    assert "It can be placed again at" in again.error["message"]
    assert caller.placed() == 4


@pytest.mark.soak
@pytest.mark.process
def test_an_alert_that_runs_is_not_placed_beside_itself(home: Path) -> None:
    with RunningSandbox(time_scale=0.1) as slow:
        caller = Caller(slow)
        options = ("Press 1", "--confirm", "1", "--until-confirmed", "--message-id", "disk-full")
        with caller.under_way(NO_ANSWER, PRESSES_1, *options, killed=True) as waiting:
            told(waiting, "accepted session")
            again = caller(PRESSES_1, BUSY, *options, "--once")
            waiting.kill()
        assert again.code == 9
        assert f"is being placed by process {waiting.pid} of {user_at_host()}, which began at" in again.err
        assert caller.placed() == 1


@pytest.mark.soak
def test_all_of_several_placed_before_is_exit_9(caller: Caller) -> None:
    for code in (0, 9):
        done = caller(NUMBER, NUMBER_2, "Hello", "--wait", "--once")
        assert done.code == code
    assert caller.placed() == 2


@pytest.mark.soak
def test_an_escalation_in_which_no_call_could_be_placed_says_why(caller: Caller) -> None:
    done = caller(REFUSED, "+33199011014", "Press 1", "--confirm", "1", "--until-confirmed")
    assert done.code == 4
    assert len(done.out.splitlines()) == 2


# -- who receives the reports ------------------------------------------------------------------------


def test_a_listener_of_this_machine_is_relied_upon(caller: Caller, home: Path) -> None:
    options = [*caller.access, "--register"]
    with listening(home, *options, env=caller.sandbox.environment, in_thread=True) as listener:
        assert listener.url
        before = webhooks(caller.sandbox)
        done = caller(PRESSES_1, "Press 1", "--confirm", "1")
        assert done.code == 0, done
        assert "A voicecli listen runs on this machine" in done.err
        assert webhooks(caller.sandbox) == before
        assert listener.of("event", type="VCA")


@pytest.mark.soak
def test_a_listener_without_what_is_needed_is_told_before_the_call(caller: Caller, home: Path) -> None:
    options = [*caller.access, "--register", "--events", "vss"]
    with listening(home, *options, env=caller.sandbox.environment, in_thread=True) as listener:
        assert listener.url
        done = caller(PRESSES_1, "Press 1", "--confirm", "1")
    assert done.code == 3
    assert "does not get VCA events" in done.err
    assert "--events vss,vca" in done.err
    assert caller.placed() == 0


@pytest.mark.soak
def test_a_listener_with_another_store_is_not_relied_upon(caller: Caller, tmp_path: Path) -> None:
    options = [*caller.access, "--register"]
    with listening(
        tmp_path / "another", *options, env=caller.sandbox.environment, in_thread=True
    ) as listener:
        assert listener.url
        done = caller(BUSY, "Hello", "--wait")
    assert done.code == 3
    assert caller.placed() == 0


@pytest.mark.soak
def test_when_the_listener_ends_the_call_is_waited_for_all_the_same(home: Path) -> None:
    with RunningSandbox(time_scale=1000) as sandbox, sandbox.holding_summaries() as summaries:
        caller = Caller(sandbox)
        with listening(
            home, *caller.access, "--register", env=sandbox.environment, in_thread=True
        ) as listener:
            assert listener.url
            with caller.under_way(NO_ANSWER, "Hello", "--wait") as waiting:
                wait_until(caller.placed)
                assert listener.stop() == 0
                assert "has ended" in told(waiting, "Ready: listening")
                summaries.set()
                out, err = waiting.communicate(timeout=DEADLINE)
        assert (waiting.returncode, out) == (10, f"{NO_ANSWER}: no answer after 30 s\n"), err
        assert webhooks(sandbox) == {}


@pytest.mark.process
@pytest.mark.soak
def test_calls_that_are_waited_for_together_share_one_listener(home: Path) -> None:
    with RunningSandbox(time_scale=1000) as sandbox, sandbox.holding_summaries() as summaries:
        caller = Caller(sandbox)
        numbers = (NO_ANSWER, BUSY, NUMBER)
        running = [caller.under_way(number, "Hello", "--wait", killed=True) for number in numbers]
        processes = [one.__enter__() for one in running]
        try:
            wait_until(lambda: caller.placed() == len(numbers) or any(one.poll() for one in processes))
            summaries.set()
            done = [process.communicate(timeout=DEADLINE) for process in processes]
        finally:
            for one in running:
                one.__exit__(None, None, None)
        assert [process.returncode for process in processes] == [10, 11, 0], done
        assert sum("Ready: listening" in err for _, err in done) == 1, done
        assert webhooks(sandbox) == {}


def test_where_8x8_can_t_get_in_no_call_is_placed(run: Program, own_sandbox: RunningSandbox) -> None:
    options = ("--wait", "--public-url", "http://127.0.0.1:1")
    done = run("call", BUSY, "Hello", *options, env={**own_sandbox.environment, "PORT": "0"})
    assert done.code == 5
    assert "could not reach this machine" in done.err
    assert len(own_sandbox.sandbox.sessions) == 0
    assert webhooks(own_sandbox) == {}


@pytest.mark.parametrize("format_", ["--quiet", pytest.param("--json", marks=pytest.mark.soak)])
def test_a_header_that_is_lost_is_told_to_everybody(caller: Caller, format_: str) -> None:
    set_webhook(caller.sandbox, "VSS", "https://example.com/vss", "a-secret-header")
    done = caller(BUSY, "Hello", "--wait", "--force", format_)
    assert done.code == 11
    assert "without its Authorization header" in done.err


def test_a_webhook_whose_header_would_be_lost_is_not_taken(caller: Caller) -> None:
    set_webhook(caller.sandbox, "VSS", "https://example.com/vss", "a-secret-header")
    done = caller(BUSY, "Hello", "--wait")
    assert done.code == 3
    assert caller.placed() == 0
    assert webhooks(caller.sandbox) == {"VSS": "https://example.com/vss"}


def test_somebody_elses_progress_webhook_is_left_alone(caller: Caller) -> None:
    set_webhook(caller.sandbox, "VCS", "https://example.com/vcs")
    done = caller(BUSY, "Hello", "--wait")
    assert done.code == 11
    assert "dialling" not in done.err


# -- interrupted -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_interrupted_it_says_which_call_goes_on_and_puts_webhooks_back(number: signal.Signals) -> None:
    with RunningSandbox(time_scale=0.1) as slow:
        caller = Caller(slow)
        with caller.under_way(NO_ANSWER, "Hello", "--wait") as waiting:
            told(waiting, "accepted session")
            waiting.send_signal(number)
            out, err = waiting.communicate(timeout=DEADLINE)
        assert (waiting.returncode, out) == (130, "")
        session = slow.sandbox.sessions[0].session_id
        assert f"Interrupted, after this: Sandbox accepted session {session}" in err
        assert webhooks(slow) == {}


@pytest.mark.soak
def test_interrupted_an_alert_tells_who_was_called_and_how_each_ended(home: Path) -> None:
    with RunningSandbox(time_scale=10) as sandbox:
        caller = Caller(sandbox)
        options = ("--confirm", "1", "--until-confirmed", "--json")
        with caller.under_way(BUSY, REFUSED, NO_ANSWER, PRESSES_1, "Press 1", *options) as waiting:
            wait_until(lambda: caller.placed() == 2)
            waiting.send_signal(signal.SIGINT)
            _, err = waiting.communicate(timeout=DEADLINE)
    assert waiting.returncode == 130
    error = json.loads(err.splitlines()[-1])["error"]
    assert [one["destination"] for one in error["ended"]] == [BUSY, REFUSED]
    assert error["ended"][0]["outcome"] == "BUSY"
    assert error["ended"][1]["error"]["code"] == "refused"
    assert len(error["accepted"]) == 1
    assert f"{BUSY}: busy after 2 s; {REFUSED}: " in error["message"]
    assert f"accepted session {error['accepted'][0]['sessionId']} to {NO_ANSWER}" in error["message"]
    assert PRESSES_1 not in error["message"]


def test_interrupted_before_the_answer_it_says_that_the_call_may_have_been_placed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_module, "STOP_PATIENCE", 0.2)
    with RunningSandbox() as slow:
        caller = Caller(slow)
        with caller.under_way(NUMBER, SILENT, "Hello", "--wait", "--message-id", "m-1", "--json") as waiting:
            wait_until(lambda: slow.requested(f"m-1-{SILENT[1:]}"))
            waiting.send_signal(signal.SIGINT)
            _, err = waiting.communicate(timeout=DEADLINE)
        assert waiting.returncode == 130
        error = json.loads(err.splitlines()[-1])["error"]
        assert error["clientRequestId"] == f"m-1-{SILENT[1:]}"
        session = slow.sandbox.sessions[0].session_id
        assert error["accepted"] == [{"sessionId": session, "clientRequestId": f"m-1-{NUMBER[1:]}"}]
        assert error["message"].count("may have been placed") == 1
        assert webhooks(slow) == {}


@pytest.mark.soak
def test_interrupted_while_it_may_not_send_yet_it_sends_nothing(caller: Caller) -> None:
    with caller.under_way("+33199004291", "Hello", "--wait", "--retries", "20", "--debug") as waiting:
        told(waiting, "trying again in")
        waiting.send_signal(signal.SIGTERM)
        _, err = waiting.communicate(timeout=DEADLINE)
    assert waiting.returncode == 130
    assert "may have been placed" not in err
    assert "accepted" not in err.partition("Interrupted")[2]
    assert caller.placed() == 0


def test_interrupted_while_it_may_not_send_yet_the_call_can_be_placed_once_more(
    caller: Caller, home: Path
) -> None:
    options = ("Hello", "--once", "--wait", "--retries", "20", "--debug")
    with listening(
        home, *caller.access, "--register", env=caller.sandbox.environment, in_thread=True
    ) as listener:
        assert listener.url
        with caller.under_way(TOO_MANY, *options) as waiting:
            told(waiting, "trying again in")
            waiting.send_signal(signal.SIGINT)
            waiting.communicate(timeout=DEADLINE)
        assert waiting.returncode == 130
        assert calls_kept(home) == []


@pytest.mark.soak
def test_a_summary_for_a_plain_wait_lets_others_confirm_meanwhile(home: Path) -> None:
    with RunningSandbox(time_scale=2) as sandbox:
        caller = Caller(sandbox)
        with caller.under_way(CANCELED, "Hello", "--wait") as host:
            told(host, "Ready: listening")
            assert caller(PRESSES_1, "Press 1", "--confirm", "1").code == 0
            host.communicate(timeout=DEADLINE)
        assert host.returncode == 12


@pytest.mark.soak
def test_an_odd_action_id_is_kept_and_answered(home: Path) -> None:
    with RunningSandbox(time_scale=0.1) as slow:
        with Caller(slow).under_way(PRESSES_1, "Press 1", "--confirm", "1") as waiting:
            told(waiting, "Ready: listening at")
            target = slow.sandbox._delivery.targets["VCA"]
            headers = {"Authorization": str(target.authorization)}
            for number, odd in enumerate((["x"], {"a": 1}, 7, None, True)):
                payload = {"sessionId": f"s-{number}", "eventData": "1", "clientActionId": odd}
                event = {"eventType": "CALL_ACTION", "payload": payload}
                assert httpx.post(target.url, json=event, headers=headers).status_code == 200
            interrupted_twice(waiting)


@pytest.mark.soak
def test_interrupted_it_tells_of_the_call_whose_answer_was_lost_too(home: Path) -> None:
    with RunningSandbox(time_scale=0.1) as slow:
        options = ("--wait", "--json", "--message-id", "m-1")
        with Caller(slow).under_way(CUT, NO_ANSWER, "Hello", *options) as waiting:
            wait_until(lambda: len(slow.sandbox.sessions) == 1)
            wait_until(lambda: calls_kept(home) == ["unknown", "accepted"])
            waiting.send_signal(signal.SIGINT)
            _, err = waiting.communicate(timeout=DEADLINE)
    error = json.loads(err.splitlines()[-1])["error"]
    assert error["clientRequestId"] == f"m-1-{CUT[1:]}"
    assert error["accepted"][0]["clientRequestId"] == f"m-1-{NO_ANSWER[1:]}"


@pytest.mark.soak
def test_what_is_deleted_meanwhile_does_not_hide_what_comes(run: Program, home: Path) -> None:
    with RunningSandbox(time_scale=1000) as sandbox, sandbox.holding_summaries() as summaries:
        with Caller(sandbox).under_way(NO_ANSWER, "Hello", "--wait") as waiting:
            told(waiting, "dialling")
            assert run("prune", "--older-than", "1s").code == 0
            database = sqlite3.connect(home / "voicecli.sqlite3")
            with database:
                database.execute("DELETE FROM events")
            database.close()
            summaries.set()
            out, err = waiting.communicate(timeout=DEADLINE)
    assert (waiting.returncode, out) == (10, f"{NO_ANSWER}: no answer after 30 s\n"), err


def test_a_store_that_is_removed_meanwhile_is_told(home: Path) -> None:
    with RunningSandbox(time_scale=0.1) as slow:
        caller = Caller(slow)
        with caller.under_way(NO_ANSWER, "Hello", "--wait") as waiting:
            told(waiting, "accepted session")
            (home / "voicecli.sqlite3").unlink()
            _, err = waiting.communicate(timeout=DEADLINE)
    assert waiting.returncode == 1
    assert slow.sandbox.sessions[0].session_id in err


@pytest.mark.soak
def test_vcas_of_other_calls_are_hung_up_where_nobody_was_asked_before(home: Path) -> None:
    with RunningSandbox(time_scale=0.1) as slow:
        caller = Caller(slow)
        with caller.under_way(PRESSES_1, "Press 1", "--confirm", "1") as waiting:
            said = told(waiting, "Ready: listening at")
            url = re.search(r"listening at (\S+)", said)
            target = slow.sandbox._delivery.targets["VCA"]
            assert url is not None
            event = {"eventType": "CALL_ACTION", "payload": {"sessionId": "other", "eventData": "1"}}
            answer = httpx.post(target.url, json=event, headers={"Authorization": str(target.authorization)})
            interrupted_twice(waiting)
    assert answer.json() == {"callflow": [{"action": "hangup"}]}


@pytest.mark.soak
def test_interrupted_while_others_need_it_it_exits_by_its_own_outcome(home: Path) -> None:
    with RunningSandbox(time_scale=0.5) as sandbox:
        caller = Caller(sandbox)
        with caller.under_way(BUSY, "Hello", "--wait") as first:
            told(first, "accepted session")
            with caller.under_way(CANCELED, "Hello", "--wait") as second:
                told(second, "accepted session")
                told(first, "receiving goes on for them")
                first.send_signal(signal.SIGINT)
                out, err = first.communicate(timeout=DEADLINE)
                assert (first.returncode, out) == (11, f"{BUSY}: busy after 2 s\n"), err
                out, err = second.communicate(timeout=DEADLINE)
                assert (second.returncode, out) == (12, f"{CANCELED}: canceled after 5 s\n"), err
        assert webhooks(sandbox) == {}


def test_a_store_that_fails_does_not_look_like_a_call_that_failed(home: Path) -> None:
    with RunningSandbox(time_scale=0.1) as slow:
        caller = Caller(slow)
        with caller.under_way(NO_ANSWER, "Hello", "--wait", "--json") as waiting:
            wait_until(caller.placed)
            wait_until(lambda: calls_kept(home) == ["accepted"])
            database = sqlite3.connect(home / "voicecli.sqlite3")
            database.execute("ALTER TABLE events RENAME TO gone")
            database.close()
            said = told(waiting, "it stays")
            done = interrupted_twice(waiting)
        assert done.code == 1
        lines = (said + done.err).splitlines()
        errors = [json.loads(line).get("error") for line in lines]  # or the listener's warning
        error = next(error for error in errors if error is not None and error["code"] == "store")
        assert error["retryable"] is False
        assert error["accepted"][0]["sessionId"] == slow.sandbox.sessions[0].session_id


def calls_kept(home: Path) -> list[str]:
    database = sqlite3.connect(home / "voicecli.sqlite3")
    try:
        return [state for (state,) in database.execute("SELECT state FROM calls")]
    finally:
        database.close()


def killed_anywhere(run: Program, seed: int, times: int) -> None:
    """Kill it at random moments, and once as soon as it has them; whatever it had changed at 8x8 can be put
    back."""
    before = {"VSS": "https://example.com/vss", "VCA": "https://example.com/vca"}
    rng, taken = random.Random(seed), 0
    with RunningSandbox(time_scale=0.1) as slow:
        for kind, url in before.items():
            set_webhook(slow, kind, url)
        for number in range(times):
            caller = Caller(slow)
            with caller.under_way(NO_ANSWER, "Press 1", "--confirm", "1", killed=True) as waiting:
                if number == 0:
                    told(waiting, "Registered with 8x8")
                with suppress(subprocess.TimeoutExpired):
                    waiting.wait(0 if number == 0 else rng.uniform(0.2, 1.5))
                waiting.kill()
            taken += webhooks(slow) != before
            restored = run("webhooks", "restore", env=slow.environment)
            assert restored.code == 0, restored
            assert webhooks(slow) == before
    assert taken, "it was never killed while it had them"


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize(("seed", "times"), [(1, 2), (2, share_of(200))])
def test_killed_anywhere_its_webhooks_can_be_put_back(run: Program, seed: int, times: int) -> None:
    killed_anywhere(run, seed, times)


# -- what makes no sense -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    ["+33\u00a0199\u00a000\u00a056\u00a078", "+33\u2011199\u201100\u201156\u201178", "\uff0b33199005678"],
)
def test_a_number_that_was_pasted_is_a_number(call: Program, number: str) -> None:
    done = call(NUMBER, number, "--dry-run", "--json", stdin="Hello\n")
    bodies = [json.loads(line)["body"]["callflow"] for line in done.out.splitlines()]
    assert [body[0]["params"]["destination"] for body in bodies] == [NUMBER, "+33199005678"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hi", "--confirm", "12"], "--confirm takes keys"),
        (["hi", "--confirm", ""], "--confirm takes keys"),
        (["hi", "--digits", "6-4"], "--digits takes a number of digits"),
        (["hi", "--digits", "26"], "--digits takes a number of digits"),
        (["hi", "--confirm", "1", "--digits", "4"], "--digits can't be given together with --confirm"),
        (["hi", "--thanks", "x"], "--thanks has no effect"),
        (["hi", "--hash"], "--hash has no effect"),
        (["hi", "--timeout", "1m"], "no effect without --wait"),
        (["hi", "--public-url", "http://127.0.0.1:1"], "no effect without --wait"),
        (["hi", "--until-confirmed"], "--until-confirmed needs --confirm"),
        (["hi", "--within", "1m"], "--within has no effect"),
        (["hi", "--confirm", "1", "--repeat", "4"], "1 to 3 times"),
        (["--play", "https://example.com/a.mp3", "--confirm", "1"], "--confirm can't be given together"),
        (["hi", "--message", "ho"], "--message can't be given together with MESSAGE"),
        (["hi", "there", "you"], "Only the last argument can be the message"),
        ([NUMBER, "hi"], "A number is given twice"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Program, arguments: Sequence[str], words: str) -> None:
    done = call(NUMBER, *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_numbers_after_one_another_take_the_message_from_a_pipe(call: Program) -> None:
    done = call(NUMBER, BUSY, "--dry-run", "--json", stdin="Hello\n")
    bodies = [json.loads(line)["body"]["callflow"] for line in done.out.splitlines()]
    assert [body[0]["params"]["destination"] for body in bodies] == [NUMBER, BUSY]
    assert [body[1]["params"]["text"] for body in bodies] == ["Hello", "Hello"]


def test_what_may_be_a_number_or_a_message_is_not_guessed(call: Program) -> None:
    done = call("0199001234", "0199005678", "--region", "FR")
    assert done.code == 2
    assert "may be a number to call or the message" in done.err


def test_each_of_several_calls_has_its_own_id(call: Program) -> None:
    done = call(NUMBER, BUSY, "Hello", "--message-id", "m-1", "--dry-run", "--json")
    ids = [json.loads(line)["body"]["clientRequestId"] for line in done.out.splitlines()]
    assert ids == [f"m-1-{NUMBER[1:]}", f"m-1-{BUSY[1:]}"]


def test_several_calls_without_waiting_have_a_line_each(call: Program) -> None:
    done = call(NUMBER, REFUSED, BUSY, "Hello")
    assert done.code == 7
    first, second, third = done.out.splitlines()
    assert "accepted session" in first
    assert second.startswith(f"{REFUSED}: 8x8 refused")
    assert "accepted session" in third
    assert "Hint: " in done.err
