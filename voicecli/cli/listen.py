"""``voicecli listen``: receives what 8x8 reports, and shows it."""

import json
import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from voicecli import api
from voicecli.cli import context as contexts
from voicecli.cli import filters, interrupts, options
from voicecli.cli.context import CONNECTION, Context
from voicecli.cli.watch import View, Watch
from voicecli.errors import ConfigurationError, Interrupted, InvalidInput, VoicecliError
from voicecli.settings import Settings

if TYPE_CHECKING:
    from voicecli.client import Client
    from voicecli.listener.make_call import CallPlacer
    from voicecli.listener.registration import Registration
    from voicecli.listener.replies import Reply
    from voicecli.tunnel.configuration import Tunnel

EXAMPLES = """Examples:
  voicecli listen --domain your-domain.ngrok-free.app --register
  voicecli listen --no-tunnel --json | jq .words
  voicecli listen --register --reply FILE.json --view calls
  voicecli listen --forward-to http://127.0.0.1:8000/hooks"""
FORWARD_TIMEOUT = timedelta(seconds=5)
_WAY_IN = {"rich_help_panel": "The way in"}
_AT_8X8 = {"rich_help_panel": "At 8x8"}
_ANSWERS = {"rich_help_panel": "What is answered"}


def listen(
    ctx: typer.Context,
    port: Annotated[
        str | None,
        typer.Option(
            metavar="PORT", help="Where to listen on this machine; else PORT, else 5678.", **_WAY_IN
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen at.", **_WAY_IN)
    ] = "127.0.0.1",
    domain: Annotated[
        str | None,
        typer.Option(metavar="DOMAIN", help="Your static ngrok domain; else WEBHOOK_BASE_URL.", **_WAY_IN),
    ] = None,
    ngrok_config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your own ngrok.yml, version 2 or 3.", **_WAY_IN)
    ] = None,
    install_ngrok: Annotated[
        bool, typer.Option("--install-ngrok", help="Download the ngrok agent if it is missing.", **_WAY_IN)
    ] = False,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="You have a way in of your own, at this URL: no tunnel.", **_WAY_IN),
    ] = None,
    no_tunnel: Annotated[
        bool, typer.Option("--no-tunnel", help="Only this machine gets in.", **_WAY_IN)
    ] = False,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Take events without a token, from anybody.", **_WAY_IN)
    ] = False,
    allow_8x8_only: Annotated[
        bool, typer.Option("--allow-8x8-only", help="Take events from 8x8's addresses only.", **_WAY_IN)
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
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Register even where a header can't be put back, or 8x8 would not get through.",
            **_AT_8X8,
        ),
    ] = False,
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
        View, typer.Option(help="One row for each event, or one for each call.", **filters.SHOWN)
    ] = View.EVENTS,
    only: filters.Only = None,
    session: filters.OfSession = None,
    to: filters.To = None,
    status: filters.Status = None,
    count: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="End after N rows; what comes again is none.", **filters.SHOWN),
    ] = None,
    for_: Annotated[
        timedelta | None,
        typer.Option(
            "--for", metavar="TIME", parser=options.duration, help="End after 10m, 2h.", **filters.SHOWN
        ),
    ] = None,
    mask_numbers: filters.MaskNumbers = False,
    keep: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=options.duration,
            help="Delete what is older, now and every hour, such as 30d: events, and calls placed.",
            rich_help_panel="What is kept",
        ),
    ] = None,
    as_json: options.JsonFlag = False,  # noqa: ARG001
    debug: options.DebugFlag = False,  # noqa: ARG001
) -> None:
    """Receive what 8x8 reports of calls, keep it, answer it, and show it as it comes.

    Opens an ngrok tunnel to this machine. With --register it points the subaccount's webhooks here, and
    puts back what was there when it ends. It runs until Ctrl-C.
    """
    context = contexts.of(ctx)
    settings = context.settings({"port": port, "public_url": domain})
    if sum((no_tunnel, public_url is not None, domain is not None)) > 1:
        raise InvalidInput("Only one of --no-tunnel, --public-url and --domain can be given.")
    if register and no_tunnel:
        raise InvalidInput("--register needs a way in for 8x8.", hint="Give --public-url, not --no-tunnel.")
    if public_url is not None:
        public_url = options.web_url(public_url, "--public-url")
        if register and _is_local(public_url) and not _is_local(settings.get("base_url")):
            raise InvalidInput(f"8x8 can't reach {public_url}: every machine calls itself that.")
    if only is not None and view is View.CALLS:
        raise InvalidInput("--only chooses events; with --view calls each row is a call.")
    chosen = filters.chosen(only, session, to, status)
    public = not no_tunnel or host not in api.LOOPBACK
    token = None if no_auth else _token(settings, public=public, register=register)
    if token is not None:
        context.output.hide(token)
    from voicecli.listener.service import Plan, Service

    tunnelled = not no_tunnel and public_url is None
    plan = Plan(
        home=contexts.home(settings),
        port=int(settings.require("port")["port"]),
        host=host,
        token=token,
        token_is_new=token is not None and settings.get("webhook_token") is None,
        only_8x8=allow_8x8_only,
        reply=_reply(context, reply),
        forward_to=None if forward_to is None else options.web_url(forward_to, "--forward-to"),
        forward_timeout=(forward_timeout or FORWARD_TIMEOUT).total_seconds(),
        public_url=public_url,
        tunnel=_tunnel(settings, host, ngrok_config, install=install_ngrok) if tunnelled else None,
        register=options.webhook_types(events) if register else (),
        force=force,
        keep=keep,
    )
    length = None if for_ is None else for_.total_seconds()
    watch = Watch(context, view=view, filters=chosen, count=count, length=length, masked=mask_numbers)
    service = Service(
        plan,
        shown=watch.show,
        tell=watch.tell,
        make_call=_call_placer(settings),
        registration=_registration(context, settings, watch, required=register),
    )
    if token is None and public:
        watch.tell("Warning: everybody who knows the address can report events (--no-auth).")
    if not context.debug:  # what it says of sockets is for us, and it would say it thousands of times
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    try:
        interrupts.run(watch.run(service))
    except KeyboardInterrupt:  # this is how it ends, once it is up
        if not watch.ready:
            raise Interrupted("Interrupted before it was ready.") from None


def _is_local(url: str | None) -> bool:
    return urlsplit(url or "").hostname in api.LOOPBACK


def _token(settings: Settings, *, public: bool, register: bool) -> str | None:
    token = settings.get("webhook_token")
    if token is None and register:
        return secrets.token_urlsafe()  # nobody but 8x8 needs to know it
    if token is None and public:
        raise ConfigurationError(
            "Without a token everybody who knows the address could report events.",
            hint="Set WEBHOOK_AUTH_TOKEN to a secret of your own and give it to 8x8 as the webhook's "
            "Authorization header; or let --register see to both; or give --no-auth.",
        )
    return token


def _reply(context: Context, wanted: str) -> "Reply":
    from voicecli.listener import replies

    if wanted in ("hangup", "none"):
        return replies.HANG_UP if wanted == "hangup" else replies.NOTHING
    try:
        return replies.from_json(json.loads(context.read_text(wanted)))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The reply in {wanted} is not valid JSON.", hint=replies.HOW) from error


def _tunnel(
    settings: Settings, host: str, config: Path | None, *, install: bool
) -> "Callable[[int], Tunnel]":
    from voicecli.tunnel.configuration import Tunnel

    domain, auth_token = settings.get("public_url"), settings.get("ngrok_token")

    def tunnel(port: int) -> Tunnel:
        return Tunnel(
            port=port,
            host=host,
            domain=domain,
            auth_token=auth_token,
            config_path=config,
            install=install,
        )

    return tunnel


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
