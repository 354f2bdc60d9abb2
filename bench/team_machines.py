"""What ``team.py`` runs its parts in: processes as machines, each with a folder of its own, and a sandbox.

As a script it is that sandbox, which answers each call after ``--delay`` seconds: what it prints is its URL,
and each line of its log begins with the moment, in seconds since 1970.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("tests", "tests/store")]

import postgresql_server

from voicecli import team_store
from voicecli.sandbox import server as sandbox_server
from voicecli.sandbox.account import environment
from voicecli.sandbox.delivery import WebhookDelivery
from voicecli.sandbox.server import Sandbox
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.postgresql_migrating import migrate

VOICECLI = (sys.executable, "-m", "voicecli")
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 240.0  # seconds for one broadcast
START = 20.0  # seconds until a process is ready
_CALL = re.compile(r"^(\S+) POST callflows 200 (\+\d+)$", re.MULTILINE)
_ACKNOWLEDGED = re.compile(r"^(\S+) VSS (\S+) acknowledged$", re.MULTILINE)


# -- the sandbox -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LocalSandbox:
    """A sandbox in a process of its own. Moments are in seconds since 1970."""

    variables: Mapping[str, str]
    log: Path

    def calls(self) -> list[tuple[float, str]]:
        """When each call was accepted, and whose it was, in this order."""
        return [(float(moment), number) for moment, number in _CALL.findall(self.log.read_text())]

    def acknowledged(self) -> dict[str, float]:
        """When the listener had acknowledged the summary of each session."""
        return {session: float(moment) for moment, session in _ACKNOWLEDGED.findall(self.log.read_text())}

    def forget(self) -> None:
        os.truncate(self.log, 0)


@contextmanager
def sandbox(folder: Path, *, delay: float = 0.0, time_scale: int = 60) -> Iterator[LocalSandbox]:
    log = folder / f"sandbox-{delay:g}-{time_scale}.log"
    command = [sys.executable, __file__, f"--delay={delay}", f"--time-scale={time_scale}"]
    with (
        log.open("a") as lines,  # to the end, wherever that is by then
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=lines, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            yield LocalSandbox(environment(process.stdout.readline().strip()), log)
        finally:
            process.terminate()


class _SlowSandbox(Sandbox):
    delay = 0.0  # seconds

    async def _send_callflow(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.delay)
        return await super()._send_callflow(request)


class _LoggedDelivery(WebhookDelivery):
    async def deliver(
        self, kind: str, event: dict[str, object], *, after: float = 0, again: bool = True
    ) -> bytes | None:
        reply = await super().deliver(kind, event, after=after, again=again)
        payload = event["payload"]
        if reply is not None and isinstance(payload, dict):
            _log(f"{kind} {payload['sessionId']} acknowledged")
        return reply


def _log(line: str) -> None:
    print(f"{time.time():.6f} {line}", file=sys.stderr, flush=True)


async def _serve(delay: float, time_scale: int) -> None:
    sandbox_server.WebhookDelivery = _LoggedDelivery  # type: ignore[attr-defined]
    _SlowSandbox.delay = delay
    print(await _SlowSandbox(time_scale=time_scale, seed=1, log=_log).start(), flush=True)
    await asyncio.Event().wait()


# -- machines ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine:
    """``variables`` lead to the sandbox and to the store."""

    home: Path
    variables: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables, "VOICECLI_HOME": str(self.home)}

    @property
    def said(self) -> Path:
        """What its processes have said on standard error."""
        return self.home / "said"

    @contextmanager
    def started(self, *arguments: str, stdout: int = subprocess.DEVNULL) -> "Iterator[subprocess.Popen[str]]":
        """``voicecli`` with these arguments; killed in the end if it still runs."""
        self.home.mkdir(exist_ok=True)
        with (
            self.said.open("a") as errors,
            subprocess.Popen(
                [*VOICECLI, *arguments],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def told(self, pattern: str) -> str:
        """The first group of what it says, once it has."""
        end = time.monotonic() + START
        while (found := re.search(pattern, self.said.read_text(), re.MULTILINE)) is None:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.home} does not say it: {self.said.read_text()}")
            time.sleep(0.01)
        return found[1]


@dataclass(frozen=True)
class Team:
    """What a team has: a server, a pool before it, and a secret."""

    server: postgresql_server.Server
    bouncer: postgresql_server.Bouncer
    folder: Path
    key: str

    def new_store(self, *, pooled: bool = False) -> dict[str, str]:
        """The variables that lead to an empty one; through PgBouncer where it is ``pooled``."""
        name = self.server.create_database()
        store = {"VOICECLI_STORE": self.server.url(name), "VOICECLI_STORE_KEY": self.key}
        migrate(self._place(store))
        return {**store, "VOICECLI_STORE": (self.bouncer if pooled else self.server).url(name)}

    def events(self, store: Mapping[str, str]) -> list[str]:
        """The sessions of the events in it."""
        with open_store(self._place(store)) as opened:
            return [str(session) for (session,) in opened.rows("SELECT session FROM events")]

    def _place(self, store: Mapping[str, str]) -> StorePlace:
        return StorePlace(self.folder, store["VOICECLI_STORE"], team_store.read_key(self.key))


@contextmanager
def starting(folder: Path) -> Iterator[Team]:
    """A server whose commits are on the disk when they return."""
    with (
        postgresql_server.running(durable=True) as server,
        postgresql_server.pooling(server) as bouncer,
    ):
        yield Team(server, bouncer, folder, team_store.new_key())


def bar(what: str, found: float, *, at_least: float | None = None, at_most: float | None = None) -> bool:
    """Print what was found; whether it is within its bar."""
    bars = [f"at least {at_least:g}"] if at_least is not None else []
    bars += [f"at most {at_most:g}"] if at_most is not None else []
    met = (at_least is None or found >= at_least) and (at_most is None or found <= at_most)
    print(f"{what}: {found:.4g} (bar: {', '.join(bars)}){'' if met else '   MISSED'}", flush=True)
    return met


def processor(pid: int) -> float:
    """Seconds of processor time that a process, and its children that have ended, have taken; 0 for one that
    is no more."""
    try:
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, numbers[11:15])) / TICKS


def family(pid: int) -> float:
    """The same with all that are alive of its children."""
    children: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            children += map(int, task.read_text().split())
    return processor(pid) + sum(map(family, children))


@dataclass
class Meter:
    """Processor time of several processes, sampled while they run."""

    pids: Sequence[int]
    samples: list[tuple[float, float]] = field(default_factory=list)  # moment, seconds taken until then

    def sample(self) -> None:
        self.samples.append((time.time(), sum(map(family, self.pids))))

    def between(self, first: float, last: float) -> float:
        """Seconds that they took between two moments."""
        start, end = ([used for at, used in self.samples if at <= moment][-1] for moment in (first, last))
        return end - start


def percentile(values: Sequence[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--time-scale", type=int, default=60)
    options = parser.parse_args()
    asyncio.run(_serve(options.delay, options.time_scale))
