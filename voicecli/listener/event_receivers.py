"""Who gets what 8x8 reports, by the webhooks that are set: whether what people press arrives here."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path

from voicecli import interrupts
from voicecli.errors import VoicecliError
from voicecli.listener import health
from voicecli.listener.instances import is_running
from voicecli.listener.local_listeners import requires_token
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import Webhook, list_webhooks

HEALTH_TIMEOUT = 5.0  # seconds
START_ONE = "Start a listener that gets them: voicecli listen --register"


class ReceiverKind(StrEnum):
    """Who is at the other end of a webhook."""

    HERE = "here"  # a listener of this machine with this store
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


def local_receiver(type: str) -> EventReceiver:  # noqa: A002 - as 8x8 calls it
    return EventReceiver(type, ReceiverKind.HERE, f"A voicecli listen that runs here gets {type} events.")


def no_receiver(type: str, words: str, advice: str = START_ONE) -> EventReceiver:  # noqa: A002
    return EventReceiver(type, ReceiverKind.NOBODY, words, advice)


def find_receivers(home: Path, webhooks: Iterable[Webhook], *types: str) -> list[EventReceiver]:
    """Who gets events of these types, by the webhooks that are set. It asks those whose path is a listener's
    whether they are there: blocks for HEALTH_TIMEOUT at most for each."""
    set_now = {webhook.type: webhook for webhook in webhooks}

    @cache
    def ask(listener: str) -> health.Health:
        return interrupts.in_thread(partial(health.ask_health, listener, timeout=HEALTH_TIMEOUT))

    def receiver(type_: str) -> EventReceiver:
        webhook = set_now.get(type_)
        if webhook is None:
            return no_receiver(type_, f"The {type_} webhook is not set: nobody gets its events.")
        if not webhook.enabled:
            return no_receiver(type_, f"The {type_} webhook is disabled: nobody gets its events.")
        url = webhook.url
        listener = health.listener_url(url)
        if listener is None:
            words = f"The {type_} webhook points to an application at {url}."
            return EventReceiver(type_, ReceiverKind.APPLICATION, words, url=url)
        found = ask(listener)
        if found.instance is None and found.answers:
            words = f"The {type_} webhook points to an application at {url}."
            return EventReceiver(type_, ReceiverKind.APPLICATION, words, url=url)
        if found.instance is None:
            words = f"The {type_} webhook points to {url}, where no listener answers: {found.trouble}."
            advice = f"{START_ONE} (--force, if that says that something would be lost)."
            return EventReceiver(type_, ReceiverKind.DEAD_LISTENER, words, advice, url)
        if is_running(home, found.instance):
            if not webhook.has_authorization and requires_token(home, found.instance):
                return no_receiver(
                    type_,
                    f"The {type_} webhook has no token: its events are refused by the voicecli listen that "
                    "runs here.",
                    f"Set it again: voicecli webhooks set {type_.lower()} {url}",
                )
            return local_receiver(type_)
        words = f"The {type_} webhook points to a voicecli listen of another store or machine, at {url}."
        advice = "Place the call there, or take its events away from it: voicecli listen --register --force"
        return EventReceiver(type_, ReceiverKind.OTHER_LISTENER, words, advice, url)

    return [receiver(type_) for type_ in types]


def look_up_receiver(client: Client, home: Path, type: str = "VCA") -> EventReceiver:  # noqa: A002
    """Who gets events of this type: one request to 8x8, and perhaps one to a listener. Raises nothing: that
    the webhooks can't be listed is an answer."""
    try:
        webhooks = client.send(list_webhooks())
        [receiver] = find_receivers(home, webhooks, type)
    except VoicecliError as error:
        words = f"Who gets {type} events can't be found out. {error.message}"
        return EventReceiver(type, ReceiverKind.UNKNOWN, words, error.hint)
    return receiver
