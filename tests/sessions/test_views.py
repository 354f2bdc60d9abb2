"""All views of a call agree, and are the same after any order and repetition of what was reported of it."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from generated_calls import attempt, sequence, shuffled
from soak import share_of

from voicecli.calling.endings import ending_of
from voicecli.output.sessions import SessionRow
from voicecli.sessions.attempt import Attempt
from voicecli.sessions.open_calls import OpenCalls
from voicecli.sessions.pending import PendingCall, settled_at
from voicecli.sessions.session import Session, SessionRecord
from voicecli.sessions.statistics import Statistics
from voicecli.store import session_queries as stored_sessions
from voicecli.store.event_recording import KeptEvent, record_events
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.webhook_events import Received

KNOWN = (
    *("id", "start", "source", "destination", "client_request_id", "outcome", "status", "captures", "digits"),
    *(
        "confirmed",
        "connected_at",
        "words",
        "answer",
        "answered",
        "disconnected",
        "vca_seen",
        "first",
        "last",
    ),
    *("summarised", "summary", "news"),
)


def known(session: Session) -> dict[str, object]:
    return {name: getattr(session, name) for name in KNOWN} | {"settled": settled_at(session)}


def views(placed: Attempt | None, received: Sequence[Received]) -> Mapping[str, object]:
    """What each view says of the same events: an outcome, or what it makes of one and of what was pressed."""
    session = Session.of(placed, received)
    calls, figures = OpenCalls(), Statistics()
    for one in received:
        calls.see(one)
    figures.add(session)
    row = SessionRow(SessionRecord(session, received)).data()
    said: dict[str, object] = {
        "listen": next(iter(calls.outcomes), None),
        "listen counts": calls.outcomes.total(),
        "stats": next(iter(figures.outcomes), None),
        "sessions": row["outcome"],
        "sessions' digits": row["digits"],
    }
    if placed is not None:
        pending = PendingCall(placed)
        for one in received:
            pending.observe(one)
        said |= {"call": pending.outcome, "call's digits": pending.digits}
        said |= {
            "ending": ending_of(pending),
            "words": pending.describe_ending(),
            "settled": settled_at(pending),
        }
    return said


def apart(seed: int) -> str | None:
    """What is wrong with one generated sequence; None for nothing."""
    dice = random.Random(seed)
    placed, received = attempt(dice), sequence(dice)
    session, said = Session.of(placed, received), views(placed, received)
    for view in ("listen", "stats", "sessions", "call"):
        if said.get(view, session.outcome) != session.outcome:
            return f"{seed}: {view} says {said[view]}, not {session.outcome}"
    if {said["sessions' digits"], said.get("call's digits", session.digits)} != {session.digits}:
        return f"{seed}: {said}, not {session.digits}"
    if said["listen counts"] != (session.outcome is not None):
        return f"{seed}: it counts {said['listen counts']} times"
    for _ in range(2):
        arriving = shuffled(dice, received)
        again = Session.of(placed, arriving)
        if known(again) != known(session):
            return f"{seed}: {known(again)} after {arriving}, not {known(session)}"
        if views(placed, arriving) != said:
            return f"{seed}: {views(placed, arriving)} after {arriving}, not {said}"
        if any(again.see(one) for one in arriving):
            return f"{seed}: a repetition changed something"
    return None


@pytest.mark.parametrize("sequences", [50, pytest.param(share_of(20_000), marks=pytest.mark.soak)])
def test_all_views_agree_whatever_the_order(sequences: int) -> None:
    assert [found for seed in range(sequences) if (found := apart(seed)) is not None] == []


@pytest.mark.parametrize("calls", [20, pytest.param(share_of(4_000), marks=pytest.mark.soak)])
def test_the_store_says_the_same(tmp_path: Path, calls: int) -> None:
    dice = random.Random(calls)
    made = {f"s-{number}": sequence(dice, f"s-{number}") for number in range(calls)}
    arriving = shuffled(dice, [one for received in made.values() for one in received])
    with SqliteStore(tmp_path) as store:
        for number, one in enumerate(arriving, 1):
            key = one.event.identity(lambda body=one.body: body)
            record_events(
                store, [KeptEvent(number, one.event.type, one.event.session_id, key, None, one.body)]
            )
        listed = {record.session.id: record.session for record in stored_sessions.sessions(store)}
        counted = stored_sessions.statistics(store, 0).outcomes
    assert listed.keys() == {session for session, received in made.items() if received}
    for session_id, session in listed.items():
        by_order = Session.of(None, made[session_id])
        assert (session.outcome, session.digits) == (by_order.outcome, by_order.digits), session_id
    assert counted == Counter(session.outcome for session in listed.values() if session.outcome)
