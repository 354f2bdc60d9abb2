"""The webhooks that were replaced: what was there is on disk before it is changed, so that it can be put back
after any kind of end. Where 8x8 refuses to set a webhook because one is set, that one is deleted first."""

from collections.abc import Callable, Container
from contextlib import nullcontext, suppress

from voicecli.errors import Refused, VoicecliError
from voicecli.listener.webhook_changes import (
    Deletion,
    current_webhooks,
    delete_or_disable,
    delete_to_set_anew,
    is_in_the_way,
    may_be_in_the_way,
)
from voicecli.store import webhooks as stored_webhooks
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.webhooks import DELETED, ReplacedWebhook
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import Webhook, set_webhook


class ReplacedWebhooks:
    """Those of one subaccount, by whichever listener; ``taken`` has those of this process, by type.
    ``notify`` gets what a person should know."""

    def __init__(self, client: Client, place: StorePlace, notify: Callable[[str], None]) -> None:
        self.taken: dict[str, ReplacedWebhook] = {}
        self._client = client
        self._place = place
        self._account = client.account.identity
        self._notify = notify

    def remember(self, webhook: ReplacedWebhook) -> None:
        """Before it is changed. Raises StoreFailed and ConfigurationError."""
        with open_store(self._place, accept_newer=True) as store:
            stored_webhooks.remember_webhook(store, self._account, webhook)
        self.taken[webhook.type] = webhook

    def forget(self, kind: str) -> None:
        """What was there before is not to be put back any more. Raises StoreFailed."""
        self.taken.pop(kind, None)
        with open_store(self._place, accept_newer=True) as store:
            stored_webhooks.forget_webhook(store, self._account, kind)

    def to_restore(self) -> list[ReplacedWebhook]:
        """What is in the store; and what is ours, whatever became of the store."""
        stored: dict[str, ReplacedWebhook] = {}
        try:
            with open_store(self._place, accept_newer=True) as store:
                found = stored_webhooks.replaced_webhooks(store, self._account)
                stored = {webhook.type: webhook for webhook in found}
        except VoicecliError:
            if not self.taken or self._place.is_shared:  # other listeners may need them
                raise
        return [*(stored | self.taken).values()]

    def set(
        self,
        replaced: ReplacedWebhook,
        url: str,
        *,
        token: str | None,
        is_set: bool,
        enabled: bool = True,
        needs_store: bool = True,
    ) -> None:
        """Set a webhook that is remembered. Where 8x8 refuses that and one is set, delete that one first."""
        operation = set_webhook(replaced.type, url, authorization=token, enabled=enabled)
        try:
            self._client.send(operation)
            return
        except Refused as refusal:
            if not is_set or not may_be_in_the_way(refusal):
                raise
        with nullcontext() if needs_store else suppress(VoicecliError):
            self.remember(with_deletion(replaced))
        delete_to_set_anew(self._client, replaced.type)
        self._client.send(operation)
        if needs_store:
            self.remember(replaced)

    def replace(self, kind: str, url: str, *, token: str | None, refusal: Refused) -> None:
        """Delete a webhook and set it anew, where 8x8's ``refusal`` to set it may be because of the one that
        is set. That one is in the store until ``forget``, and put back at once where this fails.

        Raises ``refusal`` where that is not the reason, or where an Authorization header could be lost for
        nothing; StoreFailed, and what the client raises.
        """
        found = current_webhooks(self._client).get(kind) if may_be_in_the_way(refusal) else None
        if found is None:
            raise refusal
        if found.has_authorization and not is_in_the_way(refusal):
            refusal.hint = (
                f"It points to {found.url} now, with an Authorization header that could not be restored. "
                f"If that one has to go first: voicecli webhooks delete {kind.lower()}"
            )
            raise refusal
        stored = {webhook.type: webhook for webhook in self.to_restore()}
        before = stored.get(kind) or replaced_by_ours(kind, found, own_urls=())
        self.remember(with_deletion(before))
        try:
            delete_to_set_anew(self._client, kind)
            self._client.send(set_webhook(kind, url, authorization=token))
        except BaseException as error:
            words = "may be deleted now: voicecli webhooks restore sets it again"
            if isinstance(error, VoicecliError):
                with suppress(VoicecliError):
                    words = "is set again" if self.restore(only=kind) else ""
            if words:
                self._notify(f"The {kind} webhook to {found.url} {words}.")
            raise

    def restore(self, *, only: str | None = None, keep: Container[str] = ()) -> list[str]:
        """All that can be, or ``only`` that type, but none of those to ``keep``; then it raises the first of
        what went wrong."""
        replaced = [one for one in self.to_restore() if only in (None, one.type) and one.type not in keep]
        done = []
        if replaced:
            self._tell_of_dropped()
        failures: list[VoicecliError] = []
        now = current_webhooks(self._client) if replaced else {}
        for webhook in replaced:
            kind = webhook.type
            url = now[kind].url if kind in now else None
            try:
                if (url or DELETED) in webhook.own_urls and (url or webhook.url):
                    self._restore_one(webhook, is_set=url is not None)
                    done.append(kind)
                elif url != webhook.url:
                    where = f"points to {url} by now" if url else "is not set any more"
                    before = f" Before voicecli listen it pointed to {webhook.url}." if webhook.url else ""
                    self._notify(f"The {kind} webhook {where}: it is left as it is.{before}")
            except VoicecliError as error:
                failures.append(error)
                continue
            with suppress(VoicecliError):  # else the next one finds it all right
                self.forget(kind)
        if failures:
            raise failures[0]
        return done

    def _tell_of_dropped(self) -> None:
        """Two listeners that were killed had written the base URL in two ways, so each remembered its own."""
        with suppress(VoicecliError), open_store(self._place, accept_newer=True) as store:
            for kind, url in stored_webhooks.take_dropped_webhooks(store, self._account):
                where = "was not set" if url is None else f"pointed to {url}"
                self._notify(f"The {kind} webhook {where} at an earlier time, which is not restored.")

    def _restore_one(self, webhook: ReplacedWebhook, *, is_set: bool) -> None:
        if webhook.url is None:
            if delete_or_disable(self._client, webhook.type) is Deletion.DISABLED:
                self._notify(
                    f"The {webhook.type} webhook was not set before, and 8x8's API can't delete it: "
                    "it is disabled."
                )
            return
        self.set(webhook, webhook.url, token=None, is_set=is_set, enabled=webhook.enabled, needs_store=False)
        if webhook.had_authorization:
            self._notify(
                f"The {webhook.type} webhook is restored to {webhook.url} without its Authorization header, "
                "which 8x8 does not reveal: set it again, with voicecli webhooks set."
            )


def replaced_by_ours(kind: str, before: Webhook | None, *, own_urls: tuple[str, ...]) -> ReplacedWebhook:
    """``before`` is what is set, None where nothing is."""
    if before is None:
        return ReplacedWebhook(kind, own_urls, url=None, enabled=True, had_authorization=False)
    return ReplacedWebhook(kind, own_urls, before.url, before.enabled, before.has_authorization)


def with_deletion(webhook: ReplacedWebhook) -> ReplacedWebhook:
    """The same while it may be deleted, to be set anew."""
    return webhook._replace(own_urls=(*webhook.own_urls, DELETED))
