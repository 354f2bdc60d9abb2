"""From what ``voicecli call`` was asked for to the requests that it means."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from voicecli import callflow, phone, rules
from voicecli.callflow import CallRequest, Capture
from voicecli.cli.context import CONNECTION, Context
from voicecli.errors import InvalidInput
from voicecli.settings import Settings

HOW_TO_SAY = "Give it as MESSAGE, pipe it in, or use --message, --file, --play or --callflow."
HOW_TO_CALL = 'For example: voicecli call +33199001234 "Hello"'
DIGITS_PATIENCE = timedelta(seconds=30)  # for a code, which takes longer than one key


class CallOptions(NamedTuple):
    """What was asked for, as far as it decides the requests; None and False where it was not."""

    words: Sequence[str]  # the numbers, and perhaps the message
    message: str | None
    file: str | None
    play: str | None
    callflow_file: str | None
    repeat: int | None
    source: str | None
    voice: str | None
    speed: float | None
    spell_digits: bool
    confirm: str | None
    thanks: str | None
    digits: str | None
    hash_ends: bool
    region: str | None
    valid_for: timedelta | None
    message_id: str | None

    @property
    def captures(self) -> bool:
        """Whether digits are asked for."""
        return self.confirm is not None or self.digits is not None

    def confirming(self) -> frozenset[str]:
        """The keys that confirm. Raises InvalidInput."""
        keys = frozenset((self.confirm or "").replace(" ", "").split(",")) - {""}
        if self.confirm is not None and not (keys and all(re.fullmatch("[0-9*#]", key) for key in keys)):
            raise InvalidInput("--confirm takes keys of a telephone, such as 1 or 1,2.")
        return keys


def requests(context: Context, settings: Settings, asked: CallOptions) -> list[CallRequest]:
    """A request for each number. Raises InvalidInput, and ConfigurationError for missing settings."""
    asked = _told_apart(asked)
    _refuse_what_would_be_without_effect(asked)
    numbers = [_number(word, asked) for word in asked.words]
    if len({number.e164 for number in numbers}) < len(numbers):
        raise InvalidInput("A number is given twice.", hint="Each number is called once.")
    if len(numbers) < 2:
        return [_request(context, settings, asked, next(iter(numbers), None))]
    if asked.callflow_file is None and asked.play is None:
        asked = asked._replace(message=_message(context, asked), file=None)
    made: list[CallRequest] = []
    for number in numbers:
        own = asked.message_id and f"{asked.message_id}-{number.e164.removeprefix('+')}"
        request = _request(context, settings, asked._replace(message_id=own), number)
        if any(other.client_request_id == request.client_request_id for other in made):
            raise InvalidInput(
                "The callflow's clientRequestId would be that of several calls.",
                hint="Give --message-id in its place: each call gets its number added.",
            )
        made.append(request)
    return made


def _number(word: str, asked: CallOptions) -> phone.PhoneNumber:
    try:
        return phone.parse(word, asked.region)
    except InvalidInput as error:
        if len(asked.words) > 1:
            error.hint += " A number with blanks goes in quotes; several numbers are arguments of their own."
        raise


def _told_apart(asked: CallOptions) -> CallOptions:
    """With the numbers in ``words`` and the message in ``message``: of several words, the last one is the
    message, unless it is given in another way or the last one begins like a number, with a +."""
    *numbers, last = asked.words or ("",)
    others = {"--message": asked.message, "--file": asked.file}
    elsewhere = any(way is not None for way in (*others.values(), asked.play, asked.callflow_file))
    like_a_number = phone.looks_like_one(last)
    if not numbers or (like_a_number and (elsewhere or phone.is_international(last))):
        return asked
    if like_a_number and asked.region is not None:
        raise InvalidInput(
            "The last argument may be a number to call or the message.",
            hint="Give the message with --message, or pipe it in.",
        )
    for number in numbers[1:]:
        if not re.search(r"\d", number):
            raise InvalidInput(
                "Only the last argument can be the message; those before it are numbers.",
                hint="A number or message with blanks goes in quotes.",
            )
    _refuse_beside("MESSAGE", others)
    return asked._replace(words=numbers, message=last)


def _refuse_what_would_be_without_effect(asked: CallOptions) -> None:
    """An option that is silently ignored would be a lie."""
    speech = {
        "--voice": asked.voice,
        "--speed": asked.speed,
        "--spell-digits": asked.spell_digits or None,
        "--confirm": asked.confirm,
        "--digits": asked.digits,
    }
    said = {"MESSAGE": asked.message, "--file": asked.file}
    if asked.callflow_file is not None:
        _refuse_beside("--callflow", {**said, "--play": asked.play, "--repeat": asked.repeat, **speech})
    elif asked.play is not None:
        _refuse_beside("--play", {**said, **speech})
    elif asked.file is not None:
        _refuse_beside("--file", {"MESSAGE": asked.message})
    if asked.confirm is not None:
        _refuse_beside("--confirm", {"--digits": asked.digits, "--hash": asked.hash_ends or None})
    for name, value, where in (
        ("--thanks", asked.thanks, asked.captures),
        ("--hash", asked.hash_ends or None, asked.digits is not None),
    ):
        if value is not None and not where:
            raise InvalidInput(f"{name} has no effect without digits to wait for.", hint="Add --digits.")
    if not asked.words:
        if asked.callflow_file is None:
            raise InvalidInput("Whom to call is missing.", hint=HOW_TO_CALL)
        _refuse_beside(
            "a callflow that makes its own call", {"--from": asked.source, "--region": asked.region}
        )


def _refuse_beside(chosen: str, others: Mapping[str, object]) -> None:
    if given := [name for name, value in others.items() if value is not None]:
        raise InvalidInput(
            f"{' and '.join(given)} can't be given together with {chosen}.", hint="Leave one of them out."
        )


def _request(
    context: Context, settings: Settings, asked: CallOptions, number: phone.PhoneNumber | None
) -> CallRequest:
    validity = callflow.DEFAULT_VALIDITY if asked.valid_for is None else asked.valid_for
    if asked.callflow_file is not None or number is None:
        values = settings.require(*CONNECTION, *(() if number is None else ("source",)))
        path = "-" if asked.callflow_file is None else asked.callflow_file
        document = _json_document(context.read_text(path), path)
        if number is not None and _calls_first(document):
            raise InvalidInput(
                "The callflow begins with a call of its own, so TO has no place.",
                hint="Leave one of the two out.",
            )
        return callflow.request_from_json(
            document,
            to=number,
            source=values.get("source"),
            message_id=asked.message_id,
            valid_for=asked.valid_for,
        )
    if asked.play is not None:
        return callflow.audio_message(
            number,
            asked.play,
            source=settings.require(*CONNECTION, "source")["source"],
            repeat=asked.repeat or 1,
            message_id=asked.message_id,
            valid_for=validity,
        )
    values = settings.require(*CONNECTION, "source", "voice_profile")
    return callflow.voice_message(
        number,
        _message(context, asked),
        source=values["source"],
        repeat=asked.repeat or 1,
        voice_profile=values["voice_profile"],
        speed=1.0 if asked.speed is None else asked.speed,
        spell_digits=asked.spell_digits,
        capture=_capture(asked),
        message_id=asked.message_id,
        valid_for=validity,
    )


def _capture(asked: CallOptions) -> Capture | None:
    if asked.confirm is not None:
        asked.confirming()
        return Capture(thanks=asked.thanks)
    if asked.digits is None:
        return None
    least, _, most = asked.digits.partition("-")
    few, many = (int(bound) if re.fullmatch("[0-9]{1,2}", bound) else 0 for bound in (least, most or least))
    if not 1 <= few <= many <= rules.MAX_DIGITS:
        raise InvalidInput(f"--digits takes how many, such as 6 or 4-6, up to {rules.MAX_DIGITS}.")
    return Capture(few, many, asked.hash_ends, asked.thanks, DIGITS_PATIENCE)


def _message(context: Context, asked: CallOptions) -> str:
    if asked.file is None and asked.message not in (None, "-"):
        return asked.message or ""
    waiting = asked.file is None and asked.message is None and context.stdin is not None
    if waiting and context.stdin is not None and context.stdin.isatty():
        raise InvalidInput("What the call says is missing.", hint=HOW_TO_SAY)
    text = context.read_text("-" if asked.file is None else asked.file).rstrip("\r\n")
    if not text:
        raise InvalidInput("The message is empty (0 characters).", hint=HOW_TO_SAY)
    return text


def _calls_first(document: object) -> bool:
    actions = document.get("callflow") if isinstance(document, dict) else document
    return isinstance(actions, list) and bool(callflow.destinations(actions[:1]))


def _json_document(text: str, path: str) -> object:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON value")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError:
        reason = "it is nested too deeply"
    except json.JSONDecodeError as error:
        reason = f"{error.msg} in line {error.lineno}, column {error.colno}"
    except ValueError as error:
        reason = str(error)
    raise InvalidInput(f"The callflow in {path} is not valid JSON: {reason}.")
