"""A server that says, byte for byte, what a test wants it to, and keeps what it was sent."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Speak = Callable[[socket.socket], None]


def http(status: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    return f"{head}\r\n\r\n".encode() + body


@contextmanager
def server(speak: Speak) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads one request for each connection, then speaks as it is told, then hangs up."""
    requests: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                requests.append(read_request(connection))
                with suppress(OSError):  # the client has had enough
                    speak(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        head = b""
        for line in stream:
            head += line
            if line == b"\r\n":
                break
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
        )
        return head + stream.read(length)


def answering(*answers: bytes) -> Speak:
    """Sends one answer after the other; the last one again and again."""
    left = [*answers]

    def speak(connection: socket.socket) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return speak


def document(content: object, status: str = "200 OK") -> bytes:
    return http(status, json.dumps(content).encode(), "Content-Type: application/json")
