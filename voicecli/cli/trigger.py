"""``voicecli trigger``: one of 8x8's webhook events, made up and sent to a receiver."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, ClassVar
from uuid import uuid4

import typer

from voicecli.cli import webhook_token
from voicecli.cli.context import context_of
from voicecli.cli.help_format import ARGUMENTS
from voicecli.cli.options import common, values
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.sending import SendingOptions
from voicecli.cli.options.values import one_of
from voicecli.errors import InvalidInput
from voicecli.output.json_fields import with_former_names
from voicecli.sandbox import send_event
from voicecli.urls import check_web_url
from voicecli.voice_api import callflow_rules, codes
from voicecli.voice_api.codes import Outcome
from voicecli.voice_api.webhook_events import WEBHOOK_TYPES, receiver_url

if TYPE_CHECKING:
    from voicecli.sandbox.payloads import Json

EXAMPLES = """\
voicecli trigger vss --status BUSY --to http://127.0.0.1:5678
voicecli trigger vca --digits 1 --to https://example.com/hooks
voicecli trigger vss --error -2010 --dry-run
"""
DEFAULT_STATUS = {
    "VCA": "ACTION_COMPLETED",
    "VSS": "COMPLETED",
    "VCS": "CALL_CONNECTED",
    "VRU": "UPLOAD_COMPLETED",
    "VNU": "",
}
NUMBER = "+33199001234"  # in the range that France keeps for fiction
DEFAULT_ERROR = -2001
PRESSED = ("ACTION_COMPLETED", "DTMF_RECEIVED")  # the statuses that can have digits
MAX_SESSION_ID = 128  # characters


@dataclass(frozen=True, slots=True)
class EventOptions:
    """What was asked for; None where it was not."""

    PANEL: ClassVar[str] = "Event"

    type: Annotated[
        str, typer.Argument(metavar="TYPE", help="vca, vss, vcs, vru or vnu.", rich_help_panel=ARGUMENTS)
    ]
    status: Annotated[
        str | None,
        option("STATUS", "The status to report, such as BUSY. An unknown one prints the nearest, or all."),
    ] = None
    digits: Annotated[
        str | None, option("DIGITS", 'The digits that were pressed; "" for none. Default in a vca: 1.')
    ] = None
    error: Annotated[
        int | None, option("CODE", "The errorCode of a vss with status ERROR, such as -2010. Default: -2001.")
    ] = None
    session: Annotated[str | None, option("ID", "The session's id (sessionId). Default: a new UUID.")] = None
    source: Annotated[str | None, option("NUMBER", "The number that calls.", "--from")] = None
    number: Annotated[
        str | None, option("NUMBER", "The number that is called; in a vnu, the number that changed.")
    ] = None


@dataclass(frozen=True, slots=True)
class SampleEvent:
    """An event as 8x8 would send it. ``identifier`` is its session, or the number that a VNU is about."""

    type: str
    status: str
    identifier: str
    event: "Json"

    def words(self) -> str:
        if self.type == "VNU":
            return f"vnu for {self.identifier}"
        short = self.identifier if len(self.identifier) <= 12 else f"{self.identifier[:8]}…"
        return f"{self.type.lower()} {self.status} for session {short}"


def trigger(
    ctx: typer.Context,
    to: Annotated[str | None, option("URL", "The URL of the receiver (required without --dry-run).")] = None,
    *,
    dry_run: Annotated[bool, flag("Show the event without sending it.", "--dry-run")] = False,
    asked: EventOptions,
    sending: SendingOptions,
    quiet: common.QuietFlag = False,
) -> None:
    """Send a made-up webhook event, as 8x8 would, to a receiver that you want to test.

    A URL without a path, such as http://127.0.0.1:5678, gets the path of voicecli's own receiver:
    /api/webhooks/TYPE. For a receiver at the root, end the URL with a slash.

    WEBHOOK_AUTH_TOKEN is sent as the Authorization header, but only to this machine and, over https, to the
    host of WEBHOOK_BASE_URL.

    Exit code 0 means that the answer was 2xx, 4 another answer, 5 that no answer came.
    """
    common.refuse_quiet_dry_run(dry_run=dry_run, quiet=quiet)
    context = context_of(ctx)
    settings = context.settings({})
    made = make_event(asked, subaccount_id=settings.get("subaccount_id"), now=datetime.now(UTC))
    url = None if to is None else receiver_url(check_web_url(to, "--to"), made.type)
    if dry_run:
        context.output.result(context.output.json_for_people(made.event), made.event)
        return
    if url is None:
        example = f"voicecli trigger {made.type.lower()} --to http://127.0.0.1:5678"
        raise InvalidInput("The URL to send to is missing.", hint=f"For example: {example}")
    token = webhook_token.token_to_send(context, settings, url, send_token=sending.send_token)
    body = json.dumps(made.event).encode()
    delivered = send_event.send_event(url, body, token, seconds=sending.request_timeout, trace=context.trace)
    answer, words = send_event.describe(delivered, made.type)
    data = {"url": url, "tokenSent": token is not None, "event": made.event, **answer}
    context.output.result(
        f"{made.words()}: {words}", with_former_names("answer", data), identifier=made.identifier
    )


# -- from what was asked for to an event -------------------------------------------------------------


def make_event(asked: EventOptions, *, now: datetime, subaccount_id: str | None = None) -> SampleEvent:
    """The event that was asked for. Raises InvalidInput for what 8x8 does not know, and for what would
    have no effect."""
    from voicecli.sandbox import payloads
    from voicecli.sandbox.account import SOURCE, SUBACCOUNT

    kind, status = _kind_and_status(asked)
    _refuse_options_without_effect(asked, kind, status)
    session_id = str(uuid4()) if asked.session is None else asked.session
    if not session_id.isprintable() or not session_id.strip() or len(session_id) > MAX_SESSION_ID:
        raise InvalidInput(f"--session must be 1 to {MAX_SESSION_ID} printable characters.")
    # To an inbound call and to a VNU, the number of ours is the other one.
    caller, callee = (NUMBER, SOURCE) if status in ("CALL_RECEIVED", "") else (SOURCE, NUMBER)
    number = values.number("--number", callee if asked.number is None else asked.number)
    digits = "1" if asked.digits is None and status == "ACTION_COMPLETED" else asked.digits
    event = payloads.sample_event(
        kind,
        status,
        source=values.number("--from", caller if asked.source is None else asked.source),
        number=number,
        event_data=None if digits is None else {"dtmf": digits or None},
        error=asked.error or DEFAULT_ERROR,
        session={"sessionId": session_id, "subAccountId": subaccount_id or SUBACCOUNT},
        now=now,
    )
    return SampleEvent(kind, status, number if kind == "VNU" else session_id, event)


def _kind_and_status(asked: EventOptions) -> tuple[str, str]:
    kind = one_of(asked.type, WEBHOOK_TYPES, "type of event")
    if asked.error is not None:
        one_of(str(asked.error), [str(code) for code in codes.SESSION_ERRORS], "errorCode")
    if asked.status is not None and kind != "VNU":
        return kind, one_of(asked.status, codes.STATUSES[kind], f"status of a {kind}")
    return kind, Outcome.ERROR if kind == "VSS" and asked.error is not None else DEFAULT_STATUS[kind]


def _refuse_options_without_effect(asked: EventOptions, kind: str, status: str) -> None:
    has_legs = kind in ("VCA", "VCS", "VSS") and status != Outcome.UNSUBSCRIBED_CONTACT
    for name, value, has_effect, where in (
        ("--status", asked.status, kind != "VNU", "all but a vnu"),
        ("--digits", asked.digits, status in PRESSED, f"a vca or vcs with {' or '.join(PRESSED)}"),
        ("--error", asked.error, status == Outcome.ERROR, "a vss ERROR"),
        ("--session", asked.session, kind != "VNU", "all but a vnu"),
        ("--from", asked.source, has_legs, "a vca, vcs or vss with a call"),
        ("--number", asked.number, has_legs or kind == "VNU", "a vnu, and a vca, vcs or vss with a call"),
    ):
        if value is not None and not has_effect:
            raise InvalidInput(
                f"{name} has no effect on a {kind} {status}".rstrip() + ".", hint=f"It is for {where}."
            )
    if asked.digits is not None and not re.fullmatch(
        f"[0-9*#]{{0,{callflow_rules.MAX_DIGITS}}}", asked.digits
    ):
        raise InvalidInput(f"--digits must be at most {callflow_rules.MAX_DIGITS} of 0 to 9, * and #.")
