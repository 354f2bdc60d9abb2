"""Fingerprints that were made elsewhere: with the keys of stores that were copied into this one, which are
sealed in it."""

from voicecli.store.engine import Store
from voicecli.store.keys import fingerprint, keyed_hash


def fingerprints(store: Store, content: bytes) -> list[bytes]:
    """The fingerprint, and those that the same content has under former keys. Raises StoreFailed, and
    ConfigurationError where these can't be read."""
    return [fingerprint(store, content), *(keyed_hash(content, key) for key in _former_keys(store))]


def keep_former_key(store: Store, key: bytes) -> bytes:
    """From now on, what has a fingerprint with this key of another store is recognised in this one. Gives
    what the other store is called here. Raises StoreFailed."""
    from voicecli.store import sealing

    name = fingerprint(store, key)
    with store.transaction() as transaction:
        insert = "INSERT INTO former_keys (id, sealed) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
        transaction(insert, (name, sealing.seal(store, key, name)))
    return name


def _former_keys(store: Store) -> list[bytes]:
    if not store.is_shared:  # nothing is copied into a file
        return []
    found = list(store.rows("SELECT id AS name, sealed FROM former_keys"))
    if not found:
        return []
    from voicecli.store import sealing

    return [sealing.unseal(store, sealed, name) for name, sealed in found]
