"""A broadcast that is killed at any moment, and gone on with: nobody is called twice, and nobody left out."""

import csv
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from broadcast_machine import LIMITED, PREFIXES, SILENT, Machine, ended, kill, numbers
from conftest import Finished, RunningSandbox, wait_until, wait_until_none
from running_listener import listening, public_access, registering
from soak import share_of

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("patient_sandboxes")]

LONGEST = 0.8  # seconds until the first calls have left, on most machines
MOST = 60  # requests between two kills


class Run:
    """One list from the first attempt to its end, killed as often as is wanted."""

    def __init__(self, machine: Machine, dice: random.Random) -> None:
        self.machine = machine
        self.dice = dice
        self.kills = 0
        self.in_flight: set[str] = set()  # numbers whose request was under way as the process was killed

    def go_on(self, *, killed: bool) -> Finished | None:
        """Send the list, or resume; the end of it, None where it was killed."""
        (self.machine.home / "pace").unlink(missing_ok=True)  # what a 429 has taught makes it slow
        known = self.machine.broadcasts()
        arguments = ("resume", *known) if known else self.machine.sending("--request-timeout", "15")
        with self.machine.started(*arguments) as process:
            before = self.machine.arrivals
            if killed:
                self._wait_for_the_moment(before, process.poll)
                if process.poll() is None:
                    kill(process)
                    self.kills += 1
                    self._killed(before)
                    return None
            return ended(process)

    def _wait_for_the_moment(self, before: int, poll: Callable[[], int | None]) -> None:
        if self.dice.random() < 0.4:
            time.sleep(self.dice.uniform(0, LONGEST))  # the moment is the input, not a wait for something
        else:
            moment = before + self.dice.randint(1, MOST)
            wait_until(lambda: self.machine.arrivals >= moment or poll() is not None)

    def _killed(self, before: int) -> None:
        self.in_flight |= {row.destination for row in self.machine.rows() if row.state == "sending"}
        if not self.machine.broadcasts():
            assert self.machine.arrivals == before == 0, "somebody was called before all rows were planned"


def killed(home: Path, *, rows: int, kills: int, seed: int, rare: tuple[str, ...], listened: bool) -> int:
    """Send a list of so many rows, killed up to so many times; how often it was."""
    dice = random.Random(seed)
    # A kill loses answers of which the sandbox knows nothing: all its summaries have the clientRequestId.
    with RunningSandbox(time_scale=1000, seed=seed, chaos=True, count=True, request_ids=True) as sandbox:
        home.parent.mkdir()
        machine = Machine(home, sandbox)
        people = numbers(rows, dice, rare)
        machine.write_list(people)
        run = Run(machine, dice)
        with ExitStack() as stack:
            if listened:
                listener = listening(machine.home, *registering(), env=sandbox.environment)
                assert stack.enter_context(listener).url  # it is ready
            end = None
            while end is None:
                end = run.go_on(killed=run.kills < kills)
            assert end.code == 7, end.err  # as some are refused
            if listened:
                wait_until_none(lambda: len(sandbox.sandbox._delivery._tasks))  # all reports have arrived
                check_outcomes(machine)
        run.machine.check_everybody(people, lambda row: row.destination in run.in_flight)
        check_results(machine, people)
    return run.kills


def check(tmp_path: Path, *, rows: int, kills: int, seed: int, rare: tuple[str, ...]) -> None:
    """Kill so many times, over as many lists as that takes; every second one beside a listener."""
    done = lists = 0
    while done < kills:
        home = tmp_path / str(lists) / "home"
        done += killed(
            home, rows=rows, kills=kills - done, seed=seed + lists, rare=rare, listened=lists % 2 == 0
        )
        lists += 1


def check_outcomes(machine: Machine) -> None:
    """The journal knows how each session of the sandbox ended, once somebody looks."""
    assert machine.run("show", machine.broadcasts()[0]).code == 0
    outcomes = {row.session: row.outcome for row in machine.rows() if row.outcome}
    assert outcomes == {
        session.session_id: str(session.status) for session in machine.sandbox.sandbox.sessions
    }


def check_results(machine: Machine, people: list[str]) -> None:
    """``results`` has each row of the list once."""
    done = machine.run("results", machine.broadcasts()[0], "-o", "results.csv")
    assert done.code == 0, done.err
    with (machine.home.parent / "results.csv").open(newline="") as file:
        assert [(row["destination"], row["phone"]) for row in csv.DictReader(file)] == [
            (number, number) for number in people
        ]


@pytest.mark.soak
def test_killed_at_any_moment_nobody_is_called_twice_and_nobody_left_out(tmp_path: Path) -> None:
    check(tmp_path, rows=150, kills=2, seed=1, rare=SILENT)


@pytest.mark.long
@pytest.mark.soak
def test_after_many_kills_nobody_is_called_twice_and_nobody_left_out(tmp_path: Path) -> None:
    check(tmp_path, rows=2_000, kills=share_of(1_000), seed=2, rare=SILENT + LIMITED)


@pytest.mark.soak
def test_killed_while_it_plans_nobody_was_called_and_it_can_begin_anew(tmp_path: Path) -> None:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        machine = Machine(tmp_path / "home", sandbox)
        machine.write_list(f"{prefix}{number}" for prefix in PREFIXES for number in range(2_000, 9_999))
        for _ in range(3):
            with machine.started(*machine.sending()) as process:
                wait_until(lambda: machine.query("SELECT 1 FROM broadcast_rows LIMIT 1"))
                kill(process)
            assert machine.arrivals == 0
            assert machine.broadcasts() == []
        done = machine.run(*machine.sending("--max-calls", "5"))
        assert done.code == 7, done.err
        [known] = machine.broadcasts()
        assert machine.states() == {"accepted": 5, "planned": 5 * 7_999 - 5}
        assert machine.query("SELECT count(*) FROM broadcasts") == [(1,)]
        left = {path.name for path in machine.home.iterdir() if known not in path.name}
        assert not [name for name in left if name.startswith("broadcast-")], "something was left behind"


@pytest.mark.soak
def test_killed_before_the_first_call_it_is_recognised_or_begins_anew(tmp_path: Path) -> None:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        machine = Machine(tmp_path / "home", sandbox)
        machine.write_list(["+33199001234", "+33199001235"])
        access = public_access()
        with machine.started(*machine.sending("--wait", *access)) as process:  # which it opens first
            wait_until(machine.broadcasts)
            kill(process)
        assert machine.arrivals == 0
        done = machine.run(*machine.sending())
        assert done.code == 9, done.err
        assert f"resume {machine.broadcasts()[0]}" in done.err
        assert machine.arrivals == 0
        assert machine.run("resume", *machine.broadcasts(), *access).code == 0
        machine.check_never_twice()
        assert machine.states() == {"accepted": 2}
