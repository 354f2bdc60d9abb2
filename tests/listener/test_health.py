"""Who is found at a public address, by what answers there."""

import pytest
from raw_server import http, server

from voicecli.listener import health


@pytest.mark.parametrize(
    ("status", "headers", "answers"),
    [
        ("404 Not Found", (), True),
        ("499 Odd", (), True),
        ("500 Internal Server Error", (), False),
        ("502 Bad Gateway", (), False),
        ("404 Not Found", ("ngrok-error-code: ERR_NGROK_3200",), False),
    ],
)
def test_whether_something_else_is_there_is_told_by_its_status(
    status: str, headers: tuple[str, ...], answers: bool
) -> None:
    answer = http(status, b"<html>", *headers)
    with server(lambda connection: connection.sendall(answer)) as (url, _):
        found = health.ask_health(url)
    assert (found.instance, found.answers) == (None, answers)
    assert f"HTTP {status[:3]}" in found.trouble


def test_a_listener_is_known_by_its_instance() -> None:
    answer = http("200 OK", b'{"service": "voicecli", "instance": "i-1"}')
    with server(lambda connection: connection.sendall(answer)) as (url, _):
        assert health.ask_health(url).instance == "i-1"
