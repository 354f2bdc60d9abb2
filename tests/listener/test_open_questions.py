"""A listener that does not end while a question may still be answered."""

import asyncio
import re
import signal
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import DEADLINE

from voicecli.account import AccountId
from voicecli.clock import now
from voicecli.listener import open_questions
from voicecli.listener.open_questions import TERMINATION, UNREADABLE, EndRequests, QuestionWait
from voicecli.sessions.attempt import AttemptState
from voicecli.store.attempts import Attempts, attempts_with_open_questions
from voicecli.store.event_recording import KeptEvent, record_events
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.messages import Capture, voice_message

ACCOUNT, ANOTHER = AccountId("https://voice.8x8.com", "ours"), AccountId("https://voice.8x8.com", "theirs")
INT, TERM = signal.SIGINT, signal.SIGTERM


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_questions, "LOOK_EVERY", 0.01)


def message(*, asks: bool) -> CallRequest:
    capture = Capture() if asks else None
    return voice_message("+33199001234", "Press 1", source="+33199000000", capture=capture)


def place(home: Path, session: str | None = "s-1", *, asks: bool = True) -> None:
    with SqliteStore(home) as store:
        ours = Attempts(store, ACCOUNT)
        number = ours.begin(message(asks=asks))
        ours.record_answer(number, AttemptState.ACCEPTED if session else AttemptState.UNKNOWN, session)


def summarise(home: Path, session: str) -> None:
    with SqliteStore(home) as store:
        record_events(store, [KeptEvent(now(), "VSS", session, session.encode(), None, b"{}")])


class World:
    def __init__(self, home: Path, account: AccountId | None = ACCOUNT) -> None:
        self.home = home
        self.seconds = 0.0
        self.told: list[str] = []
        self.requests = EndRequests(clock=lambda: self.seconds)
        self.stay = QuestionWait(StorePlace(home), account, self._tell, requests=self.requests)
        self._news = asyncio.Event()

    def _tell(self, text: str, record: Mapping[str, object] | None) -> None:
        assert record is not None
        assert record["record"] == "staying"
        self.told.append(text)
        self._news.set()

    async def until_told(self, times: int) -> None:
        while len(self.told) < times:
            self._news.clear()
            await self._news.wait()

    def stays(self) -> "asyncio.Task[None]":
        async def stay() -> None:
            with self.stay.interruptible():
                await self.stay.until_answered()

        return asyncio.create_task(stay())

    def signal(self, task: "asyncio.Task[None]", number: int) -> None:
        """As the handler of signals does."""
        assert self.requests.staying
        self.requests.add(number)
        task.cancel()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# -- which questions are open ------------------------------------------------------------------------


def test_a_question_is_open_until_the_summary_or_its_time_is_over(tmp_path: Path) -> None:
    place(tmp_path, "s-1")
    place(tmp_path, "s-2")
    place(tmp_path, None)
    place(tmp_path, "s-3", asks=False)
    with SqliteStore(tmp_path) as store:
        assert [call.session_id for call in attempts_with_open_questions(store, now())] == [
            "s-1",
            "s-2",
            None,
        ]
        assert attempts_with_open_questions(store, now(), account=ANOTHER) == []
        last = attempts_with_open_questions(store, now(), account=ACCOUNT)[-1].answer_until
        assert last is not None
        assert 60e6 < last - now() < 300e6
        assert attempts_with_open_questions(store, last) == []
    summarise(tmp_path, "s-1")
    with SqliteStore(tmp_path) as store:
        assert [call.session_id for call in attempts_with_open_questions(store, now())] == ["s-2", None]


# -- how long it stays -------------------------------------------------------------------------------


async def test_it_stays_until_the_last_summary(world: World) -> None:
    place(world.home, "s-1")
    place(world.home, "s-2")
    async with asyncio.timeout(DEADLINE):
        task = world.stays()
        await world.until_told(1)
        summarise(world.home, "s-1")
        assert await world.stay.is_needed()
        assert not task.done()
        summarise(world.home, "s-2")
        await task
    [told] = world.told
    assert re.fullmatch(
        r"2 questions are open: it stays until \d\d:\d\d:\d\d at the latest, to receive what people press\. "
        r"Ctrl-C twice ends it\.",
        told,
    )


async def test_where_nothing_is_open_nothing_is_said(world: World) -> None:
    place(world.home, asks=False)
    await world.stay.until_answered()
    assert world.told == []


@pytest.mark.parametrize(
    ("before", "then"),
    [([], [INT, INT]), ([INT], [INT]), ([TERM], [INT]), ([], [TERM, INT]), ([], [INT, TERM, INT])],
)
async def test_the_second_ctrl_c_ends_it(world: World, before: list[int], then: list[int]) -> None:
    place(world.home)
    for number in before:
        world.requests.add(number)
    async with asyncio.timeout(DEADLINE):
        task = world.stays()
        for turn, number in enumerate(then, start=1):
            await world.until_told(turn)
            assert not task.done()
            world.signal(task, number)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert world.told[-1].endswith("Ctrl-C again ends it.")


async def test_sigterm_gives_it_80_seconds_however_often_it_comes(world: World) -> None:
    place(world.home)
    async with asyncio.timeout(DEADLINE):
        task = world.stays()
        await world.until_told(1)
        world.signal(task, TERM)
        await world.until_told(2)
        assert "it stays for 80 s at most" in world.told[-1]
        world.seconds = TERMINATION - 1
        world.signal(task, TERM)
        await world.until_told(3)
        assert "it stays for 1 s at most" in world.told[-1]
        world.seconds = TERMINATION
        await task


async def test_where_the_store_can_t_tell_it_stays_for_a_while_and_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(world.home)
    database = sqlite3.connect(world.home / "voicecli.sqlite3")
    database.execute("ALTER TABLE calls RENAME TO gone")
    moment = now()
    monkeypatch.setattr(open_questions, "now", lambda: moment)
    async with asyncio.timeout(DEADLINE):
        task = world.stays()
        await world.until_told(1)
        moment += round(UNREADABLE * 1e6) - 1
        assert await world.stay.is_needed()
        moment += 1
        await task
        await world.stay.until_answered()
        assert not await world.stay.is_needed()
    [told] = world.told
    assert re.search(
        r"no such table: calls\. So a question may be open: it stays until \d\d:\d\d:\d\d at the latest", told
    )
    database.execute("ALTER TABLE gone RENAME TO calls")
    database.close()
    assert await world.stay.is_needed(), "it can be read again"


async def test_cancelled_by_anything_else_it_ends(world: World) -> None:
    place(world.home)
    async with asyncio.timeout(DEADLINE):
        task = world.stays()
        await world.until_told(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
