"""The webhooks that voicecli has replaced, and which are to be put back: by another process, where the one
that replaced them was killed."""

from typing import NamedTuple

from voicecli.account import AccountId
from voicecli.store.engine import Store

DELETED = "-"  # among a webhook's own URLs: it may have been deleted, to be set anew


class ReplacedWebhook(NamedTuple):
    """A webhook of 8x8's that points at us, and where it pointed before (None: nowhere).

    ``own_urls`` is what we made of it: several while it is being changed, since each may be true. DELETED
    stands for one that is not set between a DELETE of ours and setting it anew.
    """

    type: str
    own_urls: tuple[str, ...]
    url: str | None
    enabled: bool
    had_authorization: bool


def replaced_webhooks(store: Store, account: AccountId) -> list[ReplacedWebhook]:
    """What is to be put back, one of a type. Raises StoreFailed."""

    def replaced(
        kind: str, own_url: str, url: str | None, enabled: int, had_authorization: int
    ) -> ReplacedWebhook:
        return ReplacedWebhook(kind, tuple(own_url.split()), url, bool(enabled), bool(had_authorization))

    query = (
        "SELECT type, own_url, url, enabled, had_authorization FROM replaced_webhooks"
        " WHERE base_url = ? AND subaccount = ? ORDER BY type"
    )
    return list(store.read(replaced, query, account))


def remember_webhook(store: Store, account: AccountId, webhook: ReplacedWebhook) -> None:
    """Keep what has to be put back, in the place of what was known of this type: on disk when this returns,
    so before the webhook is changed. Raises StoreFailed, and then what was known before stays."""
    row = (
        *account,
        webhook.type,
        " ".join(webhook.own_urls),
        webhook.url,
        webhook.enabled,
        webhook.had_authorization,
    )
    store.execute_many(_PUT, [row])


_PUT = (
    "INSERT INTO replaced_webhooks VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (base_url, subaccount, type)"
    " DO UPDATE SET own_url = excluded.own_url, url = excluded.url, enabled = excluded.enabled,"
    " had_authorization = excluded.had_authorization"
)


def forget_webhook(store: Store, account: AccountId, kind: str) -> None:
    """It has been put back: nobody does so again. Raises StoreFailed, and then somebody may."""
    which = "base_url = ? AND subaccount = ? AND type = ?"
    store.execute_many(f"DELETE FROM replaced_webhooks WHERE {which}", [(*account, kind)])


def take_dropped_webhooks(store: Store, account: AccountId) -> list[tuple[str, str | None]]:
    """Where webhooks pointed, by type, that will not be put back, since others of the same type are. Each
    is given once, to one process of several. Raises StoreFailed."""
    with store.transaction() as transaction:
        dropped = "DELETE FROM dropped_webhooks WHERE base_url = ? AND subaccount = ? RETURNING type, url"
        return [(str(kind), url and str(url)) for kind, url in transaction(dropped, account).rows]
