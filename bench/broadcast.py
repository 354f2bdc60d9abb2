"""How fast `voicecli broadcast` calls a list, its journal on disk, beside curl and a bare aiohttp client.

All post the same bodies to the same sandbox, which is a process of its own, in short runs that take turns;
what counts is the median of the paired ratios. Run it on a machine that is otherwise idle: it takes up to
five minutes. Exits 1 if a bar is missed: 5 times the rate of `xargs -P 16 curl`, 0.74 of that of a bare
client with 32 connections; of a million rows the first called within 30 s of the start, in less than 300 MB;
of 100,000 the last 10,000 called not more than 20 % slower than the first, and none twice. Where others use
the machine, too, the processor time for each call tells more than the rate.
"""

import argparse
import asyncio
import json
import os
import re
import shlex
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from voicecli.broadcast.lists.recipients import Recipients, read
from voicecli.broadcast.plan import Plan
from voicecli.calling.script import Script
from voicecli.sandbox.account import environment
from voicecli.sandbox.numbers import Behaviour, behaviour_of
from voicecli.store.broadcasts import BroadcastRow, RowState

ROUNDS = 7
CALLS, CURLS = 5_000, 300  # in one run
CURL_BAR, BARE_BAR = 5.0, 0.74  # times the rate of each
MANY = 1_000_000
FIRST_CALL_BAR = 30.0  # seconds
MEMORY_BAR = 300.0  # MB
LONG, END = 100_000, 10_000
DRIFT_BAR = 0.20
CONNECTIONS, CURLS_AT_ONCE = 32, 16
TIME_SCALE = 60  # the sandbox's: calls end soon, so that it has as much to do at the start as at the end
PATIENCE = 240.0  # seconds for one run
MESSAGE = "Hello {name}, your appointment is at {time}, and your code is {code}."
VOICECLI = (sys.executable, "-m", "voicecli")
TICKS = os.sysconf("SC_CLK_TCK")
_CALL = re.compile(rb"^POST callflows 200 (\+\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Sandbox:
    """``log`` has a line for each request that was answered."""

    variables: dict[str, str]
    log: Path

    @property
    def url(self) -> str:
        variables = self.variables
        subaccount = variables["EIGHT_X_EIGHT_SUBACCOUNT_ID"]
        return f"{variables['EIGHT_X_EIGHT_BASE_URL']}/api/v1/subaccounts/{subaccount}/callflows"

    @property
    def headers(self) -> dict[str, str]:
        key = self.variables["EIGHT_X_EIGHT_API_KEY"]
        return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def called(self) -> list[str]:
        """The numbers whose calls were accepted, in this order."""
        return [number.decode() for number in _CALL.findall(self.log.read_bytes())]

    def forget(self) -> None:
        os.truncate(self.log, 0)


@contextmanager
def sandbox(folder: Path) -> Iterator[Sandbox]:
    """In a process of its own."""
    log = folder / "sandbox.log"
    command = [*VOICECLI, "sandbox", "--port", "0", "--time-scale", str(TIME_SCALE)]
    with (
        log.open("ab") as lines,  # to the end, wherever that is by then
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=lines, cwd=folder) as process,
    ):
        assert process.stdout is not None
        try:
            _, _, url = process.stdout.readline().decode().strip().partition("=")
            yield Sandbox(environment(url), log)
        finally:
            process.terminate()


# -- the list ----------------------------------------------------------------------------------------


def people(count: int) -> Iterator[str]:
    """The lines of a list. Its numbers are of a range that nobody has, and are only told to the sandbox: it
    answers the calls to all of them."""
    yield "phone,name,time,code\n"
    numbers = (f"+33199{number:06}" for number in range(1_000_000))
    if count < MANY:
        numbers = (number for number in numbers if behaviour_of(number) == Behaviour())
    for index, number in zip(range(count), numbers, strict=False):
        yield f"{number},Person {index},{index % 24:02}:{index % 60:02},{index * 7919 % 1_000_000:06}\n"


def write_list(folder: Path, count: int) -> Path:
    path = folder / f"people-{count}.csv"
    with path.open("w") as file:
        file.writelines(people(count))
    return path


def write_bodies(path: Path, recipients: Recipients, source: str) -> None:
    """One body a line: the very requests that the broadcast makes."""
    plan = Plan(recipients, Script(source, MESSAGE))
    with path.open("w") as file:
        for record in recipients:
            row = BroadcastRow(record.line, plan.number(record), RowState.SENDING, 1)
            body = plan.request(row, f"b0000000000-{row.line}-1").body()
            file.write(json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n")


# -- the rivals: calls per second --------------------------------------------------------------------


@dataclass(frozen=True)
class Broadcast:
    """What one broadcast came to. Times are in seconds, memory in MB."""

    accepted: list[float]  # when, from the first on
    first_call: float  # from the start of the process, by the sandbox's log
    whole: float
    peak: float
    processor: list[tuple[float, float]]  # when, on the same clock, and how much of it was taken until then

    def rate(self) -> float:
        return (len(self.accepted) - 1) / self.accepted[-1]

    def cost(self, moments: list[float]) -> float:
        """Microseconds of processor time for each of the calls that were accepted at these moments."""
        first, last = ([used for at, used in self.processor if at <= moments[i]][-1] for i in (0, -1))
        return (last - first) / len(moments) * 1e6


def broadcast(folder: Path, local: Sandbox, path: Path, *options: str) -> Broadcast:
    """The real thing, with a store of its own."""
    home = Path(tempfile.mkdtemp(dir=folder))
    local.forget()
    start, first_call, processor = time.perf_counter(), 0.0, []
    process = subprocess.Popen(
        [*VOICECLI, "broadcast", str(path), MESSAGE, "--yes", *options],
        env={**os.environ, **local.variables, "VOICECLI_HOME": str(home)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ended = 0
    while not ended:
        if not first_call and local.log.stat().st_size and local.called():
            first_call = time.perf_counter() - start
        if time.perf_counter() - start > PATIENCE:
            process.kill()
        processor.append((time.time(), _processor(process.pid)))
        time.sleep(0.02)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    whole = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if not first_call:
        raise RuntimeError("voicecli broadcast has called nobody")
    with closing(sqlite3.connect(home / "voicecli.sqlite3")) as database:
        query = "SELECT changed FROM broadcast_rows WHERE state = 'accepted' ORDER BY changed"
        moments = [int(changed) for (changed,) in database.execute(query)]
    shutil.rmtree(home)
    return Broadcast(
        [(one - moments[0]) / 1e6 for one in moments],
        first_call,
        whole,
        usage.ru_maxrss / 1e3,
        [(at - moments[0] / 1e6, used) for at, used in processor],
    )


def _processor(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def curl(local: Sandbox, bodies: Path) -> float:
    """`xargs -P 16 curl`, a body each."""
    options = [f"-H{name}: {value}" for name, value in local.headers.items()]
    each = shlex.join(["curl", "-sS", "-o", "/dev/null", local.url, *options, "--data-binary"])
    start = time.perf_counter()
    command = f"head -n {CURLS} {bodies} | xargs -d '\\n' -n 1 -P {CURLS_AT_ONCE} {each}"
    subprocess.run(command, shell=True, check=True, timeout=PATIENCE)
    return CURLS / (time.perf_counter() - start)


def bare(local: Sandbox, bodies: Path) -> float:
    """The same in a process of its own: what it prints is its rate."""
    command = [sys.executable, __file__, "--bare", str(bodies)]
    variables = {**os.environ, "BENCH_URL": local.url, "BENCH_HEADERS": json.dumps(local.headers)}
    return float(subprocess.check_output(command, env=variables, timeout=PATIENCE))


async def post_all(bodies: list[bytes], url: str, headers: dict[str, str]) -> float:
    """What the broadcast is measured against: nothing but aiohttp, and each answer read."""
    import aiohttp

    left = iter(bodies)

    async def work(client: aiohttp.ClientSession) -> None:
        for body in left:
            async with client.post(url, data=body, headers=headers) as response:
                (await response.json())["sessionId"]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as client:
        start = time.perf_counter()
        await asyncio.gather(*(work(client) for _ in range(CONNECTIONS)))
        return len(bodies) / (time.perf_counter() - start)


# -- bars --------------------------------------------------------------------------------------------


def compare(folder: Path, local: Sandbox) -> bool:
    """Short runs in turn; whether the bars are met."""
    path, bodies = write_list(folder, CALLS), folder / "bodies"
    write_bodies(bodies, read(path.read_bytes()), local.variables["OUTBOUND_PHONE_NUMBER"])
    rates: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        sent = broadcast(folder, local, path)
        if sorted(local.called()) != sorted(set(local.called())) or len(sent.accepted) != CALLS:
            raise RuntimeError(f"{len(sent.accepted):,} of {CALLS:,} were accepted, or some called twice")
        rates["voicecli broadcast"].append(sent.rate())
        rates["  as a whole process"].append(CALLS / sent.whole)
        rates["bare aiohttp client"].append(bare(local, bodies))
        rates["xargs -P 16 curl"].append(curl(local, bodies))
    ours = rates["voicecli broadcast"]
    ratio = {}
    for name, theirs in rates.items():
        ratio[name] = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
        print(f"{name:<22} {statistics.median(theirs):6.0f} calls/s   broadcast is {ratio[name]:6.2f} x")
    curls, bares = ratio["xargs -P 16 curl"], ratio["bare aiohttp client"]
    print(f"beside curl: {curls:.1f} x (bar: at least {CURL_BAR:g})")
    print(f"beside the bare client: {bares:.2f} x (bar: at least {BARE_BAR:g})")
    return curls >= CURL_BAR and bares >= BARE_BAR


def begin_many(folder: Path, local: Sandbox) -> bool:
    """A million rows, of which a few are called; whether the bars are met."""
    sent = broadcast(folder, local, write_list(folder, MANY), "--max-calls", "100")
    print(
        f"{MANY:,} rows: first call after {sent.first_call:.1f} s (bar: {FIRST_CALL_BAR:g}), "
        f"at most {sent.peak:.0f} MB (bar: {MEMORY_BAR:g})"
    )
    return sent.first_call < FIRST_CALL_BAR and sent.peak < MEMORY_BAR


def endure(folder: Path, local: Sandbox) -> bool:
    """A long list to its end; whether the bars are met."""
    sent = broadcast(folder, local, write_list(folder, LONG))
    called = local.called()
    tenths = [sent.accepted[at : at + END] for at in range(0, len(sent.accepted), END)]
    tenths[0] = [moment for moment in sent.accepted if moment > 1.0][:END]  # warmed up
    rates = [(len(tenth) - 1) / (tenth[-1] - tenth[0]) for tenth in tenths]
    print(f"{LONG:,} rows: {sent.rate():.0f} calls/s, in {sent.whole:.0f} s, at most {sent.peak:.0f} MB")
    print(f"  by tenths: {' '.join(f'{rate:.0f}' for rate in rates)} calls/s")
    print(f"  processor: {' '.join(f'{sent.cost(tenth):.0f}' for tenth in tenths)} µs a call")
    print(f"  the last beside the first: {rates[-1] / rates[0]:.2f} (bar: at least {1 - DRIFT_BAR:g})")
    print(f"  {len(called):,} calls, {len(called) - len(set(called))} of them a second time (bar: none)")
    return rates[-1] >= (1 - DRIFT_BAR) * rates[0] and len(set(called)) == len(called) == LONG


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=[part.__name__ for part in PARTS])
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bodies = options.bare.read_bytes().splitlines()
        headers = json.loads(os.environ["BENCH_HEADERS"])
        print(asyncio.run(post_all(bodies, os.environ["BENCH_URL"], headers)))
        return 0
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder)) as local:
        parts = [part for part in PARTS if options.only in (None, part.__name__)]
        met = [part(Path(folder), local) for part in parts]
        return 0 if all(met) else 1


PARTS = (compare, begin_many, endure)

if __name__ == "__main__":
    sys.exit(main())
