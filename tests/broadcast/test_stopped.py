"""A broadcast that is stopped (Ctrl-Z) while it has what others need: they go on, and obey Ctrl-C."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import pytest
from broadcast_machine import Machine, ended
from conftest import RunningSandbox, wait_until
from engine_world import World, number
from soak import share_of

from voicecli.broadcast import eligibility, engine as engines
from voicecli.broadcast.policy import Policy
from voicecli.errors import StoreBusy
from voicecli.sessions.counts import Counts
from voicecli.store import unsubscribed
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.sqlite import SqliteStore

RATE = 20  # calls per second, of each and of both together
WATCHED = 10  # calls of the second one while the first is stopped
ROUND = 20  # stops until the second one is interrupted
FIRST, SECOND = "+3319900", "+3326191"  # whom they call
STOPPING = """
import os, random, signal, sys
from types import SimpleNamespace
from voicecli.broadcast import pace_file
dice, left, real = random.Random(int(sys.argv.pop(1))), 10, pace_file.system.try_lock

def try_lock(file, **options):
    global left
    taken = real(file, **options)
    if taken and not options.get("shared"):
        left -= 1
        if left == 0:
            left = dice.randint(1, 10)
            os.kill(os.getpid(), signal.SIGSTOP)
    return taken

pace_file.system = SimpleNamespace(**{**vars(pace_file.system), "try_lock": try_lock})
from voicecli.__main__ import main
main()
"""
"""The program, which stops itself at every few times that it has the pace's lock."""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux to see who is stopped")
@pytest.mark.process
@pytest.mark.soak
def test_one_that_is_stopped_with_the_pace_holds_up_nobody(tmp_path: Path) -> None:
    stops = share_of(400)
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        machine = Machine(tmp_path / "home", sandbox)
        machine.write_list(f"{SECOND}{number}" for number in range(2_000, 9_000))
        with _stopping(tmp_path, sandbox, seed=stops) as first:
            shares: list[float] = []
            known = ""
            while (done := len(shares)) < stops:
                command = ("resume", known) if known else machine.sending("--rate", f"{RATE}/s")
                before = _calls(sandbox)
                with machine.started(*command) as second:
                    wait_until(lambda before=before: _calls(sandbox) > before)
                    for _ in range(min(ROUND, stops - done)):
                        if _is_stopped(first.pid):
                            os.kill(first.pid, signal.SIGCONT)
                        wait_until(lambda: _is_stopped(first.pid))
                        shares.append(_share_of_the_pace(sandbox))
                    second.send_signal(signal.SIGINT)
                    finished = ended(second)
                    assert finished.code == 130, finished
                    known = finished.err.rpartition("resume ")[2].split()[0]
    assert median(shares) > 0.4, shares
    states = {row.state for row in machine.rows() if row.destination.startswith(SECOND)}
    assert states == {"accepted", "planned"}, "calls have become unknown"
    machine.check_never_twice()


@contextmanager
def _stopping(tmp_path: Path, sandbox: RunningSandbox, *, seed: int) -> Iterator["subprocess.Popen[bytes]"]:
    people = tmp_path / "first.csv"
    people.write_text("phone\n" + "".join(f"{FIRST}{number}\n" for number in range(2_000, 9_000)))
    command = ["broadcast", str(people), "Hello", "--yes", "--rate", f"{RATE}/s"]
    with subprocess.Popen(
        [sys.executable, "-c", STOPPING, str(seed), *command],
        env={**os.environ, **sandbox.environment, "VOICECLI_HOME": str(tmp_path / "home")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as first:
        try:
            yield first
        finally:
            first.kill()


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _calls(sandbox: RunningSandbox) -> int:
    """Of the second one."""
    return sum(number.startswith(SECOND) for number, _ in [*sandbox.sandbox.arrivals])


def _share_of_the_pace(sandbox: RunningSandbox) -> float:
    """How much of what the pace allows the second one makes of it, on a quiet machine all."""
    before, start = _calls(sandbox), time.monotonic()
    wait_until(lambda: _calls(sandbox) - before >= WATCHED)
    return (_calls(sandbox) - before) / (RATE * (time.monotonic() - start))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        world = World(tmp_path / "home", sandbox)
        with world.store, closing(world.journal):
            yield world
        world.pace.close()


@pytest.mark.soak
def test_who_was_stopped_with_the_store_is_waited_for(world: World) -> None:
    """For longer than a single call would wait; answers that come meanwhile are kept."""
    world.plan([number(index) for index in range(40)])
    shown: list[str] = []
    with closing(sqlite3.connect(world.store.path, isolation_level=None)) as stopped:

        def on_row(_row: BroadcastRow) -> None:
            if not shown and not stopped.in_transaction:
                stopped.execute("BEGIN IMMEDIATE")

        def on_progress(counts: Counts) -> None:
            if "holds the store" in counts.waiting:
                shown.append(counts.waiting)
                if len(shown) == 20:
                    stopped.execute("ROLLBACK")

        engine = world.run(Policy(concurrency=5), on_row=on_row, on_progress=on_progress)
    assert engine.ended_by is None
    assert len(shown) >= 20
    assert world.states == {RowState.ACCEPTED: 40}
    assert set(world.calls.values()) == {1}


async def test_while_somebody_has_the_store_it_can_be_interrupted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "GRACE", 0.3)
    world.plan([number(0)])
    held_up = asyncio.Event()
    with closing(sqlite3.connect(world.store.path, isolation_level=None)) as stopped:
        stopped.execute("BEGIN IMMEDIATE")
        work = asyncio.create_task(
            world.work(world.journal, on_progress=lambda counts: held_up.set() if counts.waiting else None)
        )
        await held_up.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert world.states == {RowState.PLANNED: 1}
    assert not world.calls


def test_nobody_is_called_before_it_is_known_who_has_unsubscribed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever another process that has the store makes of the first look."""
    world.plan([number(0), number(1)])
    looks = 0

    def busy_at_first(store: SqliteStore) -> set[str]:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise StoreBusy("Another process holds the store.")
        return unsubscribed.numbers(store) | {number(0)}

    monkeypatch.setattr(eligibility, "unsubscribed", SimpleNamespace(numbers=busy_at_first))
    world.run()
    assert looks == 3
    assert world.states == {RowState.SKIPPED: 1, RowState.ACCEPTED: 1}
    assert set(world.calls) == {number(1)}
