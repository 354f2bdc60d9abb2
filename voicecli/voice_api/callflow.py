"""How a message becomes a callflow, 8x8's list of actions, and a callflow the request for a call."""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from voicecli import phone
from voicecli.errors import InvalidInput, quote
from voicecli.json_values import OBJECT, whole_number
from voicecli.phone import caller_id
from voicecli.voice_api.callflow_rules import Action, Problem, meant_name, parse_valid_until, problems
from voicecli.voice_api.speech_problems import has_words

DEFAULT_VALIDITY = timedelta(hours=1)
MAX_VALIDITY = timedelta(days=365)
HANGUP: Action = {"action": "hangup"}


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
    _refuse_problems(problems(callflow), callflow)
    actions = tuple(cast("Sequence[Action]", callflow))
    if not all(map(has_words, spoken_texts(actions))):
        raise InvalidInput(
            "A text of the callflow has nothing to say: no letter or digit.",
            hint="Emoji, punctuation and invisible characters are not spoken.",
        )
    if message_id is None:
        message_id = str(uuid.uuid4())
    elif not message_id.strip() or not message_id.isprintable() or len(message_id) > 128:
        raise InvalidInput("A message id must have 1 to 128 printable characters.")
    if valid_for is not None and not timedelta(0) < valid_for <= MAX_VALIDITY:
        raise InvalidInput("The time of validity must be more than nothing and at most a year.")
    now = now or datetime.now(UTC)
    return CallRequest(
        callflow=actions,
        client_request_id=message_id,
        client_action_id=f"{message_id}_{now.astimezone(UTC):%Y%m%d_%H%M%S}",
        valid_until=None if valid_for is None else now + valid_for,
    )


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
            f"The callflow's object has a field that 8x8 does not know: {quote(unknown[0])}.",
            hint='Actions stand in a list: [{"action": …}, …].',
        )
    actions = body.get("callflow")
    if to is not None and isinstance(actions, list):
        if destinations(actions[:1]):
            raise InvalidInput(
                "The callflow begins with a call of its own, so there is no place for another.",
                hint="Leave one of the two out.",
            )
        _refuse_problems(problems(actions, in_call=True), actions)
        actions = [make_call(caller_id(source or ""), to.e164), *actions]
    request = call_request(
        actions,
        message_id=_optional_text(body, "clientRequestId") if message_id is None else message_id,
        valid_for=valid_for or DEFAULT_VALIDITY,
    )
    for called in destinations(request.callflow):
        phone.parse("+" + called.removeprefix("+"), any_number=any_number)
    if action_id := _optional_text(body, "clientActionId"):
        request = replace(request, client_action_id=action_id)
    if valid_for is None and (until := _optional_text(body, "validUntil")):
        moment = parse_valid_until(until)
        if moment is None or moment <= datetime.now(UTC):
            raise InvalidInput(
                f"The callflow's validUntil must be a time to come, with its zone, not {quote(until)}.",
                hint="For example 2030-01-31T09:00:00.000Z; or leave it out.",
            )
        request = replace(request, valid_until=moment)
    return request


def _optional_text(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    if value is None or (isinstance(value, str) and value.isprintable() and value.strip()):
        return value
    raise InvalidInput(f"The callflow's {name} must be a text and not empty.")


def _refuse_problems(found: Iterator[Problem], callflow: object) -> None:
    for problem in found:
        meant = meant_name(callflow)
        raise InvalidInput(
            f"The callflow is not valid: {problem.message} ({problem.status_code}).",
            hint=f"Did you mean {meant}?"
            if meant
            else "For an example see voicecli help calls; for all actions 8x8's page 'Send Callflow'.",
        )


def make_call(source: str, destination: str) -> Action:
    return {"action": "makeCall", "params": {"source": source, "destination": destination}}


def destinations(callflow: Sequence[Action]) -> list[str]:
    """Whom a callflow calls, as far as it is well formed."""
    return _texts(callflow, "destination", only="makeCall")


def sources(callflow: Sequence[Action]) -> list[str]:
    """Whose numbers it calls from, as far as it is well formed."""
    return _texts(callflow, "source", only="makeCall")


def spoken_texts(callflow: Sequence[Action]) -> tuple[str, ...]:
    """The texts that a callflow says."""
    return tuple(_texts(callflow, "text", "promptMessage", "successMessage", "failureMessage"))


def voices(callflow: Sequence[Action]) -> tuple[str, ...]:
    """The voices that a callflow names."""
    return tuple(_texts(callflow, "voiceProfile"))


def spoken_text(callflow: Sequence[Action]) -> str:
    """Whom it calls and what it says or plays: equal for calls that are the same to the person called."""
    return json.dumps(_texts(callflow, "destination", "text", "promptMessage", "fileUrl", "scenarioName"))


def _texts(callflow: Sequence[Action], *names: str, only: str = "") -> list[str]:
    """The texts in these params of all actions, or of those of one kind. 8x8 may take a whole number, too."""
    objects = [action for action in callflow if isinstance(action, OBJECT)]
    params = [action.get("params") for action in objects if only in ("", action.get("action"))]
    values = [param.get(name) for param in params if isinstance(param, OBJECT) for name in names]
    return [str(value) for value in values if isinstance(value, str) or whole_number(value) is not None]
