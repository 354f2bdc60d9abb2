"""Makes values such as an Account from settings: what is below ``cli`` takes values, not settings."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.account import DEFAULT_VOICE
from voicecli.cli.context import CONNECTION, Context
from voicecli.errors import VoicecliError, quote
from voicecli.voice_api.timeouts import ACCOUNT_REQUEST_TIMEOUT

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from voicecli.account import Account, AccountId
    from voicecli.at_most import AtMost
    from voicecli.calling.call_events import Notices
    from voicecli.listener.open_questions import EndRequests
    from voicecli.listener.plan import ListenerPlan
    from voicecli.listener.public_access import PublicAccess
    from voicecli.listener.registration import Registration
    from voicecli.listener.shared_listener import SharedListener
    from voicecli.settings import Settings
    from voicecli.store.engine import Store
    from voicecli.store.location import StorePlace
    from voicecli.voice_api.client import Client


def account(settings: "Settings") -> "Account":
    """The account of these settings. Raises InvalidInput or ConfigurationError."""
    from voicecli.account import Account

    return Account(**settings.require(*CONNECTION))


def account_id(settings: "Settings") -> "AccountId | None":
    """The identity of the account; None if the settings are incomplete."""
    try:
        return account(settings).identity
    except VoicecliError:
        return None


def at_most(settings: "Settings") -> "AtMost | None":
    """How often the same person may be called; None for any number of times. Raises InvalidInput, and
    ConfigurationError for a setting that is wrong."""
    if (text := settings.get("at_most")) is None:
        return None
    from voicecli.at_most import AtMost

    return AtMost.parse(text)


def home(settings: "Settings") -> Path:
    """The folder for what belongs to this machine, and for the store where that is a file."""
    from voicecli.store.location import store_folder

    return store_folder(settings.get("home"))


def store_place(settings: "Settings") -> "StorePlace":
    """Where the store is. Raises InvalidInput, and ConfigurationError for what is missing or not allowed."""
    from voicecli.store.location import StorePlace

    folder = home(settings)
    if (url := settings.get("store")) is None:
        return StorePlace(folder)
    from voicecli import team_store
    from voicecli.cli import dotenv_rules

    key = team_store.read_key(settings.require("store_key")["store_key"])
    dotenv_rules.refuse_store_of_others(settings)
    return StorePlace(folder, url, key)


def team_place(context: Context) -> "StorePlace":
    """Where the team's store is. Raises what ``store_place`` raises, and ConfigurationError without one."""
    settings = context.settings({})
    settings.require("store")
    return store_place(settings)


def subaccount_client(context: Context, settings: "Settings | None" = None) -> "Client":
    """For the commands that look after a subaccount, and not place calls."""
    settings = context.settings({}) if settings is None else settings
    return context.client(settings, request_timeout=ACCOUNT_REQUEST_TIMEOUT, retries=1)


def store(context: Context) -> "AbstractContextManager[Store]":
    """The store, opened. Raises ConfigurationError."""
    from voicecli.store.opening import open_interruptible

    return open_interruptible(store_place(context.settings({})))


def registration(context: Context, settings: "Settings", *, notify: Callable[[str], None]) -> "Registration":
    """The registration of the subaccount's webhooks."""
    from voicecli.listener.registration import Registration

    client = context.client(
        settings, request_timeout=ACCOUNT_REQUEST_TIMEOUT, retries=1, tell=notify, is_main=False
    )
    return Registration(client, store_place(settings), notify=notify)


def listening_plan(
    context: Context,
    settings: "Settings",
    access: "PublicAccess",
    *,
    register: bool,
    force: bool = False,
    no_auth: bool = False,
) -> "ListenerPlan":
    """A plan for a listener that 8x8 reaches in this way, whose token no output shows. Raises InvalidInput,
    and ConfigurationError for what is missing."""
    from voicecli.cli import dotenv_rules
    from voicecli.listener import public_access

    access.check(register=register)
    token = None
    if not no_auth:
        token = settings.for_8x8("webhook_token") if register else settings.get("webhook_token")
    plan = public_access.listening_plan(
        access,
        store=store_place(settings),
        port=int(settings.require("port")["port"]),
        base_url=settings.get("base_url") if register else None,
        domain=settings.get("webhook_base_url"),
        token=token,
        ngrok_token=settings.get("ngrok_token") if access.opens_tunnel else None,
        register=register,
        force=force,
        no_auth=no_auth,
    )
    if plan.token is not None:
        context.output.hide(plan.token)
        if plan.tunnel is not None:
            dotenv_rules.refuse_tunnel_of_others(settings)
    return plan


def notices(context: Context) -> "Notices":
    """News of what receives 8x8's reports goes to the output."""
    from voicecli.calling.call_events import Notices

    output = context.output
    # Programs want to know, too, why a command goes on whose result is out.
    staying = output.warning if context.format == "json" else output.note
    return Notices(output.note, output.warning, output.error, staying)


def reports(
    context: Context, settings: "Settings", plan: "ListenerPlan", *, asks: bool, ends: "EndRequests"
) -> "SharedListener":
    """``calling.call_reports.reports_of_calls`` with these settings."""
    from voicecli.calling.call_reports import reports_of_calls

    own = registration(context, settings, notify=context.output.warning)
    return reports_of_calls(plan, own, asks=asks, ends=ends, notices=notices(context))


def warn_of_voice(context: Context, voice: str) -> bool:
    """Warn of a voice that has not the form of 8x8's: en-US-BenjaminRUS, or arb-Zeina. Which voices there are
    8x8 says, so the call is placed all the same. Whether it warned."""
    if _is_voice(voice) or not voice.strip() or not voice.isprintable():  # these are refused
        return False
    language, *others = re.split("[-_ ]+", voice)
    meant = "-".join([language.lower(), *(one.upper() if len(one) == 2 else one for one in others)])
    advice = f"Did you mean {meant}?" if _is_voice(meant) else "voicecli voices lists them."
    context.output.warning(f"{quote(voice)} looks like no voice of 8x8's, such as {DEFAULT_VOICE}. {advice}")
    return True


def _is_voice(name: str) -> bool:
    """Whether a voice can be called so: a language and more, and not only a locale such as en-US."""
    has_form = re.fullmatch("[a-z]{2,3}(-[A-Za-z0-9]+)+", name)
    return has_form is not None and re.fullmatch("[a-z]{2,3}-[A-Z]{2}", name) is None
