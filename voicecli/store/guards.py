"""The guard of ``--once``: no call is placed twice, and one that reached nobody can be placed again.

A guard is held by a call that was confirmed (or completed, where it asks nothing), by a live run, and by a
call whose outcome is unknown.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Self, Unpack

from voicecli.clock import iso, local_time
from voicecli.errors import PlacedBefore
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.key_names import NO_KEY
from voicecli.sessions.pending import settled_at
from voicecli.sessions.session import Session
from voicecli.store import runs
from voicecli.store.attempt_outcomes import update_outcomes_if_writable
from voicecli.store.attempts import AttemptDetails, Attempts, attempts_where, delete_expired_flows, insert
from voicecli.store.engine import Store, Transaction, marks
from voicecli.store.event_queries import events_of_session
from voicecli.store.runs import StoredRun
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.codes import Outcome

if TYPE_CHECKING:
    from voicecli.account import AccountId

_MICROSECOND = timedelta(microseconds=1)


class Once(NamedTuple):
    """Do not place the same call again within this time. Of calls that their user ``named``, those with the
    same clientRequestId are the same, else those that say the same to the same number, too."""

    within: timedelta
    named: bool = False

    @property
    def microseconds(self) -> int:
        return self.within // _MICROSECOND


class Guards:
    """The guards of one account. Every method raises StoreFailed."""

    def __init__(self, store: Store, account: "AccountId") -> None:
        self._store = store
        self._account = account
        self._attempts = Attempts(store, account)

    def claim(
        self,
        request: CallRequest,
        once: Once,
        *,
        run: int | None = None,
        may_leave: Callable[[], None] = lambda: None,
        **details: Unpack[AttemptDetails],
    ) -> int:
        """``Attempts.begin``, unless the same call is held. Of several processes that claim it at once, one
        gets it, and it is held when this returns, whatever ends the process then. Raises PlacedBefore, and
        ConfigurationError where locks do not work."""
        self._store.require_locks()
        update_outcomes_if_writable(self._store)
        fingerprints = self._fingerprints(request, once)
        details |= {
            "fingerprint": next(iter(fingerprints), None),
            "guarded": self._store.now() + once.microseconds,
        }
        row = self._attempts.row(request, run=run, **details)
        delete_expired_flows(self._store)
        with self._store.transaction() as transaction:
            self._refuse_held(transaction, request, fingerprints, once)
            may_leave()
            [number] = insert(transaction, [row])
            return number

    def begin_run(
        self, requests: Sequence[CallRequest], process: int, *, joint: bool, once: Once | None
    ) -> int:
        """A new run, whose calls are one alert where it is ``joint``: then all are claimed with
        ``once``, and found by who claims one of them later: all or none, and by one of several processes that
        begin at once. Raises PlacedBefore."""
        if once is not None:
            self._store.require_locks()
            update_outcomes_if_writable(self._store)
        claimed = [(one, [] if once is None else self._fingerprints(one, once)) for one in requests]
        with self._store.transaction() as transaction:
            if once is not None and joint:
                for request, fingerprints in claimed:
                    self._refuse_held(transaction, request, fingerprints, once)
            number = runs.begin(self._store, transaction, process)
            if joint:
                transaction.execute_many(
                    "INSERT INTO guards (run, base_url, subaccount, client_request_id, fingerprint)"
                    " VALUES (?, ?, ?, ?, ?)",
                    [
                        (number, *self._account, request.client_request_id, next(iter(fingerprints), None))
                        for request, fingerprints in claimed
                    ],
                )
            return number

    # -- who holds a call ----------------------------------------------------------------------------

    def _refuse_held(
        self, transaction: Transaction, request: CallRequest, fingerprints: Sequence[bytes], once: Once
    ) -> None:
        """Within a transaction. Raises PlacedBefore where the call is held. A run that no longer
        holds it loses the guards of all its calls: it can't go on, should it still live."""
        same, parameters = _same(request, fingerprints)
        values = (*self._account, *parameters)
        query = (
            "SELECT DISTINCT id, process, host, began, lease_until FROM guards JOIN runs ON id = run"
            f" WHERE base_url = ? AND subaccount = ? AND {same} ORDER BY began DESC"
        )
        joint = list(self._store.read(StoredRun, query, values))
        for run in joint:
            which = "WHERE run = ? ORDER BY placed DESC"
            self._refuse_where_held(attempts_where(self._store, which, (run.id,)), run, once, joint=True)
            runs.end(transaction, run.id)
            transaction("DELETE FROM guards WHERE run = ?", (run.id,))
        which = (
            f"WHERE base_url = ? AND subaccount = ? AND {same}"
            " AND (run IS NULL OR run NOT IN (SELECT run FROM guards))"
            " AND (+placed > ? OR run IN (SELECT id FROM runs WHERE lease_until > ?)) ORDER BY placed DESC"
        )
        now = self._store.now()
        times = (now - once.microseconds, now)
        for attempt in list(attempts_where(self._store, which, (*values, *times))):
            own = None if attempt.run is None else runs.find(self._store, attempt.run)
            self._refuse_where_held([attempt], own, once, joint=False)

    def _refuse_where_held(
        self, attempts: Iterable[Attempt], run: StoredRun | None, once: Once, *, joint: bool
    ) -> None:
        """Raises PlacedBefore where a run, or the attempts of it (newest first) that stand for each other,
        hold a guard."""
        calls = [_PlacedCall.of(one, self._store) for one in attempts]
        if (refusal := _refusal(calls, run, once, joint=joint, now=self._store.now())) is not None:
            raise refusal

    def _fingerprints(self, request: CallRequest, once: Once) -> list[bytes]:
        return [] if once.named else self._attempts.fingerprints(request)


class _PlacedCall(NamedTuple):
    """A call that was placed before. ``taken_at`` is when somebody took it, ``is_open`` whether more may
    become known of it."""

    attempt: Attempt
    taken_at: int | None
    is_open: bool

    @classmethod
    def of(cls, attempt: Attempt, store: Store) -> Self:
        """Raises StoreFailed."""
        session = Session.of(attempt, events_of_session(store, attempt.session_id or ""))
        if session.confirmed:
            return cls(attempt, session.confirmed_at or session.last, is_open=False)
        outcome = session.outcome or attempt.outcome  # its events may have been deleted
        if outcome == Outcome.COMPLETED and not session.wants_answer:
            return cls(attempt, session.summarised or attempt.placed, is_open=False)
        settled = settled_at(session) if session.outcome is not None or outcome is None else 0.0
        return cls(attempt, None, is_open=settled is None or settled * 1e6 > store.now())


def _refusal(
    calls: Sequence[_PlacedCall], run: StoredRun | None, once: Once, *, joint: bool, now: int
) -> PlacedBefore | None:
    """Why the same call can't be placed because of these (newest first), which stand for each other, and of
    the run that placed them; None where it can."""
    last = calls[0].attempt if calls else None
    until = 0 if last is None else last.placed + once.microseconds
    still_open = [call.attempt for call in calls if call.is_open]
    again = f"It can be placed again at {local_time(until)}."
    for attempt, taken_at, _ in calls if until > now else ():
        if taken_at is not None:
            at, session, by = local_time(taken_at), _session(attempt), _by(attempt)
            earlier, words = "completed", f"was placed{by}{session}, and completed at {at}"
            if attempt.asks and attempt.asks != NO_KEY:
                earlier, words = "confirmed", f"was confirmed at {at}{session}"
                words += f" (placed{by})" if by else ""
            return _placed_before(earlier, words, again, attempt, taken_at, until=until)
    if run is not None and run.lease_until > now and (joint or still_open):
        whose = f" of {run.host}" if run.host else ""
        words = (
            f"is being placed by process {run.process}{whose}, which began at {local_time(run.began)} "
            f"and was last seen alive at {local_time(run.seen)}"
        )
        so_far = "has placed no call yet"
        if last is not None:
            so_far = f"has placed a call{_session(last)}" if last.session_id else "may have placed a call"
        ending = (
            f"It {so_far}. If it was killed, its lease ends at {local_time(run.lease_until)}; from then on "
            "its calls count by how they ended."
        )
        return _placed_before("running", words, ending, last, run.began, run=run)
    if until > now and still_open:
        attempt = still_open[0]
        is_accepted = attempt.state is AttemptState.ACCEPTED
        was = "was" if is_accepted else "may have been"
        placed = f"{was} placed at {local_time(attempt.placed)}{_by(attempt)}"
        words = f"{placed}{_session(attempt) if is_accepted else ''}; nobody knows how it ended"
        return _placed_before("unknown", words, again, attempt, attempt.placed, until=until)
    return None


def _session(attempt: Attempt) -> str:
    return f" as session {attempt.session_id}" if attempt.session_id else ""


def _by(attempt: Attempt) -> str:
    """Who placed it, if that is known."""
    return f" by {attempt.placed_by}" if attempt.placed_by else ""


def _same(request: CallRequest, fingerprints: Sequence[bytes]) -> tuple[str, tuple[object, ...]]:
    """What finds the same call, in SQL, and its parameters."""
    same_content = f"fingerprint IN ({marks(fingerprints)}) OR " if fingerprints else ""
    return f"({same_content}client_request_id = ?)", (*fingerprints, request.client_request_id)


def _placed_before(
    earlier: str,
    words: str,
    again: str,
    attempt: Attempt | None,
    at: int,
    *,
    until: int | None = None,
    run: StoredRun | None = None,
) -> PlacedBefore:
    return PlacedBefore(
        f"The same call {words}: nothing was sent. {again}",
        hint="--within says how long a call counts as the same; without --once it is placed again.",
        session_id=None if attempt is None else attempt.session_id,
        details={
            "earlier": earlier,
            "at": iso(at),
            "placedBy": run.host if run is not None else attempt and attempt.placed_by,
            "process": None if run is None else run.process,
            "lastSeen": None if run is None else iso(run.seen),
            "guardUntil": None if until is None else iso(until),
            "leaseUntil": None if run is None else iso(run.lease_until),
        },
    )
