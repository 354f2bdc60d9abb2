"""Calls in the store that ask something, for who answers their VCAs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from voicecli.account import AccountId
from voicecli.listener.routes import Answered
from voicecli.sessions.attempt import AttemptState
from voicecli.store.attempts import Attempts
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.voice_api.callflow import HANGUP, CallRequest
from voicecli.voice_api.callflow_rules import Action
from voicecli.voice_api.replies import Reply
from voicecli.voice_api.webhook_events import Received

ACCOUNT = AccountId("https://voice.8x8.com", "some_subaccount")
CALL: Action = {"action": "makeCall", "params": {"source": "+33199000000", "destination": "+33199001234"}}
SAY: Action = {"action": "say", "params": {"text": "Thank you.", "voiceProfile": "en-GB-Emma"}}
ASK: Action = {
    "action": "sayAndCapture",
    "params": {
        "promptMessage": "Press 1.",
        "voiceProfile": "en-GB-Emma",
        "maxDigits": 1,
        "overallTimeout": 9000,
    },
}
FLOW = (CALL, ASK, SAY, HANGUP)
PARTIES = {"source": "33199000000", "destination": "33199001234"}


def placed(
    home: Path | StorePlace,
    flow: Sequence[Action] = FLOW,
    *,
    session: str | None = None,
    action: str | None = "a-1",
    asks: str | None = "",
    name: str = "r-1",
) -> int:
    """Note a call; with ``session`` its answer has come. Its number in the store."""
    with open_store(home if isinstance(home, StorePlace) else StorePlace(home)) as store:
        attempts = Attempts(store, ACCOUNT)
        request = CallRequest(tuple(flow), name, action)
        number = attempts.begin(request, asks=asks, flow=flow if asks is not None else None)
        if session is not None:
            attempts.record_answer(number, AttemptState.ACCEPTED, session)
        return number


async def other(_received: Received, _headers: Mapping[str, str]) -> Answered:
    return Answered(Reply((SAY,)), "another one")
