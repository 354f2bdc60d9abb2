"""The events by which people unsubscribe: a summary (VSS) that says so, and a pressed key (VCA, VCS) that
means stop in its call. ``unsubscribed`` reads them and keeps whom they are about."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from voicecli.json_values import text
from voicecli.sessions.attempt import Attempt
from voicecli.sessions.key_names import KeyNames
from voicecli.store.attempts import FLOW_OUTLIVES, attempt_of_session, attempts_where
from voicecli.store.engine import Store
from voicecli.store.paging import LAST
from voicecli.voice_api.codes import UNSUBSCRIBED_PART, is_unsubscribed

if TYPE_CHECKING:
    from voicecli.voice_api.webhook_events import Event

IS_WAITING = "destination > 'event ' AND destination < 'event!'"
"""Which rows of ``unsubscribed`` have the number of an event in place of a destination."""
WAITING = f"SELECT CAST(substr(destination, 7) AS BIGINT) FROM unsubscribed WHERE {IS_WAITING}"
"""These numbers."""
SUMMARIES, KEYS = "unsubscribed", "stop keys"
"""What these events are read as, in seen_events: apart, since an earlier version reads the first only."""
_CLOCKS = 60_000_000  # microseconds by which the clocks of two machines may differ
_OF_A_CALL = "SELECT 1 FROM calls WHERE calls.session = events.session"
_WITH_KEYS = "SELECT 1 FROM calls WHERE key_names IS NOT NULL"
_STOPS = "instr(calls.key_names, 'stop') > 0"  # perhaps: the names tell


class Unsubscription(NamedTuple):
    """An event that unsubscribes who was called: nobody as long as it is not known who that is. One that is
    not new has waited for that; with ``is_void`` it is about nobody, after all."""

    event: int
    received: int
    session: str
    people: set[str]
    is_new: bool
    is_void: bool = False


def from_summaries(store: Store, seen: int, newest: int) -> list[Unsubscription]:
    """Those between two events, and those of which is known only now whom they are about."""
    which = f"type = 'VSS' AND instr(upper(CAST(body AS TEXT)), '{UNSUBSCRIBED_PART}') > 0"
    found = []
    for number, received, event in _events(store, which, which, seen, newest):
        if is_unsubscribed(event.outcome or "") and ((people := _called(store, event)) or number > seen):
            found.append(Unsubscription(number, received, event.session_id, people, number > seen))
    return found


def from_keys(store: Store, seen: int, newest: int) -> list[Unsubscription]:
    """The same for pressed keys, by what keys mean in the call: also where the call's own request has not
    been answered yet, or never was."""
    pressed = "type IN ('VCA', 'VCS') AND session != ''"
    perhaps_lost = f"SELECT 1 FROM calls WHERE session IS NULL AND {_STOPS}"
    which = (
        f"{pressed} AND (EXISTS ({_OF_A_CALL} AND {_STOPS})"
        f" OR NOT EXISTS ({_OF_A_CALL}) AND EXISTS ({perhaps_lost}))"
    )
    found = []
    since = f"(SELECT CASE WHEN EXISTS ({_WITH_KEYS}) THEN ? ELSE {LAST[0]} END)"
    for number, received, event in _events(store, which, pressed, seen, newest, since=since):
        people, is_new = _who_pressed_stop(store, event, received), number > seen
        if people != (None if is_new else set()):  # else nothing changes
            is_void = people is None
            found.append(Unsubscription(number, received, event.session_id, people or set(), is_new, is_void))
    return found


def e164(number: str) -> str:
    """8x8 may leave out the +; nothing where there are no digits."""
    digits = re.sub("[^0-9]", "", number).lstrip("0")
    return digits and f"+{digits}"


def _events(
    store: Store, new: str, waiting: str, seen: int, newest: int, *, since: str = "?"
) -> Iterator[tuple[int, int, "Event"]]:
    """The events between two for which the one condition holds, and those that wait with the other. ``since``
    is where they begin, in SQL, made of ``seen``."""
    # Each part is found by an index; PostgreSQL would read all events for an OR of both.
    query = (
        f"SELECT id, received, body FROM events WHERE id > {since} AND id <= ? AND {new} UNION ALL"
        f" SELECT id, received, body FROM events WHERE id IN ({WAITING}) AND id <= ? AND {waiting}"
        " ORDER BY id"
    )
    for number, received, body in store.rows(query, (seen, newest, seen)):
        from voicecli.voice_api import webhook_events

        if (event := webhook_events.parse(body)) is not None:
            yield number, received, event


def _called(store: Store, summary: "Event") -> set[str]:
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
    return {number for text in everybody if (number := e164(text))}


# -- pressed keys ----------------------------------------------------------------------------------------


def _who_pressed_stop(store: Store, event: "Event", received: int) -> set[str] | None:
    """Who was called and pressed it: None for nobody, empty where it is not known yet whose call it is."""
    if event.digits is None or event.status == "CALL_RECEIVED":
        return None
    attempt = attempt_of_session(store, event.session_id)
    if attempt is not None:
        return _people([attempt], event) if _is_stop(attempt, event.digits) else None
    lost = _lost_calls(store, received)
    if not any(_is_stop(one, event.digits) for one in lost):
        return None
    candidates = _named(store, lost, event) or _between_the_same(lost, event)
    if candidates and all(_is_stop(one, event.digits) for one in candidates):
        return _people(candidates, event)
    return None if candidates == [] else set()  # more is known once their answers have come


def _is_stop(attempt: Attempt, digits: str) -> bool:
    """Whether that means stop in a call; never in a trial, which is to a number of one's own."""
    from voicecli.store.contacts import is_trial

    if is_trial(attempt.client_request_id):
        return False
    keys = KeyNames.stored(attempt.asks, attempt.key_names)
    return keys is not None and keys.is_stop(digits)


def _people(attempts: Iterable[Attempt], event: "Event") -> set[str]:
    return {number for one in attempts if (number := e164(one.destination or event.destination))}


def _lost_calls(store: Store, received: int) -> Sequence[Attempt]:
    """Calls whose session 8x8 has not told, and which may have been going on at that moment."""
    which = "WHERE session IS NULL AND placed <= ? AND coalesce(valid_until, placed) > ?"
    return list(attempts_where(store, which, (received + _CLOCKS, received - FLOW_OUTLIVES)))


def _named(store: Store, lost: Sequence[Attempt], event: "Event") -> list[Attempt]:
    """Those that the event names, or a summary of its session."""
    from voicecli.store.event_queries import events_of_session

    action_id = text(event.payload.get("clientActionId"))
    summaries = events_of_session(store, event.session_id, kind="VSS")
    requests = {one.event.client_request_id for one in summaries} - {""}
    return [
        one
        for one in lost
        if one.client_request_id in requests or (action_id and action_id == one.client_action_id)
    ]


def _between_the_same(lost: Sequence[Attempt], event: "Event") -> list[Attempt] | None:
    """Those between the same numbers; None where the event does not tell which number was called."""
    called, caller = e164(event.destination), e164(event.source)
    if not called:
        return None
    named = text(event.payload.get("clientActionId"))
    return [
        one
        for one in lost
        if e164(one.destination) == called
        and (not caller or e164(one.source) in ("", caller))
        and (not named or not one.client_action_id)  # else it would be the same
    ]
