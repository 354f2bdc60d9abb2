"""``voicecli recordings``: what was recorded of a call."""

import json

import pytest
from conftest import NUMBER, Program, RunningSandbox, wait_until
from raw_server import answering, document, server
from test_terminal import on_terminal, plain

from voicecli.sandbox.account import SOURCE, environment

SESSION = "3f2a9c1e-5a0b-4a53-9d7e-0c5b1f6e2d11"
RECORDED = [
    {"action": "makeCall", "params": {"source": SOURCE, "destination": NUMBER, "callRecording": True}},
    {"action": "say", "params": {"text": "hi", "voiceProfile": "en-GB-Emma"}},
]


@pytest.fixture
def session(run: Program, sandbox: RunningSandbox) -> str:
    """A call that was recorded."""
    session_id = run(
        "call", "--callflow", "-", "--quiet", stdin=json.dumps(RECORDED), env=sandbox.environment
    ).out.strip()
    [played] = [session for session in [*sandbox.sandbox.sessions] if session.session_id == session_id]
    wait_until(lambda: played.recordings)
    return session_id


def test_a_recording_is_one_line(run: Program, sandbox: RunningSandbox, session: str) -> None:
    done = run("recordings", session, env=sandbox.environment)
    recording = run("recordings", session, "--json", env=sandbox.environment).json
    assert (done.code, done.err) == (0, "")
    assert done.out.split() == [
        recording["recordingId"],
        recording["startRecordingTime"],
        "uploaded",
        str(recording["duration"]),
        "s",
        recording["externalFileUrl"],
    ]
    quiet = run("recordings", session, "-q", env=sandbox.environment)
    assert quiet.out.strip() == recording["recordingId"]


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_it_fits(sandbox: RunningSandbox, session: str, columns: int) -> None:
    lines = plain(on_terminal("recordings", session, columns=columns, env=sandbox.environment))
    assert max(map(len, lines)) <= columns
    assert "uploaded" in lines[1]


def test_a_call_without_a_recording_has_none(run: Program, sandbox: RunningSandbox) -> None:
    session_id = run("call", NUMBER, "hi", "-q", env=sandbox.environment).out.strip()
    done = run("recordings", session_id, env=sandbox.environment)
    assert (done.code, done.out) == (0, "")
    assert done.err == "That call has no recording, or none yet.\n"


def test_an_unknown_session_is_told(run: Program, sandbox: RunningSandbox) -> None:
    done = run("recordings", SESSION, env=sandbox.environment)
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith("Error: There is no such session in this subaccount.\n")


def test_what_is_no_session_id_is_not_sent(run: Program) -> None:
    done = run("recordings", "../webhooks")
    assert (done.code, done.out) == (2, "")
    assert "SESSION must be a session id" in done.err


def test_odd_answers_are_shown_and_not_obeyed(run: Program) -> None:
    odd = [{}, {"recordingId": "\x1b[2J", "status": "MELTED", "duration": "10", "externalFileUrl": 3}]
    with server(answering(document({"recordings": odd}))) as (url, _):
        done = run("recordings", SESSION, env=environment(url))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1].split() == ["\\u001b[2J", "MELTED", "3"]
