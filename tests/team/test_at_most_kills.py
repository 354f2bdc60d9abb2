"""Two broadcasts and a loop of ``call`` with ``--at-most``, all for the same people and killed at any moment:
nobody is reached twice, and nobody is left out. Counted at the sandbox."""

import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from broadcast_machine import PREFIXES
from conftest import DEADLINE, RunningSandbox
from forked import Forked
from shared_postgresql import environment
from soak import share_of

from voicecli.store.engine import Store
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

pytestmark = [pytest.mark.process, pytest.mark.soak]

FAULTY = ("5000", "5020", "5050", "1014")  # a 500, a 502, a cut connection, a refusal
LIMIT = ("--at-most", "1/24h", "--request-timeout", "5")
RATE = ("--rate", "40/s", "--concurrency", "8")
BETWEEN = 0.25  # seconds between two kills, as a mean


def shared_people(count: int) -> list[str]:
    faulty = [prefix + digits for prefix in PREFIXES for digits in FAULTY]
    plain = (f"{prefix}{digits}" for digits in range(2_000, 4_000) for prefix in PREFIXES)
    return (faulty + [number for number, _ in zip(plain, range(count), strict=False)])[:count]


class Caller:
    """Somebody who wants to call all of these people, and begins again where the last process was killed."""

    def __init__(self, world: "World", people: list[str]) -> None:
        self._world = world
        self.people = people
        self.process: subprocess.Popen[Any] | None = None

    def next_command(self) -> list[str] | None:
        """None where nobody is left."""
        raise NotImplementedError

    def go_on(self) -> None:
        """See that a process is at work, unless all is done."""
        if self.process is not None and self.process.poll() is None:
            return
        if (command := self.next_command()) is not None:
            self.process = self._world.start(command)

    def kill(self) -> bool:
        """Whether there was a process to kill."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.kill()
        self.process.wait(DEADLINE)
        self._world.forget(self.process.pid)
        self.process = None
        return True


class Loop(Caller):
    """One ``call`` after the other."""

    def __init__(self, world: "World", people: list[str]) -> None:
        super().__init__(world, people)
        self._next = cycle(people)

    def next_command(self) -> list[str]:
        return ["call", next(self._next), "Hello", *LIMIT]


class List(Caller):
    """A broadcast, resumed until a process has come to its end."""

    def __init__(self, world: "World", people: list[str], file: Path) -> None:
        super().__init__(world, people)
        self._file = file
        self._known: str | None = None
        file.write_text("phone,name\n" + "".join(f"{number},{file.stem}\n" for number in people))

    @property
    def is_done(self) -> bool:
        return self.process is not None and self.process.poll() in (0, 7, 9)

    def next_command(self) -> list[str] | None:
        if self.is_done:
            return None
        which = "SELECT id FROM broadcasts WHERE state != 'planning' AND file = ?"
        for (known,) in self._world.rows(which, str(self._file)):
            return ["broadcast", "resume", known]
        return ["broadcast", str(self._file), "Hello {name}", "--yes", *RATE, *LIMIT]


class World:
    """Who calls, with one store, and what the sandbox has seen."""

    def __init__(self, place: StorePlace, variables: dict[str, str], sandbox: RunningSandbox) -> None:
        self._place, self._sandbox = place, sandbox
        self._environment = {**os.environ, **sandbox.environment, **variables}

    def start(self, command: list[str]) -> "subprocess.Popen[Any]":
        with (self._place.folder.parent / "said").open("a") as said:
            return Forked(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=self._environment)

    def store(self) -> Store:
        return open_store(self._place)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.store() as store:
            return list(store.rows(query, values))

    def forget(self, process: int) -> None:
        """The leases of one that was killed are over, as they are 20 seconds later."""
        if self._place.url is not None:
            with self.store() as store, store.transaction() as transaction:
                transaction("UPDATE workers SET lease_until = 0 WHERE process = ?", (process,))

    def reached_twice(self) -> set[str]:
        """Whom 8x8 has called twice, or may have."""
        sandbox = self._sandbox.sandbox
        perhaps_placed: Counter[str] = Counter()
        for (number, request_id), count in sandbox.arrivals.items():
            perhaps_placed[number] += count - sandbox.refusals[number, request_id]
        called = Counter(session.destination for session in [*sandbox.sessions])
        return {number for number, count in (perhaps_placed | called).items() if count > 1}

    def left_out(self, people: list[str]) -> set[str]:
        """Whom nobody has called, and nobody may have."""
        arrived = {number for number, _ in self._sandbox.sandbox.arrivals}
        return {*people} - arrived - {number for (number,) in self.rows("SELECT destination FROM calls")}


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        if request.param == "sqlite":
            home = tmp_path / "home"
            yield World(StorePlace(home), {"VOICECLI_HOME": str(home)}, sandbox)
        else:
            place: StorePlace = request.getfixturevalue("team")
            yield World(place, environment(place), sandbox)


def test_nobody_is_reached_twice(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    part = 1 if "sqlite" in request.node.name else 4
    people, kills = shared_people(share_of(2_000 // part)), share_of(200 // part)
    dice = random.Random(19)
    orders = [dice.sample(people, len(people)) for _ in range(3)]
    lists = [List(world, order, tmp_path / f"{name}.csv") for order, name in zip(orders, "ab", strict=False)]
    callers: list[Caller] = [*lists, Loop(world, orders[2])]
    killed = 0
    next_kill = time.monotonic() + dice.uniform(0, 2 * BETWEEN)
    while killed < kills or not all(one.is_done for one in lists):
        for caller in callers:
            caller.go_on()
        time.sleep(0.02)  # between two looks at the processes
        if killed < kills and time.monotonic() >= next_kill:
            killed += dice.choice(callers).kill()
            next_kill = time.monotonic() + dice.uniform(0, 2 * BETWEEN)
    with suppress(ProcessLookupError):
        callers[-1].kill()
    assert not world.reached_twice()
    assert not world.left_out(people)
    [(skipped,)] = world.rows("SELECT count(*) FROM broadcast_rows WHERE state = 'skipped'")
    assert skipped
