"""Whether what 8x8 reports gets here: the webhooks, the port, the ngrok agent, the public URL."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial

from voicecli.checks.finding import Finding, failed, ok, skipped, warning
from voicecli.errors import ConfigurationError, Unreachable, VoicecliError
from voicecli.listener import ports
from voicecli.listener.event_receivers import EventReceiver, find_receivers
from voicecli.listener.local_listeners import find_listener, unresponsive_error
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration, is_there, objection
from voicecli.listener.service import ListenerService
from voicecli.store.sqlite import Store
from voicecli.store.webhooks import replaced_webhooks
from voicecli.threads import in_daemon_thread, iterate_in_thread
from voicecli.tunnel import configuration, program
from voicecli.tunnel.advice import DOWNLOAD
from voicecli.tunnel.configuration import Tunnel
from voicecli.voice_api.operations.webhooks import Webhook

NEEDED, FOR_DIGITS = "VSS", "VCA"  # what --wait waits for; and what --confirm and --digits do, too
OLDEST_AGENT = 3  # major version; ngrok refuses older ones (ERR_NGROK_121)


async def check_public_access(
    registration: Registration,
    plan: ListenerPlan,
    webhooks: Mapping[str, Webhook] | None,
    notify: Callable[[str], None],
) -> AsyncIterator[Finding]:
    """What 8x8 reports may go to a listener that runs here; else one listens for a moment, without telling
    8x8. ``webhooks`` are those that are set, by type; None where 8x8 does not tell."""
    listener = None
    if webhooks is not None:
        find = partial(find_listener, plan.home, registration.current_webhooks, (NEEDED,))
        try:
            search = await in_daemon_thread(partial(find, account=registration.account, port=plan.port))
        except VoicecliError as error:
            yield failed(f"{NEEDED} webhook", error)
            return
        webhooks, listener = search.webhooks, search.found
        if listener is not None:  # only looked for: its end does not have to wait for us
            listener.tenant.close()
        for silent in map(unresponsive_error, search.silent):
            yield warning("listener", silent.message, silent.hint)
        async for finding in iterate_in_thread(
            _webhooks(registration, plan, webhooks, here=listener is not None)
        ):
            yield finding
    is_set = "is not set: each run makes one of its own." if plan.token_is_new else "is set."
    yield ok("token", f"WEBHOOK_AUTH_TOKEN {is_set}")
    if listener is not None:
        if listener.doubt is not None:
            yield warning("listener", listener.doubt, "")
        used = "The voicecli listen that runs here is used, with its own"
        yield skipped("port", f"{used} port.")
        yield skipped("ngrok", f"{used} tunnel.")
        yield ok("public URL", "8x8's webhook leads to the voicecli listen that runs here.")
        return
    port, agent = _port(plan), await in_daemon_thread(partial(_ngrok, plan, notify))
    yield port
    yield agent
    if port.error or agent.error:
        yield skipped("public URL", "There is no public access yet.")
    else:
        yield await _public_url(plan)


def _webhooks(
    registration: Registration, plan: ListenerPlan, webhooks: Mapping[str, Webhook], *, here: bool
) -> Iterator[Finding]:
    """Whether a call may take them for as long as it waits; ``here`` is whether a listener of this machine
    is relied upon."""
    left = set() if here else _left_behind(registration, plan)
    if not here:
        try:
            registration.require_unregistered()
        except VoicecliError as error:
            yield failed(f"{NEEDED} webhook", error)
            return
    url = plan.public_url or _domain_url(plan.tunnel)
    receivers = find_receivers(plan.home, webhooks.values(), NEEDED, FOR_DIGITS)
    for receiver, what in zip(receivers, ("--wait", "--confirm and --digits"), strict=True):
        kind = receiver.type
        check = f"{kind} webhook"
        webhook = webhooks.get(kind)
        if webhook is not None and webhook.url in left:
            words = f"{kind} was left behind by a listener that was killed."
            advice = "The next listener restores the former webhook; or run voicecli webhooks restore."
            yield ok(check, words, advice)
        elif here and receiver.is_here:
            yield ok(check, f"{kind} leads to the voicecli listen that runs here.")
        elif here:
            advice = f"{what} would not work: start it with --register."
            yield warning(check, receiver.words, advice)
        elif webhook is not None and is_there(webhook, url) and not plan.token_is_new:
            yield ok(check, f"{kind} leads to {webhook.url} already.")
        else:
            yield _taken(check, webhook, receiver, what, url=url)


def _taken(check: str, webhook: Webhook | None, receiver: EventReceiver, what: str, *, url: str) -> Finding:
    """A webhook that a call has to take for as long as it waits."""
    if webhook is None:
        return ok(check, f"{receiver.type} is not set: a call with {what} sets it meanwhile.")
    error = objection(webhook, url)
    if error is None:
        return ok(check, f"{receiver.words} A call with {what} takes it over, and restores it afterwards.")
    if receiver.type == NEEDED:
        return failed(check, error)
    return warning(check, error.message, f"{what} would not work. {error.hint}")


def _left_behind(registration: Registration, plan: ListenerPlan) -> set[str]:
    """Where listeners that were killed had pointed webhooks."""
    try:
        with Store(plan.home) as store:
            replaced = replaced_webhooks(store, registration.account)
    except VoicecliError:
        return set()  # that has a check of its own
    return {url for webhook in replaced for url in webhook.own_urls}


def _domain_url(tunnel: Callable[[int], Tunnel] | None) -> str:
    """The address of a static domain, which may be given as a URL."""
    domain = None if tunnel is None else tunnel(0).domain
    return "" if domain is None else domain if "://" in domain else f"https://{domain}"


def _port(plan: ListenerPlan) -> Finding:
    try:
        ports.try_out(plan.host, plan.port)
    except VoicecliError as error:
        return failed("port", error)
    return ok("port", f"{plan.port} is free.")


def _ngrok(plan: ListenerPlan, notify: Callable[[str], None]) -> Finding:
    """The agent, its version, and the token."""
    if plan.tunnel is None:
        return skipped("ngrok", "A public URL of your own is used.")
    tunnel = plan.tunnel(plan.port)
    try:
        agent = program.find(tunnel)
        configuration.read(tunnel, notify)
    except VoicecliError as error:
        return failed("ngrok", error)
    version = None if agent is None else program.version(agent)
    if version is None or int(version.partition(".")[0]) < OLDEST_AGENT:
        words = f"The ngrok agent {agent} is not known to be of version {OLDEST_AGENT} or newer ({version})."
        return failed("ngrok", ConfigurationError(words, hint=f"Get a new one from {DOWNLOAD}."))
    return ok("ngrok", f"The agent is there, in version {version}.")


async def _public_url(plan: ListenerPlan) -> Finding:
    """Listen for a moment, without telling 8x8."""
    service = ListenerService(plan, on_event=lambda _: None, notify=lambda _text, _record: None)
    try:
        async with service:
            trouble = service.reachability.unreachable
    except VoicecliError as error:
        return failed("public URL", error)
    if trouble is None:
        return ok("public URL", f"{service.reachability.public_url} leads here.")
    words = f"8x8 could not reach this machine at {service.reachability.public_url}: {trouble}."
    hint = "Check the tunnel or proxy."
    return failed("public URL", Unreachable(words, hint=hint))
