"""A broadcast whose disk is full in the middle: it stops before the next call, and nothing is lost."""

import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from broadcast_machine import RESUME, Machine, ended
from conftest import Finished, RunningSandbox, wait_until

pytestmark = pytest.mark.process

ROWS = 400
MOMENT = 100  # requests: two lines for each fit into the pipe, which nobody reads meanwhile
LOG = 300_000  # bytes of the journal's log that are enough to plan so many rows, but not to call them
CONCURRENCY = 32
Fill = Callable[["subprocess.Popen[str]"], Callable[[], None]]


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, sandbox: RunningSandbox) -> Machine:
    """With all that voicecli keeps on one small disk. Skips where none can be made."""
    machine = Machine(tmp_path / "disk" / "home", sandbox)
    machine.home.mkdir(parents=True)
    machine.people = tmp_path / "people.csv"
    machine.write_list(f"+3319900{number}" for number in range(2_000, 2_000 + ROWS))
    return machine


@pytest.fixture
def small_disk(machine: Machine) -> Iterator[Path]:
    disk = machine.home.parent
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Until there is no room for a single byte."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


def sent_until_full(machine: Machine, fill: Fill, *options: str) -> Finished:
    """A broadcast whose disk is filled in the middle; how it ended. Then there is room again."""
    with machine.started(*machine.sending(*options)) as process:
        wait_until(lambda: machine.arrivals >= MOMENT or process.poll() is not None)
        make_room = fill(process)
        try:
            done = ended(process)
            arrived = machine.arrivals
            assert arrived < ROWS, "the disk was not full"
        finally:
            make_room()
    return done


def check(machine: Machine, done: Finished, *, lost: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """It stopped and said so, lost no answer but these, and can go on."""
    [known] = machine.broadcasts()
    assert done.code in (1, 7), done.err
    assert "can't be written" in done.err, done.err
    assert f"{RESUME} {known}" in done.err, done.err
    accepted = {row.destination: row.session for row in machine.rows() if row.state == "accepted"}
    placed = {destination: session for session, destination in machine.sessions().items()}
    assert {number: accepted[number] for number in placed if number in accepted} == accepted
    assert placed.keys() - accepted.keys() == lost
    assert {row.destination for row in machine.rows() if row.state == "sending"} == lost
    again = machine.run("resume", known)
    assert again.code == (7 if lost else 0), again.err
    machine.check_never_twice()
    states = machine.states()
    assert states == {"accepted": ROWS - len(lost), **({"unknown": len(lost)} if lost else {})}


@pytest.mark.soak
def test_a_disk_that_is_full_in_the_middle_loses_nothing(machine: Machine, small_disk: Path) -> None:
    def filled(_process: "subprocess.Popen[str]") -> Callable[[], None]:
        fill(small_disk)
        return (small_disk / "filler").unlink

    check(machine, sent_until_full(machine, filled))


def limited(longest: int) -> Fill:
    """From now on, no file can be written beyond so many bytes."""

    def limit(process: "subprocess.Popen[str]") -> Callable[[], None]:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY))
        return lambda: None

    return limit


@pytest.mark.soak
def test_a_log_that_can_t_grow_loses_nothing(machine: Machine) -> None:
    check(machine, sent_until_full(machine, limited(LOG)))


@pytest.mark.soak
def test_when_nothing_at_all_can_be_written_it_says_what_is_lost(machine: Machine) -> None:
    done = sent_until_full(machine, limited(1), "--json")
    rows = done.error["rows"]
    assert 0 < len(rows) <= CONCURRENCY
    assert {row["destination"]: row["sessionId"] for row in rows}.items() <= {
        (destination, session) for session, destination in machine.sessions().items()
    }
    check(machine, done, lost={row["destination"] for row in rows})


@pytest.mark.soak
def test_a_disk_that_is_full_before_the_first_call_calls_nobody(machine: Machine, small_disk: Path) -> None:
    with (small_disk / "filler").open("wb") as file:
        room = os.statvfs(small_disk)
        file.write(bytes((room.f_bavail - 200) * room.f_bsize))  # room for the rows, not for the reserve
    done = machine.run(*machine.sending())
    assert done.code == 1, done.err
    assert "can't be written" in done.err
    assert os.strerror(errno.ENOSPC) in done.err or "full" in done.err
    assert machine.arrivals == 0
    (small_disk / "filler").unlink()
    known = machine.broadcasts()
    assert machine.run(*(("resume", *known) if known else machine.sending())).code == 0
    machine.check_never_twice()
    assert machine.states() == {"accepted": ROWS}
    assert not list(machine.home.glob("*.reserve"))
