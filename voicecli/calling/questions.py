"""Questions (sayAndCapture), and who answers what they bring: 8x8 sends VCAs to one webhook of a subaccount,
and the reply says how the call goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path

from voicecli.api import Webhook
from voicecli.callflow import HANGUP, CallRequest
from voicecli.errors import ConfigurationError
from voicecli.rules import Action

START_A_LISTENER = "Start one with: voicecli listen --register"
_TEXT = {
    "promptMessage": "text",
    "voiceProfile": "voiceProfile",
    "speed": "speed",
    "repetition": "repetition",
}


def asks(request: CallRequest) -> bool:
    """Whether there is a question in it."""
    return any(action.get("action") == "sayAndCapture" for action in request.callflow)


def sent(request: CallRequest) -> CallRequest:
    """What leaves: the callflow up to its first question. What comes after it is the reply to its VCA."""
    rest = len(following(request))
    return replace(request, callflow=request.callflow[:-rest]) if rest else request


def following(request: CallRequest) -> Sequence[Action]:
    """What comes after its first question."""
    if not asks(request):
        return ()
    from voicecli.voice_api.continuation import split

    return split(request.callflow)[1]


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


class Answerer(Enum):
    """Who gets the VCAs of a subaccount."""

    LISTENER = auto()  # one with this store
    APPLICATION = auto()  # something of the user's own


def who_answers(webhooks: Mapping[str, Webhook], home: Path) -> Answerer:
    """By the webhooks that are set. Raises ConfigurationError where no key could ever arrive: there is no
    webhook, or it leads to a listener that is gone or has another store. Blocks on the network."""
    from voicecli.listener import health
    from voicecli.listener.presence import Guest

    webhook = webhooks.get("VCA")
    if webhook is None or not webhook.enabled:
        raise _nobody("the subaccount has no VCA webhook")
    listener = health.behind(webhook.url)
    if listener is None:
        return Answerer.APPLICATION
    found = health.ask(listener)
    if found.instance is not None:
        guest = Guest.of(home, found.instance)
        if guest is None:
            raise _nobody("VCA webhooks go to a voicecli listen with another store")
        guest.close()
        return Answerer.LISTENER
    if found.is_gone:
        raise _nobody(f"VCA webhooks go to {webhook.url}, and {found.trouble}")
    return Answerer.APPLICATION


def _nobody(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"No key that is pressed could arrive: {why}. Nothing was sent.",
        hint=f"{START_A_LISTENER}; or wait for the call, with --wait.",
    )
