"""Points a subaccount's webhooks at a listener, and puts back what was there.

What was there is on disk before it is changed, so that it can be put back after any kind of end.
"""

import fcntl
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from voicecli import api
from voicecli.api import Operation, Webhook
from voicecli.client import Client
from voicecli.errors import ConfigurationError, Refused
from voicecli.events import webhook_url
from voicecli.store import ReplacedWebhook, Store
from voicecli.untrusted import json_object

NOT_FOUND = 404


class InUse(ConfigurationError):
    """Another process of this machine has registered for the subaccount."""


class Registration:
    """The webhooks of one subaccount as far as they are ours. Blocks on the network: use it in a thread.

    ``tell`` gets what a person should know. Use it in a ``with`` or ``close`` it: while it is open, no other
    process of this machine can register for the same subaccount.
    """

    def __init__(
        self, client: Client, home: Path, *, base_url: str, subaccount_id: str, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._home = home
        self._of = (base_url, subaccount_id)
        self._tell = tell
        self._lock: IO[bytes] | None = None
        self._taken: dict[str, str] = {}  # our URLs by type
        self._told: set[str] = set()

    @property
    def has_taken(self) -> bool:
        """Whether there is something of ours to put back."""
        return bool(self._taken)

    def take(self, kinds: Sequence[str], receiver: str, *, token: str | None, force: bool = False) -> None:
        """Point ``kinds`` at ``receiver``, after putting back what an earlier run may have left.

        Raises ConfigurationError where that would lose something (unless ``force``): a webhook whose
        Authorization header can't be put back, or another listener's. Raises what the client raises.
        """
        self._lock_out_others()
        self.put_back()
        found = {webhook.type: webhook for webhook in self._client.send(api.list_webhooks())}
        if not force:
            self._refuse_losses([found[kind] for kind in kinds if kind in found], receiver)
        for kind in kinds:
            before, url = found.get(kind), webhook_url(receiver, kind)
            replaced = ReplacedWebhook(
                kind,
                own_url=url,
                url=None if before is None else before.url,
                enabled=before is None or before.enabled,
                had_authorization=before is not None and before.has_authorization,
            )
            with Store(self._home) as store:
                store.remember_webhook(*self._of, replaced)
            self._taken[kind] = url
            self._client.send(api.set_webhook(kind, url, authorization=token))

    def move(self, receiver: str, *, token: str | None) -> None:
        """Point what is ours at a new address. Raises what the client raises."""
        for kind in self._taken:
            url = webhook_url(receiver, kind)
            with Store(self._home) as store:
                for replaced in store.replaced_webhooks(*self._of):
                    if replaced.type == kind:
                        moved = ReplacedWebhook(
                            kind, url, replaced.url, replaced.enabled, replaced.had_authorization
                        )
                        store.remember_webhook(*self._of, moved)
            self._client.send(api.set_webhook(kind, url, authorization=token))
            self._taken[kind] = url

    def put_back(self) -> int:
        """Put back what runs that ended have left, and what this one has taken; how many webhooks that were.

        A webhook that points elsewhere by now is left alone. Raises what the client raises; what could not
        be put back stays in the store.
        """
        with Store(self._home) as store:
            replaced = store.replaced_webhooks(*self._of)
            if not replaced:
                return 0
            self._lock_out_others()
            now = {webhook.type: webhook for webhook in self._client.send(api.list_webhooks())}
            for webhook in replaced:
                current = now.get(webhook.type)
                if current is not None and current.url == webhook.own_url:
                    self._put_back(webhook)
                else:
                    where = "is not set any more" if current is None else f"points to {current.url} by now"
                    self._tell(f"The {webhook.type} webhook {where}: it is left as it is.")
                store.forget_webhook(*self._of, webhook.type)
        self._taken.clear()
        return len(replaced)

    def check(self) -> None:
        """See whether the webhooks are still ours, and tell once of each that is not."""
        now = {webhook.type: webhook.url for webhook in self._client.send(api.list_webhooks())}
        for kind, url in self._taken.items():
            current = now.get(kind)
            if current == url:
                self._told.discard(kind)
            elif kind not in self._told:
                self._told.add(kind)
                where = "was deleted" if current is None else f"now points to {current}"
                self._tell(f"The {kind} webhook {where}: its events do not come here any more.")

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _put_back(self, webhook: ReplacedWebhook) -> None:
        if webhook.url is None:
            self._send(api.delete_webhook(webhook.type))
            return
        if webhook.had_authorization:
            self._tell(
                f"The {webhook.type} webhook is put back to {webhook.url} without its Authorization header, "
                "which 8x8 does not tell: set it again, with voicecli webhooks set."
            )
        self._send(api.set_webhook(webhook.type, webhook.url, enabled=webhook.enabled))

    def _send(self, operation: "Operation[Any]") -> None:
        try:
            self._client.send(operation)
        except Refused as error:
            if error.status_code != NOT_FOUND:  # gone already
                raise

    def _refuse_losses(self, webhooks: Sequence[Webhook], receiver: str) -> None:
        for webhook in webhooks:
            if webhook.url == webhook_url(receiver, webhook.type):
                continue
            if is_listener(webhook.url):
                raise ConfigurationError(
                    f"The {webhook.type} webhook points to another voicecli listen, at {webhook.url}.",
                    hint="Stop that one first, or take its events away from it with --force.",
                )
            if webhook.has_authorization:
                raise ConfigurationError(
                    f"The {webhook.type} webhook points to {webhook.url} and has an Authorization header, "
                    "which 8x8 does not tell, so it could not be put back afterwards.",
                    hint="Give --force if you can set it again yourself, or leave this type out of --events.",
                )

    def _lock_out_others(self) -> None:
        """The system frees the lock when the process ends, however it ends."""
        if self._lock is not None:
            return
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hashlib.blake2b("\n".join(self._of).encode(), digest_size=8).hexdigest()
        lock = (self._home / f"registered-{name}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise InUse(
                f"Another voicecli listen on this machine has registered for subaccount {self._of[1]}.",
                hint="Stop it first, or listen without --register: both show what comes to the other.",
            ) from None
        self._lock = lock


def is_listener(url: str) -> bool:
    """Whether a listener answers there (its /health says so)."""
    import httpx

    parts = urlsplit(url)
    if "/api/webhooks/" not in parts.path:
        return False
    root = parts.path.partition("/api/webhooks/")[0]
    try:
        answer = httpx.get(f"{parts.scheme}://{parts.netloc}{root}/health", timeout=5.0)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return False
    return (json_object(answer.content[:1000]) or {}).get("service") == "voicecli"
