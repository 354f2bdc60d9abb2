"""From what ``voicecli call`` was asked for to the requests that it means."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from voicecli import phone
from voicecli.account import DEFAULT_VOICE
from voicecli.calling.script import Script, refuse_conflicts, refuse_without
from voicecli.cli import wiring
from voicecli.cli.context import CONNECTION, Context
from voicecli.cli.options.call import CallOptions, RecipientOptions
from voicecli.cli.options.common import OutputOptions, refuse_quiet_dry_run
from voicecli.cli.options.message import MessageOptions
from voicecli.cli.options.outcome import AlertOptions, OutcomeOptions
from voicecli.cli.options.public_access import AccessOptions
from voicecli.cli.options.records import given
from voicecli.errors import InvalidInput, quote
from voicecli.json_values import JsonProblem
from voicecli.settings import Settings
from voicecli.voice_api import callflow
from voicecli.voice_api.callflow import CallRequest

HOW_TO_SAY = "Give MESSAGE, pipe it in, or use --message, --file, --play or --callflow."
HOW_TO_CALL = 'For example: voicecli call +33199001234 "Hello"'
_LIST = re.compile(r"\.(csv|tsv|txt|jsonl?|xlsx?)$", re.IGNORECASE)  # how the names of lists end
MIN_WORD = 7  # characters of a number that is whole


class Arguments(NamedTuple):
    """What was asked for, as far as it decides the requests."""

    words: Sequence[str]  # the numbers, and perhaps the message
    message: str | None
    spoken: MessageOptions
    outcome: OutcomeOptions
    call: CallOptions
    recipients: RecipientOptions

    def script(self) -> Script:
        """What the call does, without its message; the settings know who calls, and with which voice."""
        spoken, outcome = self.spoken, self.outcome
        return Script(
            source="",
            play=spoken.play,
            repeat=spoken.repeat,
            voice=spoken.voice,
            speed=spoken.speed,
            spell_digits=spoken.spell_digits,
            confirm=outcome.confirm,
            keys=outcome.keys,
            accept=outcome.accept,
            digits=outcome.digits,
            hash_ends=outcome.hash_ends,
            thanks=outcome.thanks,
            valid_for=self.call.valid_for,
        )


def refuse_what_has_no_effect(
    asked: Arguments, alert: AlertOptions, access: AccessOptions, output: OutputOptions
) -> None:
    """Raises InvalidInput for options that do nothing beside the others, or could not be carried out."""
    outcome, call = asked.outcome, asked.call
    refuse_quiet_dry_run(dry_run=call.dry_run, quiet=output.quiet)
    if alert.until_confirmed and not outcome.wants_key:
        raise InvalidInput("--until-confirmed needs --confirm or --keys, with the keys that confirm.")
    if not outcome.wants_key:
        refuse_without("--confirm or --keys", given(alert))
    elif (keys := asked.script().key_names()) is not None and not keys.accepted:
        refuse_without("a name other than stop", given(alert))
    if outcome.vca_elsewhere:
        refuse_conflicts("--vca-elsewhere", asked.script().questions())
    if call.within is not None and not call.once:
        refuse_without("--once", ["--within"])
    if not outcome.waits:
        timeout = {} if outcome.timeout is None else {"--timeout": outcome.timeout}
        refuse_without("--wait, --confirm, --keys or --digits", {**timeout, **given(access)})
    access.public_access()  # some of its options exclude each other


def requests(context: Context, settings: Settings, asked: Arguments) -> list[CallRequest]:
    """A request for each number. What was asked for is looked at before the settings. Raises InvalidInput,
    and ConfigurationError for missing settings."""
    asked = _with_message_apart(asked)
    script = asked.script()
    _refuse_conflicts(asked, script)
    numbers = [_number(word, asked) for word in asked.words]
    if len({number.e164 for number in numbers}) < len(numbers):
        raise InvalidInput("A number is given twice.", hint="Each number is called once.")
    make, message_id = _maker(context, settings, asked, script), asked.call.message_id
    if len(numbers) < 2:
        return [make(next(iter(numbers), None), message_id)]
    made: list[CallRequest] = []
    for number in numbers:
        request = make(number, message_id and f"{message_id}-{number.e164.removeprefix('+')}")
        if any(other.client_request_id == request.client_request_id for other in made):
            raise InvalidInput(
                "Several calls would have the callflow's clientRequestId.",
                hint="Give --message-id in its place: each call gets its number added.",
            )
        made.append(request)
    return made


def warn_of_speech(context: Context, requests: Sequence[CallRequest]) -> None:
    """Warn of what a voice can't speak well, without showing the text around it."""
    from voicecli.voice_api import speech_problems as speech

    texts = dict.fromkeys(text for request in requests for text in callflow.spoken_texts(request.callflow))
    if problems := dict.fromkeys(problem for text in texts for problem in speech.speech_problems(text)):
        context.output.warning(f"The text has {speech.in_words(problems)}. {speech.ADVICE}")


def warn_of_voices(context: Context, settings: Settings, requests: Sequence[CallRequest]) -> None:
    """Warn of voices that look like none of 8x8's, or were not among those that it listed last; also in a
    callflow of the user's own. 8x8 is not asked: that would hold the call up."""
    voices = (voice for request in requests for voice in callflow.voices(request.callflow))
    for voice in dict.fromkeys(voices):
        if voice != DEFAULT_VOICE and not wiring.warn_of_voice(context, voice):
            _warn_of_unlisted(context, settings, voice)


def _warn_of_unlisted(context: Context, settings: Settings, voice: str) -> None:
    from voicecli.store import voices as kept

    listed: list[str] = []
    with suppress(OSError, ValueError):
        listed = kept.seen(wiring.home(settings))
    if listed and voice.casefold() not in map(str.casefold, listed):
        from voicecli.spelling import nearest

        near = nearest(voice, listed, 0.5)
        advice = f"Did you mean {near}?" if near else "voicecli voices lists them."
        context.output.warning(f"{quote(voice)} is none of the voices that 8x8 listed last. {advice}")


def _number(word: str, asked: Arguments) -> phone.PhoneNumber:
    if len(asked.words) > 1:
        _refuse_time(word)
    try:
        return phone.parse(word, asked.recipients.region, any_number=asked.recipients.any_number)
    except InvalidInput as error:
        if _LIST.search(word) and " " not in word:
            error.hint = f'To call everybody on a list: voicecli broadcast {word} "message".'
        elif len(re.findall(r"\+\d{6}", word)) > 1 and " " in word:
            error.hint = "Several numbers are arguments of their own: not all in one pair of quotes."
        elif not any(map(str.isdigit, word)):
            error.hint = 'The number comes first: voicecli call +33199001234 "Hello"'
        elif re.search("[,;]", word):
            error.hint = "Several numbers are arguments of their own, with blanks between them."
        elif len(asked.words) > 1 and len(word) < MIN_WORD:
            error.hint = 'A number with blanks goes in quotes, such as "+33 1 99 00 12 34".'
        raise


def _refuse_time(word: str) -> None:
    """Raises InvalidInput for a length of time in the place of a number or message."""
    if re.fullmatch(r"\d+[smhd]", word):
        raise InvalidInput(
            f"{word} is an argument too many: --wait and --once take no value.",
            hint=f"A time goes to --timeout or --within: --wait --timeout {word}.",
        )


def _with_message_apart(asked: Arguments) -> Arguments:
    """With the numbers in ``words`` and the message in ``message``: of several words, the last one is the
    message, unless it is given in another way or the last one begins like a number, with a +."""
    *numbers, last = asked.words or ("",)
    others = {"--message": asked.message, "--file": asked.spoken.file}
    elsewhere = any(way is not None for way in (*others.values(), asked.spoken.play, asked.spoken.callflow))
    like_a_number = phone.looks_like_number(last)
    if not numbers or (like_a_number and (elsewhere or phone.is_international(last))):
        return asked
    if like_a_number and asked.recipients.region is not None:
        raise InvalidInput(
            "The last argument may be a number to call or the message.",
            hint="Give the message with --message, or pipe it in.",
        )
    if len(numbers) > 1:
        _refuse_time(last)
    if any(re.search(r"\d", number) is None for number in numbers[1:]):
        from voicecli.cli.hints import quoting_hint

        raise InvalidInput(
            "Only the last argument can be the message; those before it are numbers.",
            hint=quoting_hint(asked.words),
        )
    refuse_conflicts("MESSAGE", others)
    return asked._replace(words=numbers, message=last)


def _refuse_conflicts(asked: Arguments, script: Script) -> None:
    """An option that is silently ignored would be a lie."""
    message = {"MESSAGE": asked.message}
    if asked.spoken.callflow is not None:
        spoken = given(replace(asked.spoken, callflow=None))
        refuse_conflicts("--callflow", {**message, **spoken, **script.questions()})
    elif script.play is not None:
        refuse_conflicts("--play", {**message, "--file": asked.spoken.file})
    elif asked.spoken.file is not None:
        refuse_conflicts("--file", message)
    script.check()
    if not asked.words:
        if asked.spoken.callflow is None:
            raise InvalidInput("The number to call is missing.", hint=HOW_TO_CALL)
        refuse_conflicts(
            "a callflow that makes its own call",
            {"--from": asked.call.source, "--region": asked.recipients.region},
        )


def _maker(
    context: Context, settings: Settings, asked: Arguments, script: Script
) -> Callable[[phone.PhoneNumber | None, str | None], CallRequest]:
    """What makes the request for a number, None where the callflow has its own, under a message id."""
    if asked.spoken.callflow is not None:
        document = json_document(context.read_text(asked.spoken.callflow), asked.spoken.callflow)
        values = settings.require(*CONNECTION, *(("source",) if asked.words else ()))
        return lambda number, message_id: callflow.request_from_json(
            document,
            to=number,
            source=values.get("source"),
            message_id=message_id,
            valid_for=script.valid_for,
            any_number=asked.recipients.any_number,
        )
    if script.play is None:
        script = replace(script, text=_message(context, asked))
        if ":" in (script.text or ""):  # without one it may be a code
            from voicecli.quiet_hours import refuse_hours

            refuse_hours(script.text or "", hint=HOW_TO_CALL)
        script.check_text(script.text or "")
    values = settings.require(*CONNECTION, "source", *(("voice_profile",) if script.play is None else ()))
    complete = replace(script, source=values["source"], voice=values.get("voice_profile"))
    return lambda number, message_id: complete.request(number or "", message_id=message_id)


def _message(context: Context, asked: Arguments) -> str:
    file = asked.spoken.file
    if file is None and asked.message not in (None, "-"):
        return asked.message or ""
    from_pipe = file is None and asked.message is None and context.stdin is not None
    if from_pipe and context.stdin is not None and context.stdin.isatty():
        raise InvalidInput("The message is missing.", hint=HOW_TO_SAY)
    text = context.read_text("-" if file is None else file).rstrip("\r\n")
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
        problem = JsonProblem.of(error)
        reason = f"{problem.cause} (line {problem.line}, column {problem.column})"
    except ValueError as error:
        reason = str(error)
    raise InvalidInput(f"{path} is not valid JSON: {reason}.")
