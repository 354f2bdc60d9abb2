"""Who does not want to be called again: the numbers whose session ended as unsubscribed, until a person says
otherwise.

They are kept apart from the events that said so, since those are deleted when they are old.
``calling.do_not_call`` and ``broadcast.eligibility`` ask here before a call.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from voicecli.errors import StoreFailed, StoreUnreachable
from voicecli.store.engine import Store, Transaction
from voicecli.store.read_positions import advance, last_event_number, read_position
from voicecli.voice_api.codes import UNSUBSCRIBED_PART, is_unsubscribed

if TYPE_CHECKING:
    from voicecli.voice_api.webhook_events import Event

_READER = "unsubscribed"  # in seen_events
_WAITING = "event {}"  # in place of a destination, with the number of an event that names none
_IS_WAITING = "destination > 'event ' AND destination < 'event!'"  # it begins with the former
_INSERT = "INSERT INTO unsubscribed VALUES (?, ?, ?) ON CONFLICT (destination) DO NOTHING"
_DELETE = "DELETE FROM unsubscribed WHERE destination = ?"


def update(store: Store) -> None:
    """Read the summaries (VSS) that came since the last time, and keep whom they are about; of several that
    read at once one does. Raises StoreFailed, as all here do, and then nothing of it is kept."""
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
        why, new = error, _summaries(store, read_position(store, _READER), last_event_number(store))
        not_noted = {number for summary in new for number in summary.people}
    query = "SELECT EXISTS (SELECT 1 FROM unsubscribed WHERE destination = ?)"
    for number in filter(None, map(_e164, people)):
        if number in not_noted or store.read_number(query, (number,)):
            return number
    if why is not None:
        raise why
    return None


def unsettled_sessions(store: Store) -> set[str]:
    """Those whose summaries ``update`` has not read yet, or of which it is not known whom they are about."""
    query = (
        f"SELECT session FROM unsubscribed WHERE {_IS_WAITING}"  # noqa: S608
        " UNION SELECT session FROM events WHERE type = 'VSS' AND id > ?"
    )
    return {session for (session,) in store.rows(query, (read_position(store, _READER),))}


def add(store: Store, number: str, *, since: int, session: str) -> None:
    """This one (E.164) has unsubscribed, at that time (microseconds since 1970), in a session whose summary
    may not say who it was. For one who is known, the first time stays."""
    with store.transaction(concurrent=True) as transaction:
        transaction(_INSERT, (number, since, session))


def is_number(destination: str) -> bool:
    """Whether it is known whom it stands for."""
    return destination.startswith("+")


def allow(store: Store, number: str) -> bool:
    """Forget this one, because a person said so; whether it was among them. The next summary that says so
    brings it back."""
    update(store)
    with store.transaction() as transaction:
        return transaction(_DELETE, (_e164(number),)).changed > 0


class _Summary(NamedTuple):
    """One that says UNSUBSCRIBED, and who was called, as far as that is known."""

    event: int
    received: int
    session: str
    people: set[str]


def _try_update(store: Store) -> bool:
    """Read what is new; False where another process did so meanwhile, for then a person may have allowed some
    of it again. Where a summary does not tell whom it is about, its number is kept until that is known."""
    seen, newest = read_position(store, _READER), last_event_number(store)
    summaries = _summaries(store, seen, newest)
    if newest <= seen and not summaries:
        return True
    with store.transaction(concurrent=True) as transaction:
        return _record(transaction, summaries, seen, max(seen, newest))


def update_within(store: Store, transaction: Transaction) -> list[tuple[str, int, str]]:
    """``update`` within a transaction: whom the summaries are about, when they came, and their sessions."""
    seen, newest = read_position(store, _READER), last_event_number(store)
    summaries = _summaries(store, seen, newest)
    _record(transaction, summaries, seen, max(seen, newest))
    return [(one, summary.received, summary.session) for summary in summaries for one in summary.people]


def _record(transaction: Transaction, summaries: Iterable[_Summary], seen: int, newest: int) -> bool:
    if not advance(transaction, _READER, seen, newest):
        return False
    for event, received, session, people in summaries:
        key = _WAITING.format(event)
        if event > seen or transaction(_DELETE, (key,)).changed:  # else another process has done it
            transaction.execute_many(_INSERT, [(one, received, session) for one in people or {key}])
    return True


def _summaries(store: Store, seen: int, newest: int) -> list[_Summary]:
    """Those that are new, and those of which is known only now whom they are about."""
    found = _new_or_waiting(store, seen, newest)
    return [one for one in found if one.event > seen or one.people]


def _new_or_waiting(store: Store, seen: int, newest: int) -> Iterator[_Summary]:
    # Each part is found by an index; PostgreSQL would read all events for an OR of both.
    which = f"type = 'VSS' AND instr(upper(CAST(body AS TEXT)), '{UNSUBSCRIBED_PART}') > 0"
    waiting = f"SELECT CAST(substr(destination, 7) AS BIGINT) FROM unsubscribed WHERE {_IS_WAITING}"  # noqa: S608
    query = (
        f"SELECT id, received, body FROM events WHERE id > ? AND id <= ? AND {which} UNION ALL"  # noqa: S608
        f" SELECT id, received, body FROM events WHERE id IN ({waiting}) AND id <= ? AND {which} ORDER BY id"
    )
    for number, received, body in store.rows(query, (seen, newest, seen)):
        from voicecli.voice_api import webhook_events

        summary = webhook_events.parse(body)
        if summary is not None and is_unsubscribed(summary.outcome or ""):
            yield _Summary(number, received, summary.session_id, _people(store, summary))


def _people(store: Store, summary: "Event") -> set[str]:
    """Who was called, by the summary and by our own notes: one that was not placed at all has no legs.

    8x8 does not say who of two that were bridged unsubscribed: then neither is to be called.
    """
    called = [leg.source if leg.inbound else leg.destination for leg in summary.legs] or [summary.destination]
    noted = store.rows(
        "SELECT destination FROM calls WHERE session = ? AND session != ''"
        " OR client_request_id = ? AND client_request_id != '' AND session IS NULL",
        (summary.session_id, summary.client_request_id),
    )
    everybody = (*called, *(destination for (destination,) in noted))
    return {number for text in everybody if (number := _e164(text))}


def _e164(text: str) -> str:
    """8x8 may leave out the +; nothing where there are no digits."""
    digits = re.sub("[^0-9]", "", text).lstrip("0")
    return digits and f"+{digits}"
