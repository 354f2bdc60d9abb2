"""The calls that were placed from here, and the guard against placing the same one twice.

What a call says is not among it: ``--once`` compares keyed hashes.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from voicecli.callflow import CallRequest, destinations, sources
from voicecli.errors import PlacedBefore
from voicecli.store import Store


class State(StrEnum):
    """What is known of a request. One that 8x8 refused, or that never left, is not kept."""

    SENDING = "sending"  # it may leave at any moment; if it still says so later, nobody knows
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"  # it left, and no answer came


class Placed(NamedTuple):
    """One call. ``session_id`` is None until 8x8 has told it."""

    id: int
    placed: int  # microseconds since 1970, UTC
    state: State
    session_id: str | None
    client_request_id: str
    source: str
    destination: str


class PlacedCalls:
    """The calls of one subaccount in a store. Every method raises StoreFailed."""

    def __init__(self, store: Store, *, base_url: str, subaccount_id: str) -> None:
        self._store = store
        self._of = (base_url, subaccount_id)

    def keep(self, request: CallRequest, state: State, session_id: str | None = None) -> None:
        """Keep what became of a request."""
        with self._store.change() as change:
            change(_INSERT, self._row(request, state, session_id, None))

    def claim(self, request: CallRequest, *, fingerprint: bytes, named: bool, within: timedelta) -> int:
        """Keep a request that is about to leave, unless the same was kept in the last ``within``: one with
        this fingerprint, or, of a call that its user ``named``, one with its clientRequestId.

        Gives the number to ``settle`` it by. Raises PlacedBefore.
        """
        since = time.time_ns() // 1000 - within // timedelta(microseconds=1)
        with self._store.change() as change:
            found = change(
                "SELECT placed, state, session FROM calls WHERE base_url = ? AND subaccount = ?"
                " AND placed > ? AND (fingerprint = ? OR (? AND client_request_id = ?))"
                " ORDER BY placed DESC LIMIT 1",
                (*self._of, since, fingerprint, named, request.client_request_id),
            ).fetchone()
            if found is not None:
                raise _placed_before(*found)
            return change(_INSERT, self._row(request, State.SENDING, None, fingerprint)).lastrowid or 0

    def settle(self, number: int, state: State | None, session_id: str | None = None) -> None:
        """Note what became of a claimed request; None for one that was certainly not carried out."""
        with self._store.change() as change:
            if state is None:
                change("DELETE FROM calls WHERE id = ?", (number,))
            else:
                change("UPDATE calls SET state = ?, session = ? WHERE id = ?", (state, session_id, number))

    def _row(
        self, request: CallRequest, state: State, session_id: str | None, fingerprint: bytes | None
    ) -> tuple[object, ...]:
        now = time.time_ns() // 1000
        source = next(iter(sources(request.callflow)), "")
        destination = next(iter(destinations(request.callflow)), "")
        ids = (session_id, request.client_request_id)
        return (now, *self._of, state, *ids, source, destination, fingerprint)


def _placed_before(placed: int, state: str, session_id: str | None) -> PlacedBefore:
    ago = timedelta(seconds=max(0, (time.time_ns() // 1000 - placed) // 1_000_000))
    sure = "was placed" if state == State.ACCEPTED else "was sent, and may have been placed,"
    session = f" as session {session_id}" if session_id else ""
    return PlacedBefore(
        f"The same call {sure} {ago} (h:mm:ss) ago{session}: nothing was sent.",
        hint="--within says how long a call counts as the same; without --once it is placed again.",
        session_id=session_id,
    )


_INSERT = (
    "INSERT INTO calls (placed, base_url, subaccount, state, session, client_request_id, source, destination,"
    " fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def placed_calls(store: Store, *, since: int = 0) -> Iterator[Placed]:
    """The calls of all subaccounts from that moment on (microseconds since 1970), newest first."""
    return calls_where(store, "WHERE placed >= ? ORDER BY placed DESC", (since,))


def calls_where(store: Store, which: str, parameters: tuple[object, ...]) -> Iterator[Placed]:
    """The calls that a WHERE of ours chooses. Raises StoreFailed."""
    columns = "id, placed, state, session, client_request_id, source, destination"
    for number, placed, state, *rest in store.rows(f"SELECT {columns} FROM calls {which}", parameters):  # noqa: S608
        yield Placed(number, placed, State(state), *rest)
