"""Many machines place the same call at once with ``--once``: one of them does."""

import multiprocessing
from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from conftest import DEADLINE, NUMBER, RunningSandbox, voicecli
from machines import Machine
from soak import share_of

from voicecli.store import postgresql

PROCESSES = 20
ROUNDS = share_of(100)
LIMIT = 120.0  # seconds for one round


@pytest.mark.soak
def test_of_twenty_processes_that_are_released_together_one_places_the_call(
    machines: Callable[[str], Machine], own_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_PATIENCE", DEADLINE)  # a busy machine takes its time for twenty
    fork = multiprocessing.get_context("fork")
    start, codes = fork.Barrier(PROCESSES), fork.Queue()
    ours = [machines(f"m{number}") for number in range(PROCESSES)]
    processes = [fork.Process(target=place, args=(machine, start, codes)) for machine in ours]
    for process in processes:
        process.start()
    found = Counter(codes.get(timeout=LIMIT) for _ in range(PROCESSES * ROUNDS))
    for process in processes:
        process.join(LIMIT)
    for number in range(ROUNDS):
        assert len(own_sandbox.requested(f"alert-{number}")) == 1
        assert found[number, 9] == PROCESSES - 1
        assert found[number, 0] == 1
    assert found.total() == PROCESSES * ROUNDS


def place(machine: Machine, start: Barrier, codes: Any) -> None:
    for number in range(ROUNDS):
        start.wait(LIMIT)
        done = voicecli("call", NUMBER, "Hello", "--once", "--message-id", f"alert-{number}", env=machine.env)
        codes.put((number, done.code))
