"""Who does not want to be called again: the numbers whose session ended as unsubscribed, or who pressed a key
that means stop, until a person says otherwise.

They are kept apart from the events that said so, since those are deleted when they are old.
``calling.do_not_call`` and ``broadcast.eligibility`` ask here before a call.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from voicecli.errors import StoreFailed, StoreUnreachable
from voicecli.store.engine import Store, Transaction
from voicecli.store.read_positions import advance, last_event_number
from voicecli.store.unsubscribing_events import (
    IS_WAITING,
    KEYS,
    SUMMARIES,
    WAITING,
    Unsubscription,
    e164,
    from_keys,
    from_summaries,
)

_WAITING = "event {}"  # in place of a destination, with the number of an event that names none
_INSERT = "INSERT INTO unsubscribed VALUES (?, ?, ?) ON CONFLICT (destination) DO NOTHING"
_DELETE = "DELETE FROM unsubscribed WHERE destination = ?"


def update(store: Store) -> None:
    """Read the events that came since the last time, and keep whom they unsubscribe; of several that read at
    once one does. Raises StoreFailed, as all here do, and then nothing of it is kept."""
    while not _try_update(store):
        pass


def numbers(store: Store) -> set[str]:
    """All who are not to be called (E.164)."""
    update(store)
    everybody = store.rows("SELECT destination FROM unsubscribed")
    return {number for (number,) in everybody if is_number(number)}


def first_unsubscribed(store: Store, people: Iterable[str]) -> str | None:
    """The first of these numbers that is not to be called, as E.164, however it was written; None where all
    may be. Where the store can be read only, who is known is found all the same."""
    not_noted, why = set[str](), None
    try:
        update(store)
    except StoreUnreachable:
        raise
    except StoreFailed as error:
        why, new = error, _read(store, _positions(store), last_event_number(store))
        not_noted = {number for one in new for number in one.people}
    query = "SELECT EXISTS (SELECT 1 FROM unsubscribed WHERE destination = ?)"
    for number in filter(None, map(e164, people)):
        if number in not_noted or store.read_number(query, (number,)):
            return number
    if why is not None:
        raise why
    return None


def unsettled_sessions(store: Store) -> set[str]:
    """Those of which ``update`` has not read all events yet, or does not know whom they are about."""
    query = (
        f"SELECT session FROM unsubscribed WHERE {IS_WAITING}"
        " UNION SELECT session FROM events WHERE type IN ('VSS', 'VCA', 'VCS') AND id > ?"
    )
    return {session for (session,) in store.rows(query, (min(_positions(store).values()),))}


def unsettled_keys(store: Store) -> list[tuple[str, bytes, int]]:
    """Events that tell what was pressed, and which ``update`` has not read yet or does not know the call of:
    their sessions and keys, and when they came."""
    query = (
        "SELECT session, key, received FROM events WHERE type IN ('VCA', 'VCS')"
        f" AND (id > ? OR id IN ({WAITING})) ORDER BY id"
    )
    return list(store.rows(query, (_positions(store)[KEYS],)))


def add(store: Store, number: str, *, since: int, session: str) -> None:
    """This one (E.164) has unsubscribed, at that time (microseconds since 1970), in a session whose summary
    may not say who it was. For one who is known, the first time stays."""
    with store.transaction(concurrent=True) as transaction:
        transaction(_INSERT, (number, since, session))


def is_number(destination: str) -> bool:
    """Whether it is known whom it stands for."""
    return destination.startswith("+")


def allow(store: Store, number: str) -> bool:
    """Forget this one, because a person said so; whether it was among them. The next event that says so
    brings it back."""
    update(store)
    with store.transaction() as transaction:
        return transaction(_DELETE, (e164(number),)).changed > 0


def _positions(store: Store) -> dict[str, int]:
    """How far summaries were read, and pressed keys."""
    query = "SELECT reader, event FROM seen_events WHERE reader IN (?, ?)"
    return {SUMMARIES: 0, KEYS: 0, **dict(store.rows(query, (SUMMARIES, KEYS)))}


def _read(store: Store, seen: Mapping[str, int], newest: int) -> list[Unsubscription]:
    return [*from_summaries(store, seen[SUMMARIES], newest), *from_keys(store, seen[KEYS], newest)]


def _try_update(store: Store) -> bool:
    """Read what is new; False where another process did so meanwhile, for then a person may have allowed some
    of it again. Where an event does not tell whom it is about, its number is kept until that is known."""
    seen, newest = _positions(store), last_event_number(store)
    found = _read(store, seen, newest)
    if newest <= min(seen.values()) and not found:
        return True
    with suppress(_ReadMeanwhile), store.transaction(concurrent=True) as transaction:
        _record(transaction, found, seen, newest)
        return True
    return False


def update_within(store: Store, transaction: Transaction) -> list[tuple[str, int, str]]:
    """``update`` within a transaction: whom the events are about, when they came, and their sessions."""
    seen, newest = _positions(store), last_event_number(store)
    found = _read(store, seen, newest)
    _record(transaction, found, seen, newest)
    return [(person, one.received, one.session) for one in found for person in one.people]


class _ReadMeanwhile(Exception):
    """Undoes the transaction."""


def _record(
    transaction: Transaction, found: Iterable[Unsubscription], seen: Mapping[str, int], newest: int
) -> None:
    """Raises _ReadMeanwhile."""
    for reader, event in seen.items():
        if not advance(transaction, reader, event, max(event, newest)):
            raise _ReadMeanwhile
    for one in found:
        key = _WAITING.format(one.event)
        if one.is_new or transaction(_DELETE, (key,)).changed:  # else another process has done it
            people = set() if one.is_void else one.people or {key}
            transaction.execute_many(_INSERT, [(person, one.received, one.session) for person in people])
