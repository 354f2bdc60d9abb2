"""Every outcome number in chaos, waited for and confirmed, with and without a running listen:
the exit code and the printed outcome are right."""

import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import forked
import pytest
from conftest import DEADLINE, Finished, RunningSandbox, voicecli
from running_listener import listening, registering
from soak import FULL
from test_results import CODES

from voicecli.sandbox.numbers import NUMBERS, behaviour_of
from voicecli.sandbox.reading import Reading
from voicecli.voice_api import codes
from voicecli.voice_api.codes import Outcome

PREFIX = "+3319900"
EXAMPLES = {"7DSS": ("7105", "7205"), "8NNN": ("8123", "8923"), "429N": ("4291",)}
OPTIONS = ("--request-timeout", "2", "--timeout", "4s", "--retries", "1", "--call-unsubscribed")
LOST_FOR_GOOD = ("5020", "5040", "5050")  # nothing tells that no call was placed


@dataclass(frozen=True)
class Run:
    """One call: to whom, how, and what it must exit with and print."""

    digits: str
    confirm: bool

    def arguments(self) -> list[str]:
        return [f"{PREFIX}{self.digits}", "Press one", *(["--confirm", "1"] if self.confirm else ["--wait"])]

    def expected(self) -> tuple[int, str]:
        behaviour = behaviour_of(self.digits)
        if self.digits in LOST_FOR_GOOD:
            return 6, ""
        if behaviour.refusal or behaviour.rate_limited > 1 or self.digits == "5000":
            return 4, ""
        words = codes.OUTCOMES[behaviour.outcome] if behaviour.error is None else "error"
        code = CODES[behaviour.outcome if behaviour.error is None else Outcome.ERROR]
        if self.confirm and code == 0:
            confirmed = behaviour.digits[:1] == "1"
            pressed = f", {behaviour.digits[:1]} was pressed" if behaviour.digits else ", nothing was pressed"
            words = f"confirmed with 1; {words}" if confirmed else f"not confirmed{pressed}; {words}"
            code = 0 if confirmed else 16
        return code, f"{PREFIX}{self.digits}: {words}"


def every_number() -> Iterator[str]:
    yield "1234"
    for row in NUMBERS:
        if behaviour_of(row.digits).first_summary_status is not None:
            continue  # who waits goes by the summary that comes first
        yield from EXAMPLES.get(row.digits, (row.digits,))


def place(run: Run, home: Path, sandbox: RunningSandbox, access: Sequence[str], *, joined: bool) -> Finished:
    """In this process, or beside others in one of its own."""
    arguments = ["call", *run.arguments(), *OPTIONS, *access]
    env = {**sandbox.environment, "VOICECLI_HOME": str(home)}
    if not joined:  # with a store of its own: it would stay for open questions of the others
        return voicecli(*arguments, env={**env, "VOICECLI_HOME": f"{home}-{run.digits}-{run.confirm}"})
    done = forked.run(arguments, DEADLINE, text=True, env={**os.environ, **env})
    return Finished(done.returncode, done.stdout, done.stderr)


def wrong(run: Run, done: Finished) -> str | None:
    code, line = run.expected()
    fine = done.code == code and done.out.startswith(line) and done.out.count("\n") == (line != "")
    return None if fine else f"{run}: expected {code} {line!r}, got {done}"


def check(
    runs: Sequence[Run], home: Path, seed: int, *, joined: bool, reading: Reading | None = None
) -> None:
    """All of these runs, one after the other where each is its own listener, else four at once; in the
    reading that the seed chooses, where none is given."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(RunningSandbox(chaos=True, seed=seed, time_scale=500, reading=reading))
        access = registering()
        if joined:
            listener = stack.enter_context(listening(home, *access, env=sandbox.environment))
            assert listener.url
        placing = partial(place, home=home, sandbox=sandbox, access=access[:4], joined=joined)
        if joined:
            results = [*stack.enter_context(ThreadPoolExecutor(4)).map(placing, runs)]
        else:
            results = [placing(run) for run in runs]
    assert [text for run, done in zip(runs, results, strict=True) if (text := wrong(run, done))] == []


def all_runs() -> list[Run]:
    return [Run(digits, confirm) for digits in every_number() for confirm in (False, True)]


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize("joined", [False, True])
def test_outcomes_are_right_in_chaos(tmp_path: Path, *, joined: bool) -> None:
    runs = [run for run in all_runs() if run.digits in ("0486", "7105", "7205", "0601", "5041", "2010")]
    check(random.Random(1).sample(runs, 3), tmp_path / "home", seed=1, joined=joined, reading=Reading())


@pytest.mark.process
@pytest.mark.soak
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("seed", [2, 3])
def test_every_outcome_is_right_in_any_chaos(tmp_path: Path, seed: int, *, joined: bool) -> None:
    runs = all_runs()
    assert len(runs) >= 50  # with two seeds and both ways: 200 or more
    if not joined:  # it stays for over a minute, as test_wait shows
        runs = [run for run in runs if not (run.confirm and run.digits in LOST_FOR_GOOD)]
    runs = runs if FULL else runs[seed % 4 :: 4]
    check(runs, tmp_path / "home", seed, joined=joined)
