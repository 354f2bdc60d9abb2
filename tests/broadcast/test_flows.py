"""Callflows in a broadcast: what of them is sent, and whom they call beside the person on the list."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import RunningSandbox
from engine_world import World, number
from past import event, keep
from running_listener import set_webhook

from voicecli.calling.script import Script
from voicecli.sandbox.account import SOURCE
from voicecli.store.attempts import attempts_where, sealed_flow
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.voice_api.callflow import HANGUP, Action, CallRequest, call_request, make_call

BRIDGED = "+33199004321"
SAY: Action = {"action": "say", "params": {"text": "One moment", "voiceProfile": "en-GB-Emma"}}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with RunningSandbox(time_scale=1000, seed=1) as sandbox:
        world = World(tmp_path / "home", sandbox)
        yield world
        world.journal.close()
        world.store.close()


def test_a_question_is_sent_without_what_follows_it_which_is_kept(world: World) -> None:
    set_webhook(world.sandbox, "VCA", "http://127.0.0.1:9/vca")
    script = Script(SOURCE, "Press 1", confirm="1")
    world.plan([number(1)])
    world.run(request=lambda row, own: script.request(row.destination, message_id=own))
    [body] = world.sandbox.sandbox.requested
    actions = body["callflow"]
    assert isinstance(actions, list)
    assert [action["action"] for action in actions] == ["makeCall", "sayAndCapture"]
    [attempt] = attempts_where(world.store, "")
    flow = sealed_flow(world.store, attempt)
    assert flow is not None
    assert [*flow] == [*actions, HANGUP]


@pytest.mark.parametrize("written", [BRIDGED, BRIDGED[1:]])
def test_nobody_is_bridged_to_who_unsubscribed(world: World, written: str) -> None:
    def request(row: BroadcastRow, own: str) -> CallRequest:
        flow = [make_call(SOURCE, row.destination), SAY, make_call(SOURCE, written)]
        return call_request(flow, message_id=own)

    keep(world.home, event("VSS", "COMPLETED_UNSUBSCRIBED", number=BRIDGED))
    world.plan([number(1)])
    world.run(request=request)
    assert (world.row(1).state, world.row(1).reason) == (RowState.SKIPPED, "it has unsubscribed")
    assert not world.sandbox.sandbox.sessions
