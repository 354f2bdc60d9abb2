"""All checks, in the order in which one builds on the other."""

from collections.abc import AsyncIterator, Callable, Mapping

from voicecli.checks.account import check_account
from voicecli.checks.finding import Finding, failed, skipped
from voicecli.checks.public_access import check_public_access
from voicecli.checks.store import check_store
from voicecli.errors import VoicecliError
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.store.location import StorePlace
from voicecli.threads import in_daemon_thread, iterate_in_thread
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import Webhook


async def checkup(
    client: Client,
    *,
    source: str,
    voice: str,
    plan: ListenerPlan | VoicecliError,
    store: StorePlace,
    notify: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Finding]:
    """Whether a call by ``client``, from the caller ID ``source`` and with this ``voice`` profile, would work
    where what 8x8 reports of it is received as ``plan`` says (or why there is no plan), with this
    ``store``. ``notify`` gets a line for each pause. VoicecliErrors are in the findings, not raised."""
    registration = Registration(client, store, notify=notify)
    webhooks: Mapping[str, Webhook] | VoicecliError
    try:
        webhooks = await in_daemon_thread(registration.current_webhooks)
    except VoicecliError as error:
        webhooks = error
    async for finding in iterate_in_thread(check_account(client, webhooks, source=source, voice=voice)):
        yield finding
    usable = True
    if store.is_shared:  # a listener can't begin without it
        async for finding in iterate_in_thread(check_store(store)):
            usable = usable and finding.error is None
            yield finding
    if isinstance(plan, VoicecliError):
        yield failed("public URL", plan)
    elif not usable:
        yield skipped("public URL", "The store can't be used.")
    else:
        set_now = None if isinstance(webhooks, VoicecliError) else webhooks
        async for finding in check_public_access(registration, plan, set_now, notify):
            yield finding
    if not store.is_shared:
        async for finding in iterate_in_thread(check_store(store)):
            yield finding
