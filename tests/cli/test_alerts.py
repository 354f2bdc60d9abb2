"""``--until-confirmed --once`` from a cron loop, with every ending: it is called again exactly where nobody
took it and nothing may be under way, and exit 9 tells why in each other case."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import DEADLINE, Finished, RunningSandbox, wait_until
from forked import under_way
from running_listener import listening, public_access, registering
from soak import share_of

from voicecli.sandbox.delivery import Target
from voicecli.sandbox.server import Sandbox
from voicecli.store.sqlite import SqliteStore

LOOPS, SEED, IN_A_LOOP = 50, 15, 4
PARTS = 10
TIME_SCALE = 8.0
SECOND, MINUTE = 1_000_000, 60_000_000
PREFIX = "+3319900"
NO_ANSWER, BUSY, PRESSES_2, PRESSES_1, REFUSED = (
    PREFIX + end for end in ("0480", "0486", "7203", "7103", "1014")
)
LATE_1, LATE_2, LOST, SILENT = (PREFIX + end for end in ("7109", "7209", "5051", "5041"))
LONGEST = 4.0  # seconds that an alert takes that nobody disturbs, about


class Ending(StrEnum):
    """How one alert ends."""

    CONFIRMED = "somebody confirms"
    NOBODY = "nobody does"
    KILLED = "killed at some moment"
    INTERRUPTED = "interrupted at some moment"
    OUT_OF_TIME = "out of time, and the summary comes later"
    SUMMARY_LOST = "out of time, and no summary comes"
    LOCKED = "from some moment on the store can't be written"


class Case(NamedTuple):
    """``moment`` is in seconds from the start of the command."""

    ending: Ending
    numbers: Sequence[str]
    moment: float


class Loop(NamedTuple):
    """What one cron job meets, one after the other; with ``joined`` a listener runs all the time."""

    cases: Sequence[Case]
    joined: bool


def loops(seed: int, count: int, length: int = IN_A_LOOP) -> list[Loop]:
    rng = random.Random(seed)
    return [_loop(rng, length) for _ in range(count)]


def _loop(rng: random.Random, length: int) -> Loop:
    first = rng.choice((NO_ANSWER, BUSY, PRESSES_2))  # in each of its alerts, so that all are the same one
    cases = []
    for ending in rng.choices(list(Ending), k=length):
        others = [number for number in (BUSY, PRESSES_2, REFUSED) if number != first]
        match ending:
            case Ending.CONFIRMED:
                rest = [*rng.sample(others, rng.randint(0, 1)), PRESSES_1]
            case Ending.NOBODY:
                rest = others[: rng.randint(0, 2)]
            case Ending.OUT_OF_TIME:
                rest = [rng.choice((LATE_1, LATE_2))]
            case Ending.SUMMARY_LOST:
                rest = [LATE_2]
            case _:
                rest = rng.sample([*others, PRESSES_1, LOST, SILENT], 2)
        cases.append(Case(ending, [first, *rest], rng.uniform(0.0, LONGEST)))
    return Loop(cases, joined=rng.random() < 0.5)


class ForgetfulSandbox(Sandbox):
    """Loses summaries while it is told to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.loses = False
        self._deliver = self._delivery._attempt
        self._delivery._attempt = self._attempt  # type: ignore[method-assign]

    async def _attempt(self, target: Target, event: dict[str, object]) -> bytes | None:
        if target.type == "VSS" and self.loses:
            return b""  # it takes it for delivered
        return await self._deliver(target, event)


class Cron:
    """A job that calls the same alert again and again, with its store."""

    def __init__(self, home: Path, sandbox: RunningSandbox, forgetful: ForgetfulSandbox) -> None:
        self.home, self.sandbox, self.forgetful = home, sandbox, forgetful
        self.joined = False
        self._lost: set[str] = set()  # sessions whose summaries will not come
        with SqliteStore(home):
            pass

    def run(self, loop: Loop) -> Iterator[str]:
        """What is wrong."""
        why = ""
        with ExitStack() as stack:
            if loop.joined:
                listener = listening(self.home, *registering(), env=self.sandbox.environment)
                assert stack.enter_context(listener).url
                self.joined = True
            for case in loop.cases:
                if why:
                    yield from self._wrong_refusal(why)
                    self._pass_time(31 * MINUTE)
                yield from self._wrong_end(case)
                lives = self._run_lives()
                why = self._truth()
                if lives:  # as long as its lease, and no longer
                    until = time.time_ns() // 1000 + 5 * MINUTE
                    self._change(f"UPDATE runs SET lease_until = {until} WHERE lease_until > 0")
                    yield from self._wrong_refusal("confirmed" if why == "confirmed" else "running")
                    self._change("UPDATE runs SET lease_until = 1 WHERE lease_until > 0")
            if why:
                yield from self._wrong_refusal(why)
                self._pass_time(31 * MINUTE)
            yield from self._wrong_end(Case(Ending.NOBODY, loop.cases[0].numbers[:1], 0.0))

    # -- the command ---------------------------------------------------------------------------------

    @contextmanager
    def _started(self, numbers: Sequence[str], timeout: str = "20s") -> Iterator["subprocess.Popen[str]"]:
        access = public_access()
        alert = ("Press 1", "--confirm", "1", "--until-confirmed")
        patience = ("--timeout", timeout, "--request-timeout", "2")
        once = ("--once", "--within", "30m", "--message-id", "disk-full", "--json")
        with under_way(
            ["call", *numbers, *alert, *patience, *once, *access],
            env={**os.environ, **self.sandbox.environment, "VOICECLI_HOME": str(self.home)},
        ) as process:
            yield process

    def _carry_out(self, case: Case) -> Finished:
        self.forgetful.loses = case.ending is Ending.SUMMARY_LOST
        hurried = case.ending in (Ending.OUT_OF_TIME, Ending.SUMMARY_LOST)
        with self._started(case.numbers, "1s" if hurried else "20s") as process, ExitStack() as stack:
            start, runs = time.monotonic(), self._runs()
            pending = case.ending in (Ending.KILLED, Ending.INTERRUPTED, Ending.LOCKED)
            quiet = 0.0
            while process.poll() is None:
                assert time.monotonic() - start < 3 * DEADLINE, f"{case} hangs"
                if pending and time.monotonic() - start > case.moment:
                    pending = False
                    match case.ending:
                        case Ending.KILLED:
                            process.kill()
                        case Ending.INTERRUPTED:
                            process.send_signal(signal.SIGINT)
                        case _:
                            stack.enter_context(self._locked())
                quiet = (quiet or time.monotonic()) if self._may_stay(case, start, runs) else 0.0
                if quiet and time.monotonic() - quiet > 2.0:
                    process.send_signal(signal.SIGINT)
                    quiet += 1.5  # a person presses it again, and again
                time.sleep(0.02)
            out, err = process.communicate(timeout=DEADLINE)
            if case.ending is Ending.LOCKED and not pending:
                with self._started(case.numbers) as again:  # a store that can't be written places no call
                    before = len(self.forgetful.requested)
                    _, refusal = again.communicate(timeout=DEADLINE)
                assert (again.returncode, len(self.forgetful.requested)) == (3, before), refusal
        return Finished(process.returncode, out, err)

    def _may_stay(self, case: Case, start: float, runs: int) -> bool:
        """Whether it waits for the answer to a question of which nothing is heard any more."""
        if case.ending is Ending.SUMMARY_LOST:
            over = self._runs() > runs and not self._run_lives()
        else:
            late = time.monotonic() - start > 2 * LONGEST
            over = case.ending in (Ending.INTERRUPTED, Ending.LOCKED) and late
        return over and all(session.status is not None for session in list(self.forgetful.sessions))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self._file, timeout=DEADLINE, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")

    # -- what is right -------------------------------------------------------------------------------

    def _wrong_refusal(self, why: str) -> Iterator[str]:
        """It is called at a moment when nobody is to be called."""
        words = {
            "confirmed": "was confirmed at",
            "running": "is being placed by process",
            "unknown": "nobody knows how it ended",
        }
        before = len(self.forgetful.requested)
        with self._started([NO_ANSWER, BUSY, PRESSES_2]) as process:
            _, err = process.communicate(timeout=DEADLINE)
        if len(self.forgetful.requested) > before:
            yield f"called again, though {why}"
        if process.returncode != 9:
            yield f"exit code {process.returncode} where it is {why}: {err}"
            return
        error = json.loads(err.splitlines()[-1])["error"]
        if error["earlier"] != why or words[why] not in error["message"]:
            yield f"told {error['message']!r} where it is {why}"

    def _wrong_end(self, case: Case) -> Iterator[str]:
        """It is called at a moment when everybody is to be called."""
        before = len(self.forgetful.requested)
        done = self._carry_out(case)
        self._settle()
        right: set[int] = {
            Ending.CONFIRMED: {0},
            Ending.NOBODY: {16},
            Ending.OUT_OF_TIME: {8},
            Ending.SUMMARY_LOST: {8},
        }.get(case.ending, {-signal.SIGKILL, *range(131)} - {9})
        if done.code not in right:
            yield f"exit code {done.code} after {case.ending}: {done.err}"
        if right <= {0, 8, 16} and len(self.forgetful.requested) == before:
            yield "nobody was called"

    def _settle(self) -> None:
        """All calls are over, and what is reported of them has come."""
        wait_until(lambda: all(session.status is not None for session in list(self.forgetful.sessions)))
        ended = {session.session_id for session in list(self.forgetful.sessions)}
        if self.forgetful.loses:
            self._lost |= ended
        elif self.joined:
            wait_until(
                lambda: ended - self._lost <= {one for one, kind, _ in self._events() if kind == "VSS"}
            )
        self._pass_time(10 * SECOND)  # no VCA is waited for any more

    def _truth(self) -> str:
        """Why nobody is to be called now, from what is on disk; empty where everybody is."""
        events = self._events()
        since = time.time_ns() // 1000 - 30 * MINUTE
        calls = self._rows("SELECT session, client_request_id FROM calls WHERE placed > ?", since)
        known = {session for session, _ in calls}
        is_open = False
        for session, request_id in calls:
            named = [
                one
                for one, kind, body in events
                if kind == "VSS" and body["payload"].get("clientRequestId") == request_id and one not in known
            ]
            of = session or next(iter(named), None)
            kinds = [(kind, body["payload"].get("eventData")) for one, kind, body in events if one == of]
            if any(kind == "VCA" and data in ("1", {"dtmf": "1"}) for kind, data in kinds):
                return "confirmed"
            is_open |= all(kind != "VSS" for kind, _ in kinds)
        return "unknown" if is_open else ""

    # -- the store -----------------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return self.home / "voicecli.sqlite3"

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._file, timeout=DEADLINE)) as database:
            return database.execute(query, parameters).fetchall()

    def _events(self) -> list[tuple[str, str, Any]]:
        found = self._rows("SELECT session, type, body FROM events ORDER BY id")
        return [(session, kind, json.loads(body)) for session, kind, body in found]

    def _runs(self) -> int:
        """How many there have been; ``--once`` that is refused begins none."""
        [(number,)] = self._rows("SELECT coalesce(max(id), 0) FROM runs")
        return int(number)

    def _run_lives(self) -> bool:
        return bool(self._rows("SELECT 1 FROM runs WHERE lease_until > ?", time.time_ns() // 1000))

    def _change(self, *statements: str) -> None:
        with closing(sqlite3.connect(self._file, timeout=DEADLINE)) as database, database:
            for statement in statements:
                database.execute(statement)

    def _pass_time(self, microseconds: int) -> None:
        moments = {"calls": ("placed", "answer_until", "valid_until"), "events": ("received",)}
        for table, columns in moments.items():
            earlier = ", ".join(f"{column} = {column} - {microseconds}" for column in columns)
            self._change(f"UPDATE {table} SET {earlier}")


def wrong_ones(folder: Path, which: Sequence[Loop]) -> list[str]:
    wrong = []
    for number, loop in enumerate(which):
        home = folder / f"{number}" / "home"
        home.parent.mkdir()
        with RunningSandbox(ForgetfulSandbox, time_scale=TIME_SCALE, seed=number) as sandbox:
            forgetful = sandbox.sandbox
            assert isinstance(forgetful, ForgetfulSandbox)
            wrong += [f"{loop}: {what}" for what in Cron(home, sandbox, forgetful).run(loop)]
    return wrong


@pytest.mark.soak
@pytest.mark.process
def test_two_endings(tmp_path: Path) -> None:
    assert wrong_ones(tmp_path, loops(SEED, 1, length=2)) == []


@pytest.mark.long
@pytest.mark.process
@pytest.mark.soak
@pytest.mark.parametrize("part", range(min(PARTS, share_of(LOOPS))))
def test_an_alert_is_called_again_exactly_where_nobody_took_it(tmp_path: Path, part: int) -> None:
    wrong = wrong_ones(tmp_path, loops(SEED, share_of(LOOPS))[part::PARTS])
    assert not wrong, "\n".join(wrong)
