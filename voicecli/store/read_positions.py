"""How far each reader of the events has read. Of several processes that read for it at once, one advances it,
and the others notice that. Every function raises StoreFailed."""

from voicecli.store.engine import Store, Transaction


def last_event_number(store: Store) -> int:
    """The number of the newest event, 0 where there is none: all that come later get higher ones, also those
    that another process is about to commit."""
    return store.read_number("SELECT coalesce(max(id), 0) FROM events")


def read_position(store: Store, reader: str) -> int:
    """The number of the newest event that this reader has processed."""
    return store.read_number("SELECT coalesce(max(event), 0) FROM seen_events WHERE reader = ?", (reader,))


def advance(transaction: Transaction, reader: str, start: int, end: int) -> bool:
    """Note, within a transaction, which may be ``concurrent``, that the events up to ``end`` were processed;
    False, and nothing is noted, where the reader is not at ``start`` any more: then what was read from there
    is not to be written."""
    update = "UPDATE seen_events SET event = ? WHERE reader = ? AND event = ?"
    if transaction(update, (end, reader, start)).changed:
        return True
    insert = "INSERT INTO seen_events VALUES (?, ?) ON CONFLICT (reader) DO NOTHING"
    return start == 0 and transaction(insert, (reader, end)).changed > 0
