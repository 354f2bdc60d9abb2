"""How long a call of ours can last, before the answer to its last question is there."""

from collections.abc import Mapping, Sequence

from voicecli.json_values import whole
from voicecli.voice_api.callflow_rules import Action

RINGING = 60.0  # seconds that it rings at most; 8x8 does not say how long it does
CHARACTERS_A_SECOND = 10  # that are spoken at least, at speed 1
SPOKEN_LONG = 5  # for how many characters a digit counts, or a character that is a syllable or a word
FILE = 600.0  # seconds of sound in 5 MB, the most that 8x8 plays, at 64 kbit/s
TALK = 3600.0  # seconds that two people talk, where a question follows that
TRIES, TIMEOUT = 3, 30_000  # the longest of 8x8's defaults for sayAndCapture (milliseconds)


def longest_until_answered(callflow: Sequence[Action]) -> float:
    """Seconds from the request until the webhook with the answer to the callflow's last question, at most:
    the ringing, the texts, the tries. 0 without a question."""
    questions = [index for index, action in enumerate(callflow) if action.get("action") == "sayAndCapture"]
    if not questions:
        return 0.0
    return RINGING + sum(_longest(action) for action in callflow[1 : questions[-1] + 1])


def _longest(action: Action) -> float:
    params = action.get("params")
    params = params if isinstance(params, Mapping) else {}
    repetition = whole(params.get("repetition")) or 1
    match action.get("action"):
        case "playFile":
            return FILE * repetition
        case "makeCall":
            return RINGING + TALK
        case "sayAndCapture":
            tries = whole(params.get("noOfTries")) or TRIES
            timeout = whole(params.get("overallTimeout")) or TIMEOUT
            prompt = repetition * longest_spoken("promptMessage", params)
            after = longest_spoken("successMessage", params) + longest_spoken("failureMessage", params)
            return tries * (prompt + timeout / 1000 + after)
        case _:
            return repetition * longest_spoken("text", params)


def longest_spoken(name: str, params: Mapping[str, object]) -> float:
    """Seconds that a text of an action lasts, at most."""
    characters = sum(SPOKEN_LONG if c.isdigit() or c >= "\u1100" else 1 for c in str(params.get(name) or ""))
    speed = params.get("speed")
    slowed = min(1.0, float(speed)) if isinstance(speed, int | float) and speed > 0 else 1.0
    return characters / CHARACTERS_A_SECOND / slowed
