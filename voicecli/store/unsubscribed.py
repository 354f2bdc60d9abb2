"""Who does not want to be called again: the numbers whose session ended as unsubscribed, until a person says
otherwise.

They are kept apart from the events that told so, since those are deleted when they are old.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from voicecli.store import cursors
from voicecli.store.sqlite import Store
from voicecli.voice_api.codes import UNSUBSCRIBED_PART, is_unsubscribed

if TYPE_CHECKING:
    from voicecli.voice_api.webhook_events import Event

_READER = "unsubscribed"  # in seen_events
_WAITING = "event {}"  # in place of a destination, with the number of an event that names none


def update(store: Store) -> None:
    """Read the summaries (VSS) that came since the last time, and keep whom they are about; of several that
    read at once one does. Raises StoreFailed, as all here do, and then nothing of it is kept."""
    while not _taken_in(store):
        pass


def numbers(store: Store) -> set[str]:
    """All who are not to be called (E.164)."""
    update(store)
    everybody = store.rows("SELECT destination FROM unsubscribed")
    return {number for (number,) in everybody if number.startswith("+")}


def first_unsubscribed(store: Store, people: Iterable[str]) -> str | None:
    """The first of these numbers that is not to be called, as E.164, however it was written; None where all
    may be."""
    update(store)
    query = "SELECT EXISTS (SELECT 1 FROM unsubscribed WHERE destination = ?)"
    for number in filter(None, map(_e164, people)):
        if store.read_number(query, (number,)):
            return number
    return None


def add(store: Store, number: str, *, since: int, session: str) -> None:
    """This one (E.164) has unsubscribed, at that time (microseconds since 1970), in a session whose summary
    may not say who it was. For one who is known, the first time stays."""
    with store.transaction() as transaction:
        transaction("INSERT OR IGNORE INTO unsubscribed VALUES (?, ?, ?)", (number, since, session))


def allow(store: Store, number: str) -> bool:
    """Forget this one, because a person said so; whether it was among them. The next summary that says so
    brings it back."""
    update(store)
    with store.transaction() as transaction:
        return transaction("DELETE FROM unsubscribed WHERE destination = ?", (_e164(number),)).changed > 0


class _Found(NamedTuple):
    """A summary that counts, and who was called, as far as that is known."""

    event: int
    received: int
    session: str
    people: set[str]


def _taken_in(store: Store) -> bool:
    """Take in what there is; False where another process did so meanwhile, for then a person may have allowed
    some of it again."""
    seen = cursors.position(store, _READER)
    last = store.read_number("SELECT coalesce(max(id), 0) FROM events")
    new = list(_found(store, "id > ? AND id <= ?", (seen, last))) if last > seen else []
    waiting = (
        "SELECT CAST(substr(destination, 7) AS INTEGER) FROM unsubscribed WHERE destination GLOB 'event *'"
    )
    known_now = [one for one in _found(store, f"id IN ({waiting})") if one.people]
    if last <= seen and not known_now:
        return True
    insert = "INSERT OR IGNORE INTO unsubscribed VALUES (?, ?, ?)"
    with store.transaction() as transaction:
        if not cursors.advance(store, transaction, _READER, seen, max(seen, last)):
            return False
        for one in known_now:
            key = _WAITING.format(one.event)
            if not transaction("DELETE FROM unsubscribed WHERE destination = ?", (key,)).changed:
                one.people.clear()  # somebody else has done it
        for one in new:
            one.people.update(() if one.people else [_WAITING.format(one.event)])
        for one in (*known_now, *new):
            for destination in one.people:
                transaction(insert, (destination, one.received, one.session))
    return True


def _found(store: Store, which: str, parameters: Sequence[int] = ()) -> Iterator[_Found]:
    query = (
        "SELECT id, received, body FROM events"  # noqa: S608 - words of ours
        f" WHERE {which} AND type = 'VSS' AND instr(upper(CAST(body AS TEXT)), '{UNSUBSCRIBED_PART}')"
    )
    for number, received, body in store.rows(query, parameters):
        from voicecli.voice_api import webhook_events

        summary = webhook_events.parse(body)
        if summary is not None and is_unsubscribed(summary.outcome or ""):
            yield _Found(number, received, summary.session_id, _people(store, summary))


def _people(store: Store, summary: "Event") -> set[str]:
    """Who was called, by the summary and by our own notes: one that was not placed at all has no legs.

    8x8 does not say who of two that were bridged unsubscribed: then neither is to be called.
    """
    told = [leg.source if leg.inbound else leg.destination for leg in summary.legs] or [summary.destination]
    noted = store.rows(
        "SELECT destination FROM calls WHERE session = ? AND session != ''"
        " OR client_request_id = ? AND client_request_id != '' AND session IS NULL",
        (summary.session_id, summary.client_request_id),
    )
    everybody = (*told, *(destination for (destination,) in noted))
    return {number for text in everybody if (number := _e164(text))}


def _e164(text: str) -> str:
    """8x8 may leave out the +; nothing where there are no digits."""
    digits = re.sub("[^0-9]", "", text).lstrip("0")
    return digits and f"+{digits}"
