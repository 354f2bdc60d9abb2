"""How long calls and their actions last at least and at most, in seconds."""

import math
from collections.abc import Mapping, Sequence

from voicecli.json_values import whole_number
from voicecli.voice_api.callflow_rules import Action

RINGING = 60.0  # at most; 8x8 does not say how long it rings
FILE_AT_LEAST, FILE_AT_MOST = 2.0, 600.0  # a file; at most 5 MB, the most that 8x8 plays, at 64 kbit/s
TALK = 3600.0  # two people, where a question follows that
SLOWEST, FASTEST = 10, 25  # characters a second that are spoken, at speed 1
SPOKEN_LONG = 5  # for how many characters a digit counts, or a character that is a syllable or a word
FEWEST_TRIES, SHORTEST_TIMEOUT = 1, 5_000  # the least of 8x8's defaults for sayAndCapture (milliseconds)
MOST_TRIES, LONGEST_TIMEOUT = 3, 30_000  # and the longest


def longest_until_answered(callflow: Sequence[Action]) -> float:
    """From the request until the webhook with the answer to the callflow's last question, at most. 0 without
    a question."""
    questions = [index for index, action in enumerate(callflow) if action.get("action") == "sayAndCapture"]
    if not questions:
        return 0.0
    return RINGING + sum(_longest_with_question(action) for action in callflow[1 : questions[-1] + 1])


def _longest_with_question(action: Action) -> float:
    params = params_of(action)
    match action.get("action"):
        case "playFile":
            return FILE_AT_MOST * _repetition(params)
        case "makeCall":
            return RINGING + TALK
        case "sayAndCapture":
            tries = whole_number(params.get("noOfTries")) or MOST_TRIES
            timeout = whole_number(params.get("overallTimeout")) or LONGEST_TIMEOUT
            prompt = _repetition(params) * _longest_spoken("promptMessage", params)
            after = _longest_spoken("successMessage", params) + _longest_spoken("failureMessage", params)
            return tries * (prompt + timeout / 1000 + after)
        case _:
            return longest(action)


def longest(action: Action) -> float:
    """At most; without end for a file or a bridge."""
    if action.get("action") in ("playFile", "makeCall"):
        return math.inf
    params = params_of(action)
    return _repetition(params) * _longest_spoken("text", params)


def shortest(action: Action) -> float:
    """At least; 0 for a file or a bridge."""
    params = params_of(action)
    spoken = str(params.get("text", params.get("promptMessage")) or "")
    seconds = len(spoken) * _repetition(params) / FASTEST / max(1.0, _speed(params))
    if action.get("action") != "sayAndCapture":
        return seconds
    limits = [
        limit for name in ("digitTimeout", "overallTimeout") if (limit := whole_number(params.get(name)))
    ]
    tries = whole_number(params.get("noOfTries")) or FEWEST_TRIES
    return tries * (seconds + min(limits, default=SHORTEST_TIMEOUT) / 1000)


def shortest_to_its_end(action: Action) -> float:
    """At least, for one whose end is awaited. A bridge without VCSs never ends."""
    return {"playFile": FILE_AT_LEAST, "makeCall": math.inf}.get(str(action.get("action")), shortest(action))


def _longest_spoken(name: str, params: Mapping[str, object]) -> float:
    characters = sum(SPOKEN_LONG if c.isdigit() or c >= "\u1100" else 1 for c in str(params.get(name) or ""))
    return characters / SLOWEST / min(1.0, _speed(params))


def params_of(action: Action) -> Mapping[str, object]:
    """The params of an action; an empty object where it has none."""
    params = action.get("params")
    return params if isinstance(params, Mapping) else {}


def _repetition(params: Mapping[str, object]) -> int:
    return whole_number(params.get("repetition")) or 1


def _speed(params: Mapping[str, object]) -> float:
    speed = params.get("speed")
    return float(speed) if isinstance(speed, int | float) and speed > 0 else 1.0
