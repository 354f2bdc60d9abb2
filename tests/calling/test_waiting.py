"""Waiting for outcomes: what is told where the store fails, or is held, while requests are under way."""

import asyncio
import socket
import sqlite3
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import DEADLINE
from raw_server import Speak, document, server

from voicecli.account import Account
from voicecli.calling.endings import Ending
from voicecli.calling.ledger import Ledger
from voicecli.calling.placing import Placer
from voicecli.calling.results import Result
from voicecli.calling.waited_call import WaitOptions
from voicecli.calling.waiting import OutcomeWaiter
from voicecli.errors import ConfigurationError, PlacedBefore, StoreBusy, StoreFailed
from voicecli.sessions.key_names import KeyNames
from voicecli.store import following, read_positions, sqlite
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.client import Client
from voicecli.voice_api.messages import Capture, voice_message
from voicecli.voice_api.operations.calls import Session

NUMBERS = ("+33199001234", "+33199001235", "+33199001236")
KEY = "k" * 20


def created(number: int) -> bytes:
    return document({"sessionId": f"s-{number}", "sessionStatus": "CREATED", "statusCode": 1})


REFUSED = document(
    {"sessionStatus": "NOT_CREATED", "statusCode": -1014, "statusMessage": "no"}, "422 Unprocessable Entity"
)


class Watched(OutcomeWaiter):
    """``trouble`` is set as soon as the store could not be used."""

    trouble: threading.Event

    async def _look(self, *arguments: Any, **options: Any) -> None:
        try:
            await super()._look(*arguments, **options)
        except StoreFailed:
            self.trouble.set()
            raise

    async def _place_once(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super()._place_once(*arguments, **options)
        except ConfigurationError:
            self.trouble.set()
            raise


@contextmanager
def waiting(
    home: Path,
    speak: Speak,
    trouble: threading.Event,
    *,
    until_confirmed: bool = True,
    tells: bool = False,
    missed: float = 0.0,
) -> Iterator[OutcomeWaiter]:
    """For outcomes of calls that a server answers as ``speak`` does; each is out of time at once."""

    async def nothing() -> None:
        return None

    with server(speak) as (url, _), Client(api_key=KEY, subaccount_id="sub", base_url=url) as client:
        account, one = Account(KEY, "sub", url), KeyNames.of_confirm("1")
        ledger = Ledger()
        placer = Placer(
            client, account, StorePlace(home), ledger=ledger, warn=lambda _: None, needs_store=True, keys=one
        )
        with SqliteStore(home) as store:
            options = WaitOptions(timedelta(0), True, one, until_confirmed, tells)
            watched = Watched(
                placer,
                following.Follower(store),
                options,
                on_event=lambda _: None,
                trouble=nothing,
                missed=lambda _: missed,
            )
            watched.trouble = trouble
            yield watched


def requests(count: int) -> list[CallRequest]:
    return [
        voice_message(number, "Press 1", source="+33199000000", message_id=f"m-{index}", capture=Capture())
        for index, number in enumerate(NUMBERS[:count], 1)
    ]


async def collect(results: AsyncGenerator[Result, None], found: list[Result]) -> None:
    async with asyncio.timeout(DEADLINE):
        async for result in results:
            found.append(result)  # noqa: PERF401 - those that came before an error count


def break_store(home: Path) -> None:
    with closing(sqlite3.connect(home / "voicecli.sqlite3")) as database:
        database.execute("ALTER TABLE events RENAME TO gone")


@pytest.mark.parametrize(
    ("answer", "accepted", "unknown", "results"),
    [
        (created(2), ["s-1", "s-2"], [], 1),
        (b"", ["s-1"], ["m-2"], 1),
        (REFUSED, ["s-1"], [], 2),
    ],
    ids=["accepted", "lost", "refused"],
)
async def test_a_request_in_flight_comes_to_its_end_where_the_store_fails_meanwhile_and_is_named(
    tmp_path: Path, answer: bytes, accepted: Sequence[str], unknown: Sequence[str], results: int
) -> None:
    trouble, answers = threading.Event(), [created(1), answer]

    def speak(connection: socket.socket) -> None:
        if len(answers) == 1:
            break_store(tmp_path)
            assert trouble.wait(DEADLINE)
        connection.sendall(answers.pop(0))

    found: list[Result] = []
    with waiting(tmp_path, speak, trouble) as calls, pytest.raises(StoreFailed) as caught:
        await collect(calls.results(requests(2)), found)
    details: Any = caught.value.details
    assert sorted(one["sessionId"] for one in details["accepted"]) == accepted
    assert details["unknown"] == unknown
    assert len(found) == results
    assert answers == []


async def test_whatever_else_goes_wrong_it_comes_to_its_end_too(tmp_path: Path) -> None:
    answers, arrived, going_on = [created(1), created(2)], threading.Event(), threading.Event()

    def speak(connection: socket.socket) -> None:
        if len(answers) == 1:
            arrived.set()
            assert going_on.wait(DEADLINE)
        connection.sendall(answers.pop(0))

    with waiting(tmp_path, speak, threading.Event()) as calls:
        look: Callable[..., Awaitable[None]] = calls._look

        async def fail(*arguments: Any) -> None:
            if arrived.is_set() and calls._placer.ledger.ended:
                going_on.set()
                raise ZeroDivisionError
            await look(*arguments)

        calls._look = fail  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError):
            async for _ in calls.results(requests(2)):
                pass
        assert [call.session_id for call in calls._placer.ledger.accepted.values()] == ["s-2"]


async def test_a_result_that_is_missing_tells_that_nobody_received_reports_for_a_while(
    tmp_path: Path,
) -> None:
    """Or the question what became of a lost answer."""
    answers = [created(1), b""]

    def speak(connection: socket.socket) -> None:
        connection.sendall(answers.pop(0))

    with waiting(tmp_path, speak, threading.Event(), until_confirmed=False, missed=1.44) as calls:
        lost, missing = sorted([one async for one in calls.results(requests(2))], key=lambda one: one.placed)
    assert missing.ending is Ending.OUT_OF_TIME
    assert "no summary came in time; for 1.4 s nobody received what 8x8 reports" in missing.words
    assert missing.data["secondsWithoutReports"] == 1.44
    assert "for 1.4 s nobody received" in lost.hint


@pytest.mark.parametrize("called", [0, 1])
async def test_an_alert_that_another_process_takes_over_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: int
) -> None:
    """As placed before, if nobody was called by then."""
    place, left = Placer.place, iter([True] * called)

    def taken_over(placer: Placer, request: CallRequest) -> Session:
        if not next(left, False):
            raise PlacedBefore("Another voicecli has taken this over.")
        return place(placer, request)

    monkeypatch.setattr(Placer, "place", taken_over)
    found: list[Result] = []
    with waiting(tmp_path, lambda connection: connection.sendall(created(1)), threading.Event()) as calls:
        with nullcontext() if called else pytest.raises(PlacedBefore):
            await collect(calls.results(requests(3)), found)
    assert [type(result.error) for result in found] == [type(None), PlacedBefore][: 2 * called]


class Held:
    """Another process has the store: so that nothing can be written, or (``reads``) not even be read."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, *, reads: bool) -> None:
        SqliteStore(home).close()
        self._holder = sqlite3.connect(
            home / "voicecli.sqlite3", isolation_level=None, check_same_thread=False
        )
        self._reads = reads
        self._patch = pytest.MonkeyPatch()
        monkeypatch.setattr(sqlite, "LOCK_PATIENCE", 0.01)

    def __enter__(self) -> "Held":
        if self._reads:
            self._patch.setattr(read_positions, "last_event_number", self._fail)
        else:
            self._holder.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._holder.close()

    def _fail(self, _: SqliteStore) -> int:
        raise StoreBusy("The store can't be read: database is locked.")

    def release(self) -> None:
        self._patch.undo()
        if self._holder.in_transaction:
            self._holder.execute("ROLLBACK")


@pytest.mark.parametrize("one_after_the_other", [False, True])
@pytest.mark.parametrize("reads", [False, True])
async def test_a_store_that_is_held_for_a_while_keeps_nobody_from_being_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: bool, one_after_the_other: bool
) -> None:
    trouble, left = threading.Event(), iter(range(1, 3))
    answer = partial(next, left)
    with (
        waiting(
            tmp_path,
            lambda connection: connection.sendall(created(answer())),
            trouble,
            until_confirmed=one_after_the_other,
        ) as calls,
        Held(tmp_path, monkeypatch, reads=reads) as held,
    ):

        async def release() -> None:
            assert await asyncio.to_thread(trouble.wait, DEADLINE)
            held.release()

        async with asyncio.timeout(DEADLINE):
            releasing = asyncio.create_task(release())
            found = [result.ending async for result in calls.results(requests(2))]
            await releasing
    assert found == [Ending.OUT_OF_TIME, Ending.OUT_OF_TIME]


@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("one_after_the_other", [False, True])
@pytest.mark.parametrize("tells", [False, True])
async def test_where_the_store_stays_held_all_are_told_or_it_is_said_that_nothing_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells: bool, one_after_the_other: bool, reads: bool
) -> None:
    monkeypatch.setattr(following, "PATIENCE", 0.05)
    answered: list[int] = []

    def speak(connection: socket.socket) -> None:
        answered.append(1)
        connection.sendall(created(len(answered)))

    with (
        waiting(
            tmp_path, speak, threading.Event(), until_confirmed=one_after_the_other, tells=tells
        ) as calls,
        Held(tmp_path, monkeypatch, reads=reads),
    ):
        found = [result async for result in calls.results(requests(2))]
    assert len(answered) == (2 if tells else 0)
    for result in found:
        if tells:
            assert (result.ending, result.error) == (Ending.NOT_CONFIRMED, None)
        else:
            assert isinstance(result.error, ConfigurationError)
            assert result.error.message.endswith("Nothing was sent.")


async def test_an_alert_that_another_process_has_taken_over_before_its_first_call_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken_over(*_: object) -> None:
        raise PlacedBefore("Another voicecli has taken over.")

    found: list[Result] = []
    with waiting(tmp_path, lambda _: None, threading.Event()) as waiter:
        monkeypatch.setattr(waiter, "_place_or_tell", taken_over)
        with pytest.raises(PlacedBefore):
            await collect(waiter.results(requests(2)), found)
    assert found == []
