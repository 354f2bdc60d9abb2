"""Begins the journal of a broadcast, and opens one again: for one process, or for all machines that share the
store."""

import json
import secrets
from collections.abc import Mapping

from voicecli.account import AccountId
from voicecli.store import sealing
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import Broadcast
from voicecli.store.engine import Store


def create_journal(
    store: Store,
    *,
    account: AccountId,
    file: str,
    fingerprint: bytes,
    shard: tuple[int, int],
    options: Mapping[str, object],
    content: bytes,
) -> Journal:
    """A new broadcast, locked, whose rows are still to be planned; ``content`` is what people hear. Until
    ``plan`` is done, ``delete_unplanned`` deletes it once this process has ended."""
    broadcast_id = "b" + secrets.token_hex(5)
    sealed = sealing.seal(store, content, broadcast_id.encode())
    identity = (broadcast_id, store.now(), *account, file, fingerprint, *shard)
    return _kind(store).create(store, (*identity, json.dumps(options), sealed))


def open_journal(store: Store, broadcast: Broadcast) -> Journal:
    """To go on with it, alone at first. Raises InUse where another process works on it."""
    return _kind(store).open(store, broadcast)


def _kind(store: Store) -> type[Journal]:
    if not store.is_shared:
        return Journal
    from voicecli.store.shared_journal import SharedJournal

    return SharedJournal
