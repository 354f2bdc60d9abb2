"""Calls that are waited for while the server of the database is stopped and started again and again: what
their exit codes say is true, and none is placed twice."""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import DEADLINE, RunningSandbox, voicecli
from machines import Machine
from postgresql_server import Server
from running_listener import listening, registering
from shared_postgresql import KEY
from soak import share_of

from voicecli.store.location import StorePlace
from voicecli.store.postgresql_migrating import migrate

OUTCOMES = {"+33199000486": 11, "+33199001234": 0, "+33199000487": 12}  # by number: the exit code
CALLERS = 6
RESTARTS = share_of(60)
REFUSED, PLACED_BEFORE = 3, 9
SEEDS = random.Random()


@pytest.fixture
def own_sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(time_scale=10, seed=1) as started:
        yield started


@pytest.mark.soak
@pytest.mark.process
def test_calls_that_are_waited_for_end_as_they_ended_whatever_the_server_does(
    own_server: Server, own_sandbox: RunningSandbox, tmp_path: Path, cables: Path
) -> None:
    seed = SEEDS.randrange(2**32)
    dice = random.Random(seed)
    team = StorePlace(tmp_path, own_server.url(own_server.create_database()), KEY)
    migrate(team)
    machines = []
    for name in "abc":
        (cables / name).mkdir()
        machines.append(Machine(team, tmp_path / name, cables / name, own_sandbox))
    fork = multiprocessing.get_context("fork")
    over, told = fork.Event(), fork.Queue()
    with listening(machines[0].place.folder, *registering(), env=machines[0].env) as listener:
        assert listener.url
        callers = [
            fork.Process(target=call, args=(machines[1 + number % 2], number, over, told))
            for number in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        for _ in range(RESTARTS):
            time.sleep(dice.uniform(0.3, 2.0))
            own_server.stop("immediate")
            time.sleep(dice.uniform(0.0, 1.0))
            own_server.start()
        over.set()
        found: list[tuple[str, str, list[int], str]] = []
        while sum(name.endswith("-last") for name, *_ in found) < CALLERS:
            found.append(told.get(timeout=4 * DEADLINE))
        for caller in callers:
            caller.join(DEADLINE)
    requested = Counter(body["clientRequestId"] for body in own_sandbox.sandbox.requested)
    for name, number, codes, said in found:
        about = f"{name}: {codes}, {requested[name]} requests, seed {seed}\n{said}"
        assert set(codes) <= {OUTCOMES[number], REFUSED, PLACED_BEFORE}, about
        assert requested[name] == (OUTCOMES[number] in codes), about


def call(machine: Machine, number: int, over: Any, told: Any) -> None:
    """One call after the other until it is ``over``, each again while it is refused: its name, the number,
    all exit codes, and what was said last."""
    turn, is_last = 0, False
    while not is_last:
        is_last = over.is_set()
        name, callee = f"c{number}-{turn}{'-last' if is_last else ''}", [*OUTCOMES][turn % len(OUTCOMES)]
        codes, done = [], None
        while not codes or codes[-1] == REFUSED:
            done = voicecli(
                "call", callee, "Hello", "--wait", "--once", "--message-id", name, env=machine.env
            )
            codes.append(int(done.code))
        told.put((name, callee, codes, "" if done is None else done.err))
        turn += 1
