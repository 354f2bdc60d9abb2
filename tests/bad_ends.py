"""Servers and proxies that misbehave, and settings that can't work: what every client has to get right."""

import socket
import struct
import threading
from pathlib import Path

import certifi
import pytest
from raw_server import Speak, http


@pytest.fixture
def few_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """To load all of certifi's takes 30 ms for each client; no server here has a certificate."""
    first, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----\n")
    (tmp_path / "certificates.pem").write_text(first + end)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificates.pem"))


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    wait = threading.Event()
    while True:
        connection.sendall(b"X: y\r\n")
        wait.wait(0.05)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(connection: socket.socket) -> None:
    """An answer that never ends, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    wait = threading.Event()
    while True:
        connection.sendall(b" ")
        wait.wait(0.05)


NO_ANSWERS: list[Speak] = [
    lambda c: None,
    lambda c: c.sendall(b"HTTP/1.1 200"),
    lambda c: c.sendall(b"SSH-2.0-OpenSSH_9\r\n"),
    lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
    lambda c: c.sendall(http("200 OK", b"x" * 3_000_000)),
    lambda c: c.sendall(http("200 OK", b"\x1f\x8b\x08", "Content-Encoding: gzip")),
    lambda c: c.sendall(http("502 Bad Gateway", b"<html>")),
    lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 300_000),
    drip,
    drip_headers,
    reset,
    lambda c: c.sendall(http("303 See Other", b"", "Location: /elsewhere")),
    lambda c: c.sendall(http("301 Moved Permanently", b"", "Location: mailto:x")),
    lambda c: c.sendall(http("504 Gateway Timeout", b'{"code": -1, "message": "upstream timed out"}')),
]
"""What follows a request that may have arrived, and is no answer."""

NOT_PASSED_ON: list[Speak] = [
    lambda c: None,
    lambda c: c.sendall(b"SSH-2.0-x\r\n"),
    lambda c: c.sendall(http("503 Service Unavailable", b"")),
    lambda c: c.sendall(http("407 Proxy Authentication Required", b"")),
    lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n\r\n"),
    drip_headers,
]
"""What a proxy may say to a CONNECT instead of letting it through."""

WRONG_SETTINGS: list[dict[str, object]] = [
    {"api_key": ""},
    {"api_key": "with blank"},
    {"api_key": "new\nline"},
    {"api_key": "schlüssel"},
    {"subaccount_id": "a/b"},
    {"subaccount_id": "ab"},
    {"base_url": "http://voice.8x8.com"},
    {"base_url": "ftp://127.0.0.1"},
    {"base_url": "https://user@voice.8x8.com"},
    {"base_url": "https://voice.8x8.com/#"},
    {"base_url": "https://[::1"},
    {"base_url": "nonsense"},
    {"base_url": "https://a..b"},
    {"base_url": "https://☃.example"},
    {"base_url": f"https://{'a' * 70}.example"},
    {"api_key": "short"},
    {"request_timeout": 0.0},
    {"request_timeout": float("nan")},
    {"request_timeout": 1e10},
]
