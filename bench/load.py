"""A load generator: sends events to a webhook receiver as fast as it answers, and keeps an exact account.

Event ``number`` of a ``seed`` is always the same, so that who has the account can tell what must be in the
receiver's store. As a script it is a process of its own: python bench/load.py URL --seconds 2; the token is
in WEBHOOK_AUTH_TOKEN. It prints the account as one JSON object.
"""

import argparse
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 32
PATIENCE = 30.0  # seconds without any answer after which a receiver is taken for dead
UNANSWERED = 0  # in place of a status
FIRST_MOMENT = 0x1F0EAE8E1FF6A15  # in 100 ns since 1582, as a UUID counts
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)")
_SESSION = "(session)"

EVENT = json.dumps(
    {
        "payload": {
            "sessionId": _SESSION,
            "subAccountId": "8x8_test",
            "sessionStatus": "COMPLETED",
            "startTime": "2026-03-25T06:01:30Z",
            "endTime": "2026-03-25T06:01:50Z",
            "lastAction": "MAKE_CALL",
            "callCount": 1,
            "details": {
                "callA": {
                    "callId": "1f048a83-ea6d-11ee-911b-e9023a97c284",
                    "callDirection": "OUTBOUND",
                    "callType": "PSTN",
                    "initiatedTimestamp": "2026-03-25T06:01:28Z",
                    "connectedTimestamp": "2026-03-25T06:01:37Z",
                    "disconnectedTimestamp": "2026-03-25T06:01:50Z",
                    "source": "+33199000000",
                    "destination": "+33199001234",
                    "sourceFormat": "MSISDN",
                    "destinationFormat": "MSISDN",
                    "sourceCountryCode": "FR",
                    "destinationCountryCode": "FR",
                    "SourceRefId": "null",
                    "callStatus": "COMPLETED",
                    "callDuration": 13,
                    "callQuality": {"mos": 4.5, "packetLossRate": 0, "jitter": 20},
                }
            },
        },
        "namespace": "VOICE",
        "eventType": "SESSION_SUMMARY",
        "description": "Summary of a completed call session",
    },
    indent=1,
)


def session_id(seed: int, number: int) -> str:
    """The session of an event, as 8x8 makes them: a UUID of version 1, so that each is a little later than
    the one before; here by 0.1 ms."""
    time = FIRST_MOMENT + seed * 10**10 + number * 1_000
    rest = blake2b(f"{seed}/{number}".encode(), digest_size=8).hexdigest()
    return f"{time & 0xFFFFFFFF:08x}-{time >> 32 & 0xFFFF:04x}-1{time >> 48:03x}-8{rest[1:4]}-{rest[4:]}"


def event(seed: int, number: int) -> bytes:
    """The event's body."""
    return EVENT.replace(_SESSION, session_id(seed, number)).encode()


@dataclass
class Account:
    """What was sent, and what became of it: entry ``i`` is about event number ``first + i``."""

    seed: int
    first: int
    statuses: "array[int]" = field(default_factory=lambda: array("H"))
    latencies: "array[float]" = field(default_factory=lambda: array("d"))  # seconds
    seconds: float = 0.0  # from the first request to the last answer

    def summary(self) -> dict[str, object]:
        statuses = Counter(self.statuses)
        taken = sorted(
            latency for latency, status in zip(self.latencies, self.statuses, strict=True) if status
        )
        return {
            "seed": self.seed,
            "first": self.first,
            "sent": len(self.statuses),
            "statuses": {str(status): count for status, count in sorted(statuses.items())},
            "not200": [self.first + i for i, status in enumerate(self.statuses) if status != 200],
            "seconds": self.seconds,
            "rate": len(taken) / self.seconds if self.seconds else 0.0,
            **{f"p{share}": _percentile(taken, share) for share in (50, 99, 100)},
        }


def answered(summary: dict[str, Any]) -> set[str]:
    """The sessions whose events were answered 200."""
    numbers = {*range(summary["first"], summary["first"] + summary["sent"])} - {*summary["not200"]}
    return {session_id(summary["seed"], number) for number in numbers}


class Load:
    """Connections that each send one event after another; ``run`` returns the account.

    It ends after ``count`` events or ``seconds``, after ``stop``, or when the receiver is gone: what was
    under way then counts as unanswered. Raises OSError where nobody listens. Plain sockets and epoll, because
    it shares the machine with what it measures: it takes half the time that asyncio would.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        seed: int = 1,
        first: int = 0,
        connections: int = CONNECTIONS,
        count: int | None = None,
        seconds: float | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        before, after = EVENT.encode().split(_SESSION.encode())
        head = (
            f"POST {parts.path.rstrip('/') or '/api/webhooks/vss'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Authorization: {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(event(seed, first))}\r\n\r\n"
        )
        self._before, self._after = head.encode() + before, after
        self._connections = connections
        self._count = count
        self._seconds = seconds
        self._end = float("inf")
        self.account = Account(seed, first)

    def run(self) -> Account:
        with ExitStack() as stack:
            epoll = stack.enter_context(select.epoll())
            open_ = {}
            for _ in range(self._connections):
                connection = _Connection(stack.enter_context(socket.create_connection(self._address)))
                open_[connection.number] = connection
                epoll.register(connection.number, select.EPOLLIN)
            start = last = time.perf_counter()
            if self._seconds is not None:
                self._end = start + self._seconds
            for number in [number for number, one in open_.items() if not self._send_next(one)]:
                del open_[number]
            while open_ and (ready := epoll.poll(PATIENCE)):
                for number, _ in ready:
                    if number in open_ and not self._received(open_[number]):
                        epoll.unregister(number)
                        del open_[number]
                last = time.perf_counter()
            self.account.seconds = last - start
        return self.account

    def stop(self) -> None:
        """Send no more; what is under way is waited for."""
        self._end = 0.0

    def _received(self, connection: "_Connection") -> bool:
        """Take in what a connection has received; whether it goes on."""
        try:
            data = connection.socket.recv(1 << 16)
        except OSError:
            return False
        if not data:
            return False
        status = connection.answered(data)
        if status is None:
            return True
        account, index = self.account, connection.index
        account.statuses[index] = status
        account.latencies[index] = time.perf_counter() - connection.sent
        return self._send_next(connection)

    def _send_next(self, connection: "_Connection") -> bool:
        account, index, now = self.account, len(self.account.statuses), time.perf_counter()
        if index == self._count or now >= self._end:
            return False
        account.statuses.append(UNANSWERED)
        account.latencies.append(0.0)
        session = session_id(account.seed, account.first + index)
        connection.index, connection.sent = index, now
        try:
            connection.socket.sendall(self._before + session.encode() + self._after)
        except OSError:
            return False
        return True


class _Connection:
    """``index`` is that of the event under way, ``sent`` when it was sent."""

    __slots__ = ("_partly", "index", "number", "sent", "socket")

    def __init__(self, connected: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connected
        self.number = connected.fileno()
        self.index = 0
        self.sent = 0.0
        self._partly = b""

    def answered(self, data: bytes) -> int | None:
        """The status of the answer, once all of it is there."""
        data = self._partly + data
        head = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, head) if head >= 0 else None
        if head < 0 or len(data) < head + 4 + (int(length[1]) if length else 0):
            self._partly = data
            return None
        self._partly = b""
        return int(data[9:12])


class Generator:
    """A load that runs in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def stop(self) -> None:
        self._process.terminate()

    def summary(self) -> dict[str, Any]:
        """Waits until it is over."""
        out, _ = self._process.communicate()
        assert self._process.returncode == 0, "the load generator failed"
        return dict(json.loads(out))


@contextmanager
def generating(url: str, *, token: str, **options: int | float) -> Iterator[Generator]:
    """Start one; ``options`` are those of the script."""
    command = [sys.executable, __file__, url, *(f"--{name}={value}" for name, value in options.items())]
    environment = {**os.environ, "WEBHOOK_AUTH_TOKEN": token}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield Generator(process)
        finally:
            process.kill()


def _percentile(ordered: Sequence[float], share: int) -> float:
    """In milliseconds."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] * 1000 if ordered else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first event")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--count", type=int)
    parser.add_argument("--seconds", type=float)
    options = vars(parser.parse_args())
    token = os.environ.get("WEBHOOK_AUTH_TOKEN", "")
    load = Load(options.pop("url"), token=token, **options)
    signal.signal(signal.SIGTERM, lambda *_: load.stop())
    print(json.dumps(load.run().summary()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
