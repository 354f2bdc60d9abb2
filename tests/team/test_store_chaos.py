"""The store alone under everything that can happen to it: machines that are killed, a server that stops at
once, connections that are cut while commits are under way, a pool between. Nothing that was told is lost."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cutting_proxy import cutting
from postgresql_server import SOCKET, Server, pooling
from soak import FULL
from store_machines import StoreMachine, running

from voicecli.store import attempt_outcomes
from voicecli.store.engine import Store
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.postgresql_migrating import migrate

pytestmark = [pytest.mark.process, pytest.mark.soak]
ROLES = ("recorder", "recorder", "caller", "caller", "caller", "outcomes", "follower", "follower")
KEY = b"k" * 32
KILLS = 400 if FULL else 10
Told = dict[str, list[list[Any]]]


def machines(places: Sequence[StorePlace], folder: Path, seed: int) -> list[StoreMachine]:
    pairs = zip(ROLES, cycle(places), strict=False)
    return [StoreMachine(place, role, number, folder, seed) for number, (role, place) in enumerate(pairs)]


def disturb(
    ours: list[StoreMachine], dice: random.Random, kills: int, disasters: list[Callable[[], object]]
) -> None:
    """Kill machines, and now and then let a disaster happen; the moments are the input."""
    for _ in range(kills):
        time.sleep(dice.uniform(0.02, 0.3))
        if disasters and dice.random() < 0.1:
            dice.choice(disasters)()
        else:
            machine = dice.choice(ours)
            machine.kill()
            machine.start()


def check(place: StorePlace, ours: list[StoreMachine]) -> None:
    """That what the machines were told is in the store."""
    told = {machine.name: machine.told() for machine in ours}
    faults = [line[1] for lines in told.values() for line in lines if line[0] == "fault"]
    assert not faults, faults[0]
    with open_store(place) as store:
        attempt_outcomes.update_outcomes(store)
        check_events(store, told)
        check_followers(store, told)
        check_calls(store, told)


def check_events(store: Store, told: Told) -> None:
    """Each event is there once, and was counted as often as it was kept."""
    rows = list(store.rows("SELECT session, id, times FROM events WHERE session != 'old'"))
    stored = {session: (number, times) for session, number, times in rows}
    assert len(rows) == len(stored), "an event is there twice"
    lists = [line[1] for lines in told.values() for line in lines if line[0] == "try"]
    tried = Counter(number for numbers in lists for number in numbers)
    counts: dict[int, list[int]] = defaultdict(list)
    for lines in told.values():
        for _, recorded in (line for line in lines if line[0] == "kept"):
            for number, event, times in recorded:
                assert stored[f"e-{event}"][0] == number, f"event {event} was told as {number}"
                counts[event].append(times)
    for event, times in counts.items():
        assert len({*times}) == len(times), f"event {event} was told as the same one twice: {sorted(times)}"
        assert max(times) <= stored[f"e-{event}"][1] <= tried[event]
    reported = {line[1] for lines in told.values() for line in lines if line[0] == "reported"}
    assert reported <= stored.keys()


def check_followers(store: Store, told: Told) -> None:
    """Who follows has seen each event once, in order."""
    there = {number for (number,) in store.rows("SELECT id FROM events WHERE session != 'old'")}
    for name, lines in told.items():
        if name.startswith("follower"):
            seen = [line[1] for line in lines if line[0] == "saw"]
            assert seen == sorted({*seen}), f"{name} saw a number again, or a lower one later"
            assert there <= {*seen}, f"{name} missed {sorted(there - {*seen})}"


def check_calls(store: Store, told: Told) -> None:
    """One gets each call, and what became of it is known."""
    lines = [line for one in told.values() for line in one]
    requested = [line for line in lines if line[0] == "requested"]
    twice = [key for key, count in Counter(line[1] for line in requested).items() if count > 1]
    assert not twice, f"called twice: {twice}"
    query = "SELECT id, client_request_id, state, session, outcome FROM calls"
    calls = {number: rest for number, *rest in store.rows(query)}
    assert len({request for request, *_ in calls.values()}) == len(calls)
    for _, key, number, _ in requested:
        assert calls[number][0] == f"m-{key}"
    answered = {line[1]: line[2] for line in lines if line[0] == "answered"}
    reported = {line[1] for line in lines if line[0] == "reported"}
    for number, session in answered.items():
        assert calls[number][1:3] == ["accepted", session], calls[number]
        assert session not in reported or calls[number][3] == "COMPLETED", calls[number]


def test_with_sqlite_nothing_that_was_told_is_lost_when_machines_are_killed(tmp_path: Path) -> None:
    place = StorePlace(tmp_path / "home")
    ours = machines([place], tmp_path, seed=1)
    with running(ours):
        disturb(ours, random.Random(1), KILLS, [])
        for machine in ours:
            machine.stop()
    check(place, ours)


@pytest.mark.parametrize("network", ["a server that stops", "cut connections", "a pool"])
def test_with_postgresql_nothing_that_was_told_is_lost(
    tmp_path: Path, own_server: Server, network: str
) -> None:
    seed = sum(network.encode())
    dice = random.Random(seed)
    with ExitStack() as stack:
        folder = own_server.folder
        stranger = Stranger(own_server)
        stack.callback(stranger.close)
        disasters: list[Callable[[], object]] = [partial(restart, own_server, stranger)]
        match network:
            case "a pool":
                folder = stack.enter_context(pooling(own_server)).folder
            case "cut connections":
                folder = stack.enter_context(cutting(folder / SOCKET, share=0.02, seed=seed))
        name = own_server.create_database()
        direct = StorePlace(tmp_path / "home", own_server.url(name), KEY)
        migrate(direct)
        places = [
            StorePlace(tmp_path / f"home-{number}", own_server.url(name, folder), KEY)
            for number in range(len(ROLES))
        ]
        ours = machines(places, tmp_path, seed=seed)
        with running(ours):
            disturb(ours, dice, KILLS, disasters)
            for machine in ours:
                machine.stop()
        check(direct, ours)


class Stranger:
    """Another program with a database of its own at the server, in which it never ends a transaction."""

    def __init__(self, server: Server) -> None:
        self._url = server.url(server.create_database())
        self.begin()

    def begin(self) -> None:
        self._connection = psycopg.connect(self._url)
        self._connection.execute("CREATE TABLE theirs (one BIGINT)")

    def close(self) -> None:
        self._connection.close()


def restart(server: Server, stranger: Stranger) -> None:
    stranger.close()
    server.stop("immediate")
    server.start()
    stranger.begin()
