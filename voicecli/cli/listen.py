"""``voicecli listen``: receives what 8x8 reports, and shows it."""

import json
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli import api, vocabulary
from voicecli.cli import context as contexts
from voicecli.cli import interrupts, options, way_in
from voicecli.cli.context import CONNECTION, Context
from voicecli.cli.watch import Filters, View, Watch
from voicecli.errors import Interrupted, InvalidInput, VoicecliError
from voicecli.settings import Settings

if TYPE_CHECKING:
    from voicecli.client import Client
    from voicecli.listener.make_call import CallPlacer
    from voicecli.listener.registration import Registration
    from voicecli.listener.replies import Reply

EXAMPLES = """Examples:
  voicecli listen --domain your-domain.ngrok-free.app --register
  voicecli listen --no-tunnel --json | jq .words
  voicecli listen --register --reply FILE.json --view calls
  voicecli listen --forward-to http://127.0.0.1:8000/hooks"""
STATUSES = sorted({status for statuses in vocabulary.STATUSES.values() for status in statuses})
FORWARD_TIMEOUT = timedelta(seconds=5)
_AT_8X8 = {"rich_help_panel": "At 8x8"}
_ANSWERS = {"rich_help_panel": "What is answered"}
_SHOWN = {"rich_help_panel": "What is shown"}


def listen(
    ctx: typer.Context,
    port: way_in.Port = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen at.", **way_in.PANEL)
    ] = way_in.LOCALHOST,
    domain: way_in.Domain = None,
    ngrok_config: way_in.NgrokConfig = None,
    install_ngrok: way_in.InstallNgrok = False,
    public_url: way_in.PublicUrl = None,
    no_tunnel: Annotated[
        bool, typer.Option("--no-tunnel", help="Only this machine gets in.", **way_in.PANEL)
    ] = False,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Take events without a token, from anybody.", **way_in.PANEL)
    ] = False,
    allow_8x8_only: Annotated[
        bool, typer.Option("--allow-8x8-only", help="Take events from 8x8's addresses only.", **way_in.PANEL)
    ] = False,
    register: Annotated[
        bool,
        typer.Option(
            "--register",
            help="Point the subaccount's webhooks here, and put back at the end what was there.",
            **_AT_8X8,
        ),
    ] = False,
    events: Annotated[
        str, typer.Option(metavar="TYPES", help="The types to register for.", **_AT_8X8)
    ] = "vca,vss",
    force: way_in.Force = False,
    reply: Annotated[
        str,
        typer.Option(
            metavar="REPLY",
            help="What a VCA is answered: hangup, none (nothing to add), or a FILE.json with a callflow.",
            **_ANSWERS,
        ),
    ] = "hangup",
    forward_to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Pass events on to your own application; its answer to a VCA becomes the reply.",
            **_ANSWERS,
        ),
    ] = None,
    forward_timeout: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=options.duration,
            help="How long your application may take; else 5s.",
            **_ANSWERS,
        ),
    ] = None,
    view: Annotated[
        View, typer.Option(help="One row for each event, or one for each call.", **_SHOWN)
    ] = View.EVENTS,
    only: Annotated[
        str | None, typer.Option(metavar="TYPES", help="Only these types, such as vca,vss.", **_SHOWN)
    ] = None,
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this session; its beginning is enough.", **_SHOWN)
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Only calls to this number.", **_SHOWN)
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only this status, such as BUSY.", **_SHOWN)
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="End after N rows; what comes again is none.", **_SHOWN),
    ] = None,
    for_: Annotated[
        timedelta | None,
        typer.Option("--for", metavar="TIME", parser=options.duration, help="End after 10m, 2h.", **_SHOWN),
    ] = None,
    mask_numbers: Annotated[
        bool, typer.Option("--mask-numbers", help="Show numbers as +33••••1234.", **_SHOWN)
    ] = False,
    as_json: options.JsonFlag = False,  # noqa: ARG001
    debug: options.DebugFlag = False,  # noqa: ARG001
) -> None:
    """Receive what 8x8 reports of calls, keep it, answer it, and show it as it comes.

    Opens an ngrok tunnel to this machine. With --register it points the subaccount's webhooks here, and
    puts back what was there when it ends. It runs until Ctrl-C.
    """
    context = contexts.of(ctx)
    settings = context.settings({"port": port, "public_url": domain})
    if only is not None and view is View.CALLS:
        raise InvalidInput("--only chooses events; with --view calls each row is a call.")
    filters = Filters(
        types=None if only is None else options.webhook_types(only),
        session=session,
        destination=None if to is None else options.number("--to", to),
        status=None if status is None else options.one_of(status, STATUSES, "status"),
    )
    from voicecli.listener.service import Service

    way = way_in.WayIn(domain, public_url, ngrok_config, install_ngrok, no_tunnel, host)
    plan = replace(
        way_in.listening_plan(context, settings, way, register=register, force=force, no_auth=no_auth),
        only_8x8=allow_8x8_only,
        reply=_reply(context, reply),
        forward_to=None if forward_to is None else options.web_url(forward_to, "--forward-to"),
        forward_timeout=(forward_timeout or FORWARD_TIMEOUT).total_seconds(),
        register=options.webhook_types(events) if register else (),
    )
    length = None if for_ is None else for_.total_seconds()
    watch = Watch(context, view=view, filters=filters, count=count, length=length, masked=mask_numbers)
    service = Service(
        plan,
        shown=watch.show,
        tell=watch.tell,
        make_call=_call_placer(settings),
        registration=_registration(context, settings, watch, required=register),
    )
    if plan.token is None and not (no_tunnel and host in api.LOOPBACK):
        watch.tell("Warning: everybody who knows the address can report events (--no-auth).")
    if not context.debug:  # what it says of sockets is for us, and it would say it thousands of times
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    try:
        interrupts.run(watch.run(service))
    except KeyboardInterrupt:  # this is how it ends, once it is up
        if not watch.ready:
            raise Interrupted("Interrupted before it was ready.") from None


def _reply(context: Context, wanted: str) -> "Reply":
    from voicecli.listener import replies

    if wanted in ("hangup", "none"):
        return replies.HANG_UP if wanted == "hangup" else replies.NOTHING
    try:
        return replies.from_json(json.loads(context.read_text(wanted)))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The reply in {wanted} is not valid JSON.", hint=replies.HOW) from error


def _registration(
    context: Context, settings: Settings, watch: Watch, *, required: bool
) -> "Registration | None":
    """None where settings for it are missing and nobody asked for it: then an earlier run had none either."""
    try:
        return contexts.registration(context, settings, tell=watch.tell)
    except VoicecliError:
        if required:
            raise
        return None


def _call_placer(settings: Settings) -> "CallPlacer":
    """For ``POST /api/make-call``; what is missing for it is told to who calls it."""
    from voicecli.listener.make_call import CallPlacer

    def client() -> "Client":
        from voicecli.client import Client

        values = settings.require(*CONNECTION)
        return Client(
            api_key=values["api_key"], subaccount_id=values["subaccount_id"], base_url=values["base_url"]
        )

    return CallPlacer(
        client,
        source=lambda: settings.require("source")["source"],
        voice_profile=settings.require("voice_profile")["voice_profile"],
    )
