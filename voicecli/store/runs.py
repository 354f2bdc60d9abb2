"""Runs: commands that place calls and wait for them. Each renews its lease while it lives, so that a killed
one blocks others no longer than the lease lasts."""

from typing import NamedTuple

from voicecli.platforms.identity import user_at_host
from voicecli.store.engine import LOCK_PATIENCE, Store, Transaction

LEASE = 30.0  # seconds
RENEW_EVERY = 5.0  # seconds: several renewals may fail on a machine that is busy
RENEWAL_TAKES = LOCK_PATIENCE  # seconds at most
ENDED = 0  # lease_until of a run that has ended: it can't be renewed


class StoredRun(NamedTuple):
    """``process`` is its number on its machine, ``host`` who began it, and where (anna@web1); moments are in
    microseconds since 1970, UTC."""

    id: int
    process: int
    host: str | None
    began: int
    lease_until: int

    @property
    def seen(self) -> int:
        """When it renewed its lease last: of one that has not ended."""
        return self.lease_until - round(LEASE * 1e6)


def begin(store: Store, transaction: Transaction, process: int) -> int:
    """Within a transaction: a new one with its lease; its number."""
    insert = "INSERT INTO runs (process, host, began, lease_until) VALUES (?, ?, ?, ?)"
    [number] = transaction.insert(insert, [(process, user_at_host(), store.now(), _end_of_lease(store))])
    return number


def renew(store: Store, transaction: Transaction, run: int) -> bool:
    """Within a transaction; False where the run has ended, by itself or by another that took what it
    held, since its lease was over."""
    update = "UPDATE runs SET lease_until = ? WHERE id = ? AND lease_until != ?"
    return transaction(update, (_end_of_lease(store), run, ENDED)).changed == 1


def end(transaction: Transaction, run: int) -> None:
    """Within a transaction: from now on its lease can't be renewed."""
    transaction("UPDATE runs SET lease_until = ? WHERE id = ? AND lease_until != ?", (ENDED, run, ENDED))


def renew_lease(store: Store, run: int) -> bool:
    """The run lives: nobody takes what it holds for the next LEASE seconds. False where it has ended, and
    then it stays so, whichever of two processes was first. Raises StoreFailed, and then the lease is as it
    was."""
    with store.transaction() as transaction:
        return renew(store, transaction, run)


def end_run(store: Store, run: int) -> None:
    """The run is over: from then on others may take what it held. Raises StoreFailed, and then they may once
    its lease is over."""
    with store.transaction() as transaction:
        end(transaction, run)


def find(store: Store, run: int) -> StoredRun | None:
    """Raises StoreFailed."""
    query = "SELECT id, process, host, began, lease_until FROM runs WHERE id = ?"
    return next(store.read(StoredRun, query, (run,)), None)


def delete(store: Store, before: int) -> None:
    """Those that began before that moment, are over, and have no calls. Raises StoreFailed."""
    with store.transaction() as transaction:
        transaction(
            "DELETE FROM runs WHERE began < ? AND lease_until < ?"
            " AND id NOT IN (SELECT run FROM calls WHERE run IS NOT NULL)",
            (before, store.now()),
        )
        transaction("DELETE FROM guards WHERE run NOT IN (SELECT id FROM runs)")


def _end_of_lease(store: Store) -> int:
    return store.now() + round(LEASE * 1e6)
