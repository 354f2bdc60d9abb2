"""Who was called how often, for ``--at-most``: by number, whatever placed the call.

All attempts of the store count, also those of which nobody knows what became of them, but for those that
certainly did not reach anybody: a request that was not carried out is no attempt any more, and the outcomes
of ``NOT_REACHED`` say so of the others.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from voicecli.at_most import AtMost
from voicecli.clock import iso, local_time, to_local
from voicecli.errors import CalledTooOften, StoreFailed
from voicecli.sessions.attempt import AttemptState
from voicecli.store.attempt_outcomes import update_outcomes_if_writable
from voicecli.store.engine import Store, marks
from voicecli.voice_api.codes import Outcome

NOT_REACHED = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.CANCELED, Outcome.FAILED, Outcome.ERROR)
TRIAL = "try-on-"
"""How the clientRequestIds of --try-on begin, a UUID following: one calls oneself with it, and that does not
count. A --message-id of the user's own may begin so, too."""
_TRIALS = f"{TRIAL}________-____-4___-____-____________"  # by which SQL's LIKE knows them
_PAGE = 250  # numbers in one query


class LastContact(NamedTuple):
    """The last call to a number that has been called too often; it may be called again at ``until``. Moments
    are in microseconds since 1970. ``is_certain`` is whether 8x8 has accepted that call."""

    at: int
    until: int
    is_certain: bool
    session_id: str | None

    def reason(self, at_most: AtMost) -> str:
        """Why its row is left out: a clause that is still true when it is read later. Earlier versions know
        such rows by it (``broadcast_rows.LEFT_OUT``)."""
        perhaps = "" if self.is_certain else "perhaps "
        return f"{perhaps}called on {_day_and_time(self.at)}; at most {at_most.words}"


def is_trial(client_request_id: str) -> bool:
    """Whether --try-on has placed the call."""
    return re.fullmatch(_TRIALS.replace("_", "."), client_request_id, re.DOTALL) is not None


def prepare(store: Store) -> None:
    """To be called once before the others: lets them find calls by their number quickly. Few need that, and
    it makes each call that is recorded dearer, so the index is not there before. Where it can't be made, all
    of this takes longer. Raises ConfigurationError where locks do not work."""
    store.require_locks()
    with suppress(StoreFailed):
        store.index_destinations()


def called_too_often(
    store: Store, numbers: Iterable[str], at_most: AtMost, *, but: Collection[int] = ()
) -> dict[str, LastContact]:
    """Which of these numbers (E.164) can't be called now, and their last calls. Attempts of ``but`` (their
    ids) do not count. Within a transaction it stays so until that ends. Raises StoreFailed."""
    found: dict[str, LastContact] = {}
    numbers = iter(numbers)
    while some := list(islice(numbers, _PAGE)):
        calls: dict[str, list[tuple[Any, ...]]] = {}
        for number, *call in _calls(store, some, at_most):
            if call[0] not in but:
                calls.setdefault(f"+{number.lstrip('+')}", []).append(tuple(call))
        for number, newest in calls.items():
            if len(newest) >= at_most.calls:
                (_, at, state, session), earliest = newest[0], newest[at_most.calls - 1]
                until = earliest[1] + at_most.microseconds
                found[number] = LastContact(at, until, state == AttemptState.ACCEPTED, session)
    return found


def _calls(store: Store, numbers: Sequence[str], at_most: AtMost) -> Iterator[tuple[Any, ...]]:
    """Those that count, newest first. A callflow of the user's own may write a number without its +: one
    that was placed, and one that is to be."""
    bare = [number.removeprefix("+") for number in numbers]
    written = [*bare, *(f"+{number}" for number in bare)]
    query = (
        "SELECT destination, id, placed, state, session FROM calls"
        f" WHERE destination IN ({marks(written)}) AND placed > ?"
        f" AND client_request_id NOT LIKE '{_TRIALS}'"
        f" AND (outcome IS NULL OR outcome NOT IN ({marks(NOT_REACHED)}))"
        " ORDER BY placed DESC"
    )
    return store.rows(query, (*written, store.now() - at_most.microseconds, *NOT_REACHED))


def refuse_too_often(store: Store, numbers: Sequence[str], at_most: AtMost) -> None:
    """Raises CalledTooOften where one of them can't be called now, and StoreFailed."""
    for number, last in called_too_often(store, numbers, at_most).items():
        raise too_often(number, last, at_most)


def read_outcomes(store: Store) -> None:
    """Take in what 8x8 has reported by now, before ``refuse_too_often`` and outside of its transaction.
    Raises ConfigurationError where locks do not work."""
    prepare(store)
    update_outcomes_if_writable(store)


def too_often(number: str, last: LastContact, at_most: AtMost) -> CalledTooOften:
    """The error for who would call that number."""
    was = "was called" if last.is_certain else "may have been called"
    return CalledTooOften(
        f"{number} {was} at {local_time(last.at)}; at most {at_most.words} is allowed: nothing was sent.",
        hint=f"It may be called again from {local_time(last.until)} on; --at-most none (atMost) lifts that.",
        details={
            "destination": number,
            "atMost": str(at_most),
            "at": iso(last.at),
            "guardUntil": iso(last.until),
            "sessionId": last.session_id,
        },
    )


def _day_and_time(microseconds: int) -> str:
    moment = to_local(microseconds)
    return f"{moment:%Y-%m-%d} at {moment:%H:%M}"
