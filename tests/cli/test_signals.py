"""A signal at any moment of a call is not swallowed, and what is said after it is true."""

import math
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from zlib import crc32

import pytest
from conftest import DEADLINE, NUMBER, RunningSandbox
from soak import share_of

NUMBERS = (signal.SIGINT,) * 6 + (signal.SIGTERM, signal.SIGHUP)
KILLED = (-signal.SIGINT, -signal.SIGTERM, -signal.SIGHUP)
WORKERS = 2
PATIENCE = 4 * DEADLINE  # seconds for a call whose functions are counted, on a busy machine
LATE = 400  # calls of functions from connecting to the end
INSTALLED = Path(sys.executable).parent / "voicecli"
COUNTING = """
import atexit, os, sys
count, late, number, report = map(int, sys.argv.pop(1).split(","))
seen, connects = 0, False

def audit(event, arguments):
    global connects, seen
    if event == "socket.connect" and not connects:
        connects = True
        if late:
            seen = 0

def profile(frame, event, argument):
    global seen
    if event in ("call", "c_call"):
        seen += 1
        if seen == count and connects >= late:
            sys.setprofile(None)
            os.write(report, b"after" if connects else b"before")
            os.kill(os.getpid(), number)

def end():
    sys.setprofile(None)
    if not count:
        os.write(report, b"%d" % seen)

atexit.register(end)
sys.addaudithook(audit)
from voicecli.__main__ import main
sys.setprofile(profile)
main()
"""
"""The program, which sends itself a signal when its main thread calls a function, Python or C, for the n-th
time: also in the midst of an import. ``late`` counts from when it connects. Reports whether it had connected;
without a count, how many calls there are."""


@dataclass
class Interrupted:
    """A run that got a signal: when, what came of it, and whether its request can have left before."""

    seed: int
    moment: str
    message_id: str
    code: int
    out: str
    err: str
    had_connected: bool
    delay: float = math.inf  # seconds after exec

    def __str__(self) -> str:
        return f"seed {self.seed} ({self.moment}): exit {self.code}, out {self.out!r}, err {self.err!r}"


@dataclass
class Interrupter:
    """Interrupts calls at seeded moments: half of them after a time from exec to past the exit, half as the
    program comes to one of its calls of a function, from ``main`` on."""

    sandbox: RunningSandbox
    home: Path
    span: float = 0.0  # seconds that a call takes
    loading: float = 0.0  # seconds until ``main`` runs
    calls: int = 0  # of functions, in a call
    verdicts: "Counter[str]" = field(default_factory=Counter)
    untold: list[Interrupted] = field(default_factory=list)  # that say that nothing was placed
    _lock: Lock = field(default_factory=Lock)

    def measure(self) -> None:
        with self._started([str(INSTALLED)], "measure") as process:
            start = time.monotonic()
            process.communicate(timeout=PATIENCE)
            self.span = time.monotonic() - start
        start = time.monotonic()
        subprocess.run([sys.executable, INSTALLED, "--version"], check=True, stdout=subprocess.DEVNULL)
        self.loading = time.monotonic() - start
        self.calls = int(self._counted(0, signal.SIGINT, "count")[1])
        assert self.calls > 10_000

    def run(self, seed: int) -> None:
        dice = random.Random(seed)
        number = dice.choice(NUMBERS)
        message_id = f"signal-{seed}"
        if seed % 2:
            done = self._after(seed, dice.uniform(0, 1.1 * self.span), number, message_id)
        else:
            late = dice.random() < 0.5
            count = dice.randint(1, LATE if late else self.calls)
            (code, out, err), report = self._counted(count, number, message_id, late=late)
            moment = f"{number.name} at call {count:,}{' after it connects' if late else ''}"
            done = Interrupted(seed, moment, message_id, code, out, err, report != b"before")
        verdict = self._verdict(done)
        with self._lock:
            self.verdicts[verdict] += 1

    def _started(
        self, program: list[str], message_id: str, *, pass_fds: tuple[int, ...] = ()
    ) -> "subprocess.Popen[str]":
        once = ["--once"] if crc32(message_id.encode()) % 2 else []
        return subprocess.Popen(
            [sys.executable, *program, "call", NUMBER, "hi", "-q", "--message-id", message_id, *once],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.sandbox.environment, "VOICECLI_HOME": str(self.home)},
            pass_fds=pass_fds,
        )

    def _after(self, seed: int, delay: float, number: signal.Signals, message_id: str) -> Interrupted:
        with self._started([str(INSTALLED)], message_id) as process:
            time.sleep(delay)  # the moment is the test's input, not a wait for something
            process.send_signal(number)
            # What has not arrived by now can't have been answered, let alone told.
            has_arrived = bool(self.sandbox.requested(message_id))
            out, err = process.communicate(timeout=PATIENCE)
        moment = f"{number.name} after {delay:.4f} s"
        return Interrupted(seed, moment, message_id, process.returncode, out, err, has_arrived, delay)

    def _counted(
        self, count: int, number: signal.Signals, message_id: str, *, late: bool = False
    ) -> tuple[tuple[int, str, str], bytes]:
        reading, writing = os.pipe()
        program = ["-c", COUNTING, f"{count},{int(late)},{int(number)},{writing}"]
        with self._started(program, message_id, pass_fds=(writing,)) as process:
            out, err = process.communicate(timeout=PATIENCE)
        os.close(writing)
        with os.fdopen(reading, "rb") as report:
            return (process.returncode, out, err), report.read()

    def _verdict(self, done: Interrupted) -> str:
        """How it ended; fails where that is not true."""
        arrived = len(self.sandbox.requested(done.message_id))
        assert arrived <= 1, f"placed twice: {done}"
        row = self._row(done.message_id)
        if done.code in KILLED or (done.code == 1 and "KeyboardInterrupt\n" in done.err):
            assert not re.search(r"__main__\.py.*in main$", done.err, re.MULTILINE), f"a traceback: {done}"
            assert (arrived, row, done.out) == (0, None, ""), f"killed in the midst: {done}"
            return "before the program began"
        ignored = "Exception ignored" in done.err and done.delay < 2 * self.loading
        if done.code == 0 and (
            ignored or done.err.startswith("Failed checking if argv[0] is an import path")
        ):
            return "swallowed by Python itself, before the program began"
        assert "Traceback" not in done.err, f"swallowed, or not caught: {done}"
        assert "Exception ignored" not in done.err, f"swallowed: {done}"
        if done.code == 0:
            assert done.had_connected, f"swallowed: {done}"
            assert row == ("accepted", done.out.strip()), f"{row}: {done}"
            return "too late: placed, and told"
        assert done.code == 130, f"{done}"
        if told := re.search(r"accepted session (\S+)", done.err):
            assert row == ("accepted", told[1]), f"{row}: {done}"
            assert done.out in ("", f"{told[1]}\n"), f"{done}"
            return "interrupted, with its session"
        assert done.out == "", f"{done}"
        if "may have been placed" in done.err:
            # After a time, the request may leave while the signal is on its way to the program.
            assert done.had_connected or done.delay < math.inf, f"told wrongly: {done}"
            assert row is not None, f"told wrongly: {done}"
            assert row[0] == "unknown", f"{row}: {done}"
            return "interrupted: may have been placed"
        # By main itself, before it has loaded what says so.
        assert done.err in ("Error: Interrupted.\n", ""), f"{done}"
        assert row is None, f"the claim was not taken back ({row}): {done}"
        self.untold.append(done)
        return "interrupted: nothing was sent"

    def _row(self, message_id: str) -> tuple[str, str | None] | None:
        with closing(sqlite3.connect(self.home / "voicecli.sqlite3", timeout=DEADLINE)) as database:
            query = "SELECT state, session FROM calls WHERE client_request_id = ?"
            rows = database.execute(query, (message_id,)).fetchall()
        assert len(rows) <= 1
        return rows[0] if rows else None

    def check(self) -> None:
        """By now all that left has arrived."""
        wrong = [str(done) for done in self.untold if self.sandbox.requested(done.message_id)]
        assert wrong == [], "told that nothing was placed"


@pytest.mark.long
@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize("runs", [2, share_of(2_000)])
def test_a_signal_at_any_moment_of_a_call(tmp_path: Path, runs: int) -> None:
    with RunningSandbox(time_scale=1000, seed=1) as sandbox:
        interrupter = Interrupter(sandbox, tmp_path / "home")
        interrupter.measure()
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(interrupter.run, range(runs)))
        interrupter.check()
    assert interrupter.verdicts.total() == runs
    assert interrupter.verdicts["interrupted: nothing was sent"] > runs / 10
    print(dict(interrupter.verdicts))
