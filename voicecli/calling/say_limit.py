"""How many ``say`` an account takes in one callflow: 8x8 has a limit (-1010) that it does not publish.

A message that is repeated more than three times is several of them. Where they are refused, the same is said
by one that holds the text several times.
"""

from collections.abc import Mapping
from dataclasses import replace

from voicecli.errors import Refused
from voicecli.json_values import text, whole_number
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.callflow_rules import MAX_TEXT, Action

BEYOND_COUNT = -1010  # some actions are provided beyond the allowed count


def instead(error: Refused, request: CallRequest) -> CallRequest | None:
    """What to send in place of a request that was refused, which places no call; None where nothing would
    help."""
    return in_one_say(request) if error.status_code == BEYOND_COUNT else None


def in_one_say(request: CallRequest) -> CallRequest | None:
    """The same request with one ``say`` that has the text as often as it is said; None where it does not say
    one text by several, or that is too long."""
    call, *others = request.callflow
    says = [action for action in others if action.get("action") == "say"]
    first = _params(says[0]) if says else {}
    rest = [action for action in others if action not in says]
    same = all({**_params(one), "repetition": 1} == {**first, "repetition": 1} for one in says)
    said = text(first.get("text"))
    if len(says) < 2 or not same or said is None or [one.get("action") for one in rest] != ["hangup"]:
        return None
    times = sum(whole_number(_params(one).get("repetition")) or 1 for one in says)
    pause = ". " if said[-1:].isalnum() else " "
    whole_text = pause.join([said] * times)
    if len(whole_text) > MAX_TEXT:
        return None
    params = {name: value for name, value in first.items() if name != "repetition"}
    one = {"action": "say", "params": {**params, "text": whole_text, "repetition": 1}}
    return replace(request, callflow=(call, one, *rest))


def _params(action: Action) -> Mapping[str, object]:
    params = action.get("params")
    return params if isinstance(params, Mapping) else {}
