"""``voicecli broadcast`` in a process of its own; what its journal says, and what the sandbox has seen."""

import os
import random
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import NamedTuple

from conftest import DEADLINE, Finished, RunningSandbox
from forked import under_way

from voicecli.sandbox.numbers import HttpFault, behaviour_of

PREFIXES = ("+3319900", "+3326191", "+3335301", "+3346571", "+3353649")
"""What France keeps free for fiction, each with four more digits: for the sandbox these decide."""
FAULTY = ("5000", "5020", "5021", "5050", "5051", "1014")  # 500s, 502s, cut connections, a refusal
SILENT = ("5040", "5041")  # few, for each takes its time
LIMITED = ("4291", "4292")  # a 429 makes all that follow slow, if it comes soon after a kill
RESUME = "voicecli broadcast resume"


def numbers(count: int, dice: random.Random, rare: tuple[str, ...]) -> list[str]:
    """A list in which all that can go wrong does so, somewhere."""
    special = [prefix + digits for prefix in PREFIXES for digits in FAULTY]
    special += [PREFIXES[0] + digits for digits in rare]
    plain = [f"{prefix}{number:04d}" for prefix in PREFIXES for number in range(2_000, 4_000)]
    chosen = special + dice.sample(plain, count - len(special))
    dice.shuffle(chosen)
    return chosen


class JournalRow(NamedTuple):
    line: int
    destination: str
    state: str
    attempts: int
    session: str | None
    outcome: str | None
    reason: str | None


class Machine:
    """A machine with a list on it, at a sandbox."""

    def __init__(self, home: Path, sandbox: RunningSandbox) -> None:
        self.home = home
        self.sandbox = sandbox
        self.people = home.parent / "people.csv"

    def write_list(self, numbers: Iterable[str]) -> None:
        rows = "".join(f"{number},Person {index}\n" for index, number in enumerate(numbers))
        self.people.write_text(f"phone,name\n{rows}")

    def started(
        self, *arguments: str, env: Mapping[str, str] = {}
    ) -> AbstractContextManager["subprocess.Popen[str]"]:
        """``voicecli broadcast`` with these arguments; killed in the end if it still runs."""
        return under_way(
            ["broadcast", *arguments],
            env={**os.environ, **self.sandbox.environment, "VOICECLI_HOME": str(self.home), **env},
            cwd=self.home.parent,
        )

    def sending(self, *options: str) -> Sequence[str]:
        """The arguments that send the list. An answer may take as long as a busy machine makes it take: who
        calls somebody that never answers gives a shorter time."""
        patience = f"{DEADLINE:.0f}"
        return (str(self.people), "Hello {name}", "--yes", "--request-timeout", patience, *options)

    def run(self, *arguments: str, env: Mapping[str, str] = {}) -> Finished:
        with self.started(*arguments, env=env) as process:
            return ended(process)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """What is on the disk, without touching it; nothing where there is no store yet."""
        try:
            with closing(sqlite3.connect(f"file:{self.home}/voicecli.sqlite3?mode=ro", uri=True)) as database:
                return database.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []

    def broadcasts(self) -> list[str]:
        """The ids of those that can be resumed."""
        return [str(row[0]) for row in self.query("SELECT id FROM broadcasts WHERE state != 'planning'")]

    def rows(self) -> list[JournalRow]:
        """All rows of all broadcasts that can be resumed."""
        columns = ", ".join(JournalRow._fields)
        of = "WHERE broadcast IN (SELECT number FROM broadcasts WHERE state != 'planning') ORDER BY line"
        rows = self.query(f"SELECT {columns} FROM broadcast_rows {of}")
        return [JournalRow(*row) for row in rows]  # type: ignore[arg-type]

    def states(self) -> Mapping[str, int]:
        return Counter(row.state for row in self.rows())

    # -- what the sandbox has seen -------------------------------------------------------------------

    @property
    def arrivals(self) -> int:
        """How many requests have reached the sandbox."""
        return self.sandbox.sandbox.arrivals.total()

    def check_never_twice(self) -> None:
        """Each request but the last of a number was answered that there is no call."""
        arrivals, refusals = self.sandbox.sandbox.arrivals, self.sandbox.sandbox.refusals
        requests: Counter[str] = Counter()
        perhaps_placed: Counter[str] = Counter()
        whose: dict[str, str] = {}
        for (destination, request_id), count in arrivals.items():
            requests[destination] += count
            perhaps_placed[destination] += count - refusals[destination, request_id]
            assert whose.setdefault(request_id, destination) == destination, "an id was given to two people"
        twice = {number for number, count in perhaps_placed.items() if count > 1}
        assert not twice, f"called twice: {twice}"
        again = {
            number for number, count in requests.items() if count > 1 + behaviour_of(number).rate_limited
        }
        assert not again, f"asked for again without a 429: {again}"

    def check_everybody(self, people: list[str], was_killed: Callable[[JournalRow], bool]) -> None:
        """Nobody was called twice, nobody is missing, and a call is unknown only where its answer was lost:
        ``was_killed`` is whether the process was killed that waited for it."""
        self.check_never_twice()
        rows = self.rows()
        assert [row.destination for row in rows] == people, "a row is missing, or there twice"
        assert {row.state for row in rows} <= {"accepted", "refused", "unknown"}
        asked_for = {destination for destination, _ in self.sandbox.sandbox.arrivals}
        sessions = self.sessions()
        for row in rows:
            match row.state:
                case "unknown":
                    assert was_killed(row) or loses_its_answer(row.destination), row
                case "accepted":
                    assert sessions[row.session or ""] == row.destination, row
                case _:
                    assert row.destination in asked_for, row
        assert asked_for | {row.destination for row in rows if row.state == "unknown"} == set(people)

    def sessions(self) -> Mapping[str, str]:
        """The sessions of the sandbox: whose, by id."""
        return {session.session_id: session.destination for session in [*self.sandbox.sandbox.sessions]}


def ended(process: "subprocess.Popen[str]") -> Finished:
    """Hundreds of calls take their time on a busy machine."""
    out, err = process.communicate(timeout=4 * DEADLINE)
    return Finished(process.returncode, out, err)


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=DEADLINE)


def loses_its_answer(number: str) -> bool:
    return behaviour_of(number).fault not in (None, HttpFault.SERVER_ERROR)
