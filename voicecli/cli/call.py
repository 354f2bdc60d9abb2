"""``voicecli call``: place one call."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from voicecli import api, callflow, phone
from voicecli.callflow import CallRequest
from voicecli.cli import context as contexts
from voicecli.cli import options
from voicecli.cli.context import Context
from voicecli.errors import InvalidInput
from voicecli.settings import Settings

CONNECTION = ("api_key", "subaccount_id", "base_url")

EXAMPLES = """Examples:
  voicecli call +33199001234 "Your account has been updated" --repeat 2
  echo "Your code is 123456" | voicecli call +33199001234 --spell-digits
  voicecli call +33199001234 --play https://example.com/notice.mp3"""


def call(
    ctx: typer.Context,
    to: Annotated[
        str | None, typer.Argument(metavar="TO", help="The number to call, such as +33199001234.")
    ] = None,
    message: Annotated[
        str | None,
        typer.Argument(
            metavar="[MESSAGE]", help="What the call says; - or nothing reads it from standard input."
        ),
    ] = None,
    repeat: Annotated[
        int | None,
        typer.Option(
            "--repeat",
            "-r",
            metavar="N",
            min=1,
            max=callflow.MAX_REPEAT,
            help="How often it is said or played.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="NUMBER", help="The caller ID; else OUTBOUND_PHONE_NUMBER."),
    ] = None,
    voice: Annotated[
        str | None,
        typer.Option(
            metavar="PROFILE", help=f"The voice profile; else VOICE_PROFILE, else {callflow.DEFAULT_VOICE}."
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR",
            min=callflow.MIN_SPEED,
            max=callflow.MAX_SPEED,
            help="How fast it is said; 1 is normal.",
        ),
    ] = None,
    spell_digits: Annotated[
        bool, typer.Option("--spell-digits", help='Read 123456 as "1 2 3 4 5 6": for one-time codes.')
    ] = False,
    file: Annotated[str | None, typer.Option(metavar="FILE", help="Read the message from a file.")] = None,
    play: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Play an mp3 or wav file (at most 5 MB) instead of a message."),
    ] = None,
    callflow_file: Annotated[
        str | None,
        typer.Option(
            "--callflow",
            metavar="FILE",
            help="Send a callflow of your own (JSON; - for standard input), "
            "to TO unless it begins with a makeCall of its own.",
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="CC", help="Take TO for a national number of this country, such as SG."),
    ] = None,
    valid_for: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=options.duration,
            help="Do not start the call later than this from now: 30s, 10m, 2h. Default: 1h.",
        ),
    ] = None,
    message_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Your own id for the call (clientRequestId). Default: a fresh UUID."),
    ] = None,
    request_timeout: Annotated[
        float, typer.Option(min=0.1, max=600, metavar="SECONDS", help="How long to wait for 8x8's answer.")
    ] = 15.0,
    retries: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=20, help="How often to try again what provably did not happen."),
    ] = 3,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the request that would be sent, and send nothing.")
    ] = False,
    json: options.Json = False,  # noqa: ARG001
    quiet: options.Quiet = False,
    debug: options.Debug = False,  # noqa: ARG001
) -> None:
    """Place a call that says a message, plays a file or runs a callflow.

    Exit code 0 means that 8x8 accepted the call, not that somebody answered it.
    """
    context = contexts.of(ctx)
    if dry_run and quiet:
        raise InvalidInput("--dry-run has no session id that --quiet could print.")
    speech: dict[str, object] = {"--voice": voice, "--speed": speed, "--spell-digits": spell_digits or None}
    if callflow_file is not None:
        _refuse(
            "--callflow", {"MESSAGE": message, "--file": file, "--play": play, "--repeat": repeat, **speech}
        )
    elif play is not None:
        _refuse("--play", {"MESSAGE": message, "--file": file, **speech})
    elif file is not None:
        _refuse("--file", {"MESSAGE": message})
    number = None if to is None else phone.parse(to, region)

    settings = context.settings({"source": source, "voice_profile": voice})
    if callflow_file is not None:
        request = _own_callflow(
            _json_document(context.read_text(callflow_file), callflow_file),
            settings,
            number,
            message_id=message_id,
            valid_for=valid_for,
        )
    elif number is None:
        raise InvalidInput("Whom to call is missing.", hint='For example: voicecli call +33199001234 "Hello"')
    else:
        text = "" if play is not None else _message(context, message, file)
        values = settings.require(*CONNECTION, "source", "voice_profile")
        validity = callflow.DEFAULT_VALIDITY if valid_for is None else valid_for
        if play is not None:
            request = callflow.audio_message(
                number,
                play,
                source=values["source"],
                repeat=repeat or 1,
                message_id=message_id,
                valid_for=validity,
            )
        else:
            request = callflow.voice_message(
                number,
                text,
                source=values["source"],
                repeat=repeat or 1,
                voice_profile=values["voice_profile"],
                speed=1.0 if speed is None else speed,
                spell_digits=spell_digits,
                message_id=message_id,
                valid_for=validity,
            )

    if dry_run:
        _show_request(context, settings, request)
    else:
        _place(context, settings, request, request_timeout=request_timeout, retries=retries)


def _place(
    context: Context, settings: Settings, request: CallRequest, *, request_timeout: float, retries: int
) -> None:
    with context.client(settings, request_timeout=request_timeout, retries=retries) as client:
        session = context.send(client, api.send_callflow(request))
    destination = callflow.destinations(request.callflow)[0]
    context.output.result(
        f"8x8 accepted the call to {destination}: session {session.session_id}",
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
    )


def _show_request(context: Context, settings: Settings, request: CallRequest) -> None:
    http = api.send_callflow(request).request(**settings.require(*CONNECTION))
    headers = http.masked_headers()
    body = json.dumps(request.body(), indent=2, ensure_ascii=False)
    head = "\n".join(f"{name}: {value}" for name, value in headers.items())
    context.output.result(
        f"{http.method} {http.url}\n{head}\n\n{body}",
        {"method": http.method, "url": http.url, "headers": headers, "body": request.body()},
    )


# -- what the call says ------------------------------------------------------------------------------


def _refuse(chosen: str, others: Mapping[str, object]) -> None:
    """Refuse options that would be without effect beside the chosen one: a silent one would be a lie."""
    if given := [name for name, value in others.items() if value is not None]:
        raise InvalidInput(f"{' and '.join(given)} can't be given together with {chosen}.")


def _message(context: Context, message: str | None, file: str | None) -> str:
    if file is None and message not in (None, "-"):
        return message or ""
    if file is None and message is None and context.stdin is not None and context.stdin.isatty():
        raise InvalidInput(
            "What the call says is missing.",
            hint="Give it as MESSAGE, pipe it in, or use --file, --play or --callflow.",
        )
    return context.read_text(file or "-").rstrip("\r\n")


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


def _own_callflow(
    document: object,
    settings: Settings,
    number: phone.PhoneNumber | None,
    *,
    message_id: str | None,
    valid_for: timedelta | None,
) -> CallRequest:
    """A request of the user's own: a list of actions, or the whole JSON object that 8x8 takes.

    What a flag says goes before what the file says.
    """
    body = document if isinstance(document, dict) else {"callflow": document}
    if unknown := sorted(body.keys() - {"callflow", "validUntil", "clientRequestId", "clientActionId"}):
        raise InvalidInput(f"The callflow file has a field that 8x8 does not know: {unknown[0][:80]!r}.")
    actions = body.get("callflow")
    if number is not None and isinstance(actions, list):
        if callflow.destinations(actions[:1]):
            raise InvalidInput(
                "The callflow file begins with a call of its own, so TO has no place.",
                hint="Leave one of the two out.",
            )
        actions = [callflow.make_call(settings.require("source")["source"], number.e164), *actions]
    request = callflow.call_request(
        actions,
        message_id=message_id or _string(body, "clientRequestId"),
        valid_for=valid_for or callflow.DEFAULT_VALIDITY,
    )
    for called in callflow.destinations(request.callflow):
        phone.parse("+" + called.removeprefix("+"))
    if message_id is None and (action_id := _string(body, "clientActionId")):
        request = replace(request, client_action_id=action_id)
    if valid_for is None and (moment := _string(body, "validUntil")):
        request = replace(request, valid_until=_moment(moment))
    return request


def _string(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    if value is None or (isinstance(value, str) and value.isprintable() and value.strip()):
        return value
    raise InvalidInput(f"{name} in the callflow file must be a text and not empty.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None and moment > datetime.now(UTC):
            return moment
    except ValueError:
        pass
    raise InvalidInput(
        f"validUntil in the callflow file must be a time to come, with its zone, not {text[:40]!r}.",
        hint="For example 2030-01-31T09:00:00.000Z, or leave it out and use --valid-for.",
    )
