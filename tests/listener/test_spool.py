"""The database that a team shares is away: a listener keeps what it acknowledges, and brings it in later."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import aiohttp
import pytest
from away import away, database_of, kept
from conftest import DEADLINE, wait_until
from json_documents import DOCUMENTS
from receiver_world import TOKEN, World, receiving, vca, vss
from shared_postgresql import SharedServer

from voicecli.checks import store as store_checks
from voicecli.errors import StoreFailed
from voicecli.listener.event_keeper import SpoolState
from voicecli.listener.recorder import Recorder
from voicecli.listener.spool_news import SpoolNews
from voicecli.listener.spooling import SpoolingKeeper
from voicecli.listener.vca_repliers import constant_reply
from voicecli.store import spool
from voicecli.store.event_recording import KeptEvent, record_events
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.spool import count_spooled, place_of_spool
from voicecli.voice_api.replies import HANG_UP


@contextmanager
def keeping(place: StorePlace, states: list[SpoolState] | None = None) -> Iterator[SpoolingKeeper]:
    states = [] if states is None else states
    with closing(SpoolingKeeper(place, states.append)) as keeper:
        yield keeper


def new(session: str) -> KeptEvent:
    return KeptEvent(1, "VSS", session, session.encode().ljust(16), None, b"{}")


def spooled(place: StorePlace) -> int:
    with open_store(place_of_spool(place)) as waiting:
        return count_spooled(waiting)


async def health(world: World) -> dict[str, object]:
    async with world.http.get(f"{world.service.url}/health", headers={"Authorization": TOKEN}) as answer:
        document = await answer.json()
        assert isinstance(document, dict)
        return document


async def test_what_comes_while_the_database_is_away_is_acknowledged_told_and_brought_in_in_order(
    tmp_path: Path, team: StorePlace, postgresql: SharedServer
) -> None:
    async with receiving(tmp_path, store=team, replier=constant_reply(HANG_UP)) as world:
        assert (await world.event(vss("before")))[0] == 200
        with away(postgresql, team):
            for content in (vca("s-1"), vss("s-1"), vss("s-2"), vss("before"), vss("s-2")):
                assert (await world.event(content))[0] == 200
            [warning] = [text for text in world.told if text.startswith("Warning:")]
            assert f"The PostgreSQL database {database_of(team)}" in warning
            assert warning.endswith("Events are kept on this machine until the store can be used again.")
            [record] = [record for record in world.records if record["record"] == "spool"]
            assert [*record] == DOCUMENTS["listen: record spool"].split()
            await asyncio.to_thread(wait_until, lambda: world.service._spool.state.waiting == 4)
            document = await health(world)
            assert document["spooled"] == 4
            assert database_of(team) in str(document["storeTrouble"])
        await world.until(lambda: any("4 events that waited are in it" in text for text in world.told))
        assert (await world.event(vss("after")))[0] == 200
        await world.until(lambda: len(world.shown) == 7)
        assert [(one.id, one.event.session_id, one.again) for one in world.shown] == [
            (1, "before", False),
            *((0, "s-1", False), (0, "s-1", False), (0, "s-2", False)),
            *((0, "before", True), (0, "s-2", True)),
            (kept(postgresql, team, "id")[-1][0], "after", False),
        ]
        document = await health(world)
        assert (document["spooled"], document["storeTrouble"]) == (0, None)
    assert kept(postgresql, team, "session, type, times, reply") == [
        ("before", "VSS", 2, None),
        ("s-1", "VCA", 1, "hangup"),
        ("s-1", "VSS", 1, None),
        ("s-2", "VSS", 1, None),
        ("after", "VSS", 1, None),
    ]
    assert spooled(team) == 0


def test_what_a_killed_run_has_spooled_the_next_one_brings_in(
    team: StorePlace, postgresql: SharedServer
) -> None:
    states: list[SpoolState] = []
    with away(postgresql, team), keeping(team) as killed:
        assert killed.keep([new("s-1"), new("s-2")]) == [(0, 1), (0, 1)]
        killed.note([], [("hangup", "why", "s-2", new("s-2").identity)])
    with keeping(team, states) as keeper:
        wait_until(lambda: keeper.keep([new("s-3")]) != [(0, 1)])
        assert kept(postgresql, team, "session, reply, remark")[:2] == [
            ("s-1", None, None),
            ("s-2", "hangup", "why"),
        ]
        assert states[-1]._replace(brought_in=0) == SpoolState(0, None, 0)
        keeper.note([], [("hangup", None, "s-1", new("s-1").identity)])  # it is brought in by now
        assert kept(postgresql, team, "session, reply")[0] == ("s-1", "hangup")


@pytest.mark.soak
def test_a_reply_that_is_noted_while_its_event_is_brought_in_is_not_lost(
    team: StorePlace, postgresql: SharedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from voicecli.store import spool

    with keeping(team) as keeper:
        copy = spool.copy_spooled

        def copy_and_note(*arguments: object) -> None:
            copy(*arguments)  # type: ignore[arg-type]
            keeper.note([], [("hangup", None, "s-1", new("s-1").identity)])

        monkeypatch.setattr(spool, "copy_spooled", copy_and_note)
        with away(postgresql, team):
            keeper.keep([new("s-1")])
        wait_until(lambda: kept(postgresql, team, "session, reply") == [("s-1", "hangup")])


@pytest.mark.soak
@pytest.mark.parametrize("failure", [StoreFailed("The disk is full."), ZeroDivisionError("a fault of ours")])
def test_a_copy_whose_events_were_not_taken_out_of_the_spool_is_not_made_twice(
    failure: Exception, team: StorePlace, postgresql: SharedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from voicecli.store import spool

    remove, failures = spool.remove_spooled, [failure]

    def remove_later(*arguments: object) -> object:
        if failures:
            raise failures.pop()
        return remove(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(spool, "remove_spooled", remove_later)
    with keeping(team) as keeper:
        with away(postgresql, team):
            keeper.keep([new("s-1"), new("s-2")])
        wait_until(lambda: keeper.keep([new("s-3")])[0][0])
    assert not failures
    assert kept(postgresql, team) == [("s-1",), ("s-2",), ("s-3",)]


def test_a_database_that_hangs_is_given_up_in_time(team: StorePlace, postgresql: SharedServer) -> None:
    states: list[SpoolState] = []
    with keeping(team, states) as keeper, open_store(team) as other:
        assert keeper.keep([new("s-1")]) == [(1, 1)]
        with other.transaction() as transaction:
            transaction("LOCK TABLE voicecli.events IN ACCESS EXCLUSIVE MODE")
            assert keeper.keep([new("s-2")]) == [(0, 1)]
        wait_until(lambda: kept(postgresql, team) == [("s-1",), ("s-2",)])
    assert any(state.reason for state in states)


@pytest.mark.soak
async def test_503_only_where_the_spool_can_t_be_written(
    tmp_path: Path, team: StorePlace, postgresql: SharedServer
) -> None:
    async with receiving(tmp_path, store=team, replier=constant_reply(HANG_UP)) as world:
        with away(postgresql, team):
            team.local_folder.mkdir(exist_ok=True)
            (team.local_folder / "spool").touch()
            assert (await world.event(vss("s-1")))[0] == 503
            status, reply = await world.event(vca("s-1"))
            assert (status, reply["callflow"][0]["action"]) == (200, "hangup")
            (team.local_folder / "spool").unlink()
            assert (await world.event(vss("s-1")))[0] == 200
        await asyncio.to_thread(wait_until, lambda: len(kept(postgresql, team)) == 2)


async def test_a_listener_that_starts_while_the_database_is_away_receives(
    tmp_path: Path, team: StorePlace, postgresql: SharedServer
) -> None:
    with away(postgresql, team):
        async with receiving(tmp_path, store=team) as world:
            assert (await world.event(vss("s-1")))[0] == 200
    assert [text for text in world.told if "1 event waits on this machine for the store" in text]
    assert kept(postgresql, team) == []
    async with receiving(tmp_path, store=team) as world, aiohttp.ClientSession() as http:
        async with http.get(f"{world.service.url}/health") as answer:
            assert (await answer.json())["team"] == world.service._listener.team is not None
        await asyncio.to_thread(wait_until, lambda: kept(postgresql, team) == [("s-1",)])


async def test_a_session_id_that_no_index_takes_holds_up_no_other_event(
    tmp_path: Path, team: StorePlace
) -> None:
    endless = "".join(map(chr, random.Random(1).choices(range(0x10000, 0x20000), k=2_000)))
    async with receiving(tmp_path, store=team) as world:
        for session in (endless, "s-1"):
            assert (await world.event(vss(session)))[0] == 200
        assert (await health(world))["spooled"] == 0


def test_an_event_that_the_database_never_takes_is_set_aside_and_holds_up_no_other(
    team: StorePlace, postgresql: SharedServer
) -> None:
    database, states = database_of(team), list[SpoolState]()
    postgresql.execute("ALTER TABLE voicecli.events ADD CONSTRAINT small CHECK (session != 's-2')", database)
    with keeping(team, states) as keeper:
        with away(postgresql, team):
            assert [kept for kept, _ in keeper.keep([new(f"s-{number}") for number in range(5)])] == [0] * 5
        wait_until(lambda: states[-1].reason is None)
        assert keeper.keep([new("s-5")]) == [(5, 1)], "it is kept at once again"
    assert kept(postgresql, team) == [("s-0",), ("s-1",), ("s-3",), ("s-4",), ("s-5",)]
    [refused] = {state.refused for state in states} - {None}
    assert "small" in refused
    [finding] = store_checks._check_spool(team)
    assert "1 event that the database does not take" in finding.words
    postgresql.execute("ALTER TABLE voicecli.events DROP CONSTRAINT small", database)
    with keeping(team):
        wait_until(lambda: ("s-2",) in kept(postgresql, team))
    assert not list(store_checks._check_spool(team))


def test_large_events_are_brought_in_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "LARGEST_BATCH", 5)
    with open_store(StorePlace(tmp_path)) as store:
        record_events(store, [new(f"s-{number}") for number in range(9)])
        assert [one.event.session for one in spool.oldest_spooled(store, 9)] == ["s-0", "s-1", "s-2"]
        assert len(spool.oldest_spooled(store, 2)) == 2


def test_what_is_set_aside_is_told_once() -> None:
    told: list[str] = []
    news = SpoolNews(lambda words, _: told.append(words))
    for refused in (None, "It does not fit.", "It does not fit."):
        news.see(SpoolState(0, None, 0, refused))
    assert told == ["Warning: It does not fit. So an event stays on this machine."]


def test_two_databases_have_two_spools(tmp_path: Path, postgresql: SharedServer) -> None:
    places = [StorePlace(tmp_path, url) for url in ("postgresql://a@h/x", "postgresql://a@h/y")]
    again = StorePlace(tmp_path, "postgresql://b:secret@h/x?sslmode=require")
    assert len({place.local_folder for place in places}) == 2
    assert again.local_folder == places[0].local_folder
    assert StorePlace(tmp_path).local_folder == tmp_path


@pytest.mark.process
@pytest.mark.usefixtures("writer_process")
async def test_the_writing_process_gets_the_database_where_nobody_else_can_read_it(team: StorePlace) -> None:
    recorder = Recorder(team)
    await recorder.start()
    try:
        async with asyncio.timeout(DEADLINE):
            kept = await recorder.record(new("s-1"))
        assert kept.times == 1
        assert recorder._process is not None
        process = Path(f"/proc/{recorder._process.pid}/cmdline")
        arguments = await asyncio.to_thread(process.read_bytes)
    finally:
        await recorder.stop()
    assert arguments.endswith(f"voicecli.listener.writer\0{team.folder}\0".encode())
