"""From what ``voicecli call`` was asked for to the requests that it means."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from voicecli import phone
from voicecli.calling.message import Script, refuse_beside
from voicecli.cli.context import CONNECTION, Context
from voicecli.errors import InvalidInput
from voicecli.settings import Settings
from voicecli.voice_api import callflow
from voicecli.voice_api.callflow import CallRequest

HOW_TO_SAY = "Give it as MESSAGE, pipe it in, or use --message, --file, --play or --callflow."
HOW_TO_CALL = 'For example: voicecli call +33199001234 "Hello"'


class CallOptions(NamedTuple):
    """What was asked for, as far as it decides the requests; None where it was not. The ``script`` is to be
    completed: the message is found among the ``words`` or elsewhere, the rest in the settings."""

    words: Sequence[str]  # the numbers, and perhaps the message
    message: str | None
    file: str | None
    callflow_file: str | None
    source: str | None
    region: str | None
    any_number: bool
    message_id: str | None
    script: Script


def requests(context: Context, settings: Settings, asked: CallOptions) -> list[CallRequest]:
    """A request for each number. Raises InvalidInput, and ConfigurationError for missing settings."""
    asked = _told_apart(asked)
    _refuse_what_would_be_without_effect(asked)
    numbers = [_number(word, asked) for word in asked.words]
    if len({number.e164 for number in numbers}) < len(numbers):
        raise InvalidInput("A number is given twice.", hint="Each number is called once.")
    if len(numbers) < 2:
        return [_request(context, settings, asked, next(iter(numbers), None))]
    if asked.callflow_file is None and asked.script.play is None:
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
        return phone.parse(word, asked.region, any_number=asked.any_number)
    except InvalidInput as error:
        if not any(map(str.isdigit, word)):
            error.hint += " It comes first; the message comes second, in quotes."
        if len(asked.words) > 1:
            error.hint += " A number with blanks goes in quotes; several numbers are arguments of their own."
        raise


def _told_apart(asked: CallOptions) -> CallOptions:
    """With the numbers in ``words`` and the message in ``message``: of several words, the last one is the
    message, unless it is given in another way or the last one begins like a number, with a +."""
    *numbers, last = asked.words or ("",)
    others = {"--message": asked.message, "--file": asked.file}
    elsewhere = any(way is not None for way in (*others.values(), asked.script.play, asked.callflow_file))
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
    refuse_beside("MESSAGE", others)
    return asked._replace(words=numbers, message=last)


def _refuse_what_would_be_without_effect(asked: CallOptions) -> None:
    """An option that is silently ignored would be a lie."""
    script = asked.script
    said = {"MESSAGE": asked.message, "--file": asked.file}
    if asked.callflow_file is not None:
        others = {"--play": script.play, "--repeat": script.repeat, **script.speech()}
        refuse_beside("--callflow", {**said, **others})
    elif script.play is not None:
        refuse_beside("--play", {**said, **script.speech()})
    elif asked.file is not None:
        refuse_beside("--file", {"MESSAGE": asked.message})
    script.check()
    if not asked.words:
        if asked.callflow_file is None:
            raise InvalidInput("Whom to call is missing.", hint=HOW_TO_CALL)
        refuse_beside(
            "a callflow that makes its own call", {"--from": asked.source, "--region": asked.region}
        )


def _request(
    context: Context, settings: Settings, asked: CallOptions, number: phone.PhoneNumber | None
) -> CallRequest:
    if asked.callflow_file is not None or number is None:
        return _own_request(context, settings, asked, number)
    spoken = asked.script.play is None
    values = settings.require(*CONNECTION, "source", *(("voice_profile",) if spoken else ()))
    script = replace(asked.script, source=values["source"])
    if spoken:
        script = replace(script, voice=values["voice_profile"], text=_message(context, asked))
    return script.request(number, message_id=asked.message_id)


def _own_request(
    context: Context, settings: Settings, asked: CallOptions, number: phone.PhoneNumber | None
) -> CallRequest:
    """The request for a callflow of the user's own."""
    values = settings.require(*CONNECTION, *(() if number is None else ("source",)))
    path = "-" if asked.callflow_file is None else asked.callflow_file
    document = json_document(context.read_text(path), path)
    return callflow.request_from_json(
        document,
        to=number,
        source=values.get("source"),
        message_id=asked.message_id,
        valid_for=asked.script.valid_for,
        any_number=asked.any_number,
    )


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


def json_document(text: str, path: str) -> object:
    """A callflow out of a file. Raises InvalidInput."""

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
