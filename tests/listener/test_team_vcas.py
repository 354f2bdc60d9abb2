"""VCAs of one call that come to different listeners of a team: 8x8 gets what one listener would reply."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from away import away, database_of
from conftest import wait_until
from placed_calls import ASK, CALL, FLOW, SAY, other, placed
from receiver_world import World, receiving, vca
from shared_postgresql import SharedServer

from voicecli.calling.vca_replier import PlacedCallsReplier
from voicecli.listener.routes import Answered, Replier
from voicecli.listener.team_replies import TeamReplies
from voicecli.store import vca_replies
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.voice_api.callflow import HANGUP
from voicecli.voice_api.callflow_rules import Action
from voicecli.voice_api.replies import Reply
from voicecli.voice_api.webhook_events import Received

SECOND: Action = {"action": "say", "params": {"text": "The code is 4711.", "voiceProfile": "en-GB-Emma"}}


class Application:
    """Answers each question with another text, once it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = asyncio.Event()

    async def __call__(self, received: Received, _headers: Mapping[str, str]) -> Answered:
        self.asked.append(received.event.session_id)
        await self.go_on.wait()
        say: Action = {"action": "say", "params": {**SECOND["params"], "repetition": len(self.asked)}}  # type: ignore[dict-item]
        return Answered(Reply((say, HANGUP)), "as the application says", passed_on=True)


def asking(application: Replier) -> Callable[[StorePlace], Replier]:
    return lambda place: TeamReplies(place, application, timeout=5)


@asynccontextmanager
async def two(
    team: StorePlace, folder: Path, replier: Callable[[StorePlace], Replier]
) -> AsyncIterator[tuple[World, World]]:
    """Listeners on two machines."""
    here, there = team._replace(folder=folder / "here"), team._replace(folder=folder / "there")
    async with (
        receiving(here.folder, store=here, replier=replier(here)) as one,
        receiving(there.folder, store=there, replier=replier(there)) as another,
    ):
        yield one, another


def actions(answer: tuple[int, Any]) -> list[str]:
    status, body = answer
    assert status == 200
    return [action["action"] for action in body["callflow"]]


async def test_a_call_goes_on_where_its_next_vca_comes_and_a_duplicate_gets_the_same_reply(
    team: StorePlace, tmp_path: Path
) -> None:
    placed(team, (CALL, ASK, SAY, ASK, SECOND, HANGUP), session="s-1")
    async with two(team, tmp_path, lambda place: PlacedCallsReplier(place, other)) as (one, another):
        first = await one.event(vca("s-1", "e-1"))
        assert actions(first) == ["say", "sayAndCapture"]
        second = await another.event(vca("s-1", "e-2"))
        assert second[1]["callflow"] == [SECOND, HANGUP]
        assert await another.event(vca("s-1", "e-1")) == first
        assert await one.event(vca("s-1", "e-2")) == second
        assert {received.id for received in another.shown} == {received.id for received in one.shown}


async def test_an_application_is_asked_once_about_a_vca_that_comes_to_two_listeners(
    team: StorePlace, tmp_path: Path, postgresql: SharedServer
) -> None:
    application = Application()
    async with two(team, tmp_path, asking(application)) as (
        one,
        another,
    ):
        asked = [asyncio.create_task(world.event(vca("s-1"))) for world in (one, another)]
        await asyncio.to_thread(wait_until, lambda: application.asked)
        application.go_on.set()
        first, second = await asyncio.gather(*asked)
        assert first == second
        assert application.asked == ["s-1"]
        assert (await one.event(vca("s-1")))[1] == (await another.event(vca("s-1")))[1] == first[1]
        assert application.asked == ["s-1"]
        assert (await another.event(vca("s-2", "e-2")))[0] == 200
        assert application.asked == ["s-1", "s-2"]
    [(sealed, *_), _] = postgresql.execute("SELECT sealed FROM voicecli.vca_replies", database_of(team))
    assert b"4711" not in bytes(sealed)


@pytest.mark.soak
async def test_where_a_listener_died_while_it_asked_another_one_asks(
    team: StorePlace, tmp_path: Path
) -> None:
    application = Application()
    application.go_on.set()
    with open_store(team) as store:
        assert vca_replies.claim(store, 1, 0.3)
    async with two(team, tmp_path, asking(application)) as (one, _):
        assert actions(await one.event(vca("s-1"))) == ["say", "hangup"]
    assert application.asked == ["s-1"]


@pytest.mark.soak
def test_replies_that_nobody_needs_any_more_are_deleted(
    team: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(team) as store:
        vca_replies.claim(store, 1, 0)
        vca_replies.keep_reply(store, 1, b"reply")
        vca_replies.delete_old_replies(store)
        assert vca_replies.find_reply(store, 1) == b"reply"
        monkeypatch.setattr(vca_replies, "KEPT", -1.0)
        vca_replies.delete_old_replies(store)
        assert vca_replies.find_reply(store, 1) is None


async def test_while_the_database_is_away_a_vca_is_answered_in_time(
    team: StorePlace, tmp_path: Path, postgresql: SharedServer
) -> None:
    placed(team, FLOW, session="s-1")
    application = Application()
    application.go_on.set()

    def replier(place: StorePlace) -> Replier:
        return PlacedCallsReplier(place, TeamReplies(place, application, timeout=5))

    async with two(team, tmp_path, replier) as (one, another):
        assert (await one.event(vca("s-1", "e-1", eventData={})))[0] == 200
        with away(postgresql, team):
            began = time.monotonic()
            assert actions(await one.event(vca("s-1", "e-2"))) == ["say", "hangup"], "it is known there"
            assert actions(await another.event(vca("s-2", "e-3"))) == ["say", "hangup"]
            assert time.monotonic() - began < 10
        await one.until(lambda: any("in it" in text for text in one.told))
        assert actions(await one.event(vca("s-1", "e-2"))) == ["say", "hangup"]


@pytest.mark.soak
async def test_a_database_that_hangs_does_not_stop_the_event_loop(team: StorePlace, tmp_path: Path) -> None:
    placed(team, FLOW, session="s-1")
    async with receiving(tmp_path, store=team, replier=PlacedCallsReplier(team, other)) as world:
        with open_store(team) as store, store.transaction() as transaction:
            transaction("LOCK TABLE voicecli.calls IN ACCESS EXCLUSIVE MODE")
            answering = asyncio.create_task(world.event(vca("s-1")))
            turns = 0
            while not answering.done():
                await asyncio.sleep(0.01)
                turns += 1
            assert turns > 10
            assert actions(await answering) == ["say"], "whose call it is is not known"
