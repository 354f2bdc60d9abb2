"""Which call a VCA is about, and who answers it."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from placed_calls import ACCOUNT, ASK, CALL, PARTIES, SAY, other, placed
from receiver_world import receiving, vca

from voicecli.calling import vca_replier
from voicecli.calling.vca_replier import PlacedCallsReplier
from voicecli.listener.routes import Replier
from voicecli.listener.vca_repliers import (
    ApplicationReplier,
    CallflowReplier,
    PreviousReceiverReplier,
    constant_reply,
)
from voicecli.sessions.attempt import AttemptState
from voicecli.store import unsubscribed
from voicecli.store.attempts import Attempts
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore
from voicecli.store.webhooks import ReplacedWebhook, remember_webhook
from voicecli.voice_api.callflow import HANGUP, make_call
from voicecli.voice_api.callflow_rules import Action
from voicecli.voice_api.replies import HANG_UP, Reply


async def answer_to(home: Path, event: dict[str, object]) -> object:
    async with receiving(home, replier=PlacedCallsReplier(StorePlace(home), other)) as world:
        status, answer = await world.event(event)
    assert status == 200
    return [action["action"] for action in answer["callflow"]]


GOES_ON, OTHER = ["say", "hangup"], ["say"]


async def test_the_call_of_a_session_goes_on_with_what_follows_its_question(tmp_path: Path) -> None:
    placed(tmp_path, session="s-1")
    assert await answer_to(tmp_path, vca("s-1")) == GOES_ON


async def test_a_call_without_a_session_is_known_by_its_client_action_id(tmp_path: Path) -> None:
    placed(tmp_path)
    assert await answer_to(tmp_path, vca("s-1", clientActionId="a-1")) == GOES_ON


async def test_where_two_calls_have_the_client_action_id_it_tells_nothing(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        for name in ("r-1", "r-2"):
            number = placed(tmp_path, name=name)
            Attempts(store, ACCOUNT).record_answer(number, AttemptState.UNKNOWN)
    assert await answer_to(tmp_path, vca("s-1", clientActionId="a-1")) == OTHER


async def test_while_an_answer_is_outstanding_a_call_is_known_by_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vca_replier, "PATIENCE", 0.2)
    placed(tmp_path, action=None)
    async with receiving(tmp_path, replier=PlacedCallsReplier(StorePlace(tmp_path), other)) as world:
        asked = asyncio.create_task(world.event(vca("s-1", **PARTIES)))
        _, answer = await asked
        assert [action["action"] for action in answer["callflow"]] == GOES_ON
        assert (await world.event(vca("s-2", event_id="e-2", source="+33199009999")))[1] == {
            "callflow": [SAY]
        }


@pytest.mark.parametrize(("action", "named"), [(None, "a-1"), (None, None), ("a-1", "a-1"), ("a-2", "a-1")])
async def test_requests_that_can_have_no_answer_any_more_are_not_this_call(
    tmp_path: Path, action: str | None, named: str | None
) -> None:
    """A process that was killed while it sent; and one that has sent another clientActionId just now."""
    placed(tmp_path, action=action)
    with SqliteStore(tmp_path) as store, store.transaction() as transaction:
        if action != "a-2":
            transaction("UPDATE calls SET placed = placed - 5 * 3600000000")
    event = vca("s-1", **PARTIES, **({} if named is None else {"clientActionId": named}))
    assert await answer_to(tmp_path, event) == OTHER


async def test_a_call_that_asks_nothing_gets_nothing_added(tmp_path: Path) -> None:
    placed(tmp_path, (CALL, SAY, HANGUP), session="s-1", asks=None)
    assert await answer_to(tmp_path, vca("s-1", eventData=None)) == []


async def test_a_question_that_somebody_else_answers_is_for_others_to_go_on_from(tmp_path: Path) -> None:
    placed(tmp_path, session="s-1", asks=None)
    assert await answer_to(tmp_path, vca("s-1")) == OTHER


async def test_what_follows_a_callflow_that_ends_in_its_question_is_for_others_to_say(tmp_path: Path) -> None:
    placed(tmp_path, (CALL, ASK), session="s-1")
    assert await answer_to(tmp_path, vca("s-1")) == OTHER


async def test_a_vca_gets_the_same_reply_from_the_next_listener(tmp_path: Path) -> None:
    placed(tmp_path, session="s-1")
    assert [await answer_to(tmp_path, vca("s-1")) for _ in range(2)] == [GOES_ON] * 2


async def test_a_callflow_of_ones_own_is_given_once_and_then_continued(tmp_path: Path) -> None:
    replier = PlacedCallsReplier(
        StorePlace(tmp_path), CallflowReplier(StorePlace(tmp_path), Reply((ASK, SAY, HANGUP), "mine"))
    )
    async with receiving(tmp_path, replier=replier) as world:
        first = await world.event(vca("s-9", event_id="e-1"))
        second = await world.event(vca("s-9", event_id="e-2"))
        another = await world.event(vca("s-8", event_id="e-3"))
    assert first == another == (200, {"clientActionId": "mine", "callflow": [ASK]})
    assert second == (200, {"clientActionId": "mine", "callflow": [SAY, HANGUP]})


async def test_a_call_that_comes_in_is_bridged_as_others_say(tmp_path: Path) -> None:
    """8x8's number masking, also from somebody who is being called just now."""
    placed(tmp_path, action=None)
    back = {"source": PARTIES["destination"], "destination": PARTIES["source"]}
    came_in = vca("s-7", callStatus="CALL_RECEIVED", callDirection="INBOUND", eventData=None, **back)
    bridge = make_call(str(back["destination"]), "+33199005678")
    async with receiving(
        tmp_path, replier=PlacedCallsReplier(StorePlace(tmp_path), constant_reply(Reply((bridge,))))
    ) as world:
        assert await world.event(came_in) == (200, {"callflow": [bridge]})


BRIDGE = make_call("+33199000000", "33199005678")
DIALS_NOBODY = "nobody is dialled: the number has unsubscribed"


@pytest.mark.parametrize(
    ("who", "callflow", "reply"),
    [
        ("fixed", (SAY, BRIDGE, HANGUP), [SAY, HANGUP]),
        ("fixed", (SAY, BRIDGE), [SAY]),
        ("fixed", (BRIDGE,), [HANGUP]),
        ("fixed", (SAY, make_call("+33199000000", "+33199007777")), None),
        ("file", (BRIDGE, HANGUP), [HANGUP]),
        ("application", (SAY, BRIDGE), [SAY]),
        ("former receiver", (SAY, BRIDGE), [SAY]),
    ],
)
async def test_no_reply_dials_somebody_who_has_unsubscribed(
    tmp_path: Path, who: str, callflow: tuple[Action, ...], reply: list[Action] | None
) -> None:
    """Whoever says what is answered; None where it is answered as it was said."""
    home, wanted = tmp_path / "own", Reply(callflow, "mine")
    async with AsyncExitStack() as stack:
        url = "http://127.0.0.1:9"
        if who in ("application", "former receiver"):
            theirs = await stack.enter_async_context(
                receiving(tmp_path / "theirs", token=None, replier=constant_reply(wanted))
            )
            url = theirs.service.url
        home.mkdir()
        with SqliteStore(home) as store:
            unsubscribed.add(store, "+33199005678", since=1, session="s-0")
            webhook = ReplacedWebhook("VCA", ("https://example.com/vca",), url, True, True)
            remember_webhook(store, ACCOUNT, webhook)
        repliers: dict[str, Replier] = {
            "fixed": constant_reply(wanted),
            "file": CallflowReplier(StorePlace(home), wanted),
            "application": ApplicationReplier(
                url, timeout=5.0, with_token=False, instead=constant_reply(HANG_UP)
            ),
            "former receiver": PreviousReceiverReplier(StorePlace(home), ACCOUNT, timeout=5.0),
        }
        replier = PlacedCallsReplier(StorePlace(home), repliers[who])
        world = await stack.enter_async_context(receiving(home, replier=replier))
        status, answer = await world.event(vca("s-9"))
        assert (status, answer) == (
            200,
            {"clientActionId": "mine", "callflow": list(reply or callflow)},
        )
        await world.until(lambda: world.shown)
        assert any(DIALS_NOBODY in remark for remark in world.shown[0].remarks) == (reply is not None)


async def test_a_reply_that_dials_goes_out_where_nobody_can_tell_who_unsubscribed(tmp_path: Path) -> None:
    """As a call goes out then."""
    async with receiving(
        tmp_path, replier=PlacedCallsReplier(StorePlace(tmp_path), constant_reply(Reply((BRIDGE,))))
    ) as world:
        with SqliteStore(tmp_path) as store, store.transaction() as transaction:
            transaction("DROP TABLE unsubscribed")
        assert (await world.event(vca("s-9")))[1] == {"callflow": [BRIDGE]}
        await world.until(lambda: world.shown)
        assert "it is not known whether somebody it calls has unsubscribed" in world.shown[0].remarks[0]


@pytest.mark.parametrize(
    ("before", "reply"), [({"callflow": [SAY]}, [SAY]), ({"callflow": []}, [HANGUP]), (None, [HANGUP])]
)
async def test_calls_of_others_go_on_as_the_receiver_before_us_says(
    tmp_path: Path, before: object, reply: object
) -> None:
    """It gets no token of ours, and is not asked for what it has sent here itself."""
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    fixed = Reply((SAY,)) if before == {"callflow": [SAY]} else Reply(())
    async with receiving(theirs, token=None, replier=constant_reply(fixed)) as former:
        if before is not None:
            webhook = ReplacedWebhook("VCA", ("https://example.com/vca",), former.service.url, True, True)
            own.mkdir()
            with SqliteStore(own) as store:
                remember_webhook(store, ACCOUNT, webhook)
        replier = PlacedCallsReplier(
            StorePlace(own), PreviousReceiverReplier(StorePlace(own), ACCOUNT, timeout=5.0)
        )
        async with receiving(own, replier=replier) as world:
            assert (await world.event(vca("s-9")))[1]["callflow"] == reply
            again = await world.post(
                "/api/webhooks/vca", vca("s-9", "e-2"), headers={"Voicecli-Passed-On": "1"}
            )
            assert again[1] == {"callflow": [HANGUP]}
    assert len(former.shown) == (before is not None)
    assert json.loads(former.shown[0].body) == vca("s-9") if former.shown else before is None


async def test_a_call_beside_a_damaged_key_is_hung_up_with_the_reason(tmp_path: Path) -> None:
    placed(tmp_path, session="s-1")
    (tmp_path / "seal.key").write_bytes(bytes(32))
    async with receiving(
        tmp_path, replier=PlacedCallsReplier(StorePlace(tmp_path), constant_reply(HANG_UP))
    ) as world:
        assert (await world.event(vca("s-1")))[1]["callflow"] == [HANGUP]
    assert "can't be read with the key" in world.shown[0].remarks[0]
