"""The client against servers that misbehave: what may have arrived is never sent again."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from bad_ends import WRONG_SETTINGS
from conftest import DEADLINE, NUMBER, RunningSandbox, wait_until
from raw_server import http, server

from voicecli import CallRequest, Client, account, voice_message
from voicecli.errors import (
    ConfigurationError,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unreachable,
)
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.voice_api import retries
from voicecli.voice_api.retries import MAX_PAUSE


def message(number: str = NUMBER) -> CallRequest:
    return voice_message(number, "hi", source="+33199000000")


def client(
    url: str, *, request_timeout: float = 10, retries: int = 2, waits: list[float] | None = None
) -> Client:
    def on_retry(_reason: str, seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    return Client(
        api_key="k" * 20,
        subaccount_id="sub",
        base_url=url,
        request_timeout=request_timeout,
        retries=retries,
        on_retry=on_retry,
    )


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("HTTPS://Voice.8x8.com:443/api/v1//", "https://voice.8x8.com/api/v1"),
        ("https://voice.8x8.com./api/v1", "https://voice.8x8.com/api/v1"),
        ("https://voice.8x8.com:8443/API", "https://voice.8x8.com:8443/API"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("http://[::1]:443/", "http://127.0.0.1:443"),
        ("https://[0:0::1]:8443", "https://127.0.0.1:8443"),
        ("HTTP://LocalHost:5678//", "http://127.0.0.1:5678"),
        ("https://localhost.:05678", "https://127.0.0.1:5678"),
        ("https://Voice.Wavecell.com./", "https://voice.8x8.com"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ("https://voice.wavecell.com.example.com", "https://voice.wavecell.com.example.com"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(written: str, plain: str) -> None:
    assert account.AccountId.of(written, "sub") == (plain, "sub")


def test_a_silent_server_is_given_the_time_it_is_given() -> None:
    with (
        server(lambda c: c.recv(1) and None) as (url, requests),
        client(url, request_timeout=0.3) as the_client,
    ):
        with pytest.raises(OutcomeUnknown, match=r"did not answer within 0\.3 s"):
            the_client.call(message())
        assert len(requests) == 1


def test_a_refused_connection_is_tried_again_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    waits: list[float] = []
    with client(f"http://127.0.0.1:{port}", waits=waits, retries=1) as the_client:
        with pytest.raises(Unreachable, match="connection refused"):
            the_client.call(message())
    assert waits == [0.5]


def test_a_name_that_nobody_knows_is_unreachable() -> None:
    with client("https://nowhere.invalid", retries=0) as the_client:
        with pytest.raises(Unreachable, match="its name is not known"):
            the_client.call(message())


def test_a_server_without_tls_is_unreachable() -> None:
    with server(lambda c: None) as (url, _):
        secure = url.replace("http://", "https://")
        # The handshake is no HTTP request: the server's reader sees it, and the connection ends.
        with client(secure, retries=0, request_timeout=0.3) as the_client, pytest.raises(Unreachable):
            the_client.call(message())


def test_429_is_waited_for_and_then_the_call_is_placed_once() -> None:
    waits: list[float] = []
    request = message("+33199004291")
    with (
        RunningSandbox() as sandbox,
        Client(
            api_key=API_KEY,
            subaccount_id=SUBACCOUNT,
            base_url=sandbox.sandbox.url,
            on_retry=lambda _reason, seconds: waits.append(seconds),
        ) as the_client,
    ):
        session = the_client.call(request)
        assert waits == [0.1]
        assert session.session_status == "CREATED"
        assert len(sandbox.requested(request.client_request_id)) == 1


def test_a_retry_after_that_is_too_long_is_told_instead() -> None:
    long = http("429 Too Many Requests", b"", f"Retry-After: {MAX_PAUSE + 1:.0f}")
    with server(lambda c: c.sendall(long)) as (url, requests), client(url) as the_client:
        with pytest.raises(RateLimited, match="429") as caught:
            the_client.call(message())
        assert "asks to wait 61 s" in caught.value.hint
        assert len(requests) == 1


def test_a_redirect_is_not_followed_with_the_key() -> None:
    with server(lambda c: c.sendall(http("200 OK", b"{}"))) as (elsewhere, stolen):
        moved = http("307 Temporary Redirect", b"", f"Location: {elsewhere}/")
        with server(lambda c: c.sendall(moved)) as (url, _), client(url) as the_client:
            with pytest.raises(Refused, match="elsewhere"):
                the_client.call(message())
        assert stolen == []


def test_the_request_is_what_8x8_documents() -> None:
    created = {"sessionId": "s", "sessionStatus": "CREATED", "statusCode": 1}
    with server(lambda c: c.sendall(http("200 OK", json.dumps(created).encode()))) as (url, requests):
        with client(url) as the_client:
            the_client.call(message())
    head, _, body = requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /api/v1/subaccounts/sub/callflows http/1.1"
    assert f"authorization: bearer {'k' * 20}" in lines
    assert "content-type: application/json" in lines
    assert [action["action"] for action in json.loads(body)["callflow"]] == ["makeCall", "say", "hangup"]


@pytest.mark.parametrize("wrong", [*WRONG_SETTINGS, {"retries": -1}])
def test_a_client_that_could_not_work_or_would_leak_the_key_is_not_made(wrong: dict[str, object]) -> None:
    fine = {"api_key": "k" * 20, "subaccount_id": "sub", "base_url": "http://127.0.0.1:9"}
    with pytest.raises(ConfigurationError):
        Client(**{**fine, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("retry_after", ["Mon, 01 Jan 2024 00:00:00 +99999999999999999999", "nan", "-5"])
def test_a_retry_after_that_makes_no_sense_is_left_out(retry_after: str) -> None:
    odd = http("429 Too Many Requests", b"", f"Retry-After: {retry_after}")
    with server(lambda c: c.sendall(odd)) as (url, requests), client(url, retries=1) as the_client:
        with pytest.raises(RateLimited):
            the_client.call(message())
        assert len(requests) == 2


def test_a_client_is_good_for_many_threads(sandbox: RunningSandbox) -> None:
    requests = [message() for _ in range(40)]
    with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=sandbox.sandbox.url) as the_client:
        with ThreadPoolExecutor(8) as pool:
            sessions = list(pool.map(the_client.call, requests))
    assert len({session.session_id for session in sessions}) == 40
    assert all(len(sandbox.requested(request.client_request_id)) == 1 for request in requests)


def test_a_closed_client_says_so() -> None:
    the_client = client("http://127.0.0.1:9")
    the_client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        the_client.call(message())


def test_every_operation_is_a_method(sandbox: RunningSandbox) -> None:
    hook, push = "https://example.com/vru", {"protocol": "SFTP", "host": "h", "port": 22, "path": "/"}
    with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=sandbox.sandbox.url) as the_client:
        session = the_client.call(message())
        assert the_client.list_recordings(session.session_id) == ()
        assert "en-GB-Emma" in {voice["speechProfileCode"] for voice in the_client.list_speech_profiles()}
        assert hook in {webhook.url for webhook in the_client.set_webhook("VRU", hook, authorization="hush")}
        assert hook in {webhook.url for webhook in the_client.list_webhooks()}
        assert the_client.delete_webhook("VRU")["url"] == hook
        the_client.set_recording_push_config(**push, username="me", password="hush")  # type: ignore[arg-type]
        assert the_client.get_recording_push_config()["passwordSet"] is True
        assert the_client.delete_recording_push_config()["delete"] is True
        [number] = the_client.list_numbers()
        assert the_client.check_number(str(number["msisdn"]))["countryCode"] == "FR"
        job = the_client.start_log_export(limit=1)
        wait_until(lambda: the_client.get_log_export(job).links)
        [link] = the_client.get_log_export(job).links
        assert b"".join(the_client.download(link)).startswith(b"SessionId,")
        the_client.cancel_log_export(job)
        assert the_client.get_log_export(job).status == "cancelled"


def test_a_client_that_is_stopped_waits_for_nothing() -> None:
    later = http("429 Too Many Requests", b"", f"Retry-After: {MAX_PAUSE:.0f}")
    with (
        server(lambda c: c.sendall(later)) as (url, requests),
        client(url, waits=(waits := [])) as the_client,
        ThreadPoolExecutor() as pool,
    ):
        calling = pool.submit(the_client.call, message())
        wait_until(lambda: waits)
        the_client.stop()
        with pytest.raises(Unreachable):
            calling.result(DEADLINE / 4)
        assert len(list(filter(None, requests))) == 1


def test_of_a_client_that_is_closed_nothing_more_is_told() -> None:
    later = http("429 Too Many Requests", b"", "Retry-After: 1")
    with server(lambda c: c.sendall(later)) as (url, _), ThreadPoolExecutor() as pool:
        with client(url, waits=(waits := [])) as the_client:
            calling = pool.submit(the_client.call, message())
            wait_until(lambda: waits)
        with pytest.raises(Unreachable):
            calling.result(DEADLINE / 4)
        assert len(waits) == 1
