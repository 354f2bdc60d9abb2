"""Whom a broadcast calls again, by what 8x8 reports; and that its journal says what 8x8 says."""

import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from broadcast_machine import PREFIXES, Machine, kill
from conftest import RunningSandbox, wait_until
from running_listener import listening, registering

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("patient_sandboxes")]

NO_ANSWER, BUSY, CUT, CUT_YET_PLACED = "0480", "0486", "5050", "5051"
RETRY = ("--retry", "no-answer,busy", "--attempts", "3", "--every", "1s", "--timeout", "10s")


@contextmanager
def listened(tmp_path: Path, **options: bool) -> Iterator[Machine]:
    """A machine with a listener that a sandbox reports to."""
    with RunningSandbox(time_scale=1000, seed=1, count=True, **options) as sandbox:
        machine = Machine(tmp_path / "home", sandbox)
        with listening(machine.home, *registering(), env=sandbox.environment, in_thread=True) as listener:
            assert listener.url
            yield machine


def calls(machine: Machine) -> Counter[str]:
    """How often each number was asked for."""
    counted: Counter[str] = Counter()
    for (destination, _), count in machine.sandbox.sandbox.arrivals.items():
        counted[destination] += count
    return counted


@pytest.mark.soak
def test_who_did_not_answer_is_called_three_times_and_nobody_else_twice(tmp_path: Path) -> None:
    unreached = [prefix + digits for prefix in PREFIXES for digits in (NO_ANSWER, BUSY)]
    others = [PREFIXES[0] + digits for digits in (CUT, CUT_YET_PLACED, "0404", "7105")]
    others += [f"{PREFIXES[0]}{number}" for number in range(1_100, 1_130)]
    with listened(tmp_path) as machine:
        machine.write_list([*unreached, *others])
        done = machine.run(*machine.sending(*RETRY))
        assert done.code == 7, done.err
        assert calls(machine) == {**dict.fromkeys(unreached, 3), **dict.fromkeys(others, 1)}
        assert {row.state for row in machine.rows() if row.destination != PREFIXES[0] + CUT} == {"accepted"}
        assert {row.attempts for row in machine.rows() if row.destination in unreached} == {3}


@pytest.mark.soak
def test_confirmed_ones_are_never_called_again(tmp_path: Path) -> None:
    confirming, others = [PREFIXES[0] + "7101", PREFIXES[0] + "8001"], [PREFIXES[0] + NO_ANSWER]
    with listened(tmp_path) as machine:
        machine.write_list([*confirming, *others])
        done = machine.run(*machine.sending(*RETRY, "--confirm", "1"))
        assert done.code == 7, done.err
        assert calls(machine) == {**dict.fromkeys(confirming, 1), others[0]: 3}


@pytest.mark.soak
def test_who_did_not_answer_while_nobody_was_at_it_is_called_again(tmp_path: Path) -> None:
    with listened(tmp_path) as machine:
        people = [prefix + NO_ANSWER for prefix in PREFIXES]
        machine.write_list(people)
        with (
            machine.sandbox.holding_summaries(),
            machine.started(*machine.sending(*RETRY)) as process,
        ):
            wait_until(lambda: machine.states().get("accepted") == len(people))
            kill(process)
        wait_until(lambda: is_reported(machine))
        [known] = machine.broadcasts()
        assert machine.run("show", known).code == 0  # it takes in what was reported
        done = machine.run("resume", known)
        assert done.code == 7, done.err
        assert calls(machine) == dict.fromkeys(people, 3)


def is_reported(machine: Machine) -> bool:
    sessions = set(machine.sessions())
    return {row[0] for row in machine.query("SELECT session FROM events WHERE type = 'VSS'")} == sessions


@pytest.mark.soak
@pytest.mark.parametrize(("prefixes", "ordinary"), [(1, 20), (5, 60)])
def test_outcomes_that_come_twice_late_and_out_of_order_are_what_the_sandbox_says(
    tmp_path: Path, prefixes: int, ordinary: int
) -> None:
    endings = ("0480", "0486", "0487", "0404", "0503", "0601", "0603", "2001", "5051", "7105")
    with listened(tmp_path, chaos=True) as machine:
        digits = (*endings, *map(str, range(1_100, 1_100 + ordinary)))
        machine.write_list([prefix + four for prefix in PREFIXES[:prefixes] for four in digits])
        # No answer is late, on a busy machine either: its summary would be found by its id only, and that the
        # sandbox leaves out where it knows of no lost answer.
        done = machine.run(*machine.sending("--wait", "--timeout", "60s"))
        assert done.code == 7, done.err
        said = {
            session.session_id: (session.destination, str(session.status))
            for session in [*machine.sandbox.sandbox.sessions]
        }
        assert {row.session: (row.destination, row.outcome) for row in machine.rows()} == said
        assert machine.states() == {"accepted": len(said)}


@pytest.mark.soak
@pytest.mark.parametrize("kills", [1, 12])
def test_killed_while_it_calls_again_nobody_is_called_too_often(tmp_path: Path, kills: int) -> None:
    dice = random.Random(kills)
    unreached = [prefix + digits for prefix in PREFIXES for digits in (NO_ANSWER, BUSY)]
    others = [f"{PREFIXES[0]}{number}" for number in range(1_100, 1_250)]
    with listened(tmp_path) as machine:
        machine.write_list([*unreached, *others])
        command = machine.sending(*RETRY, "--timeout", "5s", "--concurrency", "4")
        for _ in range(kills):
            with machine.started(*command) as process:
                moment = machine.arrivals + dice.randint(1, 8)
                wait_until(lambda moment=moment, process=process: is_time(machine, moment, process))
                kill(process)
            assert process.returncode in (-signal.SIGKILL, 7)
            if is_done(machine):  # as it may be on a slow machine, which is late with its kills
                break
            command = ("resume", *machine.broadcasts())
        else:
            done = machine.run(*command)
            assert done.code == 7, done.err
        often = calls(machine)
        assert all(often[number] <= 3 for number in unreached)
        assert all(often[number] <= 1 for number in others)
        assert set(machine.sandbox.sandbox.arrivals.values()) == {1}, "an id was used twice"
        for row in machine.rows():
            assert row.state in ("accepted", "unknown"), row
            assert row.state == "unknown" or row.attempts == (3 if row.destination in unreached else 1), row
            assert row.attempts - 1 <= often[row.destination] <= row.attempts, row


def is_done(machine: Machine) -> bool:
    """Whether nobody is left to call, so that it can't be resumed."""
    return bool(machine.query("SELECT 1 FROM broadcasts WHERE sealed = x''"))


def is_time(machine: Machine, moment: int, process: "subprocess.Popen[str]") -> bool:
    return machine.arrivals >= moment or process.poll() is not None
