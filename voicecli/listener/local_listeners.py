"""The listeners that run on this machine with this store, and whether what 8x8 reports gets to them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import NamedTuple, Protocol

from voicecli.account import AccountId
from voicecli.errors import ConfigurationError
from voicecli.listener import health
from voicecli.listener.health import ListenerState
from voicecli.listener.instances import RunningInstance, Tenant, running_instances
from voicecli.listener.webhook_check import check_webhook
from voicecli.store.location import StorePlace
from voicecli.threads import run_in_parallel
from voicecli.voice_api.operations.webhooks import Webhook
from voicecli.voice_api.webhook_events import webhook_url

ANSWER_TIMEOUT = 3.0  # seconds for a listener of this machine to say something of itself
LOOK_TIMEOUT = 25.0  # the same where it asks 8x8 first, and perhaps sets webhooks again


class Reliance(Protocol):
    """That a process relies on a listener of another one."""

    def is_there(self) -> bool:
        """Whether that listener still runs."""
        ...

    def close(self) -> None: ...


class FoundListener(NamedTuple):
    """The listener that what 8x8 reports comes to: ``name`` is which one that is, without an article,
    ``words`` the same as a sentence; ``warning`` is what may keep it from that all the same. ``trouble``
    tells why that does not arrive now; empty where it does."""

    tenant: Reliance
    name: str
    words: str
    warning: str | None
    trouble: Callable[[], str]


class ListenerSearch(NamedTuple):
    """The webhooks that are set at 8x8, by type, and the listener that they lead to, if one runs here;
    ``unresponsive`` are the listeners that run here and do not answer."""

    webhooks: Mapping[str, Webhook]
    found: FoundListener | None
    unresponsive: Sequence[ListenerState] = ()


def local_listener_states(place: StorePlace) -> list[ListenerState]:
    """The listeners that run here with this store, by what they say of themselves; they look at the webhooks
    first, and set again what was lost. All are asked at once; one that has been stopped holds
    nobody up for longer than ANSWER_TIMEOUT."""
    return run_in_parallel(_state, running_instances(place.local_folder))


def _state(listener: RunningInstance) -> ListenerState:
    state = health.ask_state(listener, look=False, timeout=ANSWER_TIMEOUT)
    if state.is_unresponsive:
        return state
    looked = health.ask_state(listener, look=True, timeout=LOOK_TIMEOUT)
    return state if looked.is_unresponsive else looked


def local_listener_state(place: StorePlace, instance: str) -> ListenerState | None:
    """What this listener says of itself; None where it does not run here."""
    listener = next((one for one in running_instances(place.local_folder) if one.instance == instance), None)
    return None if listener is None else health.ask_state(listener, look=False, timeout=ANSWER_TIMEOUT)


def find_local_listener(
    place: StorePlace,
    list_webhooks: Callable[[], Mapping[str, Webhook]],
    required: Sequence[str],
    *,
    account: AccountId,
    port: int,
) -> ListenerSearch:
    """Rely on the listener with this store that 8x8 reports the ``required`` types to, if there is one.
    ``port`` is where a listener of one's own would listen.

    Raises ConfigurationError where one runs that does not get all of them, or does not answer, and is in the
    way of another; and what ``list_webhooks`` raises.
    """
    everyone = local_listener_states(place)
    states = [one for one in everyone if not one.is_unresponsive]
    unresponsive = [one for one in everyone if one.is_unresponsive]
    webhooks = list_webhooks()
    ask, kinds = cache(health.ask_health), required if states else ()
    destinations = [_WebhookTarget.of(kind, webhooks.get(kind), states, account, ask) for kind in kinds]
    if destinations and all(one.listener is not None and one.trouble is None for one in destinations):
        listener = next(one.listener for one in destinations if one.listener is not None)
        tenant = Tenant.register(place.local_folder, listener.instance)
        found = None
        if tenant is not None:
            words = "A voicecli listen runs on this machine: it receives what 8x8 reports."
            trouble = partial(_trouble, place, listener.instance, required)
            name = "voicecli listen that runs here"
            found = FoundListener(tenant, name, words, listener.refusal_warning(), trouble)
        return ListenerSearch(webhooks, found, unresponsive)
    in_the_way = [one for one in states if one.has_port(port) or (one.registered and one.account == account)]
    if not in_the_way and all(one.listener is None for one in destinations):
        if blocking := [one for one in unresponsive if one.has_port(port)]:
            raise unresponsive_error(blocking[0])
        return ListenerSearch(webhooks, None, unresponsive)
    bad = next(one for one in destinations if one.listener is None or one.trouble is not None)
    raise bad.error(bad.listener or next(iter(in_the_way), states[0]))


def _trouble(place: StorePlace, instance: str, required: Sequence[str]) -> str:
    """Why this listener does not get all of these types; empty where it does, or does not say so."""
    state = local_listener_state(place, instance)
    return next(filter(None, [] if state is None else map(state.why_not_received, required)), "")


def unresponsive_error(listener: ListenerState, beside: str = "") -> ConfigurationError:
    """What to tell of one that does not answer, ``beside`` what it keeps from being done."""
    hint = "Has it been stopped (Ctrl-Z)? Let it go on (fg), or end it."
    return ConfigurationError(f"{listener.unreachable} {beside}".rstrip(), hint=hint)


class _WebhookTarget(NamedTuple):
    """Which listener of this machine the webhook of a type leads to, and why its events do not arrive; then
    ``can_be_set`` is whether it is the webhook that is not as it should be."""

    type: str
    listener: ListenerState | None
    trouble: str | None = None
    can_be_set: bool = False

    @classmethod
    def of(
        cls,
        kind: str,
        webhook: Webhook | None,
        states: Sequence[ListenerState],
        account: AccountId,
        ask: Callable[[str], health.Health],
    ) -> "_WebhookTarget":
        expecting = [one for one in states if one.account == account and one.should_receive(kind)]
        listener, needs_token = None, False
        if webhook is not None and (address := health.listener_url(webhook.url)) is not None:
            answer = ask(address)
            reached = next((one for one in states if one.instance == answer.instance), None)
            listener = reached or next((one for one in states if one.public_url == address), None)
            if listener is not None and reached is None:
                trouble = listener.unreachable or f"{address} does not lead to it: {answer.trouble}."
                return cls(kind, listener, trouble)
        if listener is not None and webhook is not None:
            url, needs_token = webhook.url, listener.needs_token
        elif expecting:
            url = webhook_url(expecting[0].public_url or "", kind)
        else:
            return cls(kind, None)
        check = check_webhook(kind, webhook, [url], needs_token=needs_token)
        return cls(kind, listener, None if check.is_ok else check.words, can_be_set=True)

    def error(self, listener: ListenerState) -> ConfigurationError:
        """What is wrong with the ``listener`` that runs here."""
        what = f"The voicecli listen that runs here does not get {self.type} events."
        public_url = listener.public_url
        if self.trouble is not None and not self.can_be_set:
            return ConfigurationError(f"{what} {self.trouble}", hint="See what it says on its screen.")
        if self.trouble is not None and public_url is not None:
            hint = "Stop it, and start it again: voicecli listen --register"
            if self.type not in listener.registered:
                url = webhook_url(public_url, self.type)
                hint = f"Set it again: voicecli webhooks set {self.type.lower()} {url}"
            return ConfigurationError(f"{what} {self.trouble}", hint=hint)
        types = ",".join(dict.fromkeys([*listener.registered, self.type])).lower()
        hint = f"Start it with --register --events {types}, or stop it."
        return ConfigurationError(what, hint=hint)
