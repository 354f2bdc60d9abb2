"""``voicecli listen`` under everything but proper requests: it answers, goes on, and grows no larger."""

import asyncio
import gzip
import json
import re
import sqlite3
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from conftest import DEADLINE, RunningSandbox, wait_until
from running_listener import TOKEN, RunningListener, listening, started
from soak import share_of
from test_terminal import Terminal

from voicecli.output.printable import printable
from voicecli.sandbox.payloads import sample_event

AT_ONCE = 32  # connections
SILENCE = 0.5  # seconds after which a request that may be incomplete is taken back
GROWTH = 20.0  # MB
PEAK = 150.0  # MB
LONG = "x" * 200_000
NASTY = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m\u202e[bold red]\u2028\x00\r\n[/bold]"
SENDER = "Connection: close\r\nContent-Type: application/json"

KINDS = {
    "vca": "ACTION_COMPLETED",
    "vss": "ERROR",
    "vcs": "CALL_CONNECTED",
    "vru": "UPLOAD_COMPLETED",
    "vnu": "",
}
VALUES = [
    "null", "true", "[]", "{}", "0", "-1", "1e999", "-1e999", "NaN", "-Infinity", "9" * 4_000, "9" * 5_000,
    "1e-999", "0.1", '""', '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"NO ANSWER"', '["a", null, [1]]',
    '{"dtmf": {"dtmf": 1}}', '{"callA": 1, "CallA": null}', json.dumps(NASTY), json.dumps("😀" * 50),
    json.dumps(LONG), '"2026-99-99T99:99:99Z"', '"9999-12-31T23:59:59+14:00"', '"+33199001234"', "1" * 300,
]  # fmt: skip


class Case(NamedTuple):
    """``complete``: that an answer must come."""

    request: bytes
    complete: bool = True


# -- bodies ------------------------------------------------------------------------------------------


def sample(dice: Random, kind: str) -> dict[str, Any]:
    """One of 8x8's events."""
    session = {"sessionId": f"{dice.getrandbits(128):032x}", "subAccountId": "some_sub"}
    number, now = "+33199001234", datetime(2026, 1, 1, tzinfo=UTC)
    return sample_event(
        kind.upper(),
        KINDS[kind],
        source="+33199000000",
        number=number,
        event_data={"dtmf": "1"},
        error=-2010,
        session=session,
        now=now,
    )


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of a document is."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


def replaced(document: dict[str, Any], path: Sequence[Any], value: str) -> str:
    """The document as JSON, with this JSON in one place."""
    *way, last = path
    inner: Any = document
    for step in way:
        inner = inner[step]
    inner[last] = "(here)"
    return json.dumps(document).replace('"(here)"', value)


def strange_field(dice: Random, kind: str) -> bytes:
    document = sample(dice, kind)
    return replaced(document, dice.choice([*places(document)]), dice.choice(VALUES)).encode()


def broken(dice: Random, kind: str) -> bytes:
    body = bytearray(json.dumps(sample(dice, kind)).encode())
    for _ in range(dice.randint(1, 5)):
        where = dice.randrange(len(body))
        match dice.randrange(4):
            case 0:
                body[where] = dice.randrange(256)
            case 1:
                del body[where : where + dice.randint(1, 20)]
            case 2:
                body[where:where] = dice.choice((b"\0", b"\xff\xfe", b"\xed\xa0\x80", b'"', b"{", b"\x1b[2J"))
            case _:
                del body[where + 1 :]
    return bytes(body)


def deep(dice: Random, kind: str) -> bytes:
    depth = dice.choice((98, 300, 500, 900, 970, 1_000, 5_000, 100_000))
    nest = dice.choice(
        ("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth, '{"a":' * depth + "1" + "}" * depth)
    )
    if dice.random() < 0.5:
        return nest.encode()
    document = sample(dice, kind)
    return replaced(document, dice.choice([*places(document)]), nest).encode()


def doubled(dice: Random, kind: str) -> bytes:
    """Every key twice, the second time with something else."""
    other = dice.choice([value for value in VALUES if len(value) < 100])
    body = json.dumps(sample(dice, kind))
    return re.sub(
        r'"(\w+)": ("[^"]*"|[\d.]+|null)', lambda one: f'{one[0]}, "{one[1]}": {other}', body
    ).encode()


def other_encoding(dice: Random, kind: str) -> bytes:
    encoding = dice.choice(("utf-16", "utf-32", "utf-16-le", "utf-8-sig", "utf-7"))
    return json.dumps(sample(dice, kind)).encode(encoding)


def unknown_type(dice: Random, kind: str) -> bytes:
    document = sample(dice, kind)
    types = (NASTY, "", "x" * 1_000, "call_action", "SESSION_SUMMARY ", None, 7, ["VSS"], {})
    document["eventType"] = dice.choice(types)
    return json.dumps(document).encode()


def nonsense(dice: Random, kind: str) -> bytes:
    anything = dice.randbytes(dice.randrange(3_000))
    return dice.choice((b"", b" ", b"null", b"[]", b"{}", b'"a"', b"1", b'{"payload": {}}', b"NaN", anything))


def too_large(dice: Random, kind: str) -> bytes:
    return b'{"payload": {"a": "' + b"x" * ((1 << 20) + dice.randint(-40, 40)) + b'"}}'


BODIES: list[tuple[Callable[[Random, str], bytes], int]] = [
    (strange_field, 60),
    (broken, 30),
    (doubled, 8),
    (other_encoding, 4),
    (unknown_type, 8),
    (nonsense, 8),
    (deep, 2),
    (too_large, 1),
]


# -- requests ----------------------------------------------------------------------------------------


def request(head: str | bytes, body: bytes = b"", *headers: str | bytes) -> bytes:
    lines = [head, *headers]
    return b"".join(_bytes(line) + b"\r\n" for line in lines) + b"\r\n" + body


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", errors="replace")


def proper(dice: Random, body: bytes, *headers: str | bytes, path: str = "") -> bytes:
    path = path or f"/api/webhooks/{dice.choice([*KINDS])}"
    token = f"Authorization: {TOKEN}"
    return request(
        f"POST {path} HTTP/1.1", body, "Host: here", SENDER, token, f"Content-Length: {len(body)}", *headers
    )


def plain(dice: Random, body: bytes) -> Case:
    return Case(proper(dice, body))


def wrong_length(dice: Random, body: bytes) -> Case:
    wrong = dice.choice(
        (len(body) + 1, len(body) * 2, len(body) // 2, -1, "", "abc", "1e3", "+5", "0x10", 10**30, "5, 6")
    )
    head = ("Host: here", SENDER, f"Authorization: {TOKEN}", f"Content-Length: {wrong}")
    twice = (f"Content-Length: {len(body)}",) if dice.random() < 0.2 else ()
    return Case(request("POST /api/webhooks/vss HTTP/1.1", body, *head, *twice), complete=False)


def chunked(dice: Random, body: bytes) -> Case:
    whole = dice.random() < 0.5
    chunks, rest = b"", body
    while rest:
        part, rest = rest[: (size := dice.randint(1, 20_000))], rest[size:]
        chunks += f"{len(part):x}".encode() + dice.choice((b"", b";a=b")) + b"\r\n" + part + b"\r\n"
    chunks += b"0\r\n" + dice.choice((b"", b"Trailer: 1\r\n")) + b"\r\n"
    if not whole:
        where = dice.randrange(len(chunks))
        chunks = (
            chunks[:where] + dice.choice((b"", b"\r\n", b"zz\r\n", b"-5\r\n", b"\0")) + chunks[where + 3 :]
        )
    coding = (
        "chunked" if dice.random() < 0.9 else dice.choice(("gzip", "chunked, chunked", "identity", NASTY[:2]))
    )
    head = ("Host: here", SENDER, f"Authorization: {TOKEN}", f"Transfer-Encoding: {coding}")
    return Case(request("POST /api/webhooks/vss HTTP/1.1", chunks, *head), whole and coding == "chunked")


def encoded(dice: Random, body: bytes) -> Case:
    coding = dice.choice(("gzip", "deflate", "br", "zstd", "identity", "x" * 500))
    return Case(
        proper(dice, gzip.compress(body) if dice.random() < 0.5 else body, f"Content-Encoding: {coding}")
    )


def strange_headers(dice: Random, body: bytes) -> Case:
    some = [
        "X-Long: " + "x" * 9_000, "X-Forwarded-For: " + "1.2.3.4," * 500, "X: " + "é" * 100, "X-Nul: \0",
        "No colon", " Folded: 1", "Space : 1", "Expect: 100-continue", "Expect: 200-ok", "Host: there",
        "Upgrade: websocket", "Upgrade: h2c", "Connection: upgrade, close", "Content-Type: \x1b[2J",
        "Content-Type: application/json; charset=utf-99", "Content-Type: multipart/form-data", ": empty",
        "If-Modified-Since: never", "X\x1b: 1", "Content-Length: 3", "Transfer-Encoding: chunked", "\tX: 1",
        b"X: \xff\xfe\x80", b"\xc3\xa9: 1", "Sec-WebSocket-Key: x", *(["X-Many: 1"] * 200),
    ]  # fmt: skip
    chosen = dice.sample(some, dice.randint(1, 5)) + some[-200:] * (dice.random() < 0.1)
    return Case(proper(dice, body, *chosen), complete=False)


def authorization(dice: Random, body: bytes) -> Case:
    given: str | bytes = dice.choice(
        ("", "Bearer", "Basic", "Basic !!!", "Basic " + "A" * 5_000, f"bearer {TOKEN}", f"Bearer  {TOKEN}x",
         f"Digest {TOKEN[:-1]}", "é" * 30, TOKEN[:-1], TOKEN + "\0", "null", b"\xff\xfe\xf0\x9f\x98\x80")
    )  # fmt: skip
    head = ("Host: here", SENDER, f"Content-Length: {len(body)}", b"Authorization: " + _bytes(given))
    return Case(request("POST /api/webhooks/vss HTTP/1.1", body, *head), complete=False)


def strange_line(dice: Random, body: bytes) -> Case:
    method = dice.choice(
        ("GET", "DELETE", "PUT", "OPTIONS", "CONNECT", "TRACE", "post", "P" * 300, "PO ST", "Ä", "")
    )
    path = dice.choice(
        ("/", "//", "*", "", "/api/webhooks/", "/api/webhooks/vss/", "/api/webhooks/../../etc/passwd", "/%00",
         "/%zz", "/api/webhooks/%76ss", "http://a:b@[::1]:99999/health", "http://[", "/?[", "/" + "x" * 9_000,
         "/health?" + "x" * 5_000, "/health#a", "/api/webhooks/VSS", "/\x1b[2J", "/é", "/api/make-call",
         "/health", "https://", "//[::1")
    )  # fmt: skip
    version = dice.choice(
        ("HTTP/1.1",) * 5 + ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9.9", "HTTP/1.x", "", "http/1.1")
    )
    head = ("Host: here", SENDER, f"Authorization: {TOKEN}", f"Content-Length: {len(body)}")
    return Case(request(f"{method} {path} {version}", body, *head), complete=False)


def old(dice: Random, body: bytes) -> Case:
    return Case(proper(dice, body).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1))


def several(dice: Random, body: bytes) -> Case:
    going_on = proper(dice, body).replace(b"Connection: close\r\n", b"", 1)
    return Case(going_on * dice.randint(1, 20) + proper(dice, body))


def call(dice: Random, body: bytes) -> Case:
    document = {"messageId": "m", "customerPhone": "+33199001234", "message": "hi", "repetition": 2}
    wrong = (
        '"+"',
        '""',
        "null",
        "[]",
        "{}",
        "-1",
        "1e999",
        "NaN",
        '"\\ud800"',
        json.dumps(LONG),
        "9" * 5_000,
        "true",
    )
    name = dice.choice(["customerPhone", "message", "repetition"])
    content = replaced(document, (name,), dice.choice(wrong)).encode()
    return Case(proper(dice, content if dice.random() < 0.8 else body, path="/api/make-call"))


def no_http(dice: Random, body: bytes) -> Case:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(32)
    return Case(
        dice.choice((hello, body, dice.randbytes(500), b"\r\n" * 50, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        False,
    )


REQUESTS: list[tuple[Callable[[Random, bytes], Case], int]] = [
    (plain, 60),
    (wrong_length, 3),
    (chunked, 6),
    (encoded, 4),
    (strange_headers, 8),
    (authorization, 4),
    (strange_line, 6),
    (old, 4),
    (several, 4),
    (call, 4),
    (no_http, 3),
]


def cases(dice: Random, number: int) -> Iterator[Case]:
    for _ in range(number):
        body = _one_of(dice, BODIES)(dice, dice.choice([*KINDS]))
        yield _one_of(dice, REQUESTS)(dice, body)


def _one_of(dice: Random, weighted: Sequence[tuple[Any, int]]) -> Any:
    return dice.choices([one for one, _ in weighted], [weight for _, weight in weighted])[0]


# -- the attack --------------------------------------------------------------------------------------


async def answer(url: str, case: Case) -> bytes:
    """All that comes back over a connection of its own."""
    reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
    received = b""
    try:
        writer.write(case.request)
        async with asyncio.timeout(DEADLINE if case.complete else SILENCE):
            while chunk := await reader.read(1 << 16):
                received += chunk
    except (ConnectionError, TimeoutError):
        pass  # it hung up while we talked, or waits for more
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return received


async def attack(url: str, attacks: Iterator[Case], *, at_once: int = AT_ONCE) -> None:
    """Send them all, so many at a time; what must be answered is, and no answer tells of a fault."""
    wrong = []

    async def send() -> None:
        for case in attacks:
            received = await answer(url, case)
            statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]
            if max(statuses, default=0 if case.complete else 200) not in range(200, 500):
                wrong.append((case.request[:2_000], received[:2_000]))

    await asyncio.gather(*(send() for _ in range(at_once)))
    assert wrong[:3] == [], f"{len(wrong)} requests were not answered as they should be"


def memory(listener: RunningListener, marker: str) -> float:
    """In MB, once all that it received is on the screen; ``marker`` is the last session that it receives."""
    assert posted(listener.url, json.dumps(vss(marker)).encode()) == [200]
    wait_until(lambda: listener.of("event", sessionId=marker))
    status = Path(f"/proc/{listener.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s*(\d+) kB", status)[0]) / 1000


def assert_well(listener: RunningListener) -> None:
    with urllib.request.urlopen(f"{listener.url}/health", timeout=DEADLINE) as health:
        assert json.load(health)["status"] == "ok"
    assert listener.process.poll() is None


def check(home: Path, sandbox: RunningSandbox, number: int, seed: int) -> None:
    dice = Random(seed)
    with listening(home, "--no-tunnel", env=sandbox.environment) as listener:
        asyncio.run(attack(listener.url, cases(dice, number // 2)))
        assert_well(listener)
        before = memory(listener, "half time")
        asyncio.run(attack(listener.url, cases(dice, number // 2)))
        assert_well(listener)
        grown = memory(listener, "the end") - before
        assert listener.stop() == 0
        assert listener.errors == ""
    assert grown < GROWTH, f"{before:.0f} MB grew by {grown:.0f} MB"


@pytest.mark.process
@pytest.mark.soak
@pytest.mark.parametrize("number", [30, share_of(20_000)])
def test_strange_requests_do_no_harm(tmp_path: Path, sandbox: RunningSandbox, number: int) -> None:
    check(tmp_path / "home", sandbox, number=number, seed=number)


# -- what is shown and kept --------------------------------------------------------------------------


def vss(session: str, **payload: object) -> dict[str, Any]:
    leg = {"source": "+33199000000", "destination": "+33199001234", "callDuration": 13}
    content = {"sessionId": session, "sessionStatus": "COMPLETED", "details": {"callA": leg}, **payload}
    return {"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": content}


def posted(url: str, *bodies: bytes) -> list[int]:
    """Post each to the listener; the statuses of the answers."""
    answers = [asyncio.run(answer(url, Case(proper(Random(1), body)))) for body in bodies]
    return [int(received.split()[1]) for received in answers]


def kept(home: Path) -> list[bytes]:
    with closing(sqlite3.connect(f"file:{home}/voicecli.sqlite3?mode=ro", uri=True)) as database:
        return [body for (body,) in database.execute("SELECT body FROM events ORDER BY id")]


@pytest.mark.parametrize("field", ["sessionId", "eventId", "sessionStatus"])
def test_a_text_that_is_no_unicode_is_kept_and_harms_nobody(tmp_path: Path, field: str) -> None:
    bodies = [json.dumps(vss("s-1", **{field: "\ud800"})).encode(), json.dumps(vss("s-2")).encode()]
    with listening(tmp_path / "home", "--no-tunnel", in_thread=True) as listener:
        assert posted(listener.url, *bodies) == [200, 200]
        assert listener.stop() == 0
    assert kept(listener.home) == bodies


@pytest.mark.process
@pytest.mark.soak
def test_long_texts_do_not_stay_in_memory(tmp_path: Path) -> None:
    def attacks(first: int, last: int) -> Iterator[Case]:
        for number in range(first, last):
            long, session = f"{number}{LONG}", f"s-{number}"
            for kind, payload in (
                ("CALL_STATUS", {"sessionId": f"open-{number}", "other": long}),
                ("CALL_STATUS", {"sessionId": long}),
                ("SESSION_SUMMARY", {"sessionId": session, "sessionStatus": long}),
                ("CALL_ACTION", {"sessionId": session, "clientActionId": long}),
            ):
                yield Case(proper(Random(1), json.dumps({"eventType": kind, "payload": payload}).encode()))

    with listening(tmp_path / "home", "--no-tunnel") as listener:
        asyncio.run(attack(listener.url, attacks(0, 20), at_once=2))
        before = memory(listener, "warm")
        asyncio.run(attack(listener.url, attacks(20, 120), at_once=2))
        grown = memory(listener, "the end") - before
        assert listener.stop() == 0
    assert grown < 2 * GROWTH, f"{before:.0f} MB grew by {grown:.0f} MB"


@pytest.mark.process
@pytest.mark.soak
def test_a_reader_that_does_not_read_costs_little_memory(tmp_path: Path) -> None:
    wide = {"sessionStatus": "x" * 900, "other": LONG}  # lines that soon fill the pipe, and large events
    bodies = (json.dumps(vss(f"s-{number}", **wide)).encode() for number in range(500))
    with plain_listening(tmp_path / "home") as (process, url):
        asyncio.run(attack(url, (Case(proper(Random(1), body)) for body in bodies)))
        status = Path(f"/proc/{process.pid}/status").read_text()
    [peak] = re.findall(r"VmHWM:\s*(\d+) kB", status)
    assert int(peak) / 1000 < PEAK


NASTY_EVENT = vss(
    NASTY + "id",
    sessionStatus=NASTY + "status",
    errorDetails={"errorMsg": NASTY + "message", "errorCode": NASTY},
    details={"callA": {"source": NASTY, "destination": NASTY, "callDuration": NASTY}},
)


@contextmanager
def plain_listening(home: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """``voicecli listen`` with plain lines, which nobody reads yet, and its URL."""
    with started(home, "--no-tunnel", *arguments) as process:
        assert process.stderr is not None
        yield process, process.stderr.readline().split()[-1]


@pytest.mark.process
@pytest.mark.parametrize(
    ("view", "ascii_only"),
    [
        ("events", True),
        ("calls", False),
        pytest.param("events", False, marks=pytest.mark.soak),
        pytest.param("calls", True, marks=pytest.mark.soak),
    ],
)
def test_escape_sequences_and_markup_are_shown_in_a_pipe_and_kept_as_they_came(
    tmp_path: Path, view: str, ascii_only: bool
) -> None:
    body = json.dumps(NASTY_EVENT, ensure_ascii=ascii_only).encode()
    with plain_listening(tmp_path / "home", "--view", view, "--count", "1") as (process, url):
        assert posted(url, body) == [200]
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert out.count("\n") == 1
    line = out.removesuffix("\n")
    assert printable(line) == line
    assert printable(NASTY + "status") in line
    assert kept(tmp_path / "home") == [body]


@pytest.mark.process
@pytest.mark.parametrize("view", ["events", pytest.param("calls", marks=pytest.mark.soak)])
def test_escape_sequences_and_markup_change_nothing_on_a_terminal(tmp_path: Path, view: str) -> None:
    body = json.dumps(NASTY_EVENT, ensure_ascii=False).encode()
    env = {"VOICECLI_HOME": str(tmp_path / "home"), "WEBHOOK_AUTH_TOKEN": TOKEN}
    arguments = ("listen", "--no-tunnel", "--port", "0", "--view", view)
    with Terminal(*arguments, columns=200, env=env) as terminal:
        url = terminal.wait_for(r"listening at (http://[\d.:]+)")
        assert posted(url, body) == [200]
        terminal.wait_for(r"\\u0007.*\[bold red\]")
        written = terminal.end()
    ours = re.sub(r"\x1b\[([0-9;]*m|\d*A|[CJK])|[\r\n]", "", written)
    assert printable(ours) == ours
    assert kept(tmp_path / "home") == [body]
