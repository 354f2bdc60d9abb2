"""The record of what left: every request that places a call, written before it leaves.

What a call says is not among it: ``--once`` compares keyed hashes, and what follows a question is sealed
until the call is over.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from voicecli.clock import microseconds
from voicecli.errors import PlacedBefore
from voicecli.platforms.identity import user_at_host
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.store import runs
from voicecli.store.engine import Store, Transaction, marks
from voicecli.store.former_keys import fingerprints
from voicecli.voice_api.callflow import CallRequest, destinations, sources, spoken_text
from voicecli.voice_api.callflow_rules import has_question

if TYPE_CHECKING:
    from voicecli.account import AccountId
    from voicecli.voice_api.callflow_rules import Action

Answer = tuple[int, AttemptState | None, str | None]
"""An attempt's number, and what ``Attempts.record_answer`` takes of it."""
FLOW_OUTLIVES = 4 * 3_600_000_000  # microseconds from validUntil on: no call takes as long
ANSWER_OUTLIVES = 3_600_000_000  # microseconds from the request on: no client waits as long for its answer


class AttemptDetails(TypedDict, total=False):
    """What is written down with a request: ``asks``, ``key_names``, ``broadcast`` and ``line`` are as in
    ``Attempt``. ``flow`` is the whole callflow, which is kept sealed for who answers its questions.
    ``fingerprint`` is what --once knows it by, and until ``guarded`` (microseconds since 1970) it is not
    deleted."""

    asks: str | None
    key_names: str | None
    flow: "Sequence[Action] | None"
    broadcast: int | None
    line: int | None
    fingerprint: bytes | None
    guarded: int


class Attempts:
    """The requests of one account in a store. Every method raises StoreFailed."""

    def __init__(self, store: Store, account: "AccountId") -> None:
        self._store = store
        self._account = account

    def begin(
        self,
        request: CallRequest,
        *,
        run: int | None = None,
        may_leave: Callable[[], None] = lambda: None,
        **details: Unpack[AttemptDetails],
    ) -> int:
        """Write down a request that is about to leave, of this run if of any. Gives the number to
        ``record_answer`` by, when it is on the disk: only then may the request leave. The lease of its run is
        renewed with it. Raises PlacedBefore, and writes nothing, where the run has ended, since another has
        taken over what it held; and what ``may_leave`` raises, in the same transaction."""
        delete_expired_flows(self._store)
        row = self.row(request, run=run, **details)
        with self._store.transaction() as transaction:
            if run is not None and not runs.renew(self._store, transaction, run):
                raise PlacedBefore(
                    "Another voicecli has taken over, since this one seemed to have ended: nothing was sent."
                )
            may_leave()
            [number] = insert(transaction, [row])
            return number

    def record_answer(self, number: int, state: AttemptState | None, session_id: str | None = None) -> None:
        """What became of a request: None for one that was certainly not carried out. A session that is known
        by then, from a summary that was quicker, stays known, also where another process has noted it. Until
        this returns the request is ``sending``: nobody knows what became of it."""
        with self._store.transaction() as transaction:
            record_answers(self._store, transaction, [(number, state, session_id)])

    def row(
        self, request: CallRequest, *, run: int | None = None, **details: Unpack[AttemptDetails]
    ) -> tuple[object, ...]:
        """What ``insert`` takes."""
        flow = details.get("flow")
        placed = self._store.now()
        until = None if request.valid_until is None else microseconds(request.valid_until)
        sealed = None
        if flow is not None:
            from voicecli.store import sealing

            context = sealing_context(placed, *self._account, request.client_request_id)
            sealed = sealing.seal(self._store, json.dumps(list(flow)).encode(), context)
        return (
            placed,
            *self._account,
            AttemptState.SENDING,
            request.client_request_id,
            next(iter(sources(request.callflow)), ""),
            next(iter(destinations(request.callflow)), ""),
            details.get("fingerprint"),
            details.get("guarded", 0),
            request.client_action_id,
            details.get("asks"),
            details.get("broadcast"),
            details.get("line"),
            until,
            sealed,
            _answer_until(placed, request.callflow if flow is None else flow),
            run,
            user_at_host(),
            details.get("key_names"),
        )

    def fingerprints(self, request: CallRequest) -> list[bytes]:
        """The call's, and those that it had while accounts were kept with the URL as written, or under former
        keys. They are keyed hashes, which tell nothing of the text."""
        service, subaccount = self._account
        query = "SELECT written FROM former_base_urls WHERE base_url = ? AND subaccount = ?"
        former = [written for (written,) in self._store.rows(query, self._account)]
        spoken = spoken_text(request.callflow)
        contents = [json.dumps([one, subaccount, spoken]) for one in (service, *former)]
        return [one for content in contents for one in fingerprints(self._store, content.encode())]


def insert(transaction: Transaction, rows: Sequence[tuple[object, ...]]) -> Sequence[int]:
    """Write down, within a transaction, requests that are about to leave; their numbers."""
    return transaction.insert(INSERT, rows)


def record_answers(store: Store, transaction: Transaction, answers: Iterable[Answer]) -> int:
    """``Attempts.record_answer`` for many, within a transaction. Where summaries were quicker than
    answers, gives the number of the first of these events (else 0): they are to be read once more, now that
    it is known whose sessions they are about."""
    answers = list(answers)
    for statement, rows in statements_for(answers):
        transaction.execute_many(statement, rows)
    accepted = [session_id for _, state, session_id in answers if state is AttemptState.ACCEPTED]
    first = first_summary_of(store, accepted)
    if first:
        read_outcomes_again(transaction, first)
    return first


def first_summary_of(store: Store, sessions: Sequence[str | None]) -> int:
    """The number of the first summary (VSS) of these sessions that is there; 0 for none."""
    if not sessions:
        return 0
    query = f"SELECT coalesce(min(id), 0) FROM events WHERE session IN ({marks(sessions)}) AND type = 'VSS'"
    return store.read_number(query, sessions)


def statements_for(answers: Iterable[Answer]) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """What notes these answers: statements, each with the parameters of the attempts that it is for."""
    accepted: list[tuple[object, ...]] = []
    unknown: list[tuple[object, ...]] = []
    unplaced: list[tuple[object, ...]] = []
    for number, state, session_id in answers:
        match state:
            case None:
                unplaced.append((number,))
            case AttemptState.ACCEPTED:
                accepted.append((state, session_id, number))
            case _:
                unknown.append((state, number))
    if unplaced:
        yield "DELETE FROM calls WHERE id = ? AND session IS NULL", unplaced
    if accepted:
        yield "UPDATE calls SET state = ?, session = coalesce(?, session) WHERE id = ?", accepted
    if unknown:
        yield "UPDATE calls SET state = ? WHERE id = ? AND session IS NULL", unknown


def read_outcomes_again(transaction: Transaction, first: int) -> None:
    """Within a transaction: the outcomes that are reported by the event with that number, and by later ones,
    are to be noted once more."""
    again = "UPDATE seen_events SET event = ? WHERE reader = ? AND event > ?"
    transaction(again, (first - 1, OUTCOME_READER, first - 1))


OUTCOME_READER = "outcomes"  # in seen_events
INSERT = (
    "INSERT INTO calls (placed, base_url, subaccount, state, client_request_id, source, destination,"
    " fingerprint, guarded, client_action_id, asks, broadcast, line, valid_until, sealed,"
    " answer_until, run, placed_by, key_names)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _answer_until(placed: int, flow: "Sequence[Action]") -> int | None:
    """Until when the last question of a call can be answered; None for a call that asks nothing."""
    if not has_question(flow):
        return None
    from voicecli.voice_api.call_length import longest_until_answered

    return placed + round(longest_until_answered(flow) * 1e6)


def sealing_context(placed: int, service: str, subaccount: str, client_request_id: str) -> bytes:
    """What makes a row this one: what is sealed in it can't be moved to another."""
    return json.dumps(["calls", placed, service, subaccount, client_request_id]).encode()


# -- what is known of them. All raise StoreFailed --------------------------------------------------------


def attempts_where(store: Store, which: str, parameters: Sequence[object] = ()) -> Iterator[Attempt]:
    """Those that a WHERE of ours chooses."""
    return store.read(_attempt, f"SELECT {_COLUMNS} FROM calls {which}", parameters)


def _attempt(*columns: Any) -> Attempt:
    attempt = Attempt(*columns)
    return attempt._replace(state=AttemptState(attempt.state))


def attempt_of_session(store: Store, session_id: str) -> Attempt | None:
    """The one that has become this session."""
    which = "WHERE session = ? ORDER BY placed DESC LIMIT 1"
    return next(attempts_where(store, which, (session_id,)), None)


def sessions_of_request(store: Store, client_request_id: str) -> list[str]:
    """The sessions that requests with this id have become, as far as they are known."""
    which = "WHERE client_request_id = ? AND session IS NOT NULL"
    return [str(attempt.session_id) for attempt in attempts_where(store, which, (client_request_id,))]


def newest_of_requests(store: Store, client_request_ids: Sequence[str]) -> dict[str, int]:
    """The newest attempts with these ids, as far as there are any: their numbers."""
    which = f"WHERE client_request_id IN ({marks(client_request_ids)}) GROUP BY client_request_id"
    return dict(store.rows(f"SELECT client_request_id, max(id) FROM calls {which}", client_request_ids))


def record_session(store: Store, broadcast: int, client_request_id: str, session_id: str) -> None:
    """The request of a broadcast whose answer was lost has become this session, as a summary says. Of two
    that say so the first counts."""
    with store.transaction() as transaction:
        transaction(
            "UPDATE calls SET state = ?, session = ? WHERE client_request_id = ? AND broadcast = ?"
            " AND session IS NULL",
            (AttemptState.ACCEPTED, session_id, client_request_id, broadcast),
        )


def attempts_without_session(store: Store, *, client_action_id: str) -> list[Attempt]:
    """Those with this clientActionId whose session 8x8 has not told, neither in an answer nor later, and
    which can still go on."""
    which = "WHERE session IS NULL AND client_action_id = ? AND coalesce(valid_until, placed) > ?"
    return list(attempts_where(store, which, (client_action_id, store.now() - FLOW_OUTLIVES)))


def attempts_without_response(store: Store, *, source: str, destination: str) -> list[Attempt]:
    """Those between these numbers (either with or without +) whose answers have not come."""
    which = (
        "WHERE session IS NULL AND state = ? AND +placed > ? AND ltrim(source, '+') = ?"
        " AND ltrim(destination, '+') = ?"
    )
    numbers = source.lstrip("+"), destination.lstrip("+")
    since = store.now() - ANSWER_OUTLIVES
    return list(attempts_where(store, which, (AttemptState.SENDING, since, *numbers)))


def attempts_with_open_questions(
    store: Store, now: int, *, account: "AccountId | None" = None
) -> list[Attempt]:
    """Those of an account, or of all, that ask something which may still be answered at ``now``: no summary
    has come, and the time that their callflows can take is not over."""
    which = (
        "WHERE answer_until > ? AND outcome IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM events WHERE events.session = calls.session AND events.type = 'VSS')"
    )
    of_account = "" if account is None else " AND base_url = ? AND subaccount = ?"
    return list(attempts_where(store, which + of_account, (now, *(account or ()))))


def sealed_flow(store: Store, attempt: Attempt) -> "Sequence[Action] | None":
    """The whole callflow of a call that asks something, as long as it is not over; else None. Raises
    ConfigurationError, too, where it can't be unsealed."""
    query = (
        "SELECT sealed, placed, base_url, subaccount, client_request_id FROM calls"
        " WHERE id = ? AND sealed IS NOT NULL"
    )
    for sealed, *identity in store.rows(query, (attempt.id,)):
        from voicecli.store import sealing

        flow: Sequence[Action] = json.loads(sealing.unseal(store, sealed, sealing_context(*identity)))
        return flow
    return None


def has_sealed_flows(store: Store) -> bool:
    """Whether a callflow is kept for who answers its question."""
    return any(store.rows("SELECT 1 FROM calls INDEXED BY calls_sealed WHERE sealed IS NOT NULL LIMIT 1"))


def delete_expired_flows(store: Store) -> None:
    """Delete the callflows of calls whose time is long over, and whose summaries have not come."""
    which = "sealed IS NOT NULL AND coalesce(valid_until, placed) < ?"
    before = (store.now() - FLOW_OUTLIVES,)
    if any(store.rows(f"SELECT 1 FROM calls INDEXED BY calls_sealed WHERE {which} LIMIT 1", before)):
        store.overwrite_deleted()
        with store.transaction() as transaction:
            transaction(f"UPDATE calls SET sealed = NULL WHERE {which}", before)
        store.empty_log()


_COLUMNS = (
    "id, placed, state, session, client_request_id, source, destination, client_action_id, asks, broadcast,"
    " line, valid_until, outcome, outcome_source, seconds, price, currency, answer_until, run,"
    " placed_by, key_names"
)
