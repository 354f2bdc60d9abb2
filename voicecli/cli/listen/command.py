"""``voicecli listen``: receives what 8x8 reports, and shows it."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli import urls
from voicecli.cli import dotenv_rules, interrupts, webhook_token, wiring
from voicecli.cli.context import Context, context_of
from voicecli.cli.listen.options import (
    DisplayOptions,
    ListenAccessOptions,
    RegistrationOptions,
    ReplyOptions,
    View,
)
from voicecli.cli.options import filters
from voicecli.cli.options.filters import FilterOptions
from voicecli.cli.options.records import option
from voicecli.cli.options.values import duration, webhook_types
from voicecli.errors import Interrupted, InvalidInput, VoicecliError
from voicecli.settings import Settings
from voicecli.urls import check_web_url

if TYPE_CHECKING:
    from voicecli.calling.caller import Caller
    from voicecli.calling.make_call import MakeCallRoute
    from voicecli.cli.listen.display import EventDisplay
    from voicecli.listener.plan import ListenerPlan
    from voicecli.listener.registration import Registration

EXAMPLES = """\
voicecli listen --register
voicecli listen --register --domain your-domain.ngrok-free.app --view calls
voicecli listen --public-url https://calls.example.com --register
voicecli listen --forward-to http://127.0.0.1:8000/hooks
voicecli listen --no-tunnel --json | jq .words
"""
FORWARD_TIMEOUT = timedelta(seconds=5)


def listen(
    ctx: typer.Context,
    *,
    registration: RegistrationOptions,
    replies: ReplyOptions,
    view: Annotated[
        View,
        typer.Option(help="Show a row for each event or for each call.", rich_help_panel=filters.DISPLAY),
    ] = View.EVENTS,
    shown: FilterOptions,
    watched: DisplayOptions,
    keep: Annotated[
        timedelta | None,
        option(
            "TIME",
            "Delete events and calls older than this, such as 30d, now and every hour.",
            parser=duration,
            panel="Storage",
        ),
    ] = None,
    access: ListenAccessOptions,
) -> None:
    """Receive 8x8's webhook events: store them, reply to them, and show them as they arrive.

    Opens an ngrok tunnel to this machine. With --register it points the subaccount's webhooks here, and
    restores the former ones at the end. Runs until Ctrl-C.

    With --forward-to, an event's Authorization header is forwarded only to this machine and, over https, to
    the host of WEBHOOK_BASE_URL.
    """
    context = context_of(ctx)
    settings = context.settings({"port": access.port, "webhook_base_url": access.domain})
    if shown.only is not None and view is View.CALLS:
        raise InvalidInput("--only chooses events; with --view calls each row is a call.")
    from voicecli.cli.listen.display import EventDisplay
    from voicecli.listener.open_questions import EndRequests, QuestionWait
    from voicecli.listener.service import ListenerService

    plan = _plan(context, settings, access, registration, replies, keep)
    ends = EndRequests()
    watch = EventDisplay(
        context,
        view=view,
        filters=shown,
        count=watched.count,
        length=None if watched.length is None else watched.length.total_seconds(),
        masked=watched.mask_numbers,
        stay=partial(QuestionWait, plan.store, wiring.account_id(settings), requests=ends),
    )
    service = ListenerService(
        plan,
        on_event=watch.show,
        notify=watch.tell,
        routes={"/api/make-call": _call_placer(settings, plan, watch)},
        registration=_registration(context, settings, watch, required=registration.register),
    )
    if plan.token is None and not (access.no_tunnel and access.host in urls.LOOPBACK):
        watch.tell("Warning: everybody who knows the address can report events (--no-auth).")
    if not context.debug:  # what it says of sockets is for us, and it would say it thousands of times
        import logging

        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    try:
        interrupts.run(watch.run(service), ends)
    except KeyboardInterrupt as interrupt:  # this is how it ends, once it is up
        if not watch.ready:
            raise Interrupted("Interrupted before it was ready.") from None
        interrupts.refuse_hangup(interrupt)


def _plan(
    context: Context,
    settings: Settings,
    access: ListenAccessOptions,
    registration: RegistrationOptions,
    replies: ReplyOptions,
    keep: timedelta | None,
) -> "ListenerPlan":
    """What was asked for. Raises InvalidInput, and ConfigurationError for what is missing."""
    from voicecli.broadcast import retention
    from voicecli.cli.listen.vca_replier import choose_vca_replier

    types = webhook_types(registration.events)
    plan = wiring.listening_plan(
        context,
        settings,
        access.public_access(),
        register=registration.register,
        force=access.force,
        no_auth=access.no_auth,
    )
    delete_old = None
    if keep is not None:
        at_most = wiring.at_most(settings)
        delete_old = partial(retention.prune_in_background, plan.store, keep, at_most=at_most)
    plan = replace(
        plan,
        forward_to=None if replies.forward_to is None else check_web_url(replies.forward_to, "--forward-to"),
        forward_timeout=(replies.forward_timeout or FORWARD_TIMEOUT).total_seconds(),
        register=types if registration.register else (),
        delete_old=delete_old,
    )
    plan = replace(plan, forward_token=_forward_token(context, settings, plan, send_token=replies.send_token))
    return replace(plan, replier=choose_vca_replier(context, settings, plan, replies.reply))


def _forward_token(context: Context, settings: Settings, plan: "ListenerPlan", *, send_token: bool) -> bool:
    """Whether the Authorization header is passed on to the application. Raises InvalidInput."""
    if plan.forward_to is None:
        if send_token:
            raise InvalidInput("--send-token is for an application: give --forward-to, too.")
        return False

    def tell(text: str) -> None:
        if plan.token is not None:
            context.output.note(text)

    return webhook_token.may_send_token(settings, plan.forward_to, send_token=send_token, tell=tell)


def _registration(
    context: Context, settings: Settings, watch: "EventDisplay", *, required: bool
) -> "Registration | None":
    """None where settings for it are missing and nobody asked for it: then an earlier run had none either."""
    try:
        return wiring.registration(context, settings, notify=watch.tell)
    except VoicecliError:
        if required:
            raise
        return None


def _call_placer(settings: Settings, plan: "ListenerPlan", watch: "EventDisplay") -> "MakeCallRoute":
    """For ``POST /api/make-call``; what is missing for it is told to who calls it."""
    from voicecli.calling.make_call import MakeCallRoute

    def caller() -> "Caller":
        from voicecli.calling.call_events import Notices
        from voicecli.calling.caller import Caller

        dotenv_rules.refuse_calls_of_others(settings, has_tunnel=plan.tunnel is not None)
        notices = Notices(warn=lambda text: watch.tell(f"Warning: {text}"))
        return Caller(
            wiring.account(settings),
            wiring.store_place(settings),
            at_most=wiring.at_most(settings),
            notices=notices,
        )

    return MakeCallRoute(
        caller,
        source=lambda: settings.require("source")["source"],
        voice_profile=settings.require("voice_profile")["voice_profile"],
    )
