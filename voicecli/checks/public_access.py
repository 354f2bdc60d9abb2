"""Whether what 8x8 reports gets here: the webhooks, the port, the ngrok agent, the public URL."""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from voicecli.checks.finding import Finding, failed, ok, skipped, warning
from voicecli.checks.webhooks import NEEDED, check_webhooks
from voicecli.errors import ConfigurationError, Unreachable, VoicecliError
from voicecli.listener import ports
from voicecli.listener.local_listeners import unresponsive_error
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.service import ListenerService
from voicecli.listener.team_listeners import find_listener
from voicecli.threads import in_daemon_thread, iterate_in_thread
from voicecli.tunnel import configuration, ngrok_program
from voicecli.tunnel.advice import DOWNLOAD
from voicecli.voice_api.operations.webhooks import Webhook

OLDEST_AGENT = 3  # major version; ngrok refuses older ones (ERR_NGROK_121)


async def check_public_access(
    registration: Registration,
    plan: ListenerPlan,
    webhooks: Mapping[str, Webhook] | None,
    notify: Callable[[str], None],
) -> AsyncIterator[Finding]:
    """What 8x8 reports may go to a listener that runs already; else one listens for a moment, without telling
    8x8. ``webhooks`` are those that are set, by type; None where 8x8 does not tell."""
    listener = None
    if webhooks is not None:
        find = partial(find_listener, plan.store, registration.current_webhooks, (NEEDED,))
        try:
            search = await in_daemon_thread(partial(find, account=registration.account, port=plan.port))
        except VoicecliError as error:
            yield failed(f"{NEEDED} webhook", error)
            return
        webhooks, listener = search.webhooks, search.found
        if listener is not None:  # only looked for: its end does not have to wait for us
            listener.tenant.close()
        for found in map(unresponsive_error, search.unresponsive):
            yield warning("listener", found.message, found.hint)
        async for finding in iterate_in_thread(check_webhooks(registration, plan, webhooks, listener)):
            yield finding
    is_set = "is not set: each run makes one of its own." if plan.token_is_new else "is set."
    yield ok("token", f"WEBHOOK_AUTH_TOKEN {is_set}")
    if listener is not None:
        if listener.warning is not None:
            yield warning("listener", listener.warning, "")
        used = f"The {listener.name} is used, with its own"
        yield skipped("port", f"{used} port.")
        yield skipped("ngrok", f"{used} tunnel.")
        yield ok("public URL", f"8x8's webhook points to the {listener.name}.")
        return
    port, agent = _port(plan), await in_daemon_thread(partial(_ngrok, plan, notify))
    yield port
    yield agent
    if port.error or agent.error:
        yield skipped("public URL", "There is no public access yet.")
    else:
        yield await _public_url(plan)


def _port(plan: ListenerPlan) -> Finding:
    try:
        ports.try_out(plan.host, plan.port)
    except VoicecliError as error:
        return failed("port", error)
    return ok("port", f"{plan.port} is free.")


def _ngrok(plan: ListenerPlan, notify: Callable[[str], None]) -> Finding:
    """The agent, its version, and the token."""
    if plan.tunnel is None:
        return skipped("ngrok", f"{plan.public_url} needs no tunnel.")
    tunnel = plan.tunnel(plan.port)
    try:
        agent = ngrok_program.find_agent(tunnel)
        configuration.read_configuration(tunnel, notify)
    except VoicecliError as error:
        return failed("ngrok", error)
    version = None if agent is None else ngrok_program.agent_version(agent)
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
