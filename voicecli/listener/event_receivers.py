"""Who gets what 8x8 reports, by the webhooks that are set: whether what people press arrives here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial

from voicecli import interrupts
from voicecli.account import AccountId
from voicecli.errors import VoicecliError
from voicecli.listener import health
from voicecli.listener.instances import is_running
from voicecli.listener.local_listeners import local_listener_state
from voicecli.listener.start_lock import wait_while_starting
from voicecli.listener.webhook_changes import current_webhooks
from voicecli.store.location import StorePlace
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import Webhook

VCA = "VCA"
HEALTH_TIMEOUT = 5.0  # seconds
START_ONE = "Start a listener that gets them: voicecli listen --register"


class ReceiverKind(StrEnum):
    """Who is at the other end of a webhook."""

    HERE = "here"  # a listener of this machine with this store, or of any that shares it
    NOBODY = "nobody"  # it is not set, or disabled
    DEAD_LISTENER = "dead listener"  # the path is a listener's, and nobody answers there
    OTHER_LISTENER = "other listener"  # of another machine or store
    APPLICATION = "application"  # of the user's own
    UNKNOWN = "unknown"  # the webhooks can't be listed


@dataclass(frozen=True, slots=True)
class EventReceiver:
    """Who gets the events of one ``type``, in words, and what can be done about that."""

    type: str
    kind: ReceiverKind
    words: str
    advice: str = ""
    url: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether the events get into the store."""
        return self.kind is ReceiverKind.HERE

    @property
    def is_nobody(self) -> bool:
        """Whether nobody answers who could know what to do: then no key that is pressed ever arrives."""
        return self.kind in (ReceiverKind.NOBODY, ReceiverKind.DEAD_LISTENER, ReceiverKind.OTHER_LISTENER)


def local_receiver(type: str) -> EventReceiver:
    return EventReceiver(type, ReceiverKind.HERE, f"A voicecli listen that runs here gets {type} events.")


def no_receiver(type: str, words: str, advice: str = START_ONE) -> EventReceiver:
    return EventReceiver(type, ReceiverKind.NOBODY, words, advice)


def ask_listener(url: str) -> health.Health:
    """Who is at the public address of a listener. Blocks for HEALTH_TIMEOUT at most."""
    return interrupts.in_thread(partial(health.ask_health, url, timeout=HEALTH_TIMEOUT))


def find_receiver(
    place: StorePlace,
    webhooks: Mapping[str, Webhook],
    type: str,
    *,
    account: AccountId,
    ask: health.AskHealth = ask_listener,
) -> EventReceiver:
    """Who gets events of this type, by the webhooks that are set, by type. It uses ``ask`` to see whether one
    whose path is a listener's is there; where a team shares the store, a listener of the ``account`` may run
    on any machine. Raises StoreFailed and ConfigurationError, where a team shares the store."""
    webhook = webhooks.get(type)
    if webhook is None or not webhook.enabled:
        state = "not set" if webhook is None else "disabled"
        return no_receiver(type, f"The {type} webhook is {state}: nobody gets its events.")
    url, listener = webhook.url, health.listener_url(webhook.url)
    if listener is not None and place.is_shared:
        ask = cache(ask)
        if (of_team := _team_receiver(place, account, webhook, ask)) is not None:
            return of_team
    found = None if listener is None else ask(listener)
    if found is None or (found.instance is None and found.answers):
        words = f"The {type} webhook points to an application at {url}."
        return EventReceiver(type, ReceiverKind.APPLICATION, words, url=url)
    if found.instance is None:
        words = f"The {type} webhook points to {url}, where no listener answers: {found.trouble}."
        advice = f"{START_ONE} (--force, if that says that something would be lost)."
        return EventReceiver(type, ReceiverKind.DEAD_LISTENER, words, advice, url)
    if not is_running(place.local_folder, found.instance):
        words = f"The {type} webhook points to a voicecli listen of another store or machine, at {url}."
        advice = "Place the call there, or take its events away from it: voicecli listen --register --force"
        return EventReceiver(type, ReceiverKind.OTHER_LISTENER, words, advice, url)
    receiver = None if webhook.has_authorization else local_listener_state(place, found.instance)
    if receiver is None or not receiver.needs_token:
        return local_receiver(type)
    return no_receiver(
        type,
        f"The {type} webhook has no token: its events are refused by the voicecli listen that runs here.",
        f"Set it again: voicecli webhooks set {type.lower()} {url}",
    )


def _team_receiver(
    place: StorePlace, account: AccountId, webhook: Webhook, ask: health.AskHealth
) -> EventReceiver | None:
    """The listeners of the team that a webhook leads to, if it does."""
    from voicecli.listener.team_listeners import Team, refuses

    team = Team(place, account)
    there = team.at(webhook, team.listeners(), ask=ask)
    if not there:
        return None
    who, kind = there[0].host, webhook.type
    if all(refuses(one, webhook) for one in there):
        return no_receiver(
            kind,
            f"The {kind} webhook has no token: its events are refused by the voicecli listen of {who}.",
            f"Set it again: voicecli webhooks set {kind.lower()} {webhook.url}",
        )
    return EventReceiver(kind, ReceiverKind.HERE, f"The voicecli listen of {who} gets {kind} events.")


def look_up_vca_receiver(client: Client, place: StorePlace) -> EventReceiver:
    """Who gets VCAs: one request to 8x8, and perhaps one to a listener, once none of this machine is just
    starting or ending. Raises nothing: that the webhooks can't be listed is an answer."""
    try:
        wait_while_starting(place.local_folder)
        return find_receiver(place, current_webhooks(client), VCA, account=client.account.identity)
    except VoicecliError as error:
        words = f"Who gets {VCA} events can't be found out. {error.message}"
        return EventReceiver(VCA, ReceiverKind.UNKNOWN, words, error.hint)
