"""What a VCA is answered where the store, or its key, can't be read or written: calls go on all the same."""

import json
import signal
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from placed_calls import ACCOUNT, ASK, CALL, FLOW, PARTIES, SAY, other, placed
from receiver_world import World, receiving, vca, vss

from voicecli.calling.vca_replier import PlacedCallsReplier
from voicecli.listener import event_intake
from voicecli.listener.routes import Answered, Replier
from voicecli.listener.vca_repliers import (
    CallflowReplier,
    CallHistory,
    PreviousReceiverReplier,
    constant_reply,
)
from voicecli.store.location import StorePlace
from voicecli.voice_api import webhook_events
from voicecli.voice_api.callflow import HANGUP, CallRequest
from voicecli.voice_api.replies import HANG_UP, Reply
from voicecli.voice_api.webhook_events import Received

OUR_CALL = CallRequest(FLOW, "r-1", "a-1")
TWO_QUESTIONS = (CALL, ASK, SAY, ASK, SAY, HANGUP)
SILENCE, PRESSED = {"eventData": None}, {"eventData": {"dtmf": "1"}}
ALL = ["calls", "events", "replaced_webhooks"]


def take_away(home: Path, tables: Sequence[str], *, back: bool = False) -> None:
    """Make tables of the store unreadable, or readable again."""
    with closing(sqlite3.connect(home / "voicecli.sqlite3", isolation_level=None)) as database:
        for table in tables:
            names = (f"gone_{table}", table) if back else (table, f"gone_{table}")
            database.execute("ALTER TABLE {} RENAME TO {}".format(*names))


async def reply_to(world: World, event: dict[str, object]) -> list[object]:
    status, answer = await world.event(event)
    assert status == 200
    return [action["action"] for action in answer["callflow"]]


VCAS_AND_REPLIES: list[tuple[dict[str, object], dict[str, object], list[str]]] = [
    ({"clientActionId": "a-1"}, PRESSED, ["say", "hangup"]),
    ({"clientActionId": "a-1"}, SILENCE, ["sayAndCapture"]),
    ({**PARTIES}, PRESSED, ["say", "hangup"]),
    ({"clientActionId": "a-2", **PARTIES}, SILENCE, []),
    ({"clientActionId": "a-2"}, PRESSED, ["hangup"]),
    ({"source": "33199000000", "destination": "33199009999"}, SILENCE, []),
]


@pytest.mark.parametrize("tables", [["calls"], ALL])
async def test_a_call_of_this_process_goes_on_by_what_is_at_hand(
    tmp_path: Path, tables: Sequence[str]
) -> None:
    placed(tmp_path, session="s-0")
    replier = PlacedCallsReplier(StorePlace(tmp_path), constant_reply(HANG_UP), requests={"r-1": OUR_CALL})
    async with receiving(tmp_path, replier=replier) as world:
        take_away(tmp_path, tables)
        for number, (of_the_call, pressed, reply) in enumerate(VCAS_AND_REPLIES):
            event = vca(f"s-{number}", f"e-{number}", **of_the_call, **pressed)
            assert await reply_to(world, event) == reply, event
        take_away(tmp_path, tables, back=True)


@pytest.mark.parametrize(
    ("named", "reply"), [({"clientActionId": "a-1"}, ["sayAndCapture"]), (PARTIES, ["hangup"])]
)
async def test_a_call_of_this_process_that_could_not_be_kept_is_known_by_its_client_action_id(
    tmp_path: Path, named: dict[str, object], reply: list[str]
) -> None:
    """By its numbers alone it may be somebody else's, which are not kept here, either."""
    replier = PlacedCallsReplier(StorePlace(tmp_path), constant_reply(HANG_UP), requests={"r-1": OUR_CALL})
    async with receiving(tmp_path, replier=replier) as world:
        assert await reply_to(world, vca("s-1", **named, **SILENCE)) == reply


@pytest.mark.parametrize(("pressed", "reply"), [(PRESSED, ["hangup"]), (SILENCE, [])])
@pytest.mark.parametrize("what", ["key", "calls"])
async def test_a_call_of_another_process_is_not_shortened(
    tmp_path: Path, what: str, pressed: dict[str, object], reply: list[str]
) -> None:
    placed(tmp_path, session="s-1")
    async with receiving(
        tmp_path, replier=PlacedCallsReplier(StorePlace(tmp_path), constant_reply(HANG_UP))
    ) as world:
        if what == "key":
            (tmp_path / "seal.key").write_bytes(bytes(32))
        else:
            take_away(tmp_path, ["calls"])
        assert await reply_to(world, vca("s-1", **pressed)) == reply
    assert "can't be read" in world.shown[0].remarks[0]


async def test_an_application_is_asked_where_nobody_can_tell_whose_call_it_is(tmp_path: Path) -> None:
    async with receiving(tmp_path, replier=PlacedCallsReplier(StorePlace(tmp_path), other)) as world:
        take_away(tmp_path, ["calls"])
        assert await reply_to(world, vca("s-1", **SILENCE)) == ["say"]


def own_callflow(home: Path) -> Replier:
    return PlacedCallsReplier(StorePlace(home), CallflowReplier(StorePlace(home), Reply(TWO_QUESTIONS[1:])))


def of_this_process(home: Path) -> Replier:
    return PlacedCallsReplier(
        StorePlace(home), other, requests={"r-1": CallRequest(TWO_QUESTIONS, "r-1", "a-1")}
    )


def of_another_process(home: Path) -> Replier:
    placed(home, TWO_QUESTIONS, session="s-1")
    return PlacedCallsReplier(StorePlace(home), other)


STEPS = ["sayAndCapture"], ["say", "sayAndCapture"], ["say", "hangup"]


@pytest.mark.parametrize(
    ("replier", "first", "readable"),
    [(own_callflow, 0, 0), (of_this_process, 1, 0), (of_another_process, 1, 1)],
)
async def test_what_was_answered_counts_though_it_is_not_kept(
    tmp_path: Path, replier: Callable[[Path], Replier], first: int, readable: int
) -> None:
    """``readable`` VCAs come before the store can't be used any more."""
    async with receiving(tmp_path, replier=replier(tmp_path)) as world:
        for number, reply in enumerate(STEPS[first:]):
            if number == readable:
                take_away(tmp_path, ALL)
            event = vca("s-1", f"e-{number}", clientActionId="a-1")
            assert [await reply_to(world, event) for _ in range(2)] == [reply] * 2


@pytest.mark.parametrize(("pressed", "reply"), [(PRESSED, ["hangup"]), (SILENCE, [])])
async def test_where_vcas_went_before_is_not_known(
    tmp_path: Path, pressed: dict[str, object], reply: list[str]
) -> None:
    async with receiving(
        tmp_path, replier=PreviousReceiverReplier(StorePlace(tmp_path), ACCOUNT, timeout=5.0)
    ) as world:
        take_away(tmp_path, ["replaced_webhooks"])
        assert await reply_to(world, vca("s-9", "e-1", **pressed)) == reply
        take_away(tmp_path, ["replaced_webhooks"], back=True)
        assert await reply_to(world, vca("s-9", "e-2", **SILENCE)) == ["hangup"]  # they went nowhere
        take_away(tmp_path, ["replaced_webhooks"])
        assert await reply_to(world, vca("s-9", "e-3", **SILENCE)) == ["hangup"]


async def test_a_vca_that_can_not_be_kept_is_answered_and_kept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_intake, "KEEP_AGAIN_AFTER", 0.01)
    placed(tmp_path, session="s-1")
    async with receiving(tmp_path, replier=PlacedCallsReplier(StorePlace(tmp_path), other)) as world:
        take_away(tmp_path, ["events"])
        assert (await world.event(vss()))[0] == 503
        assert await reply_to(world, vca("s-1")) == ["say", "hangup"]
        assert world.shown == []
        take_away(tmp_path, ["events"], back=True)
        await world.until(lambda: world.shown)
        assert world.kept("type, reply, times") == [("VCA", "say, hangup", 1)]
    assert world.shown[0].reply == "say, hangup"
    assert [told for told in world.told if "kept" in told] == [
        "Events can't be kept: no such table: events. Events are answered 503, so that 8x8 can send them "
        "again; VCA events get their replies, so that calls go on, and are kept as soon as that can be done.",
        "Events are kept again.",
    ]


@pytest.mark.process
@pytest.mark.usefixtures("writer_process")
async def test_a_vca_does_not_wait_for_a_disk_that_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_intake, "VCA_PATIENCE", 0.05)
    placed(tmp_path, session="s-1")
    async with receiving(tmp_path, replier=PlacedCallsReplier(StorePlace(tmp_path), other)) as world:
        process = world.service._recorder._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        assert await reply_to(world, vca("s-1")) == ["say", "hangup"]
        process.send_signal(signal.SIGCONT)
        await world.until(lambda: world.shown)
        assert world.kept("type, times") == [("VCA", 1)]


@pytest.mark.parametrize(
    ("asked", "stored", "order"),
    [
        ([(1, 500), (2, 600), (3, 100)], [(1, 500), (2, 600), (3, 100)], [500, 600, 100]),
        ([], [(1, 500), (2, 100)], [500, 100]),
        ([(1, 500), (0, 600), (3, 700)], [(1, 500), (3, 700)], [500, 600, 700]),
        ([(1, 500), (0, 600), (3, 700)], [(1, 500), (4, 600), (3, 700)], [500, 600, 700]),
        ([(0, 500), (0, 600)], [], [500, 600]),
    ],
    ids=["clock set back", "before this run", "not kept", "kept late", "no store"],
)
def test_what_came_before_is_in_the_order_in_which_it_came(
    asked: list[tuple[int, int]], stored: list[tuple[int, int]], order: list[int]
) -> None:
    """Events by their numbers, 0 where they were not kept in time, and when they came."""

    def received(number: int, at: int) -> Received:
        body = json.dumps(vca("s-1", f"e-{at}")).encode()
        event = webhook_events.parse(body)
        assert event is not None
        return Received(number, at, event, body, 1)

    history = CallHistory()
    for one in asked:
        history.before(received(*one), list)
    before = history.before(received(9, 900), lambda: [received(*one) for one in stored])
    assert [one.received for one in before] == order


async def test_what_is_never_kept_is_told_at_the_end(tmp_path: Path) -> None:
    async with receiving(tmp_path, replier=constant_reply(HANG_UP)) as world:
        take_away(tmp_path, ["events"])
        await reply_to(world, vca("s-1"))
    assert "1 VCA event that was answered could not be kept." in world.told


async def test_what_is_too_much_to_wait_for_the_disk_is_told_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_intake, "KEEP_AGAIN_AFTER", 0.01)
    monkeypatch.setattr(event_intake, "MAX_LATE", 1)
    too_many = "More than 1 answered VCA events wait: the rest is not kept."
    async with receiving(tmp_path, replier=constant_reply(HANG_UP)) as world:
        take_away(tmp_path, ["events"])
        for number in range(4):
            await reply_to(world, vca("s-1", f"e-{number}"))
        await world.until(lambda: too_many in world.told)
    assert world.told.count(too_many) == 1
    assert "4 VCA events that were answered could not be kept." in world.told


@pytest.mark.parametrize(("pressed", "reply"), [(PRESSED, ["hangup"]), (SILENCE, [])])
async def test_a_fault_of_ours_does_not_end_a_call(
    tmp_path: Path, pressed: dict[str, object], reply: list[str]
) -> None:
    async def fail(_received: Received, _headers: Mapping[str, str]) -> Answered:
        raise ZeroDivisionError("a fault")

    async with receiving(tmp_path, replier=fail) as world:
        assert await reply_to(world, vca("s-1", **pressed)) == reply
    assert "Internal error of voicecli (ZeroDivisionError: a fault)." in world.told
