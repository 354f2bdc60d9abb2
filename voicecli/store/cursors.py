"""How far each reader of the events has come. Several processes may read at once: one of them gets on, and
the others see that."""

from voicecli.store.sqlite import Store, Transaction


def position(store: Store, reader: str) -> int:
    """The number of the newest event that this reader has taken in. Raises StoreFailed."""
    return store.read_number("SELECT coalesce(max(event), 0) FROM seen_events WHERE reader = ?", (reader,))


def advance(store: Store, transaction: Transaction, reader: str, start: int, end: int) -> bool:
    """Note, within a transaction, that the events up to ``end`` were taken in; False, and nothing is
    noted, where the reader is not at ``start`` any more: then what was read from there is not to be written.
    Raises StoreFailed."""
    if position(store, reader) != start:
        return False
    transaction("INSERT OR REPLACE INTO seen_events VALUES (?, ?)", (reader, end))
    return True
