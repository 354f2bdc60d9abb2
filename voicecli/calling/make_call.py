"""``POST /api/make-call``: places a call as ``voicecli call`` does, in the example project's form."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from voicecli import phone
from voicecli.at_most import AtMost
from voicecli.calling.script import Script
from voicecli.errors import (
    CalledTooOften,
    ConfigurationError,
    InvalidInput,
    OutcomeUnknown,
    Unsubscribed,
    VoicecliError,
)
from voicecli.json_values import text, whole_number
from voicecli.listener.routes import Answer, failure
from voicecli.sessions.key_names import KeyNames
from voicecli.voice_api import callflow
from voicecli.voice_api.messages import MAX_REPEAT

if TYPE_CHECKING:
    from voicecli.calling.caller import Caller

DEFAULT_REPETITION = 2  # the example project's
_STATUSES = (
    (InvalidInput, 422),
    (Unsubscribed, 409),
    (CalledTooOften, 409),
    (ConfigurationError, 503),
    (OutcomeUnknown, 504),
)


class MakeCallRoute:
    """Places calls by what ``caller`` gives, which raises ConfigurationError where settings are missing, so
    that a listener can run without them."""

    def __init__(
        self, caller: "Callable[[], Caller]", *, source: Callable[[], str], voice_profile: str
    ) -> None:
        self._caller = caller
        self._source = source
        self._voice_profile = voice_profile

    async def __call__(self, body: Mapping[str, object]) -> Answer:
        try:
            return 200, {"success": True, "data": await asyncio.to_thread(self._place, body)}
        except VoicecliError as error:
            status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 502)
            return status, failure(error.message, {"hint": error.hint, **error.details})

    def _place(self, body: Mapping[str, object]) -> Mapping[str, object]:
        keys = _keys(body)
        request = self._request(body)
        call_unsubscribed = _flag(body, "callUnsubscribed")
        caller = self._caller()
        # Nobody would see the warning that a team's database can't be asked who has unsubscribed.
        needs_store = caller.store.is_shared and not call_unsubscribed
        caller = replace(
            caller,
            call_unsubscribed=call_unsubscribed,
            needs_store=needs_store,
            at_most=_at_most(body, caller.at_most),
        )
        return caller.call(request, keys=keys).answer

    def _request(self, body: Mapping[str, object]) -> callflow.CallRequest:
        number, message = text(body.get("customerPhone")), text(body.get("message"))
        message_id = body.get("messageId")
        if number is None or message is None or not isinstance(message_id, str | None):
            raise InvalidInput(
                "customerPhone and message must be texts, and messageId a text where it is given."
            )
        repetition = whole_number(body.get("repetition", DEFAULT_REPETITION))
        if repetition is None:
            raise InvalidInput(f"repetition must be a whole number from 1 to {MAX_REPEAT}.")
        # 8x8 takes both forms, and so did the example
        written = f"+{number}" if re.fullmatch("[1-9][0-9]+", number) else number
        to = phone.parse(written, any_number=_flag(body, "anyNumber"))
        script = Script(
            source=self._source(),
            repeat=repetition,
            voice=self._voice_profile,
            spell_digits=_flag(body, "spellDigits"),
            keys=text(body.get("keys")),
            accept=text(body.get("accept")),
        )
        return script.request(to, text=message, message_id=message_id)


def _keys(body: Mapping[str, object]) -> KeyNames | None:
    """What keys mean; None where none is asked for. Raises InvalidInput."""
    keys, accept = body.get("keys"), body.get("accept")
    if not (isinstance(keys, str | None) and isinstance(accept, str | None)):
        raise InvalidInput("keys and accept must be texts, such as 1=yes,9=stop and yes.")
    if keys is None and accept is not None:
        raise InvalidInput("accept has no effect without keys.")
    if keys is None:
        return None
    names = KeyNames.parse(keys, accept)
    names.check()
    return names


def _at_most(body: Mapping[str, object], usual: AtMost | None) -> AtMost | None:
    """How often that person may be called: by the field, else as ``usual``. Raises InvalidInput."""
    match body.get("atMost"):
        case None:
            return usual
        case str(limit):
            return AtMost.parse(limit)
        case _:
            raise InvalidInput('atMost must be a text such as "1/24h", or "none".')


def _flag(body: Mapping[str, object], name: str) -> bool:
    """Raises InvalidInput."""
    value = body.get(name)
    if not isinstance(value, bool | None):
        raise InvalidInput(f"{name} must be true or false.")
    return value is True
