"""``voicecli replay``: stored events, sent again byte for byte."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import typer

from voicecli.cli import webhook_token, wiring
from voicecli.cli.context import context_of
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.sending import SendingOptions
from voicecli.cli.options.values import whole
from voicecli.errors import InvalidInput, VoicecliError
from voicecli.output import Column, TableRow
from voicecli.output.json_fields import with_former_names
from voicecli.sandbox import send_event
from voicecli.store import event_queries as stored_events, session_queries as stored_sessions
from voicecli.store.engine import Store
from voicecli.urls import check_web_url
from voicecli.voice_api.webhook_events import Received, receiver_url

EXAMPLES = """\
voicecli replay 4711 --to http://127.0.0.1:8000/hooks
voicecli replay --session 5a3eab76 --to http://127.0.0.1:5678
voicecli replay 4711 4712 --to https://example.com/hooks --dry-run
"""
_COLUMNS = (Column("number", 7), Column("event", 5), Column("session", 8), Column("answer", 0))


def _row(kept: Received, url: str, words: str, data: Mapping[str, object], style: str = "") -> TableRow:
    """An event, and the result of sending it."""
    number, event = str(kept.id), kept.event
    values = {"id": kept.id, "type": event.type, "sessionId": event.session_id, "url": url, **data}
    texts = (number.rjust(7), event.type, event.session_id[:8], words)
    return TableRow(_COLUMNS, texts, with_former_names("answer", values), style, name=number)


def replay(
    ctx: typer.Context,
    numbers: Annotated[
        list[int] | None,
        typer.Argument(
            metavar="[EVENT...]",
            parser=whole(1),
            help="The numbers of events, as voicecli events shows them.",
        ),
    ] = None,
    to: Annotated[str | None, option("URL", "The URL of the receiver (required).")] = None,
    session: Annotated[
        str | None,
        option("ID", "Send all events of this session, oldest first; the beginning of its id is enough."),
    ] = None,
    *,
    sending: SendingOptions,
    dry_run: Annotated[bool, flag("Show what would be sent, without sending it.", "--dry-run")] = False,
) -> int:
    """Send stored events again, byte for byte, to a receiver that you want to test.

    A URL without a path, such as http://127.0.0.1:5678, gets the path of voicecli's own receiver:
    /api/webhooks/TYPE. WEBHOOK_AUTH_TOKEN is sent as the Authorization header, but only to this machine and,
    over https, to the host of WEBHOOK_BASE_URL.

    Exit code 0 means that every answer was 2xx, 7 that some were not. For a single event, 4 means another
    answer, and 5 that none came.
    """
    if session is None and not numbers:
        raise InvalidInput("No events to send are given.", hint="Give their numbers, or --session ID.")
    if session is not None and numbers:
        raise InvalidInput("Events and --session can't be given together.", hint="Leave one of them out.")
    if to is None:
        raise InvalidInput("The URL to send to is missing.", hint="For example: --to http://127.0.0.1:5678")
    url = check_web_url(to, "--to")
    context = context_of(ctx)
    settings = context.settings({})
    with wiring.store(context) as store:
        events = (
            _numbered(store, numbers or ())
            if session is None
            else stored_sessions.session(store, session).events
        )
    if not dry_run:
        token = webhook_token.token_to_send(context, settings, url, send_token=sending.send_token)
    failed = 0
    for kept in events:
        target, body = receiver_url(url, kept.event.type), kept.body
        if dry_run:
            words = f"{len(body):,} bytes would go to {target}"
            context.output.row(_row(kept, target, words, {"body": body.decode(errors="replace")}))
            continue
        try:
            delivered = send_event.send_event(
                target, body, token, seconds=sending.request_timeout, trace=context.trace
            )
        except VoicecliError as error:
            if len(events) == 1:
                raise
            failed += 1
            context.output.row(_row(kept, target, error.message, {"error": error.data()}, "red"))
        else:
            data, words = send_event.describe(delivered, kept.event.type)
            context.output.row(_row(kept, target, words, {"tokenSent": token is not None, **data}))
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE


def _numbered(store: Store, numbers: Iterable[int]) -> list[Received]:
    """The events with these numbers. Raises InvalidInput where one is missing: then none is sent."""
    found = []
    for number in numbers:
        kept = stored_events.find_event(store, number)
        if kept is None:
            raise InvalidInput(
                f"There is no event {number}: nothing was sent.", hint="voicecli events shows the numbers."
            )
        found.append(kept)
    return found
