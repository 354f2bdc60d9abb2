"""Who follows events learns of those that other machines have received: at once where the database tells,
else by polling, and after whatever happened to the connection."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from conftest import DEADLINE, wait_until
from machines import Machine
from postgresql_server import Bouncer, pooling
from shared_postgresql import KEY, SharedServer

from voicecli.errors import StoreUnreachable
from voicecli.store import following, postgresql_notifications
from voicecli.store.engine import Store
from voicecli.store.event_queries import events_after
from voicecli.store.event_recording import KeptEvent, record_events
from voicecli.store.following import Follower
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

NEVER = 10 * DEADLINE  # seconds between two looks: what is learned before was told


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_ANYWAY", NEVER)
    monkeypatch.setattr(postgresql_notifications, "CONNECT_EVERY", 0.02)


@pytest.fixture
def store(team: StorePlace) -> Iterator[Store]:
    with open_store(team) as opened:
        yield opened


def receive(place: StorePlace) -> int:
    """Another machine keeps an event; its number."""
    with open_store(place) as store:
        event = KeptEvent(0, "VSS", "s-1", secrets.token_bytes(16), None, b'{"eventType": "SESSION_SUMMARY"}')
        [recorded] = record_events(store, [event])
        return recorded.id


def until_told(follower: Follower) -> None:
    """Wait until notifications arrive, and read what came before."""
    notifications = follower._notifications
    assert notifications is not None
    wait_until(lambda: notifications.work)
    assert follower.wait()


def test_an_event_of_another_machine_is_told_at_once(team: StorePlace, store: Store) -> None:
    with Follower(store, every=NEVER) as follower:
        until_told(follower)
        number = receive(team)
        assert follower.wait()
        assert [one.id for one in events_after(store, number - 1)] == [number]
        follower._every = 0.0
        assert not follower.wait(), "there was nothing else, and it need not be read"


async def test_an_event_loop_is_woken_and_goes_on_meanwhile(team: StorePlace, store: Store) -> None:
    async with asyncio.timeout(DEADLINE):
        with Follower(store, every=NEVER) as follower:
            await asyncio.to_thread(until_told, follower)
            waiting = asyncio.create_task(follower.changed())
            await asyncio.to_thread(receive, team)
            assert await waiting


def test_after_a_cut_it_is_read_and_told_again(team: StorePlace, machines: Callable[[str], Machine]) -> None:
    """What came between the cut and the next LISTEN was told to nobody."""
    machine = machines("a")
    with open_store(machine.place) as store, Follower(store, every=NEVER) as follower:
        until_told(follower)
        with machine.away():
            assert follower.wait(), "from now on it is polled"
            notifications = follower._notifications
            assert notifications is not None
            assert not notifications.work
            number = receive(team)
        assert follower.wait(), "it listens again"
        assert [one.id for one in events_after(store, number - 1)] == [number]
        receive(team)
        assert follower.wait()


@pytest.mark.soak
def test_behind_a_pooler_in_transaction_mode_it_is_polled(
    postgresql: SharedServer, team: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There LISTEN succeeds, and tells nothing."""
    if not Bouncer.is_there():
        pytest.skip("there is no PgBouncer")
    monkeypatch.setattr(postgresql_notifications, "TRIAL_TAKES", 0.5)
    database = str(team.url).partition("@/")[2].partition("?")[0]
    with pooling(postgresql) as bouncer:
        pooled = StorePlace(team.folder, bouncer.url(database), KEY)
        with open_store(pooled) as store, Follower(store, every=0.02) as follower:
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                assert follower.wait()
            assert follower._notifications is not None
            assert not follower._notifications.work
            number = receive(pooled)
            assert follower.wait()
            assert [one.id for one in events_after(store, number - 1)] == [number]


@pytest.mark.soak
def test_who_waits_for_a_database_that_stands_still_goes_on(
    machines: Callable[[str], Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server does that is stopped: connections stay, and nothing is answered."""
    machine = machines("a")
    with open_store(machine.place) as store, Follower(store) as follower:
        number = receive(machine.place)
        with machine.standing_still():
            with monkeypatch.context() as impatient:
                impatient.setattr(following, "READ_LIMIT", 0.2)
                with pytest.raises(StoreUnreachable):
                    follower.read_now(partial(events_after, store, 0))
            assert not follower.is_back()
        wait_until(follower.is_back)
        assert [one.id for one in follower.read_now(partial(events_after, store, 0))] == [number]


@pytest.mark.soak
async def test_an_event_loop_goes_on_while_a_database_stands_still(
    machines: Callable[[str], Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "READ_LIMIT", 1.0)
    machine = machines("a")
    with open_store(machine.place) as store, Follower(store) as follower:
        turns = 0
        with machine.standing_still():
            reading = asyncio.create_task(follower.read(partial(events_after, store, 0)))  # type: ignore[arg-type]
            while not reading.done():
                turns += 1
                await asyncio.sleep(0.01)
            with pytest.raises(StoreUnreachable):
                reading.result()
        assert turns > 2  # few on a busy machine; a loop that waits makes one
