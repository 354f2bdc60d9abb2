"""``voicecli call``, the real program against the sandbox: stdout, stderr and exit code."""

import json
import os
import re
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from conftest import DEADLINE, NUMBER, Program, RunningSandbox, start_call, wait_until

from voicecli.sandbox.account import API_KEY
from voicecli.voice_api import retries

MAKE_CALL = '[{"action": "makeCall", "params": {"source": "+33199000000", "destination": "+33199001234"}}]'


def spoken(request: dict[str, object]) -> str:
    return request["callflow"][1]["params"]["text"]  # type: ignore[index, no-any-return]


def test_one_line_says_that_the_call_was_accepted(call: Program) -> None:
    done = call(NUMBER, "Your account has been updated", "--repeat", "2")
    words = re.fullmatch(rf"Sandbox accepted session (.+) to {re.escape(NUMBER)}\n", done.out)
    assert (done.code, done.err) == (0, "")
    assert words is not None, done.out
    UUID(words[1])
    assert len(done.out) <= 81


def test_quiet_prints_the_session_id_alone(call: Program, sandbox: RunningSandbox) -> None:
    done = call(NUMBER, "hi", "-q")
    assert done.code == 0
    assert done.out.strip() in {session.session_id for session in [*sandbox.sandbox.sessions]}


def test_json_is_one_document(call: Program, sandbox: RunningSandbox) -> None:
    done = call("+33 1 99 00 12 34", "hi", "--message-id", "order-1", "--json")
    placed = done.json
    assert (done.code, done.err) == (0, "")
    assert placed["destination"] == NUMBER
    assert placed["clientRequestId"] == "order-1"
    assert placed["clientActionId"].startswith("order-1_")
    assert placed["sessionStatus"] == "CREATED"
    [request] = sandbox.requested("order-1")
    assert [action["action"] for action in request["callflow"]] == ["makeCall", "say", "hangup"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [(["-"], "from a pipe\n"), ([], "from a pipe\r\n"), (["--file", "-"], "from a pipe")],
)
def test_the_message_comes_from_standard_input(
    call: Program, sandbox: RunningSandbox, arguments: list[str], stdin: str, request: pytest.FixtureRequest
) -> None:
    message_id = request.node.name
    assert call(NUMBER, *arguments, "--message-id", message_id, stdin=stdin).code == 0
    assert spoken(sandbox.requested(message_id)[0]) == "from a pipe"


def test_the_message_comes_from_a_file(call: Program, sandbox: RunningSandbox, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("\ufeffBonjour à tous\n".encode())
    assert call(NUMBER, "--file", "text", "--message-id", "from-file").code == 0
    assert spoken(sandbox.requested("from-file")[0]) == "Bonjour à tous"


def test_a_callflow_of_ones_own_is_sent_as_it_is(call: Program, sandbox: RunningSandbox) -> None:
    flow = [
        {"action": "makeCall", "params": {"source": "33199000000", "destination": "33199001234"}},
        {"action": "say", "params": {"text": "hi", "voiceProfile": "en-GB-Emma", "repetition": 3}},
    ]
    done = call("--callflow", "-", "--message-id", "own-1", stdin=json.dumps(flow))
    assert done.code == 0, done
    assert sandbox.requested("own-1")[0]["callflow"] == flow
    document = {"callflow": flow, "clientRequestId": "own-2", "validUntil": "2099-01-01T00:00:00Z"}
    assert call("--callflow", "-", stdin=json.dumps(document)).code == 0
    [sent] = sandbox.requested("own-2")
    assert (sent["callflow"], sent["validUntil"]) == (flow, "2099-01-01T00:00:00.000Z")


def test_a_callflow_without_a_call_gets_one(call: Program, sandbox: RunningSandbox) -> None:
    flow = [{"action": "say", "params": {"text": "hi", "voiceProfile": "en-GB-Emma"}}]
    done = call(NUMBER, "--callflow", "-", "--message-id", "own-3", stdin=json.dumps(flow))
    assert done.code == 0
    made = {"action": "makeCall", "params": {"source": "+33199000000", "destination": NUMBER}}
    assert sandbox.requested("own-3")[0]["callflow"] == [made, *flow]


def test_an_odd_voice_is_warned_of_in_a_callflow_too(call: Program) -> None:
    flow = [
        {"action": "say", "params": {"text": text, "voiceProfile": voice}}
        for text, voice in (("hi", "en_GB-Emma"), ("ho", "en-GB-Emma"), ("again", "en_GB-Emma"))
    ]
    done = call(NUMBER, "--callflow", "-", "--dry-run", stdin=json.dumps(flow))
    assert (done.code, done.err.count("looks like no voice of 8x8's")) == (0, 1)
    assert done.err == call(NUMBER, "hi", "--voice", "en_GB-Emma", "--dry-run").err


def test_a_voice_that_was_not_listed_last_is_warned_of(
    call: Program, run: Program, sandbox: RunningSandbox
) -> None:
    arguments = (NUMBER, "hi", "--voice", "en-GB-Ema", "--dry-run")
    assert call(*arguments).err == "", "none were listed yet"
    run("voices", env=sandbox.environment)
    warned = call(*arguments)
    assert "none of the voices that 8x8 listed last. Did you mean en-GB-Emma?" in warned.err
    assert call(NUMBER, "hi", "--voice", "en-gb-emma", "--dry-run").err == ""


def test_a_dry_run_shows_the_very_request_and_sends_nothing(call: Program, sandbox: RunningSandbox) -> None:
    done = call(NUMBER, "hi", "--dry-run", "--json", "--message-id", "dry", "--valid-for", "10m")
    request = done.json
    assert done.code == 0
    assert sandbox.requested("dry") == []
    assert call(NUMBER, "hi", "--message-id", "dry", "--valid-for", "10m").code == 0
    [sent] = sandbox.requested("dry")
    changing = ("validUntil", "clientActionId")
    assert {k: v for k, v in request["body"].items() if k not in changing} == {
        k: v for k, v in sent.items() if k not in changing
    }
    until = datetime.fromisoformat(str(sent["validUntil"]))
    assert timedelta(minutes=9) < until - datetime.now(UTC) <= timedelta(minutes=10)
    assert request["method"] == "POST"
    assert request["url"] == f"{sandbox.sandbox.url}/api/v1/subaccounts/voicecli_sandbox/callflows"
    assert request["headers"]["Authorization"] == "Bearer ***"


@pytest.mark.parametrize("extra", [[], ["--json"], ["--dry-run"], ["--dry-run", "--json"], ["--debug"]])
def test_no_output_shows_the_key(call: Program, extra: list[str]) -> None:
    for number in (NUMBER, "+33199001014", "+33199005020"):
        done = call(number, f"my key is {API_KEY}", *extra)
        assert API_KEY not in done.out + done.err


def test_debug_shows_what_went_where_but_not_the_message(call: Program) -> None:
    done = call(NUMBER, "one-time code 77123", "--debug")
    assert "> send callflow: POST http://127.0.0.1:" in done.err
    assert "77123" not in done.out + done.err


@pytest.mark.parametrize(
    ("number", "code", "kind", "words"),
    [
        ("+33199001014", 4, "refused", "the caller ID is not allowed"),
        ("+33199005000", 4, "refused", "8x8 had an internal error"),
        ("+33199004290", 4, "rate_limited", "too many at once"),
        ("+33199005020", 6, "unknown", "an HTML page"),
        ("+33199005021", 6, "unknown", "the call may have been placed"),
        ("+33199005040", 6, "unknown", "did not answer within 0.2 s"),
        ("+33199005041", 6, "unknown", "did not answer within 0.2 s"),
        ("+33199005050", 6, "unknown", "broke off"),
        ("+33199005051", 6, "unknown", "broke off"),
    ],
)
def test_what_8x8_does_decides_the_exit_code(
    call: Program, number: str, code: int, kind: str, words: str
) -> None:
    limit = "0.2" if "within" in words else "5"
    done = call(number, "hi", "--request-timeout", limit, "--retries", "0", "--message-id", "look-for-me")
    assert (done.code, done.out) == (code, ""), done
    assert done.err.startswith("Error: ")
    assert words in done.err
    assert "Hint: " in done.err
    assert ("look-for-me" in done.err) == (code == 6)
    told = call(number, "hi", "--request-timeout", limit, "--retries", "0", "--json")
    assert (told.code, told.out) == (code, "")
    assert told.error["code"] == kind
    assert ("clientRequestId" in told.error) == (code == 6)


def test_429_is_waited_for(run: Program) -> None:
    with RunningSandbox() as fresh:
        done = run("call", "+33199004292", "hi", "--retries", "2", env=fresh.environment)
    assert done.code == 0, done
    assert "accepted" in done.out
    assert done.err.count("trying again in 0.1 s") == 2


def test_no_network_is_told_and_retried(
    run: Program, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.5)
    nowhere = {**sandbox.environment, "EIGHT_X_EIGHT_BASE_URL": "http://127.0.0.1:9"}
    done = run("call", NUMBER, "hi", "--retries", "1", env=nowhere)
    assert (done.code, done.out) == (5, "")
    assert "connection refused" in done.err
    assert "trying again in 0.5 s" in done.err


def test_a_wrong_key_names_its_variable(call: Program) -> None:
    done = call(NUMBER, "hi", env={"EIGHT_X_EIGHT_API_KEY": "not-the-right-key"})
    assert done.code == 4
    assert "EIGHT_X_EIGHT_API_KEY" in done.err
    assert "not-the-right-key" not in done.err


def test_missing_settings_are_told_together(run: Program) -> None:
    done = run("call", NUMBER, "hi")
    assert (done.code, done.out) == (3, "")
    assert all(name in done.err for name in ("API_KEY", "SUBACCOUNT_ID", "OUTBOUND_PHONE_NUMBER"))


def test_what_is_wrong_with_the_arguments_is_told_before_missing_settings(run: Program) -> None:
    url = ("--public-url", "https://a.example")
    for arguments, words in (
        (("call", NUMBER), "The message is empty"),
        (("call", NUMBER, "--callflow", "missing.json"), "No such file"),
        (
            ("call", NUMBER, "hi", "--thanks", "x"),
            "--thanks has no effect without --confirm, --keys or --digits.",
        ),
        (("call", NUMBER, "hi", "--wait", "--domain", "a.example", *url), "Only one of"),
        (("broadcast", "-", "Hi", "--wait", "--domain", "a.example", *url), "Only one of"),
        (("broadcast", "missing.csv", "Hi"), "There is no file missing.csv."),
        (("listen", "--register", "--no-tunnel"), "--register needs"),
        (("listen", "--domain", "a.example", *url), "Only one of"),
    ):
        done = run(*arguments)
        assert done.code == 2, done
        assert words in done.err


def test_a_dotenv_is_enough(run: Program, sandbox: RunningSandbox, tmp_path: Path) -> None:
    lines = (f"{name}={value}  # why" for name, value in sandbox.environment.items())
    (tmp_path / ".env").write_text("\n".join(lines))
    assert run("call", NUMBER, "hi").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "The number to call is missing"),
        (["hello"], "not a phone number"),
        (["+3319900123", "hi"], "too short"),
        ([NUMBER, ""], "empty (0 characters)"),
        ([NUMBER], "empty (0 characters)"),
        ([NUMBER, "x" * 3001], "3,001 characters"),
        ([NUMBER, "\x07"], "1 character,"),
        ([NUMBER, "hi", "--repeat", "11"], "'11' is not a whole number from 1 to 10."),
        ([NUMBER, "hi", "--speed", "nan"], "'nan' is not a number from 0.5 to 2."),
        ([NUMBER, "hi", "--valid-for", "soon"], "not a length of time"),
        ([NUMBER, "hi", "--valid-for", "0s"], "more than 0s"),
        ([NUMBER, "hi", "--message-id", ""], "1 to 128 printable"),
        ([NUMBER, "hi", "--region", "XX"], "not a region"),
        ([NUMBER, "hi", "--from", "me"], "--from"),
        ([NUMBER, "hi", "--voice", ""], "voice"),
        ([NUMBER, "hi", "--dry-run", "-q"], "--dry-run"),
        ([NUMBER, "hi", "--file", "x"], "--file can't be given together with MESSAGE"),
        ([NUMBER, "--file", "missing"], "No such file"),
        ([NUMBER, "--file", ""], "No such file"),
        ([NUMBER, "hi", "--request-timeout", "nan"], "--request-timeout"),
        (["--callflow", "x.json", "--from", "+33199000000"], "--from can't be given"),
        (["--callflow", "x.json", "--region", "FR"], "--region can't be given"),
        (["0199001234", "hi"], "--region FR"),
        ([NUMBER, "--file", "."], "Is a directory"),
        ([NUMBER, "--play", "ftp://x/y.mp3"], "must be an http or https URL"),
        ([NUMBER, "--play", "https://example.com/a.mp3", "--speed", "1"], "--speed can't be given"),
        (["--callflow", "missing.json"], "No such file"),
        ([NUMBER, "hi", "--nonsense"], "No such option: --nonsense"),
        ([NUMBER, "hi", "extra"], "Only the last argument can be the message"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(call: Program, arguments: list[str], words: str) -> None:
    done = call(*arguments)
    assert words in done.err
    assert (done.code, done.out) == (2, ""), done
    first, *rest = done.err.splitlines()
    assert first.startswith("Error: ")
    assert all(line.startswith("Hint: ") for line in rest)
    assert len(rest) <= 1


def test_bad_input_with_json_is_one_object_on_stderr(call: Program) -> None:
    for arguments in (["--json", "-q"], ["--json", "--nonsense"], ["--repeat", "99", "--json"]):
        done = call(NUMBER, "hi", *arguments)
        assert (done.code, done.out) == (2, "")
        assert done.error.keys() == {"code", "message", "hint", "retryable"}
        assert done.error["code"] == "invalid_input"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[NaN]", "not valid JSON"),
        ("5", "must be an array"),
        ("{}", "must be an array"),
        ("[]", "must be an array"),
        ('{"callflow": [], "extra": 1}', "extra"),
        ('[{"action": "hangup"}]', "-1013"),
        ('[{"action": "makeCall", "params": {"source": "+33199000000", "destination": "+33199"}}]', "-1017"),
        (
            '[{"action": "makeCall", "params": {"source": "+33199000000", "destination": "+3319900123"}}]',
            "too short",
        ),
        (
            f'{{"callflow": {MAKE_CALL}, "validUntil": "2001-01-01"}}',
            "validUntil",
        ),
        (
            f'{{"callflow": {MAKE_CALL}, "clientRequestId": 5}}',
            "clientRequestId",
        ),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "not valid JSON"),
    ],
)
def test_a_callflow_file_that_8x8_would_refuse_is_refused_first(
    call: Program, document: str, words: str
) -> None:
    done = call("--callflow", "-", stdin=document)
    assert (done.code, done.out) == (2, ""), done
    assert words in done.err


def test_a_callflow_that_calls_and_a_number_contradict_each_other(call: Program) -> None:
    flow = [{"action": "makeCall", "params": {"source": "+33199000000", "destination": NUMBER}}]
    done = call(NUMBER, "--callflow", "-", stdin=json.dumps(flow))
    assert done.code == 2
    assert "begins with a call of its own" in done.err


@pytest.mark.parametrize("stdin", [b"\xff\xfe", b"x" * 2_000_000])
def test_input_that_is_no_text_or_endless_is_refused(call: Program, stdin: bytes) -> None:
    assert call(NUMBER, stdin=stdin).code == 2


def test_control_characters_from_outside_are_shown_and_not_obeyed(call: Program, tmp_path: Path) -> None:
    for arguments in (
        ["\x1b]0;owned\x07+1", "hi"],
        [NUMBER, "--file", "\x1b[2J"],
        ["--\x1b[31m"],
        ["+1\u202e"],
    ):
        done = call(*arguments)
        assert done.code == 2
        assert done.err.replace("\n", "").isprintable()
        assert "1b" in done.err or "202e" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        [NUMBER, "Your", "code", "is", "987654"],
        ["Your code is 987654", NUMBER],
        [NUMBER, "--code 987654 hi"],
        [NUMBER, "-r12 code 987654"],
    ],
)
def test_a_message_in_the_wrong_place_is_not_shown(call: Program, arguments: list[str]) -> None:
    done = call(*arguments)
    assert done.code == 2
    assert "987654" not in done.err
    assert "Hint: " in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "987654", NUMBER],
        ["Your code is 987654", NUMBER],
        ["broadcast", "Your code is 987654", "people.csv"],
        ["broadcast", "sned", "people.csv", "987654"],
        ["listen", "--register", "987654"],
        ["--json", "call", NUMBER, "987654"],
    ],
)
def test_nor_where_another_command_was_meant(run: Program, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "987654" not in done.err


@pytest.mark.parametrize("padding", [0, 20, 50, 70, 250])
def test_no_part_of_the_key_is_shown_where_it_stands_in_the_wrong_place(call: Program, padding: int) -> None:
    key = "sk_live_ABCDEFGHijkl0123456789"
    wrong = "a" * padding + key
    env = {"EIGHT_X_EIGHT_API_KEY": key}
    until = json.dumps({"callflow": json.loads(MAKE_CALL), "validUntil": wrong})
    for done in (
        call(wrong, "hi", env=env),
        call(NUMBER, "--play", f"ftp://h.example/{wrong}", env=env),
        call("--callflow", "-", stdin=json.dumps({"callflow": [], wrong: 1}), env=env),
        call("--callflow", "-", stdin=until, env=env),
        call(NUMBER, "hi", "--region", wrong, env=env),
    ):
        assert done.code == 2
        assert "sk_live" not in done.err


@pytest.mark.process
def test_a_full_disk_does_not_hide_that_the_call_was_placed(sandbox: RunningSandbox) -> None:
    with Path("/dev/full").open("w") as full:
        with start_call(sandbox, NUMBER, "hi", "--message-id", "full-disk", stdout=full) as process:
            _, err = process.communicate(timeout=DEADLINE)
    assert len(sandbox.requested("full-disk")) == 1
    assert process.returncode == 1
    assert "No space left on device" in err
    assert "accepted session" in err
    assert "Exception" not in err


@pytest.mark.process
def test_a_reader_that_went_away_does_not_hide_it_either(sandbox: RunningSandbox) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with start_call(sandbox, NUMBER, "hi", "-q", stdout=writing) as process:
        _, err = process.communicate(timeout=DEADLINE)
    os.close(writing)
    assert process.returncode == 1
    assert "accepted session" in err
    assert "Exception" not in err


@pytest.mark.process
@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(one, marks=pytest.mark.soak) for one in (signal.SIGTERM, signal.SIGHUP))],
)
def test_an_interrupt_says_that_the_call_may_have_been_placed(
    sandbox: RunningSandbox, number: signal.Signals
) -> None:
    message_id = f"stopped-{number.name}"
    with start_call(sandbox, "+33199005041", "hi", "--message-id", message_id) as process:
        wait_until(lambda: sandbox.requested(message_id))
        for _ in range(3):  # an impatient person presses more than once
            process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (130, "")
    assert "Interrupted before 8x8 had answered: the call may have been placed" in err
    assert message_id in err
    assert "Traceback" not in err


@pytest.mark.process
@pytest.mark.skipif(
    not Path("/proc/self/wchan").exists(), reason="needs Linux to see what a process waits for"
)
def test_an_interrupt_after_the_answer_tells_the_session(sandbox: RunningSandbox) -> None:
    """Standard output is a pipe that is full, so the program hangs there until it is interrupted."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while os.write(writing, b"x" * 65536):
            pass
    os.set_blocking(writing, True)
    with start_call(sandbox, NUMBER, "hi", "--message-id", "stuck", stdout=writing) as process:
        wait_until(lambda: _is_writing(process.pid))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE)
    os.close(reading)
    os.close(writing)
    [session] = [s for s in [*sandbox.sandbox.sessions] if s.client_request_id == "stuck"]
    assert process.returncode == 130
    assert session.session_id in err


def _is_writing(pid: int) -> bool:
    """Whether a process waits for room in the pipe that it writes to."""
    return "pipe_w" in Path(f"/proc/{pid}/wchan").read_text()


def test_several_calls_can_t_share_the_id_of_a_callflow(call: Program, tmp_path: Path) -> None:
    flow = tmp_path / "flow.json"
    say = {"action": "say", "params": {"text": "Hello", "voiceProfile": "en-US-BenjaminRUS"}}
    flow.write_text(json.dumps({"callflow": [say], "clientRequestId": "m-1"}))
    done = call(NUMBER, "+33199001235", "--callflow", str(flow))
    assert (done.code, done.out) == (2, "")
    assert "Several calls would have the callflow's clientRequestId" in done.err
    assert call(NUMBER, "+33199001235", "--callflow", str(flow), "--message-id", "m-2").code == 0
