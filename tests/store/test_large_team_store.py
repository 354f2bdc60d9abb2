"""A team's store grows without end: what each call needs of it is found without reading all of it."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from past import event
from shared_postgresql import SharedServer

from voicecli.account import AccountId
from voicecli.clock import now
from voicecli.store import attempt_outcomes, attempts, event_queries, newest_sessions, runs, unsubscribed
from voicecli.store.engine import Store
from voicecli.store.event_recording import KeptEvent, record_events
from voicecli.store.guards import Guards, Once
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.messages import voice_message

CALLS = 5_000
MOST = 300  # rows of a large table that may be read without an index: none, but for a small part of it
ACCOUNT = AccountId("https://voice.8x8.com", "some_sub")
HOUR = 3_600_000_000


@pytest.fixture
def large(postgresql: SharedServer, team: StorePlace) -> StorePlace:
    """A past of some thousand calls, each with its summary, one of them about somebody who unsubscribed."""
    body = json.dumps(event("VSS", "COMPLETED"))
    start = now() - 48 * HOUR
    with open_store(team) as store:
        records = [
            KeptEvent(
                start + n, "VSS", f"s-{n}", n.to_bytes(16), None, body.replace("5a3eab76", f"{n:08}").encode()
            )
            for n in range(CALLS)
        ]
        for first in range(0, CALLS, 500):
            record_events(store, records[first : first + 500])
        row = attempts.Attempts(store, ACCOUNT).row(message())
        with store.transaction() as transaction:
            attempts.insert(transaction, [row] * CALLS)
            transaction(
                "UPDATE calls SET session = 's-' || (id - 1), placed = ? + id, state = 'accepted',"
                " client_request_id = 'm-' || id, run = id",
                (start,),
            )
            transaction.execute_many(
                "INSERT INTO runs (process, began, lease_until, host) VALUES (?, ?, ?, ?)",
                [(7, start + n, 0, "anna@web1") for n in range(CALLS)],
            )
        unsubscribed.update(store)
        attempt_outcomes.update_outcomes(store)
    postgresql.execute("VACUUM ANALYZE", database_of(team))
    return team


def database_of(place: StorePlace) -> str:
    return (place.url or "").partition("@/")[2].partition("?")[0]


def message(text: str = "Hello") -> CallRequest:
    return voice_message("+33199001234", text, source="+33199000000")


def new_events(store: Store) -> None:
    number = store.now()
    document = {**event("VSS", "COMPLETED", "s-17"), "eventId": str(number)}
    record_events(
        store, [KeptEvent(number, "VSS", "s-17", number.to_bytes(16), None, json.dumps(document).encode())]
    )


def claim(store: Store) -> None:
    guards = Guards(store, ACCOUNT)
    guards.claim(message(f"at {store.now()}"), Once(timedelta(minutes=30)))


def begin_run(store: Store) -> None:
    guards = Guards(store, ACCOUNT)
    guards.begin_run([message(f"at {store.now()}")], 7, joint=True, once=Once(timedelta(minutes=30)))


def outcomes(store: Store) -> None:
    new_events(store)
    attempt_outcomes.update_outcomes(store)


NEEDED: dict[str, Callable[[Store], object]] = {
    "who unsubscribed": lambda store: unsubscribed.first_unsubscribed(store, ["+33199001234"]),
    "outcomes": outcomes,
    "an event": new_events,
    "a claim": claim,
    "a run": begin_run,
    "a lease": lambda store: runs.renew_lease(store, 17),
    "events of a session": lambda store: event_queries.events_of_session(store, "s-17"),
    "sessions that begin so": lambda store: event_queries.events_of_sessions(store, "s-170"),
    "an attempt": lambda store: attempts.attempt_of_session(store, "s-17"),
    "requests": lambda store: attempts.sessions_of_request(store, "m-17"),
    "no response": lambda store: attempts.attempts_without_response(
        store, source="+33199000000", destination="+33199001234"
    ),
    "no session": lambda store: attempts.attempts_without_session(store, client_action_id="a-1"),
    "open questions": lambda store: attempts.attempts_with_open_questions(store, now(), account=ACCOUNT),
    "sealed": attempts.has_sealed_flows,
    "expired": attempts.delete_expired_flows,
    "summaries": lambda store: list(event_queries.summaries_after(store, CALLS, naming="m-17")),
    "since": lambda store: list(event_queries.summaries_since(store, now() - HOUR)),
    "a request's session": lambda store: event_queries.session_of_request(store, "m-17", after=CALLS),
    "events after": lambda store: list(event_queries.events_after(store, CALLS)),
    "the newest": lambda store: newest_sessions.newest_sessions(store, 10),
}


@pytest.mark.soak
def test_what_a_call_needs_is_found_by_an_index(large: StorePlace, postgresql: SharedServer) -> None:
    def read_without_index() -> dict[str, int]:
        query = "SELECT relname, coalesce(seq_tup_read, 0) FROM pg_stat_user_tables"
        return dict(postgresql.execute(query, database_of(large)))

    def act(what: str) -> None:
        with open_store(large) as store:
            NEEDED[what](store)
            list(store.rows("SELECT pg_stat_force_next_flush()"))

    reads_all: dict[str, set[str]] = {}
    for what in NEEDED:
        act(what)  # there may be something to do that is done once
        before = read_without_index()
        act(what)
        after = read_without_index()
        if many := {table for table in after if after[table] - before[table] > MOST}:
            reads_all[what] = many
    assert reads_all == {}
