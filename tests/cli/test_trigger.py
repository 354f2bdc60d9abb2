"""``voicecli trigger``: the events it makes up, where it sends them, and what it says of the answer."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import Finished, Program

from voicecli import settings, urls
from voicecli.cli import webhook_token
from voicecli.cli.trigger import EventOptions, make_event
from voicecli.errors import InvalidInput
from voicecli.voice_api import codes, webhook_events
from voicecli.voice_api.callflow import HANGUP
from voicecli.voice_api.codes import Outcome

SAMPLES = Path(__file__).parents[2].parent / "shared" / "8x8" / "payloads"
TOKEN = "token-of-these-tests"
NOW = datetime(2026, 7, 1, 12, 0, 0, 217_000, UTC)
ASK = {
    "action": "sayAndCapture",
    "params": {"promptMessage": "Press 1", "voiceProfile": "en-GB-Emma", "maxDigits": 1},
}
SAY = {"action": "say", "params": {"text": "Thanks", "voiceProfile": "en-US-BenjaminRUS"}}


class Receiver:
    """Somebody's webhook receiver. It answers with ``status`` and ``body``, or as ``act`` does."""

    def __init__(self, host: str) -> None:
        self.status, self.body = 200, b"{}"
        self.act: Callable[[BaseHTTPRequestHandler], None] = self._answer
        self.requests: list[tuple[str, Mapping[str, str], bytes]] = []  # path, headers, body
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer((host, 0), self._handler())
        self._server.daemon_threads = False  # the end waits for them all
        self.url = f"http://{host}:{self._server.server_port}"

    @property
    def event(self) -> Any:
        """The one event that arrived."""
        [(_, _, body)] = self.requests
        return json.loads(body)

    @property
    def authorization(self) -> str | None:
        [(_, headers, _)] = self.requests
        return headers.get("Authorization")

    def run(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(self.status)
        handler.send_header("Location", f"{self.url}/elsewhere")
        handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        handler.wfile.write(self.body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.requests.append((self.path, self.headers, body))
                receiver.act(self)

            do_CONNECT = do_POST  # noqa: N815 - as a proxy

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def receiving(host: str) -> Iterator[Receiver]:
    server = Receiver(host)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving("127.0.0.1") as running:
        yield running


@pytest.fixture
def stranger() -> Iterator[Receiver]:
    """A receiver whose host is none of those that the token is for."""
    with receiving("127.0.0.2") as running:
        yield running


@pytest.fixture
def trigger(run: Program, receiver: Receiver) -> Program:
    """Runs ``voicecli trigger`` to the receiver."""

    def program(*arguments: str, env: Mapping[str, str] = {}) -> Finished:
        return run("trigger", *arguments, "--to", receiver.url, env=env)

    return program


def made(kind: str, **asked: Any) -> webhook_events.Event:
    """The event, as voicecli reads what is sent."""
    event = make_event(EventOptions(kind, **asked), now=NOW).event
    parsed = webhook_events.parse(json.dumps(event).encode())
    assert parsed is not None
    return parsed


# -- the events --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "asked", "words"),
    [
        ("vca", {}, "digit 1"),
        ("VCA", {"digits": "12#"}, "digits 12#"),
        ("vca", {"digits": ""}, "no digits"),
        ("vca", {"status": "call_received"}, "a call came in"),
        ("vss", {}, "completed, 14 s, MOS 4.4 excellent"),
        ("vss", {"status": "no answer"}, "no answer after 30 s"),
        ("vss", {"status": "BUSY"}, "busy after 2 s"),
        ("vss", {"status": "cancelled"}, "canceled after 5 s"),
        ("vss", {"status": "FAILED"}, "failed after 1 s"),
        ("vss", {"status": "ERROR"}, "error: internal error at 8x8 (-2001)"),
        ("vss", {"error": -2010}, "error: trunk capacity exceeded (-2010)"),
        ("vss", {"status": "completed-unsubscribed"}, "completed, and unsubscribed, 14 s, MOS 4.4 excellent"),
        ("vss", {"status": "UNSUBSCRIBED_CONTACT"}, "not called: unsubscribed before"),
        ("vcs", {}, "answered"),
        ("vcs", {"status": "CALL_DISCONNECTED"}, "ended"),
        ("vcs", {"status": "DTMF_RECEIVED", "digits": "5"}, "digits pressed"),
        ("vru", {}, "recording upload completed"),
        ("vru", {"status": "upload_failed"}, "recording upload failed"),
        ("vnu", {}, "virtual numbers changed: 1"),
    ],
)
def test_an_event_says_what_was_asked_for(kind: str, asked: dict[str, Any], words: str) -> None:
    event = made(kind, **asked)
    assert (event.type, event.words) == (kind.upper(), words)


def names(value: object, path: str = "") -> dict[str, type]:
    """Every field in the JSON and its type. Upper case does not count: 8x8 writes CallA and callA."""
    if isinstance(value, list):
        value = {"[]": value[0]}
    if not isinstance(value, dict):
        return {path: type(value)}
    fields: dict[str, type] = {}
    for name, part in value.items():
        fields |= names(part, f"{path}.{name}".lower())
    return fields


@pytest.mark.skipif(not SAMPLES.exists(), reason="8x8's own samples are not on this machine")
@pytest.mark.parametrize(
    ("sample", "kind", "asked"),
    [
        ("vca-dtmf", "vca", {}),
        ("vcs-call-received", "vcs", {"status": "CALL_RECEIVED"}),
        ("vss-completed", "vss", {}),
        ("vss-error-no-coverage", "vss", {"error": -2004}),
        ("vru-upload-completed", "vru", {}),
        ("vnu-updates", "vnu", {}),
    ],
)
def test_an_event_has_the_fields_of_8x8s_own_sample(sample: str, kind: str, asked: dict[str, Any]) -> None:
    theirs = names(json.loads((SAMPLES / f"{sample}.json").read_bytes()))
    ours = names(json.loads(json.dumps(make_event(EventOptions(kind, **asked), now=NOW).event)))
    ours.pop(".payload.errordetails.callflowrequestid", None)  # documented, and not in the sample
    assert ours == theirs


def moment(leg: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(leg[f"{name}Timestamp"])


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.UNSUBSCRIBED_CONTACT])
def test_the_times_of_a_summary_add_up(outcome: Outcome) -> None:
    summary: Any = made("vss", status=outcome).payload
    leg = summary["details"]["callA"]
    assert (leg["initiatedTimestamp"], leg["disconnectedTimestamp"]) == (
        summary["startTime"],
        summary["endTime"],
    )
    if outcome.startswith("COMPLETED"):
        talked = moment(leg, "disconnected") - moment(leg, "connected")
        assert leg["callDuration"] == talked.total_seconds() > 0
        assert moment(leg, "initiated") < moment(leg, "connected")
        assert (leg["callStatus"], summary["lastAction"]) == ("COMPLETED", "SAY")
    else:
        assert leg.keys().isdisjoint({"connectedTimestamp", "callQuality"})
        assert (leg["callDuration"], leg["callStatus"], summary["lastAction"]) == (0, outcome, "MAKE_CALL")
    assert ("errorDetails" in summary) == (outcome is Outcome.ERROR)


@pytest.mark.parametrize("code", codes.SESSION_ERRORS)
def test_every_error_has_its_details(code: int) -> None:
    summary: Any = made("vss", error=code).payload
    details, leg = summary["errorDetails"], summary["details"]["callA"]
    assert (summary["sessionStatus"], details["errorCode"], leg["callStatus"]) == ("ERROR", code, "ERROR")
    # What goes wrong while 8x8 speaks goes wrong after somebody answered.
    assert ("action" in details) == ("connectedTimestamp" in leg) == (code in (-2005, -2006))


def test_who_was_never_called_has_no_leg() -> None:
    summary: Any = made("vss", status="UNSUBSCRIBED_CONTACT").payload
    assert (summary["callCount"], summary["details"]) == (0, {})
    assert summary["startTime"] == summary["endTime"]


@pytest.mark.parametrize("status", codes.STATUSES["VCS"])
def test_the_progress_of_a_call_fits_its_status(status: str) -> None:
    payload = made("vcs", status=status).payload
    talking = status in ("CALL_UPDATED", "DTMF_RECEIVED", "CALL_DISCONNECTED")
    inbound = status == "CALL_RECEIVED"
    assert (payload["callDuration"], payload["sipCode"]) == (14 if talking else 0, 200)
    assert payload["callDirection"] == ("INBOUND" if inbound else "OUTBOUND")
    ours = payload["destination" if inbound else "source"]
    assert ours == "+33199000000"


def test_digits_are_where_a_handler_looks_for_them() -> None:
    assert made("vca", digits="12").payload["eventData"] == {"dtmf": "12"}
    assert made("vca", digits="").payload["eventData"] == {"dtmf": None}
    assert made("vca", status="CALL_RECEIVED").payload["eventData"] is None
    assert made("vcs", status="DTMF_RECEIVED", digits="12").digits == "12"
    assert "eventData" not in made("vcs", status="DTMF_RECEIVED").payload


def test_session_and_numbers_are_those_that_were_asked_for() -> None:
    event = made("vss", session="session-1", source="+33 1 99 00 56 78", number="33199004321")
    assert (event.session_id, event.legs[0].source) == ("session-1", "+33199005678")
    assert event.destination == "+33199004321"
    [changed] = made("vnu", number="+33199004321").payload["virtualNumbers"]  # type: ignore[misc]
    assert changed["msisdn"] == "+33199004321"
    assert made("vss").session_id != made("vss").session_id


# -- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        ("vsss", {}, "'vsss' is not a known type of event; the nearest is VSS"),
        ("webhook", {}, "'webhook' is not a known type of event."),
        ("vss", {"status": "BUZY"}, "'BUZY' is not a known status of a VSS; the nearest is BUSY"),
        ("vss", {"status": "CALL_CONNECTED"}, "is not a known status of a VSS"),
        ("vcs", {"status": "CONNECTED"}, "the nearest is CALL_CONNECTED"),
        ("vru", {"status": ""}, "'' is not a known status of a VRU"),
        ("vss", {"error": 2010}, "'2010' is not a known errorCode; the nearest is -2010"),
        ("vnu", {"status": "ACTIVE"}, "--status has no effect on a VNU."),
        ("vss", {"digits": "1"}, "--digits has no effect on a VSS COMPLETED"),
        ("vca", {"digits": "1", "status": "CALL_RECEIVED"}, "--digits has no effect"),
        ("vcs", {"digits": "1"}, "--digits has no effect on a VCS CALL_CONNECTED"),
        ("vss", {"error": -2010, "status": "BUSY"}, "--error has no effect on a VSS BUSY"),
        ("vca", {"error": -2010}, "--error has no effect"),
        ("vnu", {"session": "x"}, "--session has no effect"),
        ("vru", {"source": "+33199001234"}, "--from has no effect"),
        ("vnu", {"source": "+33199001234"}, "--from has no effect"),
        ("vru", {"number": "+33199001234"}, "--number has no effect"),
        ("vss", {"number": "+33199001234", "status": "UNSUBSCRIBED_CONTACT"}, "--number has no effect"),
        ("vca", {"digits": "one"}, "--digits must be"),
        ("vca", {"digits": "1" * 26}, "--digits must be at most 25"),
        ("vca", {"session": ""}, "--session must be"),
        ("vca", {"session": "\x1b[2J"}, "--session must be"),
        ("vca", {"number": "bob"}, "--number must be"),
        ("vca", {"source": ""}, "--from must be"),
    ],
)
def test_what_8x8_would_not_send_is_refused(kind: str, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make_event(EventOptions(kind, **asked), now=NOW)
    assert message in refused.value.message


@pytest.mark.parametrize(
    "arguments",
    [
        ["vxx", "--dry-run"],
        ["vss", "--status", "BUZY", "--dry-run"],
        ["vss"],
        ["vss", "--to", "127.0.0.1:9"],
        ["vss", "--to", "ftp://127.0.0.1/x"],
        ["vss", "--to", "http://"],
        ["vss", "--to", "http://127.0.0.1:99999"],
        ["vss", "--to", "http://[::1"],
        ["vss", "--to", "http://a b/"],
        ["vss", "--to", "http://me:secret@127.0.0.1:9/"],
        ["vss", "--to", "http://ex‐ample.com/"],
        ["vss", "--to", "", "--dry-run"],
        ["vss", "--to", "http://127.0.0.1:9", "--request-timeout", "nan"],
        ["vss", "--dry-run", "--quiet"],
    ],
)
def test_wrong_usage_exits_2_and_sends_nothing(run: Program, arguments: list[str]) -> None:
    done = run("trigger", *arguments)
    assert (done.code, done.out) == (2, ""), done
    assert done.err.startswith("Error: ")
    assert "secret" not in done.err


# -- sending -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["vca", "VSS", "Vcs", "vru", "vnu"])
def test_every_type_arrives_where_the_listener_expects_it(
    trigger: Program, receiver: Receiver, kind: str
) -> None:
    done = trigger(kind)
    assert (done.code, done.err) == (0, ""), done
    [(path, headers, body)] = receiver.requests
    event = webhook_events.parse(body)
    assert event is not None
    assert (path, event.type) == (f"/api/webhooks/{kind.lower()}", kind.upper())
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("", "/api/webhooks/vss"),
        ("?key=1", "/api/webhooks/vss?key=1"),
        ("/", "/"),
        ("/my/hook?key=1", "/my/hook?key=1"),
    ],
)
def test_a_path_is_added_where_there_is_none(run: Program, receiver: Receiver, given: str, path: str) -> None:
    assert run("trigger", "vss", "--to", receiver.url + given).code == 0
    assert [request[0] for request in receiver.requests] == [path]


def test_the_answer_is_told_in_one_line(trigger: Program, receiver: Receiver) -> None:
    done = trigger("vss", "--status", "BUSY")
    session = receiver.event["payload"]["sessionId"]
    told, _, time = done.out.partition(" in ")
    assert told == f"vss BUSY for session {session[:8]}…: answered 200"
    assert time.removesuffix(" ms\n").isdigit()
    assert trigger("vnu").out.startswith("vnu for +33199000000: answered 200 in ")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"callflow": [SAY, HANGUP]}, "say, hangup"),
        ({"callflow": [ASK]}, "sayAndCapture"),
        ({"callflow": []}, "not a valid callflow: there is no action in it"),
        ({"callflow": [ASK, HANGUP]}, "not a valid callflow: a hangup stands right behind a question"),
        ("", "not a valid callflow: it is empty"),
        ("OK", "not a valid callflow: it is not a JSON object"),
        ([SAY], "not a valid callflow: it is not a JSON object"),
        ({}, "not a valid callflow: $.callflow: must be an array of actions"),
        ({"callflow": [HANGUP, SAY]}, "not a valid callflow: Incorrect use of action Hangup"),
        ({"callflow": [{"action": "\x1b[2Jdance"}]}, "not a valid callflow: $.callflow[0].action should be"),
    ],
)
def test_the_reply_to_a_vca_is_told_in_words(
    trigger: Program, receiver: Receiver, reply: object, words: str
) -> None:
    receiver.body = reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
    done = trigger("vca")
    assert done.code == 0
    assert f" ms; reply: {words}" in done.out


def test_json_names_the_problem_of_a_reply(trigger: Program, receiver: Receiver) -> None:
    done = trigger("vca", "--json")  # the answer is {}
    assert (done.code, done.json["reply"]) == (0, {})
    assert done.json["problem"] == "$.callflow: must be an array of actions and not empty (-1009)"


def test_json_is_one_document_with_the_event_and_the_reply(trigger: Program, receiver: Receiver) -> None:
    receiver.body = json.dumps({"callflow": [SAY]}).encode()
    done = trigger("vca", "--digits", "42", "--json")
    assert (done.code, done.err) == (0, "")
    url = f"{receiver.url}/api/webhooks/vca"
    assert done.json == {
        "url": url,
        "to": url,
        "tokenSent": False,
        "event": receiver.event,
        "statusCode": 200,
        "status": 200,
        "milliseconds": done.json["milliseconds"],
        "reply": {"callflow": [SAY]},
        "problem": None,
    }
    assert done.json["milliseconds"] > 0
    assert done.json["event"]["payload"]["eventData"] == {"dtmf": "42"}


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (b'["any", 1]', ["any", 1]),
        (b"", None),
        (b"fine", None),
        (b"\xff", None),
        (b"NaN", None),
        (b"1e999", None),
        (b"[" * 100_000, None),
        (b'"' + b"x" * (1 << 20) + b'"', None),
    ],
)
def test_whatever_is_answered_the_json_is_json(
    trigger: Program, receiver: Receiver, body: bytes, reply: object
) -> None:
    receiver.body = body
    done = trigger("vss", "--json")
    assert done.code == 0
    assert json.loads(done.out, parse_constant=pytest.fail)["reply"] == reply


def test_a_reply_that_is_too_long_is_not_judged(trigger: Program, receiver: Receiver) -> None:
    receiver.body = json.dumps({"callflow": [], "x": "y" * (1 << 20)}).encode()
    assert "not a valid callflow: it is longer than 1 MiB" in trigger("vca").out


def test_quiet_prints_the_session_id(trigger: Program, receiver: Receiver) -> None:
    done = trigger("vss", "-q")
    assert done.out == receiver.event["payload"]["sessionId"] + "\n"
    assert trigger("vss", "--session", "mine", "-q").out == "mine\n"
    assert trigger("vnu", "-q").out == "+33199000000\n"


def test_a_dry_run_shows_the_event_and_sends_nothing(
    run: Program, trigger: Program, receiver: Receiver
) -> None:
    shown = run("trigger", "vss", "--error", "-2010", "--session", "s", "--dry-run")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith('{\n  "namespace": "VOICE",\n')
    assert shown.json["payload"]["errorDetails"]["errorCode"] == -2010
    one_line = trigger("vss", "--dry-run", "--json")
    assert (len(one_line.out.splitlines()), one_line.json["eventType"]) == (1, "SESSION_SUMMARY")
    assert receiver.requests == []


def test_the_subaccount_is_the_users_own_where_it_is_set(run: Program) -> None:
    shown = run("trigger", "vss", "--dry-run", env={"EIGHT_X_EIGHT_SUBACCOUNT_ID": "my_account"})
    assert shown.json["payload"]["subAccountId"] == "my_account"
    assert run("trigger", "vss", "--dry-run").json["payload"]["subAccountId"] == "voicecli_sandbox"


def test_debug_shows_where_it_goes_and_how_long_it_takes(trigger: Program, receiver: Receiver) -> None:
    done = trigger("vss", "--debug", env={"WEBHOOK_AUTH_TOKEN": TOKEN})
    assert f"> POST {receiver.url}/api/webhooks/vss (" in done.err
    assert "< 200 after 0." in done.err
    assert TOKEN not in done.err + done.out


# -- answers that are none ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "message", "hint"),
    [
        (500, b"boom\x1b[2J", "answered 500 (Internal Server Error): boom\\u001b[2J.", "log"),
        (401, b"", "answered 401 (Unauthorized).", "WEBHOOK_AUTH_TOKEN"),
        (404, b"<html>", "answered 404 (Not Found).", "path"),
        (302, b"", "answered 302 (Found).", "redirects"),
        (599, b"x" * 1000, "answered 599.", "log"),
    ],
)
def test_any_other_answer_exits_4_and_says_what_it_was(
    trigger: Program, receiver: Receiver, status: int, body: bytes, message: str, hint: str
) -> None:
    receiver.status, receiver.body = status, body
    done = trigger("vss")
    assert (done.code, done.out) == (4, "")
    error, advice = done.err.splitlines()
    assert message in error
    assert hint in advice
    assert len(receiver.requests) == 1  # a redirect is not followed


def test_a_refusal_is_a_json_error_too(trigger: Program, receiver: Receiver) -> None:
    receiver.status = 503
    done = trigger("vss", "--json")
    assert (done.code, done.out, done.error["code"], done.error["statusCode"]) == (4, "", "refused", 503)


def test_nobody_there_exits_5_and_nothing_was_sent(run: Program, receiver: Receiver) -> None:
    done = run("trigger", "vss", "--to", "http://127.0.0.1:9/")
    assert (done.code, done.out) == (5, "")
    assert done.err.startswith("Error: 127.0.0.1 could not be reached: Connection refused.")
    assert "Nothing was sent" in done.err


def test_an_answer_that_never_comes_exits_5_and_says_that_it_was_sent(
    trigger: Program, receiver: Receiver
) -> None:
    receiver.act = lambda handler: receiver.closing.wait() and None
    done = trigger("vss", "--request-timeout", "0.5")
    assert (done.code, done.out) == (5, "")
    assert "The event was sent, but no answer came within 0.5 s." in done.err


def test_an_answer_that_never_ends_is_one_that_never_comes(trigger: Program, receiver: Receiver) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        try:
            while not receiver.closing.wait(0.05):
                handler.wfile.write(b"x")
        except OSError:
            pass  # the other end has gone, as it should

    receiver.act = trickle
    done = trigger("vss", "--request-timeout", "0.5")
    assert done.code == 5
    assert "no answer came within 0.5 s" in done.err


def test_a_connection_that_breaks_exits_5_and_says_that_it_was_sent(
    trigger: Program, receiver: Receiver
) -> None:
    receiver.act = lambda handler: None
    done = trigger("vss")
    assert done.code == 5
    assert "The event was sent, but the connection broke" in done.err
    assert len(receiver.requests) == 1


# -- the token, and proxies --------------------------------------------------------------------------


def test_the_token_goes_to_this_machine(trigger: Program, receiver: Receiver) -> None:
    done = trigger("vss", "--json", env={"WEBHOOK_AUTH_TOKEN": TOKEN})
    assert receiver.authorization == TOKEN
    assert done.json["tokenSent"] is True


@pytest.mark.parametrize(
    ("to", "public_url", "goes"),
    [
        ("http://127.0.0.1:1/x", None, True),
        ("http://LOCALHOST", "https://other.example", True),
        ("https://[::1]", None, True),
        ("https://hooks.example/x", "https://hooks.example:8443", True),
        ("https://hooks.example", "Hooks.Example", True),
        ("https://hooks.example", "http://hooks.example", True),
        ("http://hooks.example", "http://hooks.example", False),  # in the clear
        ("http://hooks.example", "https://hooks.example", False),
        ("https://hooks.example.evil.example", "https://hooks.example", False),
        ("https://other.example", "https://hooks.example", False),
        ("https://other.example", None, False),
        ("http://10.0.0.1", None, False),
    ],
)
def test_elsewhere_the_token_goes_only_encrypted_to_the_public_address(
    to: str, public_url: str | None, goes: bool
) -> None:
    loaded = settings.load(environment={"WEBHOOK_BASE_URL": public_url or ""})
    told: list[str] = []
    assert webhook_token.may_send_token(loaded, to, send_token=False, tell=told.append) is goes
    assert [*map(bool, told)] == ([] if goes else [True])
    if urls.is_unencrypted(to):
        with pytest.raises(InvalidInput, match="unencrypted"):
            webhook_token.may_send_token(loaded, to, send_token=True, tell=told.append)
    else:
        assert webhook_token.may_send_token(loaded, to, send_token=True, tell=told.append)


def test_a_stranger_does_not_get_the_token(run: Program, stranger: Receiver, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"WEBHOOK_AUTH_TOKEN={TOKEN}\n")
    done = run("trigger", "vss", "--to", stranger.url)
    assert (done.code, stranger.authorization) == (0, None)
    assert "WEBHOOK_AUTH_TOKEN is not sent" in done.err
    assert TOKEN not in done.err + done.out
    for command in (("trigger", "vss", "--to"), ("listen", "--no-tunnel", "--forward-to")):
        clear = run(*command, stranger.url, "--send-token")
        assert (clear.code, "unencrypted" in clear.err) == (2, True)
    assert len(stranger.requests) == 1


def test_send_token_needs_a_token(run: Program) -> None:
    missing = run("trigger", "vss", "--to", "https://other.example", "--send-token")
    assert (missing.code, "WEBHOOK_AUTH_TOKEN" in missing.err) == (3, True)


def test_a_receiver_that_sends_the_token_back_does_not_get_it_shown(
    trigger: Program, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 403, f"not {TOKEN}".encode()
    done = trigger("vss", env={"WEBHOOK_AUTH_TOKEN": TOKEN})
    assert "403 (Forbidden): not ***." in done.err
    assert "another token" in done.err


def test_no_proxy_stands_between_us_and_this_machine(run: Program, receiver: Receiver) -> None:
    with receiving("127.0.0.1") as proxy:
        env = {f"{scheme}_PROXY": proxy.url for scheme in ("HTTP", "HTTPS", "ALL")}
        assert run("trigger", "vss", "--to", receiver.url, env=env).code == 0
        assert run("trigger", "vss", "--to", "https://127.0.0.1:9/", env=env).code == 5
        assert proxy.requests == []


def test_a_proxy_that_refuses_gets_neither_event_nor_token(run: Program, receiver: Receiver) -> None:
    receiver.status = 403
    env = {"HTTPS_PROXY": receiver.url, "WEBHOOK_AUTH_TOKEN": TOKEN}
    done = run("trigger", "vss", "--to", "https://receiver.example/", "--send-token", env=env)
    assert done.code == 5
    assert "could not be reached" in done.err
    [(target, headers, body)] = receiver.requests
    assert (target, headers.get("Authorization"), body) == ("receiver.example:443", None, b"")


def test_the_help_says_what_is_added_and_what_the_exit_codes_mean(run: Program) -> None:
    done = run("trigger", "--help")
    flowing = " ".join(done.out.split())
    assert (done.code, done.err) == (0, "")
    assert "/api/webhooks/TYPE" in flowing
    assert "WEBHOOK_AUTH_TOKEN" in flowing
    assert max(map(len, done.out.splitlines())) <= 80
