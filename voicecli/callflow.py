"""How a message becomes a callflow, 8x8's list of actions, and a callflow the request for a call."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from voicecli import phone
from voicecli.account import DEFAULT_VOICE
from voicecli.errors import InvalidInput, quoted
from voicecli.json_values import OBJECT
from voicecli.phone import caller_id
from voicecli.rules import (
    MAX_REPETITION,
    MAX_SPEED,
    MAX_TEXT,
    MIN_SPEED,
    Action,
    Problem,
    audio_url_complaint,
    problems,
    unspeakable,
    valid_until,
)

MAX_REPEAT = 10  # our own limit for a message, as the users of the example project know it
DEFAULT_VALIDITY = timedelta(hours=1)
MAX_VALIDITY = timedelta(days=365)
HANGUP: Action = {"action": "hangup"}

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
            moment = self.valid_until.astimezone(UTC).replace(tzinfo=None)
            body["validUntil"] = moment.isoformat(timespec="milliseconds") + "Z"
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


@dataclass(frozen=True, slots=True)
class Capture:
    """The digits to wait for after a message (8x8's action sayAndCapture). 8x8 reports them by VCA webhook,
    and takes no such call where the subaccount has none (-1004).

    It says the message, waits ``patience`` for the digits, half of it for the next one, and tries that
    ``tries`` times. With ``hash_ends`` the # key ends them, else they are over when there are ``most``.
    ``thanks`` is said once they came. All is sent: the defaults of 8x8's guide and of its reference differ.
    """

    least: int = 1
    most: int = 1
    hash_ends: bool = False
    thanks: str | None = field(default=None, repr=False)
    patience: timedelta = timedelta(seconds=10)
    tries: int = 3

    def action(self, params: Mapping[str, object], repeat: int) -> Action:
        if not 1 <= repeat <= MAX_REPETITION:
            raise InvalidInput(
                f"A message that waits for digits is said from 1 to {MAX_REPETITION} times, not {repeat}.",
                hint=f"It is said again if nothing is pressed, {self.tries} times in all.",
            )
        milliseconds = self.patience // timedelta(milliseconds=1)
        thanks = {} if self.thanks is None else {"successMessage": self.thanks}
        return {
            "action": "sayAndCapture",
            "params": {
                "speed": 1.0,
                **params,
                "repetition": repeat,
                "minDigits": self.least,
                "maxDigits": self.most,
                "digitTimeout": milliseconds // 2,  # between two digits: less than for all of them (-1006)
                "overallTimeout": milliseconds,
                "completeOnHash": self.hash_ends,
                "noOfTries": self.tries,
                **thanks,
            },
        }


def voice_message(
    to: str | phone.PhoneNumber,
    text: str,
    *,
    source: str,
    repeat: int = 1,
    voice_profile: str = DEFAULT_VOICE,
    speed: float = 1.0,
    spell_digits: bool = False,
    capture: Capture | None = None,
    message_id: str | None = None,
    valid_for: timedelta = DEFAULT_VALIDITY,
) -> CallRequest:
    """A call that says ``text`` ``repeat`` times (1 to 10; to ``capture`` digits, 1 to 3) and hangs up. A
    call that captures digits ends with the question: the reply to its VCA webhook hangs up.

    ``to`` and ``source`` are E.164 numbers, ``speed`` is a factor from 0.5 to 2, ``spell_digits`` reads
    123456 as "1 2 3 4 5 6". The text may have 3,000 characters; what else ``call_request`` takes holds here,
    too. Limits are those of 8x8's page "Send Callflow". Raises InvalidInput.
    """
    text = said(text, spell_digits=spell_digits)
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise InvalidInput(f"The speed must be from 0.5 to 2, not {speed:g}.")
    if not voice_profile.strip() or not voice_profile.isprintable():
        raise InvalidInput("The voice profile is empty or unreadable.", hint=f"For example: {DEFAULT_VOICE}.")
    params: dict[str, object] = {"voiceProfile": voice_profile}
    if speed != 1.0:
        params["speed"] = speed
    if capture is None:
        actions = [*_repeated("say", {"text": text, **params}, repeat), HANGUP]
    else:  # 8x8's page on sayAndCapture: with a hangup right after it, the digits are ignored
        actions = [capture.action({"promptMessage": text, **params}, repeat)]
    flow = [make_call(caller_id(source), _destination(to)), *actions]
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
    """A call that plays the mp3 or wav at ``url`` (at most 5 MB) ``repeat`` times (1 to 10) and hangs up.

    8x8 keeps the file for an hour by its URL (page "Send Callflow"). Raises InvalidInput.
    """
    if complaint := audio_url_complaint(url):
        raise InvalidInput(f"{quoted(url, 200)} can't be played: it {complaint}.")
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
    any_number: bool = False,
) -> CallRequest:
    """A request out of somebody's own JSON: a list of actions, or the whole object that 8x8 takes.

    With ``to``, a call from ``source`` to it is put before the actions. ``message_id`` and ``valid_for`` go
    before what the document says. ``any_number`` is as in ``phone.parse``. Raises InvalidInput.
    """
    body = document if isinstance(document, dict) else {"callflow": document}
    if unknown := sorted(body.keys() - {"callflow", "validUntil", "clientRequestId", "clientActionId"}):
        raise InvalidInput(
            f"The callflow's object has a field that 8x8 does not know: {quoted(unknown[0])}.",
            hint='Actions stand in a list: [{"action": …}, …].',
        )
    actions = body.get("callflow")
    if to is not None and isinstance(actions, list):
        if destinations(actions[:1]):
            raise InvalidInput(
                "The callflow begins with a call of its own, so there is no place for another.",
                hint="Leave one of the two out.",
            )
        _refuse_problems(problems(actions, in_call=True))
        actions = [make_call(caller_id(source or ""), to.e164), *actions]
    request = call_request(
        actions,
        message_id=_given(body, "clientRequestId") if message_id is None else message_id,
        valid_for=valid_for or DEFAULT_VALIDITY,
    )
    for called in destinations(request.callflow):
        phone.parse("+" + called.removeprefix("+"), any_number=any_number)
    if action_id := _given(body, "clientActionId"):
        request = replace(request, client_action_id=action_id)
    if valid_for is None and (until := _given(body, "validUntil")):
        moment = valid_until(until)
        if moment is None or moment <= datetime.now(UTC):
            raise InvalidInput(
                f"The callflow's validUntil must be a time to come, with its zone, not {quoted(until)}.",
                hint="For example 2030-01-31T09:00:00.000Z; or leave it out.",
            )
        request = replace(request, valid_until=moment)
    return request


def _given(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    if value is None or (isinstance(value, str) and value.isprintable() and value.strip()):
        return value
    raise InvalidInput(f"The callflow's {name} must be a text and not empty.")


def _refuse_problems(found: Iterator[Problem]) -> None:
    for problem in found:
        raise InvalidInput(
            f"The callflow is not valid: {problem.message} ({problem.status_code}).",
            hint="8x8's page 'Send Callflow' has the actions and their params.",
        )


def make_call(source: str, destination: str) -> Action:
    return {"action": "makeCall", "params": {"source": source, "destination": destination}}


def destinations(callflow: Sequence[Action]) -> list[str]:
    """Whom a callflow calls, as far as it is well formed."""
    return _of_calls(callflow, "destination")


def sources(callflow: Sequence[Action]) -> list[str]:
    """Whose numbers it calls from, as far as it is well formed."""
    return _of_calls(callflow, "source")


def gist(callflow: Sequence[Action]) -> str:
    """Whom it calls and what it says or plays: equal for calls that are the same to the person called."""
    params = [action.get("params") for action in callflow]
    names = ("destination", "text", "promptMessage", "fileUrl", "scenarioName")
    parts = [param.get(name) for param in params if isinstance(param, Mapping) for name in names]
    return json.dumps([part for part in parts if isinstance(part, str)])


def _of_calls(callflow: Sequence[Action], name: str) -> list[str]:
    objects = [action for action in callflow if isinstance(action, OBJECT)]
    params = [action.get("params") for action in objects if action.get("action") == "makeCall"]
    values = [param.get(name) for param in params if isinstance(param, OBJECT)]
    return [value for value in values if isinstance(value, str)]


def spoken(callflow: Sequence[Action]) -> tuple[str, ...]:
    """The texts that a callflow says."""
    names = ("text", "promptMessage", "successMessage", "failureMessage")
    params = [action.get("params") for action in callflow]
    said = [param.get(name) for param in params if isinstance(param, OBJECT) for name in names]
    return tuple([text for text in said if isinstance(text, str)])


def _destination(to: str | phone.PhoneNumber) -> str:
    return to.e164 if isinstance(to, phone.PhoneNumber) else phone.parse(to).e164


def _repeated(action: str, params: Mapping[str, object], repeat: int) -> list[Action]:
    """The action, as often as it takes: 8x8 repeats one action at most three times (10 = 3 + 3 + 3 + 1)."""
    if not 1 <= repeat <= MAX_REPEAT:
        raise InvalidInput(f"The number of repetitions must be from 1 to {MAX_REPEAT}, not {repeat}.")
    full, rest = divmod(repeat, MAX_REPETITION)
    counts = [MAX_REPETITION] * full + [rest] * (rest > 0)
    return [{"action": action, "params": {**params, "repetition": count}} for count in counts]


def said(text: str, *, spell_digits: bool = False) -> str:
    """The text as it is said. Raises InvalidInput for one that can't be, without showing it."""
    if spell_digits:
        text = _BETWEEN_DIGITS.sub(" ", text)
    if len(text) > MAX_TEXT or unspeakable(text) or not _has_words(text):
        raise _text_complaint(text, spelled=spell_digits)
    return text


def _has_words(text: str) -> bool:
    return any(c.isprintable() and not c.isspace() for c in text)


def _text_complaint(text: str, *, spelled: bool) -> InvalidInput:
    count = f"{len(text):,} character" + "s" * (len(text) != 1)
    if not text:
        return InvalidInput(f"The message is empty ({count}).", hint="Say what the call should say.")
    if not _has_words(text):
        return InvalidInput(f"The message has nothing to say: {count}, all blank or control characters.")
    if len(text) > MAX_TEXT:
        spelled_out = " with its digits spelled out" if spelled else ""
        return InvalidInput(
            f"The message has {count}{spelled_out}; 8x8 takes at most {MAX_TEXT:,}.", hint="Shorten it."
        )
    return InvalidInput(f"The message has characters that can't be sent, among its {count}.")
