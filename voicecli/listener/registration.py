"""Points a subaccount's webhooks at a listener, and puts back what was there.

What was there is on disk before it is changed, so that it can be put back after any kind of end.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from voicecli import api
from voicecli.account import AccountId
from voicecli.api import Webhook
from voicecli.client import Client
from voicecli.errors import ConfigurationError, InUse, Refused, VoicecliError
from voicecli.events import webhook_url
from voicecli.listener import health
from voicecli.locks import Lock
from voicecli.store.sqlite import ReplacedWebhook, Store


class Registration:
    """The webhooks of one subaccount as far as they are ours. Blocks on the network: use it in a thread, and
    in one at a time.

    ``tell`` gets what a person should know. From ``take`` to ``put_back`` or ``close`` no other process of
    this machine can take webhooks of the same subaccount.
    """

    def __init__(
        self, client: Client, home: Path, account: AccountId, *, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._home = home
        self._account = account
        self._tell = tell
        self._lock: Lock | None = None
        self._taken: dict[str, ReplacedWebhook] = {}  # by type
        self._told: set[str] = set()

    def set_now(self) -> dict[str, Webhook]:
        """The webhooks at 8x8, by type. Raises what the client raises."""
        return {webhook.type: webhook for webhook in self._client.send(api.list_webhooks())}

    def take(
        self,
        kinds: Sequence[str],
        receiver: str,
        *,
        token: str | None,
        new_token: bool = False,
        force: bool = False,
    ) -> list[str]:
        """Point ``kinds`` at ``receiver``, after putting back what an earlier run may have left; the types of
        those that now are ours. One that leads there already, with an Authorization header, is left alone,
        unless the token is new, and so is not in that header.

        Raises ConfigurationError where that would lose something (unless ``force``): a webhook whose
        Authorization header can't be put back, or another listener's. Raises InUse, StoreFailed, and what
        the client raises.
        """
        self._lock_out_others()
        self._put_all_back()
        found = self.set_now()
        may_stay = not (force or new_token)
        there = [kind for kind in kinds if may_stay and is_there(found.get(kind), receiver)]
        kinds = [kind for kind in kinds if kind not in there]
        if not force:
            for kind in kinds:
                if kind in found and (error := objection(found[kind], receiver)) is not None:
                    raise error
        for kind in kinds:
            before, url = found.get(kind), webhook_url(receiver, kind)
            self._remember(
                ReplacedWebhook(
                    kind,
                    own_urls=(url,),
                    url=None if before is None else before.url,
                    enabled=before is None or before.enabled,
                    had_authorization=before is not None and before.has_authorization,
                )
            )
            self._client.send(api.set_webhook(kind, url, authorization=token))
        for kind in there:
            self._tell(
                f"The {kind} webhook leads here already, with an Authorization header: it is left as it is. "
                "If its events are refused, set it again with voicecli webhooks set."
            )
        return list(kinds)

    def move(self, receiver: str, *, token: str | None) -> None:
        """Point what is ours at a new address. Raises StoreFailed, and what the client raises; then it can be
        tried again."""
        for kind, taken in list(self._taken.items()):
            url = webhook_url(receiver, kind)
            if taken.own_urls != (url,):
                self._remember(taken._replace(own_urls=tuple(dict.fromkeys((*taken.own_urls, url)))))
                self._client.send(api.set_webhook(kind, url, authorization=token))
                self._remember(taken._replace(own_urls=(url,)))

    def put_back(self) -> list[str]:
        """Put back what runs that ended have left, and what this one has taken; the types of these. Then
        others may take them.

        A webhook that points elsewhere by now is left alone. Raises InUse, StoreFailed, and what the client
        raises; what could not be put back stays in the store.
        """
        if not self._to_put_back():
            return []
        self._lock_out_others()
        try:
            return self._put_all_back()
        finally:
            self.close()

    def check(self) -> None:
        """See whether the webhooks are still ours, and tell once of each that is not."""
        now = self.set_now()
        for kind, taken in self._taken.items():
            url = now[kind].url if kind in now else None
            if url in taken.own_urls:
                self._told.discard(kind)
            elif kind not in self._told:
                self._told.add(kind)
                where = "was deleted" if url is None else f"now points to {url}"
                self._tell(f"The {kind} webhook {where}: its events do not come here any more.")

    def see_that_nobody_has_them(self) -> None:
        """Raises InUse where another process of this machine has taken webhooks of the subaccount."""
        self._lock_out_others()
        self.close()

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Meanwhile a thread that waits until it may ask 8x8 again gives up."""
        self._client.stop()
        try:
            yield
        finally:
            self._client.go_on()

    def close(self) -> None:
        """Let others take webhooks."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _remember(self, webhook: ReplacedWebhook) -> None:
        with Store(self._home) as store:
            store.remember_webhook(self._account, webhook)
        self._taken[webhook.type] = webhook

    def _to_put_back(self) -> list[ReplacedWebhook]:
        """What is in the store; and what is ours, whatever became of the store."""
        stored: dict[str, ReplacedWebhook] = {}
        try:
            with Store(self._home) as store:
                stored = {webhook.type: webhook for webhook in store.replaced_webhooks(self._account)}
        except VoicecliError:
            if not self._taken:
                raise
        return [*(stored | self._taken).values()]

    def _put_all_back(self) -> list[str]:
        """All that can be; then it raises the first of what went wrong."""
        replaced, done = self._to_put_back(), []
        if replaced:
            self._tell_of_dropped()
        failures: list[VoicecliError] = []
        now = self.set_now() if replaced else {}
        for webhook in replaced:
            kind = webhook.type
            url = now[kind].url if kind in now else None
            try:
                if url in webhook.own_urls:
                    self._put_back(webhook)
                    done.append(kind)
                elif url != webhook.url:
                    where = f"points to {url} by now" if url else "is not set any more"
                    before = f" Before voicecli listen it pointed to {webhook.url}." if webhook.url else ""
                    self._tell(f"The {kind} webhook {where}: it is left as it is.{before}")
            except VoicecliError as error:
                failures.append(error)
                continue
            self._taken.pop(kind, None)
            with suppress(VoicecliError), Store(self._home) as store:  # else the next one finds it all right
                store.forget_webhook(self._account, kind)
        if failures:
            raise failures[0]
        return done

    def _tell_of_dropped(self) -> None:
        """Two listeners that were killed had written the base URL in two ways, so each remembered its own."""
        with suppress(VoicecliError), Store(self._home) as store:
            for kind, url in store.forget_dropped_webhooks(self._account):
                where = "was not set" if url is None else f"pointed to {url}"
                self._tell(f"The {kind} webhook {where} at an earlier time, which is not put back.")

    def _put_back(self, webhook: ReplacedWebhook) -> None:
        if webhook.url is None:
            try:
                self._client.send(api.delete_webhook(webhook.type))
            except Refused as error:
                if not error.is_missing:  # gone already
                    raise
            return
        self._client.send(api.set_webhook(webhook.type, webhook.url, enabled=webhook.enabled))
        if webhook.had_authorization:
            self._tell(
                f"The {webhook.type} webhook is put back to {webhook.url} without its Authorization header, "
                "which 8x8 does not tell: set it again, with voicecli webhooks set."
            )

    def _lock_out_others(self) -> None:
        if self._lock is not None:
            return
        name = hashlib.blake2b("\n".join(self._account).encode(), digest_size=8).hexdigest()
        self._lock = Lock.take(self._home / f"registered-{name}.lock")
        if self._lock is None:
            subaccount = self._account.subaccount
            raise InUse(
                f"Another voicecli listen on this machine has registered for subaccount {subaccount}.",
                hint="Stop it first: 8x8 reports to one address for each type of event.",
            )


def is_there(webhook: Webhook | None, receiver: str) -> bool:
    """Whether a webhook leads to the receiver as it should, with a header that could not be put back."""
    if webhook is None or webhook.url != webhook_url(receiver, webhook.type):
        return False
    return webhook.enabled and webhook.has_authorization


def objection(webhook: Webhook, receiver: str) -> ConfigurationError | None:
    """Why a webhook is not to be pointed at the receiver: something would be lost."""
    if webhook.url != webhook_url(receiver, webhook.type) and health.is_listener(webhook.url):
        return ConfigurationError(
            f"The {webhook.type} webhook points to another voicecli listen, at {webhook.url}.",
            hint="Stop that one first, or take its events away from it with --force.",
        )
    if webhook.has_authorization:
        return ConfigurationError(
            f"The {webhook.type} webhook points to {webhook.url} and has an Authorization header, "
            "which 8x8 does not tell, so it could not be put back afterwards.",
            hint="Give --force if you can set it again yourself.",
        )
    return None
