"""``voicecli sessions``: the list of calls, and one call's timeline."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import DEADLINE, NUMBER, Finished, Program, RunningSandbox, wait_until
from forked import Forked
from past import OTHER, SESSION, event, keep, keep_a_call, place
from running_listener import listening
from test_terminal import on_terminal, plain

from voicecli.platforms.identity import user_at_host
from voicecli.sessions.attempt import AttemptState


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def lines(done: Finished) -> list[str]:
    assert (done.code, done.err) == (0, ""), done
    return done.out.splitlines()


# -- the list ----------------------------------------------------------------------------------------


def test_calls_are_one_line_each_newest_first(run: Program, home: Path) -> None:
    keep_a_call(home, ago=100)
    place(home, AttemptState.UNKNOWN, request_id="disk-1", ago=50)
    first, second = lines(run("sessions"))
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  disk-1    \+33199000000 → \+33199001234  "
        "no answer came: it may have been placed",
        first,
    )
    assert second.endswith(
        f"{SESSION[:8]}  +33199000000 → +33199001234  completed, 14 s, MOS 4.4 excellent, pressed 1"
    )


def test_json_is_one_document_a_line(run: Program, home: Path) -> None:
    keep_a_call(home, ago=100)
    [line] = lines(run("sessions", "--json"))
    row = json.loads(line)
    assert {name: row[name] for name in row if name not in ("startTime", "start")} == {
        "record": "session",
        "sessionId": SESSION,
        "clientRequestId": None,
        "placedBy": None,
        "source": "+33199000000",
        "destination": NUMBER,
        "status": "COMPLETED",
        "sessionStatus": "COMPLETED",
        "outcome": "COMPLETED",
        "bridge": None,
        "callDuration": 14,
        "durationSeconds": 14,
        "mos": 4.4,
        "digits": "1",
        "captures": ["1"],
        "result": None,
        "answers": {"digits": "1"},
        "errorCode": None,
        "errorMsg": None,
        "error": None,
        "words": "completed, 14 s, MOS 4.4 excellent, pressed 1",
    }
    assert lines(run("sessions", "-q")) == [SESSION]


def test_calls_can_be_chosen(run: Program, home: Path) -> None:
    keep_a_call(home, "old", ago=7_200)
    keep_a_call(home, "busy", ago=100, status="BUSY")
    keep_a_call(home, "other", ago=90, number="+33199005678")
    keep(home, event("VCS", "CALL_INITIATED", "open"), ago=80)
    place(home, AttemptState.UNKNOWN, request_id="in-doubt", ago=70)
    for arguments, found in (
        (["--since", "1h"], ["in-doubt", "open", "other", "busy"]),
        (["--status", "busy"], ["busy"]),
        (["--status", "completed", "--to", "33199001234"], ["old"]),
        (["--to", "+33199005678"], ["other"]),
        (["--status", "open"], ["open"]),
        (["--status", "unknown"], ["in-doubt"]),
        (["--since", "1h", "--limit", "3", "--status", "completed"], ["other"]),
    ):
        assert lines(run("sessions", "-q", *arguments)) == found, arguments


def test_more_than_are_shown_is_told_on_stderr(run: Program, home: Path) -> None:
    for number in range(4):
        keep_a_call(home, f"s-{number}", ago=100 - number)
    done = run("sessions", "-q", "--limit", "3")
    assert (done.code, done.out.split()) == (0, ["s-3", "s-2", "s-1"])
    assert done.err == ""
    assert run("sessions", "--limit", "3").err == "There are more than 3: see --limit and --since.\n"
    assert lines(run("sessions", "-q", "--limit", "4"))[-1] == "s-0"
    assert run("sessions", "--limit", "3", "--json").err == ""


def test_an_empty_store_is_told_kindly(run: Program) -> None:
    done = run("sessions")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("No such call is stored.")
    assert lines(run("sessions", "--json")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--status", "BUZY"], "'BUZY' is not a known status; the nearest is BUSY"),
        (["--to", "bob"], "--to must be a number"),
        (["--since", "soon"], "is not a time such as"),
        (["--limit", "0"], "--limit"),
        (["abc", "--since", "1h"], "With ID, the options that choose"),
        (["abc"], "There is no session that begins with 'abc'"),
        ([""], "The session's id is empty"),
    ],
)
def test_wrong_usage_exits_2(run: Program, arguments: list[str], message: str) -> None:
    done = run("sessions", *arguments)
    assert (done.code, done.out) == (2, ""), done
    assert message in done.err


# -- one call ----------------------------------------------------------------------------------------


def test_one_call_is_told_from_its_start_to_its_end(run: Program, home: Path) -> None:
    place(home, AttemptState.ACCEPTED, SESSION, request_id="mine", ago=101)
    keep_a_call(home, ago=100)
    shown = lines(run("sessions", SESSION[:8]))
    assert shown[0] == f"Session {SESSION}"
    assert shown[1] == "completed, 14 s, MOS 4.4 excellent, pressed 1"
    assert shown[2].startswith("+33199000000 → +33199001234  20")
    assert shown[3:5] == ["clientRequestId mine", f"Placed by {user_at_host()}"]
    assert [line.split(maxsplit=2)[2] for line in shown[6:11]] == [
        "placed  accepted",
        "VCS     dialling",
        "VCS     answered",
        "VCA     digit 1; our reply: hangup",
        "VSS     completed, 14 s, MOS 4.4 excellent",
    ]
    assert [float(line.split()[0]) for line in shown[6:11]] == pytest.approx([0, 1, 2, 3, 5], abs=0.7)
    assert shown[12:] == [
        "Leg A: +33199000000 → +33199001234: completed, rang 6 s, talked 14 s, MOS 4.4 excellent,"
        " loss 0 %, jitter 12 ms"
    ]


def test_one_call_as_json_has_all_events_and_legs(run: Program, home: Path) -> None:
    keep_a_call(home, ago=100, status="ERROR", error=-2006)
    done = run("sessions", SESSION, "--json")
    assert (done.code, done.err, len(done.out.splitlines())) == (0, "", 1)
    assert [one["type"] for one in done.json["events"]] == ["VCS", "VCS", "VCA", "VSS"]
    assert (done.json["errorCode"], done.json["error"]) == (
        -2006,
        "the audio file could not be downloaded (-2006)",
    )
    assert done.json["legs"][0]["destination"] == NUMBER
    assert lines(run("sessions", SESSION[:30], "-q")) == [SESSION]


def test_why_an_applications_answer_was_rejected_is_told_afterwards(run: Program, home: Path) -> None:
    remark = "the application answered HTTP 500"
    digits = event("VCA", "ACTION_COMPLETED", SESSION, digits={"dtmf": "1"})
    keep(home, digits, ago=5, reply="hangup", remark=remark)
    assert f"digit 1; our reply: hangup ({remark})" in run("sessions", SESSION).out
    assert f"digit 1; our reply: hangup ({remark})" in run("events").out
    assert json.loads(run("events", "--json").out)["remarks"] == [remark]
    assert run("sessions", SESSION, "--json").json["events"][0]["remarks"] == [remark]


def test_an_ambiguous_beginning_lists_the_candidates(run: Program, home: Path) -> None:
    keep_a_call(home, SESSION, ago=10)
    keep_a_call(home, OTHER, ago=10)
    done = run("sessions", SESSION[:8])
    assert (done.code, done.out) == (2, "")
    assert SESSION in done.err
    assert OTHER in done.err


def test_a_call_in_doubt_can_be_looked_at_by_its_request(run: Program, home: Path) -> None:
    place(home, AttemptState.UNKNOWN, request_id="disk-1", ago=5)
    shown = lines(run("sessions", "disk-1"))
    assert shown[:2] == ["A call whose session is not known", "no answer came: it may have been placed"]
    assert shown[-1].endswith("placed  no answer came")


def test_numbers_can_be_masked(run: Program, home: Path) -> None:
    place(home, AttemptState.ACCEPTED, SESSION, ago=10)
    keep_a_call(home, ago=9)
    for arguments in ([], [SESSION]):
        for as_json in ([], ["--json"]):
            done = run("sessions", *arguments, *as_json, "--mask-numbers")
            assert "99001234" not in done.out
            assert "1234" in done.out


def test_what_comes_from_outside_is_shown_not_obeyed(run: Program, home: Path) -> None:
    keep(home, event("VSS", "COMPLETED", "\x1b[2J-1", sessionStatus="\x1b]0;x\x07"))
    for arguments in (["sessions"], ["sessions", "\x1b"], ["sessions", "-q"], ["sessions", "--json"]):
        done = run(*arguments)
        assert done.code == 0, done
        assert "\x1b" not in done.out
        assert "\\u001b" in done.out


@pytest.mark.soak
@pytest.mark.process
def test_a_real_call_can_be_looked_back_at(run: Program, sandbox: RunningSandbox, home: Path) -> None:
    with listening(home, "--no-tunnel", env=sandbox.environment) as listener:
        set_ = run(
            "webhooks",
            "set",
            "vss",
            f"{listener.url}/api/webhooks/vss",
            env={**sandbox.environment, "WEBHOOK_AUTH_TOKEN": "token-of-these-tests"},
        )
        assert set_.code == 0
        called = run("call", "+33199000486", "hi", "-q", env=sandbox.environment)
        session = called.out.strip()
        wait_until(lambda: listener.of("event", sessionId=session))
    assert lines(run("sessions", "--status", "BUSY", "-q")) == [session]
    assert lines(run("sessions", session))[1].startswith("busy after")


# -- on a terminal -----------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 200])
def test_it_fits_the_terminal(home: Path, columns: int) -> None:
    keep_a_call(home, ago=100)
    keep_a_call(home, OTHER, ago=50, status="ERROR")
    painted = on_terminal("sessions", columns=columns)
    heading, *rows = plain(painted)
    assert heading.split()[:2] == ["start", "session"]
    assert max(map(len, rows)) <= columns
    assert "".join(painted).count("\x1b[38;5;163m") >= 1  # the error
    assert len(rows) == (2 if columns == 200 else 4)
    timeline = plain(on_terminal("sessions", OTHER, columns=columns))
    assert max(map(len, timeline)) <= columns
    assert timeline[0] == f"Session {OTHER}"


@pytest.mark.process
def test_a_reader_who_has_seen_enough_ends_it_quietly(home: Path) -> None:
    for number in range(50):
        keep(home, event("VSS", "BUSY", f"s-{number:02}"))
    reading, writing = os.pipe()
    os.close(reading)
    with Forked(("sessions", "--since", "1h"), stdout=writing, stderr=subprocess.PIPE, text=True) as process:
        os.close(writing)
        _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (0, "")
