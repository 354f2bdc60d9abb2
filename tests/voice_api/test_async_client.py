"""Both clients against the same misbehaving ends: they say the same; and what many requests at once add."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from bad_ends import NO_ANSWERS, NOT_PASSED_ON, WRONG_SETTINGS, few_certificates
from conftest import DEADLINE, NUMBER, RunningSandbox, wait_until
from raw_server import Speak, answering, document, http, read_request, server

from voicecli import AsyncClient, CallRequest, Client, Session, voice_message
from voicecli.errors import (
    ConfigurationError,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unreachable,
    VoicecliError,
)
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.voice_api import async_client as client_module, wire
from voicecli.voice_api.operations.calls import send_callflow
from voicecli.voice_api.operations.webhooks import delete_webhook, list_webhooks

pytestmark = pytest.mark.usefixtures(few_certificates.__name__)
KEY = "some-key-of-20-chars"
CREATED = document({"sessionId": "s", "sessionStatus": "CREATED", "statusCode": 1})


def by_client(url: str, operation: wire.Operation[Any], **options: Any) -> Any:
    with Client(**{"api_key": KEY, "subaccount_id": "sub", "base_url": url, "retries": 0, **options}) as one:
        return one.send(operation)


def by_async_client(url: str, operation: wire.Operation[Any], **options: Any) -> Any:
    async def send() -> Any:
        async with async_client(url, **options) as one:
            return await one.send(operation)

    return asyncio.run(send())


def async_client(url: str, **options: Any) -> AsyncClient:
    return AsyncClient(**{"api_key": KEY, "subaccount_id": "sub", "base_url": url, **options})


def message(number: str = NUMBER) -> CallRequest:
    return voice_message(number, "hi", source="+33199000000")


def call(number: str = NUMBER) -> wire.Operation[Session]:
    return send_callflow(message(number))


Send = Callable[..., Any]
both = pytest.mark.parametrize("send", [by_client, by_async_client])


def told(send: Send, url: str, operation: wire.Operation[Any], **options: Any) -> tuple[object, ...]:
    """What the caller learns of a request that has no good end."""
    with pytest.raises(VoicecliError) as caught:
        send(url, operation, **options)
    error = caught.value
    assert KEY not in f"{error!r} {error.hint} {error.__cause__!r}"
    return type(error), error.code, error.retryable, error.message, error.hint


@both
@pytest.mark.parametrize("speak", NO_ANSWERS)
def test_a_request_that_may_have_arrived_is_sent_once_and_its_outcome_unknown(
    speak: Speak, send: Send
) -> None:
    retries = {"retries": 2} if send is by_client else {}
    with server(speak) as (url, requests):
        kind, *_, message, _ = told(send, url, call(), request_timeout=0.4, **retries)
    assert (kind, len(requests)) == (OutcomeUnknown, 1)
    assert "may have been placed" in str(message)


@both
@pytest.mark.parametrize(
    ("operation", "error"),
    [(delete_webhook("VSS"), OutcomeUnknown), (list_webhooks(), Unreachable)],
)
def test_nothing_is_sent_twice_behind_the_callers_back(
    operation: wire.Operation[object], error: type[VoicecliError], send: Send
) -> None:
    with server(lambda c: None) as (url, requests):
        assert told(send, url, operation, request_timeout=5)[0] is error
    assert len(requests) == 1


@pytest.mark.parametrize(
    "last",
    ["1014", "4290", "5000", "5020", "5021", "5040", "5041", "5050", "5051"],
)
def test_both_clients_tell_the_same_of_the_same_number(last: str, sandbox: RunningSandbox) -> None:
    timeout = 0.2 if last in ("5040", "5041") else 5
    options = {"api_key": API_KEY, "subaccount_id": SUBACCOUNT, "request_timeout": timeout}
    operation = call(f"+3319900{last}")
    one, other = (
        told(send, sandbox.sandbox.url, operation, **options) for send in (by_client, by_async_client)
    )
    if last == "4290":  # Client adds how long it would wait: it is the one to wait
        one, other = one[:4], other[:4]
    assert one == other
    assert one[0] is {"1014": Refused, "5000": Refused, "4290": RateLimited}.get(last, OutcomeUnknown)


@both
def test_a_call_is_placed(send: Send, sandbox: RunningSandbox) -> None:
    request = message()
    options = {"api_key": API_KEY, "subaccount_id": SUBACCOUNT}
    session = send(sandbox.sandbox.url, send_callflow(request), **options)
    assert session.session_status == "CREATED"
    assert len(sandbox.requested(request.client_request_id)) == 1


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (http("429 Too Many Requests", b"", "Retry-After: 7"), 7.0),
        (http("429 Too Many Requests", b"", "Retry-After: 7", "Retry-After: 8"), None),
        (http("429 Too Many Requests", b"", "Retry-After: \xff"), None),
    ],
)
@both
def test_how_long_to_wait_is_read_from_the_answer(answer: bytes, seconds: float | None, send: Send) -> None:
    with server(answering(answer)) as (url, requests):
        with pytest.raises(RateLimited) as caught:
            send(url, call())
    assert caught.value.retry_after == seconds
    assert len(requests) == 1


@pytest.mark.parametrize("lines", [("X: " + "y" * 20_000,), ("X: 1", "x: 2"), ("Set-Cookie: a=b; Domain=x",)])
@both
def test_headers_that_do_not_matter_do_not_matter(lines: tuple[str, ...], send: Send) -> None:
    head, _, body = CREATED.partition(b"\r\n\r\n")
    with server(answering(b"\r\n".join([head, *(line.encode() for line in lines), b"", body]))) as (url, _):
        assert send(url, call()).session_id == "s"


@both
def test_a_redirect_is_not_followed_with_the_key(send: Send) -> None:
    with server(answering(CREATED)) as (elsewhere, stolen):
        with server(answering(http("307 Moved", b"", f"Location: {elsewhere}/"))) as (url, _):
            assert told(send, url, call())[0] is Refused
    assert stolen == []


def test_a_refused_connection_is_told_in_the_same_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    one, other = (told(send, url, call()) for send in (by_client, by_async_client))
    assert one == other
    assert one[0] is Unreachable
    assert "connection refused" in str(one[3])


def test_a_name_that_nobody_knows_is_told_in_the_same_words() -> None:
    one, other = (told(send, "https://nowhere.invalid", call()) for send in (by_client, by_async_client))
    assert one == other
    assert "its name is not known" in str(one[3])


@both
def test_a_server_without_tls_was_not_reached(send: Send) -> None:
    with server(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (url, _):
        secure = url.replace("http://", "https://")
        assert told(send, secure, call(), request_timeout=0.3)[0] is Unreachable


@both
def test_a_connection_that_does_not_come_about_in_time_was_none(send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)  # the queue is full now, and whoever comes next is left waiting
            second.connect_ex(address)
            url = f"http://127.0.0.1:{address[1]}"
            kind, *_, text, _ = told(send, url, call(), request_timeout=0.5)
    assert (kind, text) == (
        Unreachable,
        "8x8 could not be reached: there was no connection in time.",
    )


@pytest.mark.soak
@both
@pytest.mark.parametrize("speak", NOT_PASSED_ON)
def test_what_a_proxy_never_passed_on_was_not_sent(
    speak: Speak, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(speak) as (url, requests):
        monkeypatch.setenv("HTTPS_PROXY", url.replace("//", "//me:hush@"))
        assert told(send, "https://voice.example", call(), request_timeout=1)[0] is Unreachable
    [request] = requests
    assert request.startswith(b"CONNECT voice.example:443")
    assert b"proxy-authorization: basic bwu6ahvzaa==" in request.lower()
    assert KEY.encode() not in request


@both
def test_no_proxy_is_asked_about_a_server_that_needs_none(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(lambda c: None) as (proxy, requests), server(answering(CREATED)) as (url, _):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        assert send(url, call()).session_id == "s"
        monkeypatch.setenv("NO_PROXY", "nowhere.invalid")
        assert told(send, "https://nowhere.invalid", call())[0] is Unreachable
    assert requests == []


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://user:se/cret@127.0.0.1:1"])
@both
def test_a_proxy_that_cannot_be_used_is_a_matter_of_configuration(
    proxy: str, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    kind, *_, message, hint = told(send, "https://voice.example", call())
    assert kind is ConfigurationError
    assert "proxy" in str(message)
    assert "cret" not in f"{message} {hint}"


@pytest.mark.parametrize("wrong", [*WRONG_SETTINGS, {"connections": 0}])
async def test_a_client_that_could_not_work_or_would_leak_the_key_is_not_made(
    wrong: dict[str, object],
) -> None:
    with pytest.raises(ConfigurationError):
        async_client(**{"url": "http://127.0.0.1:9", **wrong})  # type: ignore[arg-type]


async def test_a_client_that_is_not_open_says_so() -> None:
    client = async_client("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="not open"):
        await client.send(call())
    async with client:
        pass
    with pytest.raises(ConfigurationError, match="not open"):
        await client.send(call())


def test_the_request_is_what_8x8_documents() -> None:
    with server(answering(CREATED)) as (url, requests):
        by_async_client(url, call())
    head, _, body = requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /api/v1/subaccounts/sub/callflows http/1.1"
    assert f"authorization: bearer {KEY}" in lines
    assert "content-type: application/json" in lines
    assert "accept-encoding: identity" in lines
    assert [action["action"] for action in json.loads(body)["callflow"]] == ["makeCall", "say", "hangup"]


# -- many requests, kept connections -----------------------------------------------------------------------


async def test_many_requests_at_once_each_get_their_own_answer(sandbox: RunningSandbox) -> None:
    requests = [message() for _ in range(100)]
    async with async_client(
        sandbox.sandbox.url, api_key=API_KEY, subaccount_id=SUBACCOUNT, connections=8
    ) as client:
        sessions = await asyncio.gather(*(client.send(send_callflow(one)) for one in requests))
    theirs = {one.session_id: one.client_request_id for one in sandbox.sandbox.sessions}
    assert [theirs[session.session_id] for session in sessions] == [one.client_request_id for one in requests]


async def test_waiting_for_a_turn_does_not_use_up_the_time_of_a_request(sandbox: RunningSandbox) -> None:
    options = {"api_key": API_KEY, "subaccount_id": SUBACCOUNT, "connections": 1, "request_timeout": 0.5}
    async with async_client(sandbox.sandbox.url, **options) as client:
        silent, answered = await asyncio.gather(
            client.send(call("+33199005040")), client.send(call()), return_exceptions=True
        )
    assert isinstance(silent, OutcomeUnknown)
    assert isinstance(answered, Session)


async def test_a_connection_is_kept_from_one_request_to_the_next() -> None:
    def speak(connection: socket.socket) -> None:
        for _ in range(2):
            connection.sendall(CREATED)
            read_request(connection)
        connection.sendall(CREATED)

    with server(speak) as (url, connections):
        async with async_client(url) as client:
            for _ in range(3):
                await client.send(call())
    assert len(connections) == 1


async def test_a_server_that_hangs_up_after_each_answer_leaves_no_doubt() -> None:
    hung_up = threading.Semaphore(0)

    def speak(connection: socket.socket) -> None:
        connection.sendall(CREATED)
        connection.close()
        hung_up.release()

    with server(speak) as (url, requests):
        async with async_client(url) as client:
            for _ in range(20):
                await client.send(call())
                # The event loop stands still: it has not seen the end of the connection when it sends again.
                assert hung_up.acquire(timeout=DEADLINE)
    assert len(requests) == 20


@pytest.mark.parametrize("seen", [True, False])
async def test_an_answer_to_no_request_is_not_taken_for_the_answer_to_the_next(seen: bool) -> None:
    said, done = threading.Semaphore(0), threading.Event()
    unasked = document({"sessionId": "unasked", "sessionStatus": "CREATED", "statusCode": 1})

    def speak(connection: socket.socket) -> None:
        connection.sendall(CREATED)
        assert done.wait(DEADLINE)
        connection.sendall(unasked)
        held_open.enter_context(connection.dup())
        said.release()

    with ExitStack() as held_open, server(speak) as (url, requests):
        async with async_client(url) as client:
            assert (await client.send(call())).session_id == "s"
            done.set()
            assert said.acquire(timeout=DEADLINE)
            if seen:
                for _ in range(20):  # the event loop has every chance to read it
                    await asyncio.sleep(0)
            assert (await client.send(call())).session_id == "s"
    assert len(requests) == 2


async def test_a_cancelled_request_is_cancelled_and_others_are_not(sandbox: RunningSandbox) -> None:
    options = {"api_key": API_KEY, "subaccount_id": SUBACCOUNT, "connections": 1}
    async with async_client(sandbox.sandbox.url, **options) as client:
        request = message("+33199005041")
        silent = asyncio.create_task(client.send(send_callflow(request)))
        await asyncio.to_thread(wait_until, lambda: sandbox.requested(request.client_request_id))
        silent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await silent
        assert (await client.send(call())).session_status == "CREATED"


async def test_a_call_is_placed_by_its_request(sandbox: RunningSandbox) -> None:
    of = {"api_key": API_KEY, "subaccount_id": SUBACCOUNT}
    async with async_client(sandbox.sandbox.url, **of) as client:
        session = await client.call(message())
    assert session.session_id in {played.session_id for played in [*sandbox.sandbox.sessions]}


async def test_a_request_counts_as_having_left_until_it_is_known_to_wait_for_a_connection() -> None:
    """Should aiohttp fail before it asks for one, or ask in another way."""
    attempt = client_module._RequestState(1.0)
    assert attempt.left
    attempt.connecting()
    assert not attempt.left
