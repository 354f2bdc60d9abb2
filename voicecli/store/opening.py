"""Opens the store, whichever engine it has: nothing else asks which one that is."""

from voicecli.store.engine import Store
from voicecli.store.location import StorePlace


def open_store(place: StorePlace, *, accept_newer: bool = False) -> Store:
    """The open store; use it in a ``with``. Raises ConfigurationError for one that can't be used, and for one
    that a newer voicecli has made or migrated, unless ``accept_newer``: a listener that was running before
    goes on, since migrations only add."""
    if place.is_shared:
        from voicecli.store.postgresql import PostgresqlStore

        return PostgresqlStore(place, accept_newer=accept_newer)
    from voicecli.store.sqlite import SqliteStore

    return SqliteStore(place.folder, accept_newer=accept_newer)
