"""The engine when answers, reports and accidents come in an unlucky order: never twice, and none left out."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from conftest import DEADLINE, RunningSandbox
from past import event, keep

from voicecli import callflow
from voicecli.async_client import AsyncClient
from voicecli.broadcast import journal as journals
from voicecli.broadcast.conduct import Conduct
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.hours import Hours
from voicecli.broadcast.journal import PAGE, Journal, Row, RowState, State
from voicecli.broadcast.pacing import Pace
from voicecli.callflow import CallRequest
from voicecli.errors import OutputFailed, StoreFailed
from voicecli.sandbox import API_KEY, SOURCE, SUBACCOUNT
from voicecli.store import Store
from voicecli.tally import Tally

SILENT, TWICE_TOO_MANY = "+33199005040", "+33199004291"


def number(index: int) -> str:
    return f"+3319900{2_000 + index}"


class World:
    """A journal and what works on it. ``calls`` counts the requests that reached the sandbox, by number."""

    def __init__(self, home: Path, sandbox: RunningSandbox) -> None:
        self.home = home
        self.sandbox = sandbox
        self.store = Store(home)
        self.pace = Pace(home / "pace", None)
        self.journal = journals.create(
            self.store,
            base_url=sandbox.sandbox.url,
            subaccount=SUBACCOUNT,
            file="",
            fingerprint=b"",
            shard=(1, 1),
            options={},
            said=b"",
        )

    def plan(self, destinations: Sequence[str]) -> None:
        rows = [Row(line, whom, RowState.PLANNED) for line, whom in enumerate(destinations, 1)]
        self.journal.plan(rows, again=True)

    def report(self, line: int, outcome: str, *, attempt: int = 1) -> None:
        """8x8 tells how an attempt ended."""
        row = self.row(line)
        request_id = f"{self.journal.broadcast.id}-{line}-{attempt}"
        keep(
            self.home,
            event("VSS", outcome, f"s-{line}", number=row.destination, clientRequestId=request_id),
        )

    def row(self, line: int) -> Row:
        row = self.journal.row(line)
        assert row is not None
        return row

    def run(
        self,
        conduct: Conduct | None = None,
        *,
        request: Callable[[Row, str], CallRequest] | None = None,
        hours: Hours | None = None,
        tell: Callable[[Row], None] = lambda row: None,
        show: Callable[[Tally], None] = lambda tally: None,
    ) -> Engine:
        client = AsyncClient(
            api_key=API_KEY,
            subaccount_id=SUBACCOUNT,
            base_url=self.sandbox.sandbox.url,
            request_timeout=0.5,
        )
        engine = Engine(
            self.journal,
            client,
            self.pace,
            conduct or Conduct(),
            request=request or call_request,
            hours=hours,
            tell=tell,
            show=show,
        )

        async def work() -> None:
            async with asyncio.timeout(DEADLINE), client:
                await engine.run()

        asyncio.run(work())
        return engine

    @property
    def calls(self) -> Counter[str]:
        counted: Counter[str] = Counter()
        for (destination, _), count in self.sandbox.sandbox.arrivals.items():
            counted[destination] += count
        return counted


def call_request(row: Row, request_id: str) -> CallRequest:
    return callflow.voice_message(row.destination, "Hello", source=SOURCE, message_id=request_id)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        world = World(tmp_path / "home", sandbox)
        yield world
        world.journal.close()
        world.store.close()


AGAIN = Conduct(retry=frozenset({"NO_ANSWER"}), attempts=3, every=2.0)


# -- reports that come while a row waits for its turn ------------------------------------------------


def test_one_that_is_found_twice_among_those_to_be_called_again_is_called_once(world: World) -> None:
    rows = PAGE + 100
    world.plan([number(index) for index in range(rows)])
    last = world.row(rows)
    world.journal.write([(last, last._replace(state=RowState.UNKNOWN, attempts=1))])
    done: list[Row] = []

    def tell(row: Row) -> None:
        done.append(row)
        if len(done) == 1:  # the first page is read, and that row is on the second one
            world.report(rows, "NO_ANSWER")

    world.run(AGAIN, tell=tell)
    assert world.calls[last.destination] == 1
    assert world.row(rows).attempts == 2


def test_one_whose_outcome_comes_before_its_answer_waits_for_the_answer(world: World) -> None:
    world.plan([SILENT])

    def tell(row: Row) -> None:
        if row.state is RowState.SENDING and row.attempts == 1:
            world.report(1, "NO_ANSWER")

    world.run(Conduct(retry=frozenset({"NO_ANSWER"}), attempts=2, every=0.0), tell=tell)
    assert world.calls == {SILENT: 2}
    assert world.row(1).state is RowState.UNKNOWN
    assert world.row(1).attempts == 2


def test_one_that_waits_for_the_pace_is_not_called_when_a_report_says_that_it_was(world: World) -> None:
    world.plan([number(0), number(1)])
    world.journal.write([(world.row(2), world.row(2)._replace(attempts=1))])  # as --retry-unknown leaves it
    world.pace = Pace(world.home / "slow", 2.0)

    def tell(row: Row) -> None:
        if row.line == 1 and row.state is RowState.ACCEPTED:
            world.report(2, "COMPLETED")

    world.run(tell=tell)
    assert world.calls == {number(0): 1}
    assert (world.row(2).state, world.row(2).outcome) == (RowState.ACCEPTED, "COMPLETED")


def test_one_that_is_answered_429_is_not_called_when_a_report_says_that_it_was(world: World) -> None:
    world.plan([TWICE_TOO_MANY])
    world.journal.write([(world.row(1), world.row(1)._replace(attempts=1))])  # as --retry-unknown leaves it

    def tell(row: Row) -> None:
        if row.state is RowState.PLANNED:  # after the 429
            world.report(1, "COMPLETED")

    world.run(tell=tell)
    assert world.calls == {TWICE_TOO_MANY: 1}
    assert (world.row(1).state, world.row(1).outcome) == (RowState.ACCEPTED, "COMPLETED")


# -- what goes wrong in between ----------------------------------------------------------------------


class Broken(Pace):
    """A pace whose file fails at some moment."""

    def __init__(self, path: Path, *, takes: int = 1_000, answers: int = 1_000) -> None:
        super().__init__(path, None)
        self.takes = takes
        self.answers = answers

    def take(self) -> float | None:
        self.takes -= 1
        if self.takes < 0:
            raise StoreFailed("The file of the pace can't be written.")
        return super().take()

    def answered(self) -> None:
        self.answers -= 1
        if self.answers < 0:
            raise StoreFailed("The file of the pace can't be written.")
        super().answered()


def states(world: World) -> Counter[RowState]:
    return Counter(row.state for row in world.journal.rows())


def test_when_the_pace_fails_before_a_call_nobody_is_taken_for_called(world: World) -> None:
    world.plan([number(index) for index in range(20)])
    world.pace = Broken(world.home / "pace", takes=10)
    engine = world.run()
    assert isinstance(engine.ended_by, StoreFailed)
    assert world.calls == {}
    assert states(world) == {RowState.PLANNED: 20}


def test_when_the_pace_fails_after_a_call_its_answer_is_kept(world: World) -> None:
    world.plan([number(index) for index in range(20)])
    world.pace = Broken(world.home / "pace", answers=0)
    engine = world.run()
    assert isinstance(engine.ended_by, StoreFailed)
    assert states(world) == {RowState.ACCEPTED: 20}


def test_when_output_fails_nobody_is_taken_for_called_who_was_not(world: World) -> None:
    world.plan([number(index) for index in range(100)])

    def tell(row: Row) -> None:
        raise OutputFailed("Standard output can't be written.")

    with suppress(OutputFailed):
        world.run(tell=tell)
    found = states(world)
    assert found[RowState.ACCEPTED] == len(world.calls)
    assert found[RowState.ACCEPTED] + found[RowState.PLANNED] == 100


def test_a_fault_of_our_own_before_a_call_takes_nobody_for_called(world: World) -> None:
    world.plan([number(index) for index in range(20)])

    def request(row: Row, request_id: str) -> CallRequest:
        if row.line == 10:
            raise ZeroDivisionError
        return call_request(row, request_id)

    with pytest.raises(ZeroDivisionError):
        world.run(request=request)
    assert world.calls == {}
    assert states(world) == {RowState.PLANNED: 20}


class FullOnce(Journal):
    """A journal on a disk that is full for one moment."""

    writes = 0

    def write(self, rows: Sequence[Row], *, seen: int | None = None) -> None:
        self.writes += 1
        if self.writes == 2:
            raise StoreFailed("The store can't be written: database or disk is full.")
        super().write(rows, seen=seen)


def test_one_that_was_answered_429_is_not_unknown_when_the_disk_is_full_then(world: World) -> None:
    world.plan([TWICE_TOO_MANY])
    world.journal.__class__ = FullOnce
    world.pace = Pace(world.home / "pace", None)
    world.pace.too_many = lambda retry_after: None  # type: ignore[method-assign] # it is called again at once
    engine = world.run()
    assert isinstance(engine.ended_by, StoreFailed)
    assert world.row(1).state is RowState.PLANNED
    assert world.row(1).attempts == 0


def test_who_only_looks_keeps_nobody_from_going_on(world: World) -> None:
    world.plan([number(0)])
    broadcast = world.journal.broadcast
    world.journal.close()
    over = threading.Event()

    def look() -> None:
        with Store(world.home) as store:
            while not over.is_set():
                journals.is_running(store, broadcast)

    with ThreadPoolExecutor() as pool:
        looking = pool.submit(look)
        try:
            for _ in range(300):
                Journal.open(world.store, broadcast).close()
        finally:
            over.set()
        looking.result()


# -- the clock ---------------------------------------------------------------------------------------


class Changing(Hours):
    """Hours that are quiet once ten were called: somebody has set the clock."""

    __slots__ = ()
    called = 0

    def allow(self, zones: Sequence[str], moment: datetime) -> bool:
        assert moment.tzinfo is UTC
        return type(self).called < 10


def test_when_the_clock_is_set_into_quiet_hours_nobody_more_is_called(world: World) -> None:
    world.plan([number(index) for index in range(30)])

    def stop(tally: Tally) -> None:
        if tally.waiting.startswith("It is too early or too late"):
            world.journal.becomes(State.STOPPED)

    def request(row: Row, request_id: str) -> CallRequest:
        Changing.called += 1
        return call_request(row, request_id)

    Changing.called = 0
    world.run(hours=Changing((time(21), time(8)), weekdays=False), request=request, show=stop)
    assert len(world.calls) == 10
    assert states(world) == {RowState.ACCEPTED: 10, RowState.PLANNED: 20}
