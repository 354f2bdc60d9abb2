"""Splits a callflow at its question (sayAndCapture): what follows is the reply to its VCA webhook."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from voicecli.voice_api import callflow_rules
from voicecli.voice_api.callflow import HANGUP, CallRequest
from voicecli.voice_api.callflow_rules import Action

_TEXT = {
    "promptMessage": "text",
    "voiceProfile": "voiceProfile",
    "speed": "speed",
    "repetition": "repetition",
}


def has_question(request: CallRequest) -> bool:
    """Whether the callflow has a question."""
    return callflow_rules.has_question(request.callflow)


def up_to_question(request: CallRequest) -> CallRequest:
    """The request with its callflow up to its first question: what is sent."""
    return replace(request, callflow=tuple(callflow_rules.split_at_question(request.callflow)[0]))


def after_question(request: CallRequest) -> Sequence[Action]:
    """The actions after the first question: the reply to its VCA."""
    return callflow_rules.split_at_question(request.callflow)[1]


def ending_in_hangup(request: CallRequest) -> CallRequest:
    """With a hangup at the end of what follows a question: 8x8 has got all of the callflow, and would carry
    out its rest once more after the same in a reply."""
    rest = after_question(request)
    left_open = bool(rest) and rest[-1].get("action") != "hangup"
    return replace(request, callflow=(*request.callflow, HANGUP)) if left_open else request


def without_questions(request: CallRequest) -> CallRequest:
    """The request with each question as a ``say``, and a hangup at the end."""
    actions: list[Action] = []
    for action in request.callflow:
        params = action.get("params")
        if action.get("action") == "sayAndCapture" and isinstance(params, Mapping):
            told = {name: params[ours] for ours, name in _TEXT.items() if ours in params}
            actions.append({"action": "say", "params": told})
        elif action != HANGUP:
            actions.append(action)
    return replace(request, callflow=(*actions, HANGUP))
