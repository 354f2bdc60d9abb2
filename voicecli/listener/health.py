"""Asks an address who answers there: this listener, another one of voicecli's, or something else."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from voicecli.account import AccountId
from voicecli.json_values import json_object, text
from voicecli.listener.webhook_check import WebhookCheck, WebhookState
from voicecli.plurals import counted
from voicecli.voice_api.webhook_events import webhook_url

if TYPE_CHECKING:
    import httpx

    from voicecli.listener.instances import RunningInstance

TIMEOUT = 10.0  # seconds
MAX_ANSWER = 10_000  # bytes


@dataclass(frozen=True, slots=True)
class Health:
    """``instance`` is the listener that answers, ``team`` that whose store it has, if a team shares it. Else
    ``trouble`` says what is there, and ``answers`` whether that answers as somebody's own application might;
    ``seconds`` is how long that took."""

    instance: str | None
    trouble: str
    seconds: float
    answers: bool = False
    team: str | None = None

    def mismatch(self, instance: str, team: str | None = None) -> str | None:
        """Why the address does not lead to that listener, nor to another one of its team; None where it
        does."""
        if self.instance == instance or (self.team is not None and self.team == team):
            return None
        return self.trouble or "another voicecli listen answers there"


@dataclass(frozen=True, slots=True)
class ListenerState:
    """What a listener says of itself to who has its key. ``webhooks`` are those that should lead to it, as it
    found them last; ``refused`` is how many requests without its token came since the last event. One that
    ``is_unresponsive`` did not answer in time."""

    instance: str
    url: str | None = None  # on this machine
    public_url: str | None = None
    account: AccountId | None = None
    registered: tuple[str, ...] = ()
    webhooks: tuple[WebhookCheck, ...] = ()
    needs_token: bool = False
    unreachable: str | None = None  # why nothing from outside gets to it, in a sentence
    refused: int = 0
    last_event: int | None = None  # microseconds since 1970
    spooled: int = 0  # events that wait on its machine for a shared store
    store_trouble: str | None = None  # why these wait
    is_unresponsive: bool = False

    @classmethod
    def unresponsive(cls, instance: str, url: str) -> "ListenerState":
        """Of one that did not answer."""
        words = f"The voicecli listen that runs here at {url} does not answer."
        return cls(instance, url, unreachable=words, is_unresponsive=True)

    def document(self) -> Mapping[str, object]:
        """As ``/health`` has it."""
        return {
            "publicUrl": self.public_url,
            "account": None if self.account is None else list(self.account),
            "registered": list(self.registered),
            "webhooks": [{"type": one.type, "state": one.state, "url": one.url} for one in self.webhooks],
            "authenticates": self.needs_token,
            "unreachable": self.unreachable,
            "refusedSinceLastEvent": self.refused,
            "lastEvent": self.last_event,
            "spooled": self.spooled,
            "storeTrouble": self.store_trouble,
        }

    @classmethod
    def read(cls, document: Mapping[str, object], instance: str, url: str) -> "ListenerState":
        """What ``document`` made. Raises ValueError, TypeError or KeyError for anything else."""
        account, registered, webhooks = document["account"], document["registered"], document["webhooks"]
        refused, last = document["refusedSinceLastEvent"], document["lastEvent"]
        spooled = document.get("spooled")  # an earlier version does not tell
        if not (isinstance(registered, list) and isinstance(webhooks, list) and isinstance(refused, int)):
            raise TypeError("a listener's state")
        return cls(
            instance,
            url,
            text(document["publicUrl"]),
            AccountId(*map(str, account)) if isinstance(account, list) else None,
            tuple(map(str, registered)),
            tuple(WebhookCheck(one["type"], WebhookState(one["state"]), one["url"]) for one in webhooks),
            document["authenticates"] is True,
            text(document["unreachable"]),
            refused,
            last if isinstance(last, int) else None,
            spooled if isinstance(spooled, int) else 0,
            text(document.get("storeTrouble")),
        )

    def should_receive(self, type: str) -> bool:
        """Whether events of this type should come to it."""
        return type in self.registered or any(one.type == type for one in self.webhooks)

    def has_port(self, port: int) -> bool:
        """Whether nobody else can listen there."""
        return self.url is not None and urlsplit(self.url).port == port

    def why_not_received(self, type: str) -> str | None:
        """Why no events of this type come to it, as far as it knows."""
        if self.unreachable is not None:
            return self.unreachable
        return next((one.words for one in self.webhooks if one.type == type and not one.is_ok), None)

    def refusal_warning(self) -> str | None:
        """What may keep events from it, though the webhooks are as they should be."""
        if not self.refused:
            return None
        return (
            f"The voicecli listen that runs here has refused {counted(self.refused, 'request')} with a wrong "
            "token, or none, and accepted nothing since. If 8x8 sent them: set the webhooks again."
        )


def ask_health(listener: str, *, timeout: float = TIMEOUT) -> Health:
    """Who is at the public address of a listener. Blocks for at most about ``timeout`` seconds."""
    import httpx

    start = time.monotonic()

    def found(
        instance: str | None, trouble: str = "", *, answers: bool = False, team: str | None = None
    ) -> Health:
        return Health(instance, trouble, time.monotonic() - start, answers, team)

    try:
        answer, document = _get(f"{listener.rstrip('/')}/health", timeout)
    except httpx.TimeoutException:
        return found(None, f"there was no answer within {timeout:.0f} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return found(None, f"it can't be reached ({type(error).__name__})")
    instance = text(document.get("instance"))
    if document.get("service") == "voicecli" and instance:
        return found(instance, team=text(document.get("team")))
    # A gateway or a tunnel answers 5xx for what is not there, and ngrok 404 with its own header.
    there = answer.status_code < 500 and "ngrok-error-code" not in answer.headers
    return found(None, f"something else answers there (HTTP {answer.status_code})", answers=there)


AskHealth = Callable[[str], Health]
"""Like ``ask_health`` with its timeout."""
ask_briefly: AskHealth = partial(ask_health, timeout=5.0)


def _get(
    url: str, timeout: float, *, headers: Mapping[str, str] = {}, trust_env: bool = True
) -> tuple["httpx.Response", Mapping[str, object]]:
    """An answer, and the JSON object that it is, of MAX_ANSWER bytes at most; else an empty one. Raises what
    httpx raises."""
    import httpx

    end, body = time.monotonic() + timeout, b""
    is_encrypted = url.lower().startswith("https:")  # else no certificates are needed, which take 40 ms
    with (
        httpx.Client(timeout=timeout, verify=is_encrypted, trust_env=trust_env) as http,
        http.stream("GET", url, headers=headers) as answer,
    ):
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > MAX_ANSWER or time.monotonic() > end:
                break
    return answer, json_object(body) or {}


def listener_url(webhook: str) -> str | None:
    """The address of the listener of voicecli's that a webhook would lead to, by its path; None for any
    other receiver."""
    parts = urlsplit(webhook)
    root, found, _ = parts.path.partition(webhook_url("", ""))
    return f"{parts.scheme}://{parts.netloc}{root}" if found else None


def leads_to_listener(webhook: str, *, ask: AskHealth = ask_briefly) -> bool:
    """Whether a listener of voicecli's answers where a webhook leads."""
    listener = listener_url(webhook)
    return listener is not None and ask(listener).instance is not None


def ask_state(listener: "RunningInstance", *, look: bool, timeout: float) -> ListenerState:
    """What a listener of this machine says of itself; with ``look`` it looks at the webhooks first. Of one of
    another version only its instance is known. Blocks for at most about ``timeout`` seconds."""
    import httpx

    unknown = ListenerState(listener.instance)
    if not listener.url or not listener.key:
        return unknown
    try:
        key = {"Authorization": f"Bearer {listener.key}"}
        url = f"{listener.url}/health{'?look' if look else ''}"
        _, document = _get(url, timeout, headers=key, trust_env=False)  # on this machine: no proxy
        return ListenerState.read(document, listener.instance, listener.url)
    except httpx.TimeoutException:
        return ListenerState.unresponsive(listener.instance, listener.url)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, TypeError, KeyError):
        return unknown
