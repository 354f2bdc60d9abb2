"""Whether a call may take over the webhooks for as long as it waits."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from voicecli.checks.finding import Finding, failed, ok, warning
from voicecli.errors import VoicecliError
from voicecli.listener.event_receivers import EventReceiver, ask_listener, find_receiver
from voicecli.listener.health import AskHealth
from voicecli.listener.local_listeners import FoundListener
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.webhook_takeover import is_set_for, taking_error
from voicecli.store.opening import open_store
from voicecli.store.webhooks import replaced_webhooks
from voicecli.tunnel.configuration import Tunnel
from voicecli.voice_api.operations.webhooks import Webhook

NEEDED, FOR_DIGITS = "VSS", "VCA"  # what --wait waits for; and what --keys and --digits do, too


def check_webhooks(
    registration: Registration,
    plan: ListenerPlan,
    webhooks: Mapping[str, Webhook],
    listener: FoundListener | None,
) -> Iterator[Finding]:
    """Whether a call may take them for as long as it waits, unless it relies on a ``listener``."""
    left = _urls_of_killed_listeners(registration, plan) if listener is None else set()
    if listener is None:
        try:
            registration.require_unregistered()
        except VoicecliError as error:
            yield failed(f"{NEEDED} webhook", error)
            return
    url = plan.public_url or _domain_url(plan.tunnel)
    ask = cache(ask_listener)  # both may point to the same one, which may be dead
    for kind, what in ((NEEDED, "--wait"), (FOR_DIGITS, "--confirm, --keys and --digits")):
        receiver = find_receiver(plan.store, webhooks, kind, account=registration.account, ask=ask)
        check = f"{kind} webhook"
        webhook = webhooks.get(kind)
        if webhook is not None and webhook.url in left:
            words = f"{kind} was left behind by a listener that was killed."
            hint = "The next listener restores the former webhook; or run voicecli webhooks restore."
            yield ok(check, words, hint)
        elif listener is not None and receiver.is_here:
            yield ok(check, f"{kind} points to the {listener.name}.")
        elif listener is not None:
            hint = f"{what} would not work: start it with --register."
            yield warning(check, receiver.words, hint)
        elif webhook is not None and is_set_for(webhook, url) and not plan.token_is_new:
            yield ok(check, f"{kind} points to {webhook.url} already.")
        else:
            yield _takeover(check, webhook, receiver, what, url=url, ask=ask)


def _takeover(
    check: str, webhook: Webhook | None, receiver: EventReceiver, what: str, *, url: str, ask: AskHealth
) -> Finding:
    """A webhook that a call has to take for as long as it waits."""
    if webhook is None:
        return ok(check, f"{receiver.type} is not set: a call with {what} sets it meanwhile.")
    error = taking_error(webhook, url, ask=ask)
    if error is None:
        return ok(check, f"{receiver.words} A call with {what} takes it over, and restores it afterwards.")
    if receiver.type == NEEDED:
        return failed(check, error)
    return warning(check, error.message, f"{what} would not work. {error.hint}", settings=error.settings)


def _urls_of_killed_listeners(registration: Registration, plan: ListenerPlan) -> set[str]:
    """Where listeners that were killed had pointed webhooks."""
    try:
        with open_store(plan.store) as store:
            replaced = replaced_webhooks(store, registration.account)
    except VoicecliError:
        return set()  # that has a check of its own
    return {url for webhook in replaced for url in webhook.own_urls}


def _domain_url(tunnel: Callable[[int], Tunnel] | None) -> str:
    """The address of a static domain, which may be given as a URL."""
    domain = None if tunnel is None else tunnel(0).domain
    return "" if domain is None else domain if "://" in domain else f"https://{domain}"
