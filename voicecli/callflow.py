"""Callflows: 8x8's actions, how a message becomes a list of them, and the rules that 8x8 checks.

Limits are those of 8x8's page "Send Callflow". The same rules serve ``voicecli call`` (before anything
is sent) and the sandbox (which answers with their status codes).
"""

import math
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import urlsplit

from voicecli import phone
from voicecli.errors import InvalidInput

Action = Mapping[str, object]
"""One step of a callflow, as the JSON object 8x8 takes: ``{"action": …, "params": {…}}``."""

DEFAULT_VOICE = "en-US-BenjaminRUS"
MAX_TEXT = 3000  # characters in one text
MAX_REPEAT = 10  # our own limit for a message, as the users of the example project know it
MAX_REPETITION = 3  # 8x8's limit for one action
MAX_DIGITS = 25
MIN_SPEED, MAX_SPEED = 0.5, 2.0
DEFAULT_VALIDITY = timedelta(hours=1)
MAX_VALIDITY = timedelta(days=365)
HANGUP: Action = {"action": "hangup"}

_MSISDN = re.compile(r"\+?[1-9][0-9]{6,14}", re.ASCII)
_OTHER_MEDIA = (
    ".aac",
    ".aiff",
    ".amr",
    ".flac",
    ".m4a",
    ".mov",
    ".mp4",
    ".oga",
    ".ogg",
    ".opus",
    ".webm",
    ".wma",
)
_BETWEEN_DIGITS = re.compile(r"(?<=\d)(?=\d)")


# -- making callflows --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call as it is asked for: what happens in it, until when it may start, and how to find it again.

    ``client_request_id`` comes back in the session summary, so that a call can be found even when the
    answer to its request was lost. 8x8 has no idempotency key: sending a request twice calls twice.
    """

    callflow: tuple[Action, ...] = field(repr=False)  # what is said may be a secret
    client_request_id: str
    client_action_id: str | None = None
    valid_until: datetime | None = None

    def body(self) -> dict[str, object]:
        """The JSON object that ``POST /callflows`` takes."""
        body: dict[str, object] = {}
        if self.valid_until is not None:
            moment = self.valid_until.astimezone(UTC)
            body["validUntil"] = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
        body["clientRequestId"] = self.client_request_id
        if self.client_action_id is not None:
            body["clientActionId"] = self.client_action_id
        body["callflow"] = list(self.callflow)
        return body


def call_request(
    callflow: object,
    *,
    message_id: str | None = None,
    valid_for: timedelta | None = DEFAULT_VALIDITY,
    now: datetime | None = None,
) -> CallRequest:
    """Make a request of any callflow, after checking it by 8x8's rules.

    ``message_id`` becomes 8x8's clientRequestId, and ``{message_id}_{YYYYmmdd_HHMMSS}`` (UTC) its
    clientActionId, as the example project's users have it; without one, a fresh UUID is used.
    ``valid_for`` (at most a year) counts from ``now``; after it 8x8 does not start the call, and with None
    there is no such time. Raises InvalidInput with the first rule that is broken.
    """
    _refuse_problems(problems(callflow))
    if message_id is None:
        message_id = str(uuid.uuid4())
    elif not message_id.strip() or not message_id.isprintable() or len(message_id) > 128:
        raise InvalidInput("A message id must have 1 to 128 printable characters.")
    if valid_for is not None and not timedelta(0) < valid_for <= MAX_VALIDITY:
        raise InvalidInput("The time of validity must be more than nothing and at most a year.")
    now = now or datetime.now(UTC)
    return CallRequest(
        callflow=tuple(cast("Sequence[Action]", callflow)),
        client_request_id=message_id,
        client_action_id=f"{message_id}_{now.astimezone(UTC):%Y%m%d_%H%M%S}",
        valid_until=None if valid_for is None else now + valid_for,
    )


def voice_message(
    to: str | phone.PhoneNumber,
    text: str,
    *,
    source: str,
    repeat: int = 1,
    voice_profile: str = DEFAULT_VOICE,
    speed: float = 1.0,
    spell_digits: bool = False,
    message_id: str | None = None,
    valid_for: timedelta = DEFAULT_VALIDITY,
) -> CallRequest:
    """A call that says ``text`` ``repeat`` times (1 to 10) and hangs up.

    ``to`` and ``source`` are E.164 numbers, ``speed`` is a factor from 0.5 to 2, ``spell_digits`` reads
    123456 as "1 2 3 4 5 6". The text may have 3,000 characters. Raises InvalidInput.
    """
    if spell_digits:
        text = _BETWEEN_DIGITS.sub(" ", text)
    _check_text(text, spelled=spell_digits)
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise InvalidInput(f"The speed must be from 0.5 to 2, not {speed:g}.")
    if not voice_profile.strip() or not voice_profile.isprintable():
        raise InvalidInput("The voice profile is empty or unreadable.", hint=f"For example: {DEFAULT_VOICE}.")
    params: dict[str, object] = {"text": text, "voiceProfile": voice_profile}
    if speed != 1.0:
        params["speed"] = speed
    flow = [make_call(caller_id(source), _destination(to)), *_repeated("say", params, repeat), HANGUP]
    return call_request(flow, message_id=message_id, valid_for=valid_for)


def audio_message(
    to: str | phone.PhoneNumber,
    url: str,
    *,
    source: str,
    repeat: int = 1,
    message_id: str | None = None,
    valid_for: timedelta = DEFAULT_VALIDITY,
) -> CallRequest:
    """A call that plays the mp3 or wav file at ``url`` (at most 5 MB) and hangs up. Raises InvalidInput."""
    if complaint := _audio_url(url):
        raise InvalidInput(f"{url[:80]!r} can't be played: it {complaint}.")
    flow = [
        make_call(caller_id(source), _destination(to)),
        *_repeated("playFile", {"fileUrl": url}, repeat),
        HANGUP,
    ]
    return call_request(flow, message_id=message_id, valid_for=valid_for)


def request_from_json(
    document: object,
    *,
    to: phone.PhoneNumber | None = None,
    source: str | None = None,
    message_id: str | None = None,
    valid_for: timedelta | None = None,
) -> CallRequest:
    """A request out of somebody's own JSON: a list of actions, or the whole object that 8x8 takes.

    With ``to``, a call from ``source`` to it is put before the actions. ``message_id`` and ``valid_for`` go
    before what the document says. Raises InvalidInput.
    """
    body = document if isinstance(document, dict) else {"callflow": document}
    if unknown := sorted(body.keys() - {"callflow", "validUntil", "clientRequestId", "clientActionId"}):
        raise InvalidInput(
            f"The callflow's object has a field that 8x8 does not know: {unknown[0][:80]!r}.",
            hint='Actions stand in a list: [{"action": …}, …].',
        )
    actions = body.get("callflow")
    if to is not None and isinstance(actions, list):
        _refuse_problems(problems(actions, in_call=True))
        actions = [make_call(caller_id(source or ""), to.e164), *actions]
    request = call_request(
        actions,
        message_id=_given(body, "clientRequestId") if message_id is None else message_id,
        valid_for=valid_for or DEFAULT_VALIDITY,
    )
    for called in destinations(request.callflow):
        phone.parse("+" + called.removeprefix("+"))
    if action_id := _given(body, "clientActionId"):
        request = replace(request, client_action_id=action_id)
    if valid_for is None and (until := _given(body, "validUntil")):
        moment = valid_until(until)
        if moment is None or moment <= datetime.now(UTC):
            raise InvalidInput(
                f"The callflow's validUntil must be a time to come, with its zone, not {until[:40]!r}.",
                hint="For example 2030-01-31T09:00:00.000Z; or leave it out.",
            )
        request = replace(request, valid_until=moment)
    return request


def _given(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    if value is None or (isinstance(value, str) and value.isprintable() and value.strip()):
        return value
    raise InvalidInput(f"The callflow's {name} must be a text and not empty.")


def _refuse_problems(found: "Iterator[Problem]") -> None:
    for problem in found:
        raise InvalidInput(
            f"The callflow is not valid: {problem.message} ({problem.status_code}).",
            hint="8x8's page 'Send Callflow' has the actions and their params.",
        )


def make_call(source: str, destination: str) -> Action:
    return {"action": "makeCall", "params": {"source": source, "destination": destination}}


def destinations(callflow: Sequence[Action]) -> list[str]:
    """Whom a callflow calls, as far as it is well formed."""
    found: list[str] = []
    for action in callflow:
        params = action.get("params") if isinstance(action, Mapping) else None
        if isinstance(params, Mapping) and action.get("action") == "makeCall":
            destination = params.get("destination")
            found += [destination] if isinstance(destination, str) else []
    return found


def _destination(to: str | phone.PhoneNumber) -> str:
    return to.e164 if isinstance(to, phone.PhoneNumber) else phone.parse(to).e164


def caller_id(text: str) -> str:
    """A source without the blanks and signs that people write between digits; whether it may call is 8x8's
    to say, which also knows numbers that no table has."""
    return "".join(c for c in text.strip() if c not in " -().")


def valid_until(value: object) -> datetime | None:
    """A validUntil as 8x8 takes it: date, time and zone, all of them; None for anything else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
        return None if moment is None or moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _repeated(action: str, params: Mapping[str, object], repeat: int) -> list[Action]:
    """The action, as often as it takes: 8x8 repeats one action at most three times (10 = 3 + 3 + 3 + 1)."""
    if not 1 <= repeat <= MAX_REPEAT:
        raise InvalidInput(f"The number of repetitions must be from 1 to {MAX_REPEAT}, not {repeat}.")
    full, rest = divmod(repeat, MAX_REPETITION)
    counts = [MAX_REPETITION] * full + [rest] * (rest > 0)
    return [{"action": action, "params": {**params, "repetition": count}} for count in counts]


def _check_text(text: str, *, spelled: bool) -> None:
    count = f"{len(text):,} character" + "s" * (len(text) != 1)
    if not text:
        raise InvalidInput(f"The message is empty ({count}).", hint="Say what the call should say.")
    if not any(c.isprintable() and not c.isspace() for c in text):
        raise InvalidInput(f"The message has nothing to say: {count}, all blank or control characters.")
    if len(text) > MAX_TEXT:
        spelled_out = " with its digits spelled out" if spelled else ""
        raise InvalidInput(
            f"The message has {count}{spelled_out}; 8x8 takes at most {MAX_TEXT:,}.", hint="Shorten it."
        )
    if _unspeakable(text):
        raise InvalidInput(f"The message has characters that can't be sent, among its {count}.")


# -- 8x8's rules -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
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
        kind = action.get("action") if isinstance(action, Mapping) else None
        if not isinstance(kind, str) or kind not in _PARAMS:
            yield Problem(-1007, f"{path}.action should be one of: {', '.join(_PARAMS)}")
            return
        kinds.append(kind)
        yield from _param_problems(kind, action.get("params"), path)
    yield from _order_problems(kinds, in_call=in_call)


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


Check = Callable[[object], str]
"""Says what is wrong with a value, as the end of a sentence; nothing where it is fine."""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        return "must be a text and not empty"
    return "" if len(value) <= MAX_TEXT else f"must be at most {MAX_TEXT} characters long"


def _name(value: object) -> str:
    return "" if isinstance(value, str) and value.strip() else "must be a text and not empty"


def _number(least: float, most: float = math.inf, *, whole: bool = True) -> Check:
    def check(value: object) -> str:
        kind = "whole number" if whole else "number"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            return f"must be a {kind}"
        if not least <= value <= most:
            return f"must be from {least:g} to {most:g}" if most < math.inf else f"must be at least {least:g}"
        return ""

    return check


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _anything(_value: object) -> str:
    return ""


def _audio_url(value: object) -> str:
    """8x8 looks at the file itself; a name that says it is of another kind is refused here."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return "must be a URL"
    try:
        url = urlsplit(value)
        if url.scheme.lower() not in ("http", "https") or not url.hostname:
            return "must be an http or https URL"
    except ValueError:
        return "must be a URL"
    return "must be an mp3 or wav file" if url.path.lower().endswith(_OTHER_MEDIA) else ""


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
    "playFile": {"fileUrl": _audio_url, "repetition": _repetition},
    "hangup": {},
    "executeScenario": {},  # 8x8 documents only its status codes (-1018 to -1020); the name is theirs
}


def _param_problems(kind: str, params: object, path: str) -> Iterator[Problem]:
    if params is None and not _REQUIRED[kind]:
        return
    if not isinstance(params, Mapping):
        missing = "is missing but it is required" if params is None else "must be an object"
        yield Problem(-1009, f"{path}.params: {missing}")
        return
    if kind == "hangup" and params:
        yield Problem(-1012, "Incorrect use of action Hangup: it takes no params")
    for name in _REQUIRED[kind]:
        if params.get(name) is None:
            yield Problem(-1009, f"{path}.params.{name}: is missing but it is required")
    for name, value in params.items():
        if value is None or name not in _PARAMS[kind]:
            continue
        if complaint := _PARAMS[kind][name](value):
            yield Problem(-1009, f"{path}.params.{name}: {complaint}")
        elif isinstance(value, str) and _unspeakable(value):
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
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most else 0


def is_msisdn(value: object) -> bool:
    """Whether 8x8 takes it for a phone number: E.164, the ``+`` being optional."""
    return isinstance(value, str) and _MSISDN.fullmatch(value) is not None


def _unspeakable(text: str) -> bool:
    """NUL, and halves of surrogate pairs, which no UTF-8 can carry."""
    return any(c == "\0" or unicodedata.category(c) == "Cs" for c in text)
