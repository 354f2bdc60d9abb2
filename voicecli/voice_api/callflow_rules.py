"""8x8's rules for callflows, each with the status code that 8x8 answers where it is broken.

They are those of its pages "Send Callflow" and "Voice API status codes". The same rules serve ``voicecli
call``, before anything is sent, and the sandbox, which answers with their codes.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import urlsplit

from voicecli.errors import quote
from voicecli.json_values import OBJECT, whole_number
from voicecli.phone import is_msisdn
from voicecli.spelling import nearest

Action = Mapping[str, object]
"""One step of a callflow, as the JSON object 8x8 takes: ``{"action": …, "params": {…}}``."""

MAX_TEXT = 3000  # characters in one text
MAX_REPETITION = 3  # of one action
MAX_DIGITS = 25
MIN_SPEED, MAX_SPEED = 0.5, 2.0

_UNSPEAKABLE = re.compile("[\0\ud800-\udfff]")
_OTHER_MEDIA = tuple(".aac .aiff .amr .flac .m4a .mov .mp4 .oga .ogg .opus .webm .wma".split())


class Problem(NamedTuple):
    """A broken rule: 8x8's status code for it, and where and what, in 8x8's manner."""

    status_code: int
    message: str


def problems(callflow: object, *, in_call: bool = False) -> Iterator[Problem]:
    """The rules that ``callflow`` breaks (none after an unknown action); nothing where 8x8 would take it.

    ``in_call`` is for the reply to a VCA webhook: the call exists, so none has to be made first, only one
    more can be, and nothing to do is allowed.
    """
    if not isinstance(callflow, list | tuple) or not (callflow or in_call):
        yield Problem(-1009, "$.callflow: must be an array of actions and not empty")
        return
    kinds: list[str] = []
    for index, action in enumerate(callflow):
        path = f"$.callflow[{index}]"
        kind = action.get("action") if isinstance(action, OBJECT) else None
        if not isinstance(kind, str) or kind not in _PARAMS:
            yield Problem(-1007, f"{path}.action should be one of: {', '.join(_PARAMS)}")
            return
        kinds.append(kind)
        yield from _param_problems(kind, action.get("params"), path)
    yield from _order_problems(kinds, in_call=in_call)


def meant_name(callflow: object) -> str:
    """The action or the param that is meant by the first name that 8x8 does not know, and that name; empty
    where it can't be told."""
    for action in callflow if isinstance(callflow, list | tuple) else ():
        kind = action.get("action") if isinstance(action, OBJECT) else None
        if not isinstance(kind, str):
            return ""
        if kind not in _PARAMS:
            near = nearest(kind, _PARAMS, 0.6)
            return near and f"{near} instead of {quote(kind)}"
        params = action.get("params")
        given = params if isinstance(params, OBJECT) else {}
        if missing := [name for name in _REQUIRED[kind] if given.get(name) is None]:
            unknown = [name for name in given if name not in _PARAMS[kind]]
            return f"{missing[0]} instead of {quote(unknown[0])}" if len(unknown) == 1 else ""
    return ""


def has_question(callflow: Sequence[Action]) -> bool:
    """Whether there is a question (sayAndCapture) in it."""
    return any(action.get("action") == "sayAndCapture" for action in callflow)


def split_at_question(callflow: Sequence[Action]) -> tuple[Sequence[Action], Sequence[Action]]:
    """The part that is sent, which ends with the first question, and the rest; without a question nothing is
    left."""
    kinds = [action.get("action") for action in callflow]
    end = kinds.index("sayAndCapture") + 1 if "sayAndCapture" in kinds else len(callflow)
    return callflow[:end], callflow[end:]


def has_hangup_after_question(callflow: Sequence[Action]) -> bool:
    """Whether a hangup stands right behind a sayAndCapture. 8x8 takes that, and ignores the digits then (its
    page on sayAndCapture)."""
    kinds = [action.get("action") for action in callflow]
    return ("sayAndCapture", "hangup") in pairwise(kinds)


def _order_problems(kinds: list[str], *, in_call: bool) -> Iterator[Problem]:
    if "executeScenario" in kinds:
        if len(kinds) > 1 or in_call:
            yield Problem(-1018, "Execute Scenario with other actions")
        return
    if kinds and kinds[0] != "makeCall" and not in_call:
        yield Problem(-1013, "First action should be a MakeCall action")
    if kinds.count("makeCall") > (1 if in_call else 2):
        yield Problem(-1010, "Some actions are provided beyond the allowed count: makeCall")
    if "hangup" in kinds[:-1]:
        yield Problem(-1012, "Incorrect use of action Hangup: no action may follow it")


Check = Callable[[object], str | None]
"""What is wrong with a value, as the end of a sentence; None where it is valid."""


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return "must be a text and not empty"
    return None if len(value) <= MAX_TEXT else f"must be at most {MAX_TEXT} characters long"


def _name(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be a text and not empty"


def _number(least: float, most: float = math.inf, *, whole: bool = True) -> Check:
    types = (int,) if whole else (int, float)

    def check(value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, types):
            return f"must be a {'whole number' if whole else 'number'}"
        if not least <= value <= most:
            return f"must be from {least:g} to {most:g}" if most < math.inf else f"must be at least {least:g}"
        return None

    return check


def _flag(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _anything(_value: object) -> None:
    return None


def audio_url_problem(value: object) -> str | None:
    """What is wrong with the URL of a file to play. 8x8 looks at the file itself; here only its name is."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return "must be a URL"
    try:
        url = urlsplit(value)
        if url.scheme.lower() not in ("http", "https") or not url.hostname:
            return "must be an http or https URL"
    except ValueError:
        return "must be a URL"
    return "must be an mp3 or wav file" if url.path.lower().endswith(_OTHER_MEDIA) else None


_REQUIRED: dict[str, tuple[str, ...]] = {
    "makeCall": ("source", "destination"),
    "say": ("text", "voiceProfile"),
    "sayAndCapture": ("promptMessage", "voiceProfile"),
    "playFile": ("fileUrl",),
    "hangup": (),
    "executeScenario": ("scenarioName",),
}
_repetition = _number(1, MAX_REPETITION)
_speed = _number(MIN_SPEED, MAX_SPEED, whole=False)
_PARAMS: dict[str, dict[str, Check]] = {
    "makeCall": {"source": _anything, "destination": _anything, "callRecording": _anything},
    "say": {"text": _text, "voiceProfile": _name, "repetition": _repetition, "speed": _speed},
    "sayAndCapture": {
        "promptMessage": _text,
        "voiceProfile": _name,
        "speed": _speed,
        "repetition": _repetition,
        "minDigits": _number(1, MAX_DIGITS),
        "digitTimeout": _number(1),
        "completeOnHash": _flag,
        "noOfTries": _number(1),
        "successMessage": _text,
        "failureMessage": _text,
    },
    "playFile": {"fileUrl": audio_url_problem, "repetition": _repetition},
    "hangup": {},
    "executeScenario": {},  # 8x8 documents only its status codes (-1018 to -1020); the name is theirs
}


def _param_problems(kind: str, params: object, path: str) -> Iterator[Problem]:
    if params is None and not _REQUIRED[kind]:
        return
    if not isinstance(params, OBJECT):
        missing = "is missing but it is required" if params is None else "must be an object"
        yield Problem(-1009, f"{path}.params: {missing}")
        return
    if kind == "hangup" and params:
        yield Problem(-1012, "Incorrect use of action Hangup: it takes no params")
    for name in _REQUIRED[kind]:
        if params.get(name) is None:
            yield Problem(-1009, f"{path}.params.{name}: is missing but it is required")
    checks = _PARAMS[kind]
    for name, value in params.items():
        if value is None or name not in checks:
            continue
        if problem := checks[name](value):
            yield Problem(-1009, f"{path}.params.{name}: {problem}")
        elif isinstance(value, str) and has_unspeakable(value):
            yield Problem(-1016, f"{path}.params.{name}: Some special characters are invalid")
    match kind:
        case "makeCall":
            yield from _number_problems(params, path)
        case "sayAndCapture":
            yield from _capture_problems(params, path)
        case "executeScenario" if params.get("scenarioName") is not None and _name(params["scenarioName"]):
            yield Problem(-1019, "scenarioName empty")


def _number_problems(params: Mapping[str, object], path: str) -> Iterator[Problem]:
    source, destination = params.get("source"), params.get("destination")
    if isinstance(destination, list) or (isinstance(destination, str) and re.search("[,;]", destination)):
        yield Problem(-1011, "Multiple destination phone numbers")
    elif destination is not None and not is_msisdn(destination):
        yield Problem(-1017, f"Invalid MSISDN format in Destination: {path}.params.destination")
    if source is not None and not is_msisdn(source):
        yield Problem(-1014, "Source or caller ID is not allowed")


def _capture_problems(params: Mapping[str, object], path: str) -> Iterator[Problem]:
    least, most, digit, overall = (
        params.get(name) for name in ("minDigits", "maxDigits", "digitTimeout", "overallTimeout")
    )
    most_digits, overall_ms = _positive(most, MAX_DIGITS), _positive(overall)
    if least is not None and not 0 < _positive(least) <= most_digits:
        yield Problem(-1003, "Valid maxDigits required when minDigits provided")
    elif most is not None and not most_digits:
        yield Problem(-1009, f"{path}.params.maxDigits: must be a whole number from 1 to {MAX_DIGITS}")
    if params.get("completeOnHash") is False and most is None:
        yield Problem(-1008, "Valid maxDigits is required when completeOnHash is false")
    if digit is not None and not overall_ms:
        yield Problem(-1005, "Valid overallTimeout is required when digitTimeout provided")
    elif overall is not None and not overall_ms:
        yield Problem(-1009, f"{path}.params.overallTimeout: must be a whole number, at least 1")
    # The rule's text says "greater", yet 8x8's own samples send both as 10000: equal is taken.
    elif _positive(digit) > overall_ms:
        yield Problem(-1006, "OverallTimeout should be greater than digitTimeout")


def _positive(value: object, most: float = math.inf) -> int:
    """The whole number where it is one from 1 to ``most``, else 0."""
    number = whole_number(value) or 0
    return number if 1 <= number <= most else 0


def has_unspeakable(text: str) -> bool:
    """NUL, and halves of surrogate pairs, which no UTF-8 can carry."""
    return _UNSPEAKABLE.search(text) is not None


def parse_valid_until(value: object) -> datetime | None:
    """A validUntil as 8x8 takes it: date, time and zone, all of them; None for anything else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
        return None if moment is None or moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
