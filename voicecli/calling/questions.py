"""Questions (sayAndCapture): what of a callflow that asks one is sent, and what follows is the reply to its
VCA webhook."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from voicecli.voice_api.callflow import HANGUP, CallRequest
from voicecli.voice_api.callflow_rules import Action

_TEXT = {
    "promptMessage": "text",
    "voiceProfile": "voiceProfile",
    "speed": "speed",
    "repetition": "repetition",
}


def has_question(request: CallRequest) -> bool:
    """Whether there is a question in it."""
    return any(action.get("action") == "sayAndCapture" for action in request.callflow)


def up_to_question(request: CallRequest) -> CallRequest:
    """What leaves: the callflow up to its first question. What comes after it is the reply to its VCA."""
    rest = len(after_question(request))
    return replace(request, callflow=request.callflow[:-rest]) if rest else request


def after_question(request: CallRequest) -> Sequence[Action]:
    """What comes after its first question."""
    if not has_question(request):
        return ()
    from voicecli.voice_api.continuation import split_at_question

    return split_at_question(request.callflow)[1]


def ending_in_hangup(request: CallRequest) -> CallRequest:
    """As it is answered where 8x8 has got all of it: a reply holds what follows a question, and may come
    before the same that 8x8 still has, which a hangup keeps from being carried out once more."""
    rest = after_question(request)
    left_open = bool(rest) and rest[-1].get("action") != "hangup"
    return replace(request, callflow=(*request.callflow, HANGUP)) if left_open else request


def without_questions(request: CallRequest) -> CallRequest:
    """The same told by ``say`` and hangup, where nobody could answer."""
    actions: list[Action] = []
    for action in request.callflow:
        params = action.get("params")
        if action.get("action") == "sayAndCapture" and isinstance(params, Mapping):
            told = {name: params[ours] for ours, name in _TEXT.items() if ours in params}
            actions.append({"action": "say", "params": told})
        elif action != HANGUP:
            actions.append(action)
    return replace(request, callflow=(*actions, HANGUP))
