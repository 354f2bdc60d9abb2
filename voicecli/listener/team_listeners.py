"""The listeners of a team as a process that waits for 8x8's reports sees them: whether they get these, and
relying on them. What is blocking here is used in threads."""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from voicecli.account import AccountId
from voicecli.errors import ConfigurationError, InUse, VoicecliError
from voicecli.listener import health
from voicecli.listener.local_listeners import FoundListener, ListenerSearch, find_local_listener
from voicecli.listener.start_lock import PATIENCE
from voicecli.listener.webhook_check import check_webhook
from voicecli.store import tenants
from voicecli.store.engine import Store
from voicecli.store.listeners import TeamListener, live_listeners
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.threads import in_daemon_thread
from voicecli.voice_api.operations.webhooks import Webhook
from voicecli.voice_api.webhook_events import webhook_url

LOOK_EVERY = 1.0  # seconds between two looks at whether one is still there
END_LIMIT = 1.0  # seconds at the end for a look that is under way
TRY_EVERY = 0.3  # seconds between two attempts to get the lock


class TeamTenant:
    """A process that relies on listeners of its team, until ``close``: on those of ``known``, and on others
    that are reached at the same URLs. ``trouble`` is why some events do not arrive, as far as they know."""

    def __init__(
        self, place: StorePlace, account: AccountId, known: Sequence[TeamListener], required: Sequence[str]
    ) -> None:
        self.trouble = ""
        self._place = place
        self._account = account
        self._ids = {one.id for one in known}
        self._urls = {one.public_url for one in known} - {None}
        self._required = required
        self._arrived: set[str] = set()  # the types that led to them at some time
        self._id = secrets.token_hex(8)
        self._is_there = True
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> bool:
        """False where all of them are about to end. Raises StoreFailed and ConfigurationError."""
        with open_store(self._place, accept_newer=True) as store:
            if not tenants.rely(store, sorted(self._ids), self._id):
                return False
        self._watching.start()
        return True

    def is_there(self) -> bool:
        """Whether one of them still lives. While the database is away, that is not known: then as before."""
        return self._is_there

    def close(self) -> None:
        if not self._over.is_set():
            self._over.set()
            self._watching.join(END_LIMIT)
            with suppress(VoicecliError), open_store(self._place, accept_newer=True) as store:
                tenants.leave(store, self._id)

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            with suppress(VoicecliError), open_store(self._place, accept_newer=True) as store:
                until_renewal = tenants.RENEW_EVERY
                while self._is_there:
                    self._look(store)
                    if self._over.wait(LOOK_EVERY):
                        return
                    until_renewal -= LOOK_EVERY
                    if until_renewal <= 0:
                        tenants.rely(store, sorted(self._ids), self._id)
                        until_renewal = tenants.RENEW_EVERY

    def _look(self, store: Store) -> None:
        live = [
            one
            for one in live_listeners(store, self._account)
            if one.id in self._ids or one.public_url in self._urls
        ]
        self._ids, self._is_there = {one.id for one in live}, bool(live)
        types = {kind for one in live for kind in one.types}
        self._arrived |= types
        lost = [kind for kind in self._required if kind in self._arrived - types]
        names = ", ".join(lost)
        self.trouble = f"The team's listeners do not get {names} events any more." if lost else ""


def find_listener(
    place: StorePlace,
    list_webhooks: Callable[[], Mapping[str, Webhook]],
    required: Sequence[str],
    *,
    account: AccountId,
    port: int,
) -> ListenerSearch:
    """``find_local_listener``; where a team shares the store, one of its listeners first, on any machine."""
    found = Team(place, account).find(list_webhooks, required) if place.is_shared else None
    return found or find_local_listener(place, list_webhooks, required, account=account, port=port)


class Team:
    """The listeners of one account, in the store that the team shares."""

    def __init__(self, place: StorePlace, account: AccountId) -> None:
        self._place = place
        self._account = account

    def listeners(self) -> list[TeamListener]:
        """Those that live. Raises StoreFailed and ConfigurationError."""
        with open_store(self._place, accept_newer=True) as store:
            return live_listeners(store, self._account)

    def find(
        self, list_webhooks: Callable[[], Mapping[str, Webhook]], required: Sequence[str]
    ) -> ListenerSearch | None:
        """Rely on those that 8x8 reports the ``required`` types to; None where nobody listens. Raises
        ConfigurationError where some of them have registered and do not get all of these: another listener
        would take away what they get; and what ``list_webhooks`` raises."""
        live = self.listeners()
        if not live:
            return None
        webhooks = list_webhooks()
        receiving = {kind: self._receiving(webhooks.get(kind), live) for kind in required}
        if all(receiving.values()):
            known = list(dict.fromkeys(one for some in receiving.values() for one in some))
            return ListenerSearch(webhooks, self._rely(known, required))
        registered = next((one for one in live if one.registered), None)
        if registered is None:
            return None
        kind = next(kind for kind, some in receiving.items() if not some)
        url = webhook_url(str(registered.public_url), kind)
        check = check_webhook(kind, webhooks.get(kind), [url], needs_token=registered.token is not None)
        raise ConfigurationError(
            f"The voicecli listen of {registered.host} does not get {kind} events. {check.words}",
            hint=f"Set it: voicecli webhooks set {kind.lower()} {url}, or stop that listener.",
        )

    def at(
        self, webhook: Webhook, live: Sequence[TeamListener], *, ask: health.AskHealth = health.ask_briefly
    ) -> list[TeamListener]:
        """Those of these that are where this webhook leads. If that is the address of none, it uses ``ask``
        to see who is there: a load balancer leads to any of them."""
        at_url = [one for one in live if webhook.url == webhook_url(one.public_url or "", webhook.type)]
        address = health.listener_url(webhook.url)
        if at_url or not live or address is None:
            return at_url
        instance = ask(address).instance
        return list(live) if any(one.id == instance for one in live) else []

    def _receiving(self, webhook: Webhook | None, live: Sequence[TeamListener]) -> list[TeamListener]:
        """Those of these that get what comes by this webhook."""
        there = [] if webhook is None or not webhook.enabled else self.at(webhook, live)
        return [one for one in there if not refuses(one, webhook)]

    def _rely(self, known: Sequence[TeamListener], required: Sequence[str]) -> FoundListener | None:
        tenant = TeamTenant(self._place, self._account, known, required)
        name = f"voicecli listen of {', '.join(dict.fromkeys(one.host for one in known))}"
        words = f"The {name} receives what 8x8 reports."
        found = FoundListener(tenant, name, words, None, lambda: tenant.trouble)
        return found if tenant.begin() else None

    async def lock_start(self) -> tuple[ExitStack, bool]:
        """The lock under which a process of the team begins or ends to listen for its calls; and whether it
        was free at once. Raises InUse, StoreFailed and ConfigurationError."""
        end, is_first = time.monotonic() + PATIENCE, True
        with ExitStack() as stack:
            store = stack.enter_context(
                await in_daemon_thread(partial(open_store, self._place, accept_newer=True))
            )
            while (lock := await in_daemon_thread(partial(store.take_lock, "waiting"))) is None:
                is_first = False
                if time.monotonic() > end:
                    who = "Another voicecli of the team"
                    words = f"{who} has been starting or ending a listener for over {PATIENCE:.0f} s."
                    raise InUse(words, hint="Look whether it hangs, and stop it.")
                await asyncio.sleep(TRY_EVERY)
            stack.callback(lock.close)
            return stack.pop_all(), is_first

    def refuse_tenants(self, listener: str) -> bool:
        """Let nobody rely on this listener from now on; False where somebody does. Where the database is away
        nobody is asked."""
        try:
            with open_store(self._place, accept_newer=True) as store:
                return tenants.refuse_tenants(store, listener)
        except VoicecliError:
            return True

    def admit_tenants(self, listener: str) -> None:
        """Let others rely on it again. Raises StoreFailed and ConfigurationError."""
        with open_store(self._place, accept_newer=True) as store:
            tenants.admit_tenants(store, listener)


def refuses(listener: TeamListener, webhook: Webhook | None) -> bool:
    """Whether it refuses what comes by this webhook, which has no token."""
    return listener.token is not None and (webhook is None or not webhook.has_authorization)
