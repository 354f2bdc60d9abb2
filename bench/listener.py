"""How fast `voicecli listen` keeps events, beside a bare aiohttp handler that only parses and answers.

Both get the same events of about 1 KB over 32 connections, from a process of their own, in short runs that
take turns; what counts is the median of the paired ratios. Run it on a machine that is otherwise idle. With
--long, one listener keeps a million events. Exits 1 if a bar is missed: at least 0.75 of the bare handler's
rate (by `listen` with plain lines; --json, which prints each event whole, is shown beside it), 99 % of the
answers within 100 ms, every event that was answered 200 in the store, and once; with --long under 150 MB of
memory, and the rate at the end within 20 % of that at the start.
"""

import argparse
import asyncio
import os
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from load import answered, generating

ROUNDS, SECONDS = 15, 1.5
RATE_BAR = 0.75  # of the bare handler's rate
P99_BAR = 100.0  # milliseconds
EVENTS, CHUNK = 1_000_000, 5_000  # of the long run
ENDS = EVENTS // 20 // CHUNK  # chunks in its first and in its last 5 %
MEMORY_BAR = 150.0  # MB of the process that listens
DRIFT_BAR = 0.20
TOKEN = "token-of-this-bench"
START = 20.0  # seconds
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    url: str
    process: "subprocess.Popen[bytes]"

    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def cpu(self) -> tuple[float, float]:
        """Seconds of processor time so far: its own, and those of its children."""
        return _cpu(self.process.pid), sum(map(_cpu, self.children()))

    def peaks(self) -> tuple[float, float]:
        """The most memory that it ever had, in MB, and its children."""
        return _peak(self.process.pid), sum(map(_peak, self.children()))


@dataclass(frozen=True)
class Run:
    """One run of the generator against one server. Processor time is in microseconds for each event."""

    rate: float
    p99: float
    own: float
    children: float
    answered: frozenset[str]


@contextmanager
def serving(home: Path, *command: str, variables: Mapping[str, str] = {}) -> Iterator[Server]:
    """A server at a port of its own, once it answers; what it prints goes nowhere."""
    home.mkdir()
    port = free_port()
    unset = ("EIGHT_X", "OUTBOUND", "WEBHOOK", "NGROK", "PORT")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(unset)},
        "WEBHOOK_AUTH_TOKEN": TOKEN,
        "VOICECLI_HOME": str(home),
        **variables,
    }
    with subprocess.Popen(
        [*command, "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=home,
    ) as process:
        try:
            _wait_for(process, port)
            yield Server(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{process.args} did not start") from None
            time.sleep(0.02)


def run(server: Server, seed: int, **limit: float) -> Run:
    own, children = server.cpu()
    with generating(server.url, token=TOKEN, seed=seed, **limit) as generator:
        summary = generator.summary()
    own, children = (now - before for now, before in zip(server.cpu(), (own, children), strict=True))
    events = summary["sent"]
    return Run(
        summary["rate"], summary["p99"], own / events * 1e6, children / events * 1e6, _answered(summary)
    )


def _answered(summary: dict[str, Any]) -> frozenset[str]:
    if summary["not200"]:
        raise RuntimeError(f"Not every event was answered 200: {summary['statuses']}")
    return frozenset(answered(summary))


def lost_and_doubled(home: Path, sent: set[str]) -> tuple[int, int]:
    """How many events that were answered 200 are not in the store, and how many are there twice."""
    with closing(sqlite3.connect(f"file:{home}/voicecli.sqlite3?mode=ro", uri=True)) as database:
        stored: Counter[str] = Counter()
        for session, times in database.execute("SELECT session, times FROM events"):
            stored[session] += times
    return len(sent - stored.keys()), sum(times > 1 for times in stored.values())


def compare(folder: Path) -> bool:
    """The short runs; whether all bars are met."""
    with ExitStack() as stack:
        servers = {
            "bare aiohttp handler": stack.enter_context(serving(folder / "bare", *BARE)),
            "listen --json": stack.enter_context(serving(folder / "json", *LISTEN, "--json")),
            "listen": stack.enter_context(serving(folder / "plain", *LISTEN)),
        }
        runs: dict[str, list[Run]] = defaultdict(list)
        for number in range(ROUNDS):
            for name in list(servers)[:: 1 if number % 2 else -1]:
                runs[name].append(run(servers[name], number, seconds=SECONDS))
    bare = runs["bare aiohttp handler"]
    print(f"{'':<22}     rate  x bare   p99 (worst)   processor: own + child")
    ratios = {}
    for name in servers:
        theirs = runs[name]
        ratios[name] = statistics.median(one.rate / two.rate for one, two in zip(theirs, bare, strict=True))
        rate, p99, own, children = (
            statistics.median(getattr(one, what) for one in theirs)
            for what in ("rate", "p99", "own", "children")
        )
        worst = max(one.p99 for one in theirs)
        print(
            f"{name:<22} {rate:6.0f}/s  {ratios[name]:6.2f}  {p99:4.0f} ({worst:3.0f}) ms"
            f"   {own:4.0f} + {children:2.0f} µs an event"
        )
    fine = []
    for name, place in (("listen --json", "json"), ("listen", "plain")):
        sent = {session for one in runs[name] for session in one.answered}
        lost, doubled = lost_and_doubled(folder / place, sent)
        print(f"{name}: {len(sent):,} events answered 200, {lost} lost, {doubled} twice (bar: none)")
        fine.append(lost == doubled == 0)
    p99 = max(one.p99 for name in ("listen", "listen --json") for one in runs[name])
    print(f"rate: listen {ratios['listen']:.2f} x bare (bar: at least {RATE_BAR:g})")
    print(f"p99:  {p99:.0f} ms in the worst run of both (bar: under {P99_BAR:g} ms)")
    return all(fine) and ratios["listen"] >= RATE_BAR and p99 < P99_BAR


def endure(folder: Path) -> bool:
    """A million events in one listener; whether all bars are met."""
    sent: set[str] = set()
    rates: list[float] = []
    bare_rates: list[float] = []
    chunks = EVENTS // CHUNK
    with serving(folder / "bare", *BARE) as bare, serving(folder / "long", *LISTEN, "--json") as listener:
        for number in range(chunks):
            one = run(listener, number, count=CHUNK)
            rates.append(one.rate)
            sent |= one.answered
            if not ENDS <= number < chunks - ENDS:  # how fast the machine is at the moment
                bare_rates.append(run(bare, number, seconds=SECONDS).rate)
            if number % 20 == 19:
                print(f"{len(sent):,} events, {one.rate:.0f}/s", file=sys.stderr)
        own, child = listener.peaks()
    lost, doubled = lost_and_doubled(folder / "long", sent)
    first, last = statistics.median(rates[:ENDS]), statistics.median(rates[-ENDS:])
    bare_first, bare_last = statistics.median(bare_rates[:ENDS]), statistics.median(bare_rates[-ENDS:])
    corrected = (last / bare_last) / (first / bare_first)
    print(f"{len(sent):,} events answered 200, {lost} lost, {doubled} twice (bar: none)")
    print(
        f"peak memory: {own:.0f} MB (bar: under {MEMORY_BAR:g} MB); of the process that writes {child:.0f} MB"
    )
    print(f"rate over the first 5 %: {first:.0f}/s (bare handler: {bare_first:.0f}/s)")
    print(f"rate over the last 5 %:  {last:.0f}/s (bare handler: {bare_last:.0f}/s)")
    print(f"last / first: {last / first:.2f}; against the bare handler: {corrected:.2f}")
    print(f"(bar: within {DRIFT_BAR:.0%}, against the bare handler)")
    return lost == doubled == 0 and own < MEMORY_BAR and corrected >= 1 - DRIFT_BAR


async def serve_bare(port: int) -> None:
    """What the listener is measured against."""
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        await request.json()
        return web.json_response({})

    application = web.Application()
    application.add_routes([web.post("/api/webhooks/vss", handle)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _peak(pid: int) -> float:
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


BARE = (sys.executable, __file__, "--bare")
LISTEN = (sys.executable, "-m", "voicecli", "listen", "--no-tunnel")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        asyncio.run(serve_bare(options.port))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return 0 if (endure if options.long else compare)(Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
