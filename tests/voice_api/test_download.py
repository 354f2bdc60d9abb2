"""Files that 8x8 links to: where the key goes and where not, and what can go wrong on the way."""

import socket
from collections.abc import Callable

import pytest
from bad_ends import few_certificates
from raw_server import http, server

from voicecli import Client, Refused, Unreachable, VoicecliError
from voicecli.voice_api import download

pytestmark = pytest.mark.usefixtures(few_certificates.__name__)
KEY = "k" * 20
FILE = b"a,b\n1,2\n"


def client(base_url: str) -> Client:
    return Client(api_key=KEY, subaccount_id="sub", base_url=base_url, retries=0)


def fetched(base_url: str, link: str) -> bytes:
    with client(base_url) as the_client:
        return b"".join(the_client.download(link))


def redirect(location: str) -> bytes:
    return http("302 Found", b"", f"Location: {location}")


def sends(answer: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(answer)


def has_key(request: bytes) -> bool:
    assert request.startswith(b"GET ")
    return KEY.encode() in request


def test_the_key_goes_to_the_api_and_to_nobody_else() -> None:
    with server(sends(http("200 OK", FILE))) as (url, asked), server(sends(http("200 OK", FILE))) as other:
        assert fetched(url, f"{url}/file?signature=x") == FILE
        assert fetched(url, f"{other[0]}/file?signature=x") == FILE
    assert [has_key(request) for request in asked] == [True]
    assert [has_key(request) for request in other[1]] == [False]


def test_a_redirect_away_from_the_api_loses_the_key() -> None:
    with server(sends(http("200 OK", FILE))) as (elsewhere, strangers):
        with server(sends(redirect(f"{elsewhere}/file"))) as (url, asked):
            assert fetched(url, f"{url}/file") == FILE
    assert [has_key(request) for request in asked] == [True]
    assert [has_key(request) for request in strangers] == [False]


def test_a_redirect_within_the_api_keeps_the_key() -> None:
    answers = [redirect("/there"), http("200 OK", FILE)]
    with server(lambda connection: connection.sendall(answers.pop(0))) as (url, asked):
        assert fetched(url, f"{url}/here") == FILE
    assert [has_key(request) for request in asked] == [True, True]


def test_the_name_of_the_host_is_compared_and_not_what_it_stands_for() -> None:
    with server(sends(http("200 OK", FILE))) as (url, asked):
        assert fetched(url, url.replace("127.0.0.1", "localhost")) == FILE
    assert [has_key(request) for request in asked] == [False]


@pytest.mark.parametrize(
    ("base_url", "link"),
    [
        ("https://voice.example", "http://voice.example/file"),
        ("https://voice.example", "http://127.0.0.1/file"),
        ("https://voice.example", "file:///etc/passwd"),
        ("https://voice.example", "//voice.example/file"),
        ("https://voice.example", "/file"),
        ("https://voice.example", "https:///file"),
        ("https://voice.example", "https://user:secret@voice.example/file"),
        ("https://voice.example", "https://voice.example/\x1b[31m"),
        ("https://voice.example", "https://voice.example:99999999/"),
        ("https://voice.example", ""),
        ("http://127.0.0.1:9", "https://voice.example/file"),
        ("http://127.0.0.1:9", "http://192.168.0.1/file"),
    ],
)
def test_a_link_to_nowhere_good_is_not_followed(base_url: str, link: str) -> None:
    with pytest.raises(Refused, match="is not followed") as caught:
        fetched(base_url, link)
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://192.168.0.1/", "https://voice.example/"])
def test_neither_is_a_redirect_there(location: str) -> None:
    with server(sends(redirect(location))) as (url, _), pytest.raises(Refused, match="is not followed"):
        fetched(url, f"{url}/file")


def test_redirects_come_to_an_end() -> None:
    with server(sends(redirect("/again"))) as (url, asked):
        with pytest.raises(Refused, match="without end"):
            fetched(url, f"{url}/file")
    assert len(asked) == download.MAX_REDIRECTS + 1


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"])
def test_a_link_whose_time_is_over_is_told(status: str) -> None:
    with server(sends(http(status, b"<Error>AccessDenied</Error>"))) as (url, _):
        with pytest.raises(Refused, match="not valid, or not any more") as caught:
            fetched(url, f"{url}/file?signature=secret")
    assert caught.value.status_code == int(status[:3])
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "the connection broke"),
        (b"SSH-2.0\r\n", "the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\na,b\n", "the connection broke"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na,b\n", "the connection broke"),
        (http("503 Service Unavailable", b""), "HTTP status 503"),
        (http("204 No Content", b""), "HTTP status 204"),
        (http("302 Found", b""), "HTTP status 302"),
        (http("200 OK", b"\x1f\x8b", "Content-Encoding: gzip"), "a compressed file"),
    ],
)
def test_a_file_that_does_not_come_or_not_to_its_end_is_told(answer: bytes, says: str) -> None:
    with server(sends(answer)) as (url, _), pytest.raises(Unreachable, match=says):
        fetched(url, f"{url}/file")


def test_a_server_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "STALLED", 0.2)

    def silent(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\na,b\n")
        connection.recv(1)

    with server(silent) as (url, _), pytest.raises(Unreachable, match=r"nothing came for 0\.2 s"):
        fetched(url, f"{url}/file")


def test_a_large_file_comes_in_pieces() -> None:
    content = b"x" * 1_000_000
    with server(sends(http("200 OK", content))) as (url, _), client(url) as the_client:
        pieces = list(the_client.download(f"{url}/file"))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= download.PIECE


def test_nobody_there_is_an_error_like_any_other() -> None:
    with pytest.raises(VoicecliError, match="the connection broke, or there was none"):
        fetched("http://127.0.0.1:9", "http://127.0.0.1:9/file")
