"""What applications have replied to VCAs, for when one comes to another listener of the team again: that
application is not asked twice, and 8x8 gets the same reply. What a reply says is sealed. Only a shared store
has them. Every function raises StoreFailed."""

from voicecli.store import sealing
from voicecli.store.engine import Store

KEPT = 3600.0  # seconds: the same VCA comes again sooner


def claim(store: Store, event: int, seconds: float) -> bool:
    """Whether the application is to be asked about the event with this number now, for so long: nobody else
    does, nor has done so with success."""
    now = store.now()
    with store.transaction(concurrent=True) as transaction:
        return bool(transaction(_CLAIM, (event, now + round(seconds * 1e6), now)).rows)


def keep_reply(store: Store, event: int, reply: bytes) -> None:
    """Keep it for the others."""
    sealed = sealing.seal(store, reply, _context(event))
    with store.transaction(concurrent=True) as transaction:
        transaction("UPDATE vca_replies SET sealed = ? WHERE event = ?", (sealed, event))


def find_reply(store: Store, event: int) -> bytes | None:
    """None where there is none yet. Raises ConfigurationError where it can't be unsealed."""
    query = "SELECT sealed FROM vca_replies WHERE event = ? AND sealed IS NOT NULL"
    sealed = next((sealed for (sealed,) in store.rows(query, (event,))), None)
    return None if sealed is None else sealing.unseal(store, sealed, _context(event))


def delete_old_replies(store: Store) -> None:
    """Those that nobody needs any more."""
    before = store.now() - round(KEPT * 1e6)
    with store.transaction(concurrent=True) as transaction:
        transaction("DELETE FROM vca_replies WHERE asked_until < ?", (before,))


def _context(event: int) -> bytes:
    return f"reply to VCA {event}".encode()


_CLAIM = (
    "INSERT INTO vca_replies (event, asked_until) VALUES (?, ?) ON CONFLICT (event) DO UPDATE"
    " SET asked_until = excluded.asked_until"
    " WHERE vca_replies.sealed IS NULL AND vca_replies.asked_until < ? RETURNING event"
)
