"""The calls that were placed from here, and the guard against placing the same one twice.

What a call says is not among it: ``--once`` compares keyed hashes.
"""

import json
from collections.abc import Iterator
from datetime import timedelta

from voicecli.callflow import CallRequest, destinations, gist, sources
from voicecli.clock import now
from voicecli.errors import PlacedBefore
from voicecli.sessions.attempts import Attempt, AttemptState
from voicecli.store.keys import fingerprint
from voicecli.store.sqlite import Store


class Attempts:
    """The calls of one subaccount in a store. Every method raises StoreFailed."""

    def __init__(self, store: Store, *, base_url: str, subaccount_id: str) -> None:
        self._store = store
        self._of = (base_url, subaccount_id)

    def keep(
        self,
        request: CallRequest,
        state: AttemptState,
        session_id: str | None = None,
        *,
        placed: int | None = None,
    ) -> int:
        """Keep a request that left at ``placed`` (microseconds since 1970), else now. Gives the number to
        ``settle`` it by."""
        placed = now() if placed is None else placed
        with self._store.change() as change:
            return change(_INSERT, self._row(request, state, session_id, placed)).lastrowid or 0

    def claim(self, request: CallRequest, *, named: bool, within: timedelta) -> int:
        """Keep a request that is about to leave, unless the same was kept in the last ``within``: of a call
        that its user ``named``, any with its clientRequestId, else one that calls the same number and says
        the same, and was claimed as well.

        Gives the number to ``settle`` it by. Raises PlacedBefore.
        """
        fingerprint = None if named else self._fingerprint(request)
        placed = now()
        until = placed + within // timedelta(microseconds=1)
        with self._store.change() as change:
            self._refuse_repetition(request, fingerprint, within)
            row = self._row(request, AttemptState.SENDING, None, placed, fingerprint, until)
            return change(_INSERT, row).lastrowid or 0

    def refuse_repetition(self, request: CallRequest, *, named: bool, within: timedelta) -> None:
        """Raises PlacedBefore where ``claim`` would do so now."""
        self._refuse_repetition(request, None if named else self._fingerprint(request), within)

    def _refuse_repetition(self, request: CallRequest, fingerprint: bytes | None, within: timedelta) -> None:
        since = now() - within // timedelta(microseconds=1)
        before = next(
            self._store.rows(
                "SELECT placed, state, session FROM calls WHERE base_url = ? AND subaccount = ?"
                " AND placed > ? AND (fingerprint = ? OR client_request_id = ?)"
                " ORDER BY placed DESC LIMIT 1",
                (*self._of, since, fingerprint, request.client_request_id),
            ),
            None,
        )
        if before is not None:
            raise _placed_before(*before)

    def settle(self, number: int, state: AttemptState | None, session_id: str | None = None) -> None:
        """Note what became of a request that is kept; None for one that was certainly not carried out."""
        with self._store.change() as change:
            if state is None:
                change("DELETE FROM calls WHERE id = ?", (number,))
            else:
                change("UPDATE calls SET state = ?, session = ? WHERE id = ?", (state, session_id, number))

    def _fingerprint(self, request: CallRequest) -> bytes:
        """Without the key, which is in a file of its own, it reveals nothing of the text."""
        return fingerprint(self._store, json.dumps([*self._of, gist(request.callflow)]).encode())

    def _row(
        self,
        request: CallRequest,
        state: AttemptState,
        session_id: str | None,
        placed: int,
        fingerprint: bytes | None = None,
        guarded: int = 0,
    ) -> tuple[object, ...]:
        source = next(iter(sources(request.callflow)), "")
        destination = next(iter(destinations(request.callflow)), "")
        ids = (session_id, request.client_request_id)
        return (placed, *self._of, state, *ids, source, destination, fingerprint, guarded)


def _placed_before(placed: int, state: str, session_id: str | None) -> PlacedBefore:
    sure = "was placed" if state == AttemptState.ACCEPTED else "was sent, and may have been placed,"
    session = f" as session {session_id}" if session_id else ""
    return PlacedBefore(
        f"The same call {sure} {_ago((now() - placed) // 1_000_000)}{session}: nothing was sent.",
        hint="--within says how long a call counts as the same; without --once it is placed again.",
        session_id=session_id,
    )


def _ago(seconds: int) -> str:
    for unit, length in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return "just now"


_INSERT = (
    "INSERT INTO calls (placed, base_url, subaccount, state, session, client_request_id, source, destination,"
    " fingerprint, guarded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def is_session_known(store: Store, session_id: str) -> bool:
    """Whether it is that of a call that 8x8 has accepted from here. Raises StoreFailed."""
    [(known,)] = store.rows("SELECT EXISTS (SELECT 1 FROM calls WHERE session = ?)", (session_id,))
    return bool(known)


def calls_where(store: Store, which: str, parameters: tuple[object, ...]) -> Iterator[Attempt]:
    """The calls that a WHERE of ours chooses. Raises StoreFailed."""
    columns = "id, placed, state, session, client_request_id, source, destination"
    for number, placed, state, *rest in store.rows(f"SELECT {columns} FROM calls {which}", parameters):  # noqa: S608
        yield Attempt(number, placed, AttemptState(state), *rest)
