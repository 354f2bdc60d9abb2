"""Which processes rely on which listeners of a team, on whichever machines: each has a lease, which it renews
while it waits. Only a store that is shared has them. Every function raises StoreFailed."""

from collections.abc import Sequence

from voicecli.store.engine import Store

LEASE = 20.0  # seconds
RENEW_EVERY = 5.0  # seconds: several renewals may fail
_NOBODY = ""  # stands for all in the row of a listener that is about to end: it lets nobody rely on it


def rely(store: Store, listeners: Sequence[str], tenant: str) -> bool:
    """For LEASE seconds from now on, ``tenant`` relies on those of these listeners that are not about to end;
    False where all are."""
    with store.transaction(concurrent=True) as transaction:
        closing = {listener for (listener,) in store.rows(_CLOSING, (_NOBODY, store.now()))}
        until = store.now() + round(LEASE * 1e6)
        rows = [(one, tenant, until) for one in listeners if one not in closing]
        transaction.execute_many(_PUT, rows)
        return bool(rows)


def leave(store: Store, tenant: str) -> None:
    """It relies on none any more."""
    store.execute_many("DELETE FROM tenants WHERE tenant = ?", [(tenant,)])


def refuse_tenants(store: Store, listener: str) -> bool:
    """Let nobody rely on this listener from now on, for LEASE seconds; False where somebody does."""
    with store.transaction() as transaction:
        now = store.now()
        transaction("DELETE FROM tenants WHERE until < ?", (now,))
        others = "SELECT 1 FROM tenants WHERE listener = ? AND tenant != ? LIMIT 1"
        if any(store.rows(others, (listener, _NOBODY))):
            return False
        transaction.execute_many(_PUT, [(listener, _NOBODY, now + round(LEASE * 1e6))])
        return True


def admit_tenants(store: Store, listener: str) -> None:
    """Let others rely on it again."""
    store.execute_many("DELETE FROM tenants WHERE listener = ? AND tenant = ?", [(listener, _NOBODY)])


_CLOSING = "SELECT listener FROM tenants WHERE tenant = ? AND until >= ?"
_PUT = (
    "INSERT INTO tenants (listener, tenant, until) VALUES (?, ?, ?)"
    " ON CONFLICT (listener, tenant) DO UPDATE SET until = excluded.until"
)
