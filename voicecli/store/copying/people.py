"""Copies who has unsubscribed. Each is brought there once: a person may allow some of them again there."""

from voicecli.store.copying.kinds import Copied
from voicecli.store.engine import Store
from voicecli.store.unsubscribed import is_number, unsettled_keys

NAME = "unsubscribed"
_NOTE = (
    "INSERT INTO copied_unsubscribed (source, destination, since) VALUES (?, ?, ?)"
    " ON CONFLICT (source, destination, since) DO NOTHING"
)
_INSERT = (
    "INSERT INTO unsubscribed (destination, since, session) VALUES (?, ?, ?)"
    " ON CONFLICT (destination) DO NOTHING"
)
_WAIT = (
    "INSERT INTO unsubscribed (destination, since, session)"
    " SELECT 'event ' || id, received, session FROM events WHERE session = ? AND key = ?"
    " ON CONFLICT (destination) DO NOTHING"
)


def copy_people(source: Store, target: Store, name: bytes) -> Copied:
    """``name`` is what the source is called there. Of whom it is not known yet is found among the events.
    Raises StoreFailed."""
    copied = Copied(NAME)
    query = "SELECT destination, since, session FROM unsubscribed ORDER BY since, destination"
    with target.transaction() as transaction:
        for person in filter(lambda row: is_number(row[0]), source.rows(query)):
            added = transaction(_NOTE, (name, *person[:2])).changed and transaction(_INSERT, person).changed
            copied = copied._replace(rows=copied.rows + 1, added=copied.added + added)
    return copied


def copy_waiting_keys(source: Store, target: Store, name: bytes) -> None:
    """Pressed keys of which the source does not know whether they unsubscribe somebody: that is found out
    there, once, now that the calls are there. Raises StoreFailed."""
    with target.transaction() as transaction:
        for session, key, received in unsettled_keys(source):
            if transaction(_NOTE, (name, f"{session} {key.hex()}", received)).changed:
                transaction(_WAIT, (session, key))
