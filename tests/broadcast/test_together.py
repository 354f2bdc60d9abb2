"""Several processes at one broadcast, and how one is ended from outside."""

import json
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from broadcast_machine import RESUME, Machine, ended, kill
from conftest import DEADLINE, Finished, RunningSandbox, wait_until

pytestmark = pytest.mark.process

ROWS = 150


def people(count: int = ROWS, first: int = 3_000) -> list[str]:
    return [f"+3319900{number}" for number in range(first, first + count)]


def at_once(machine: Machine, *commands: tuple[str, ...]) -> list[Finished]:
    with ExitStack() as stack:
        processes = [stack.enter_context(machine.started(*command)) for command in commands]
        return [ended(process) for process in processes]


@pytest.mark.long
@pytest.mark.soak
@pytest.mark.parametrize("attempts", [1, 20])
def test_of_two_that_resume_at_once_one_works_and_the_other_says_so(tmp_path: Path, attempts: int) -> None:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        machine = Machine(tmp_path / "home", sandbox)
        machine.write_list(people(attempts * 50))
        assert machine.run(*machine.sending("--max-calls", "1")).code == 7
        [known] = machine.broadcasts()
        for attempt in range(attempts):
            # At this pace none of them ends before the other one begins.
            resume = ("resume", known, "--max-calls", "40", "--rate", "30/s")
            done = sorted(at_once(machine, resume, resume), key=lambda one: one.code)
            assert [one.code for one in done] == [3, 7], done
            assert "is being worked on by another voicecli" in done[0].err
            assert machine.states()["accepted"] == 1 + 40 * (attempt + 1)
        machine.check_never_twice()


@pytest.mark.soak
@pytest.mark.parametrize("attempts", [1, 20])
def test_of_two_that_send_one_list_at_once_one_sends(tmp_path: Path, attempts: int) -> None:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        machine = Machine(tmp_path / "home", sandbox)
        for attempt in range(attempts):
            machine.write_list(people(20, first=3_000 + 20 * attempt))
            done = sorted(at_once(machine, *[machine.sending()] * 2), key=lambda one: one.code)
            assert [one.code for one in done] == [0, 9], done
            assert RESUME.removeprefix("voicecli broadcast ") in done[1].err
        machine.check_never_twice()
        assert machine.states() == {"accepted": 20 * attempts}
        assert machine.query("SELECT count(*) FROM broadcasts") == [(attempts,)]


@pytest.mark.soak
def test_another_process_can_stop_it(tmp_path: Path) -> None:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        machine = Machine(tmp_path / "home", sandbox)
        machine.write_list(people())
        with machine.started(*machine.sending("--rate", "20/s")) as process:
            wait_until(lambda: machine.arrivals > 10)
            [known] = machine.broadcasts()
            assert machine.run("stop", known).code == 0
            done = ended(process)
        assert done.code == 130
        assert "was stopped" in done.err
        assert f"{RESUME} {known}" in done.err
        assert machine.states() == {"accepted": machine.arrivals, "planned": ROWS - machine.arrivals}
        assert machine.run("resume", known, "--rate", "5000/s").code == 0
        machine.check_never_twice()
        assert machine.states() == {"accepted": ROWS}


@pytest.mark.soak
@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, signal.SIGINT, signal.SIGHUP],
)
def test_an_interrupt_waits_for_the_answers_and_says_how_to_go_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    slow = [prefix + "5040" for prefix in ("+3319900", "+3326191", "+3335301")]
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        machine = Machine(tmp_path / "home", sandbox)
        machine.write_list([*slow, *people()])
        with machine.started(
            *machine.sending("--rate", "100/s", "--request-timeout", "3", "--json")
        ) as process:
            wait_until(lambda: machine.arrivals > 50)
            process.send_signal(number)
            process.send_signal(number)  # an impatient person
            done = ended(process)
        [known] = machine.broadcasts()
        assert done.code == 130
        assert done.error["code"] == "interrupted"
        assert f"{RESUME} {known}" in done.error["hint"]
        states = machine.states()
        assert states["unknown"] == len(slow)
        assert states["accepted"] == machine.arrivals - len(slow)
        assert set(states) == {"accepted", "unknown", "planned"}
        told = [json.loads(line) for line in done.out.splitlines()]
        last = {record["line"]: record["status"] for record in told if record["record"] == "row"}
        assert last == {row.line: row.state for row in machine.rows() if row.state != "planned"}
        assert machine.run("resume", known, "--rate", "5000/s").code == 7
        machine.check_never_twice()


@pytest.mark.soak
def test_who_gives_up_on_a_reader_loses_nobody(tmp_path: Path) -> None:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        machine = Machine(tmp_path / "home", sandbox)
        machine.write_list(people())
        with machine.started(*machine.sending("--json")) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.stdout.close()  # | head -1
            process.wait(DEADLINE)
        known = machine.broadcasts()
        if process.returncode != 0:
            assert machine.run("resume", *known).code == 0
        machine.check_never_twice()
        assert machine.states() == {"accepted": ROWS}


@pytest.mark.soak
def test_a_process_that_is_killed_leaves_the_shared_pace_to_the_other(tmp_path: Path) -> None:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        machine, other = Machine(tmp_path / "home", sandbox), Machine(tmp_path / "home", sandbox)
        machine.write_list(people())
        other.people = tmp_path / "others.csv"
        other.write_list(people(100, first=3_000 + ROWS))
        with machine.started(*machine.sending("--rate", "100/s")) as first:
            wait_until(lambda: machine.arrivals > 10)
            with other.started(*other.sending("--rate", "100/s")) as second:
                wait_until(lambda: len(machine.broadcasts()) == 2 and arrived(machine, other) > 5)
                kill(first)
                start, before = time.monotonic(), arrived(machine, other)
                done = ended(second)
                took = time.monotonic() - start
        assert done.code == 0, done.err
        assert arrived(machine, other) == 100
        assert took > 0.5 * (100 - before) / 100, "it went faster than allowed"
        machine.check_never_twice()


def arrived(machine: Machine, other: Machine) -> int:
    """How many of the other's list were called."""
    theirs = {row.split(",")[0] for row in other.people.read_text().splitlines()}
    return sum(
        count for (number, _), count in [*machine.sandbox.sandbox.arrivals.items()] if number in theirs
    )
