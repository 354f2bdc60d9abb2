"""``voicecli call``: place one call."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from voicecli import api, callflow, phone, rules
from voicecli.callflow import CallRequest
from voicecli.cli import context as contexts
from voicecli.cli import options
from voicecli.cli.context import CONNECTION, Context
from voicecli.errors import InvalidInput
from voicecli.settings import Settings

EXAMPLES = """Examples:
  voicecli call +33199001234 "Your account has been updated" --repeat 2
  echo "Your code is 123456" | voicecli call +33199001234 --spell-digits
  voicecli call +33199001234 --play https://example.com/notice.mp3
  voicecli call +33199001234 -- "-5 degrees: a message that begins with a dash" """
_THE_CALL = {"rich_help_panel": "The call"}
_NETWORK = {"rich_help_panel": "The network"}
HOW_TO_SAY = "Give it as MESSAGE, pipe it in, or use --file, --play or --callflow."


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What was asked for, as far as it decides the request; None and False where it was not."""

    to: str | None
    message: str | None
    file: str | None
    play: str | None
    callflow_file: str | None
    repeat: int | None
    source: str | None
    voice: str | None
    speed: float | None
    spell_digits: bool
    region: str | None
    valid_for: timedelta | None
    message_id: str | None


def call(
    ctx: typer.Context,
    to: Annotated[
        str | None, typer.Argument(metavar="TO", help="The number to call, such as +33199001234.")
    ] = None,
    message: Annotated[
        str | None,
        typer.Argument(metavar="[MESSAGE]", help="What is said; - or none reads it from standard input."),
    ] = None,
    repeat: Annotated[
        int | None,
        typer.Option("-r", "--repeat", metavar="N", min=1, max=callflow.MAX_REPEAT, help="Say it N times."),
    ] = None,
    voice: Annotated[
        str | None,
        typer.Option(metavar="PROFILE", help=f"Else VOICE_PROFILE, else {callflow.DEFAULT_VOICE}."),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(metavar="FACTOR", min=rules.MIN_SPEED, max=rules.MAX_SPEED, help="1 is normal."),
    ] = None,
    spell_digits: Annotated[
        bool, typer.Option("--spell-digits", help='Read every 123456 as "1 2 3 4 5 6".')
    ] = False,
    file: Annotated[str | None, typer.Option(metavar="FILE", help="Read the message from a file.")] = None,
    play: Annotated[
        str | None, typer.Option(metavar="URL", help="Play an mp3 or wav file (at most 5 MB) instead.")
    ] = None,
    callflow_file: Annotated[
        str | None,
        typer.Option(
            "--callflow",
            metavar="FILE",
            help="Send a callflow of your own (JSON, - for standard input), "
            "to TO unless it begins with a makeCall.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="NUMBER", help="The caller ID; else OUTBOUND_PHONE_NUMBER.", **_THE_CALL
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="CC", help="TO is a national number there, such as FR.", **_THE_CALL),
    ] = None,
    valid_for: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=options.duration,
            help="Do not start it later than in 30s, 10m, 2h. Default: 1h.",
            **_THE_CALL,
        ),
    ] = None,
    message_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Your id for it (clientRequestId). Default: a new UUID.", **_THE_CALL
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the request, and send nothing.", **_THE_CALL)
    ] = False,
    request_timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.1, max=600, help="How long to wait for the answer.", **_NETWORK
        ),
    ] = api.REQUEST_TIMEOUT,
    retries: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=20, help="Try again what certainly did not arrive.", **_NETWORK),
    ] = api.RETRIES,
    as_json: options.JsonFlag = False,  # noqa: ARG001 - its callback does the work, as does --debug's
    quiet: options.QuietFlag = False,
    debug: options.DebugFlag = False,  # noqa: ARG001
) -> None:
    """Place a call that says a message, plays a file or runs a callflow.

    Exit code 0 means that 8x8 accepted the call, not that somebody answered it.
    """
    if not math.isfinite(request_timeout):
        raise InvalidInput("--request-timeout must be a number of seconds.")
    if dry_run and quiet:
        raise InvalidInput("--dry-run has no session id that --quiet could print.")
    context = contexts.of(ctx)
    asked = CallOptions(
        to=to,
        message=message,
        file=file,
        play=play,
        callflow_file=callflow_file,
        repeat=repeat,
        source=source,
        voice=voice,
        speed=speed,
        spell_digits=spell_digits,
        region=region,
        valid_for=valid_for,
        message_id=message_id,
    )
    _refuse_what_would_be_without_effect(asked)
    number = None if to is None else phone.parse(to, region)
    settings = context.settings({"source": source, "voice_profile": voice})
    request = _request(context, settings, asked, number)
    if dry_run:
        _show(context, settings, request)
    else:
        _place(context, settings, request, request_timeout=request_timeout, retries=retries)


def _place(
    context: Context, settings: Settings, request: CallRequest, *, request_timeout: float, retries: int
) -> None:
    destination = ", ".join(callflow.destinations(request.callflow)[:1]) or "a scenario"
    with context.client(settings, request_timeout=request_timeout, retries=retries) as client:
        session = context.send(client, api.send_callflow(request))
        # One line that fits into 80 columns.
        context.accepted = f"{settings.other_end} accepted session {session.session_id} to {destination}"
    context.output.result(
        context.accepted,
        {
            "sessionId": session.session_id,
            "sessionStatus": session.session_status,
            "destination": destination,
            "clientRequestId": request.client_request_id,
            "clientActionId": request.client_action_id,
            "callFlowRequestId": session.call_flow_request_id,
            "validUntil": session.valid_until,
        },
        identifier=session.session_id,
        happened=True,
    )


def _show(context: Context, settings: Settings, request: CallRequest) -> None:
    http = api.send_callflow(request).request(**settings.require(*CONNECTION))
    headers = http.masked_headers()
    body = json.dumps(request.body(), indent=2, ensure_ascii=False)
    head = "\n".join(f"{name}: {value}" for name, value in headers.items())
    context.output.result(
        f"{http.method} {http.url}\n{head}\n\n{body}",
        {"method": http.method, "url": http.url, "headers": headers, "body": request.body()},
    )


# -- from what was asked for to a request ------------------------------------------------------------


def _refuse_what_would_be_without_effect(asked: CallOptions) -> None:
    """An option that is silently ignored would be a lie."""
    speech = {"--voice": asked.voice, "--speed": asked.speed, "--spell-digits": asked.spell_digits or None}
    said = {"MESSAGE": asked.message, "--file": asked.file}
    if asked.callflow_file is not None:
        _refuse_beside("--callflow", {**said, "--play": asked.play, "--repeat": asked.repeat, **speech})
    elif asked.play is not None:
        _refuse_beside("--play", {**said, **speech})
    elif asked.file is not None:
        _refuse_beside("--file", {"MESSAGE": asked.message})
    if asked.to is None:
        if asked.callflow_file is None:
            raise InvalidInput(
                "Whom to call is missing.", hint='For example: voicecli call +33199001234 "Hello"'
            )
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
        message_id=asked.message_id,
        valid_for=validity,
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
