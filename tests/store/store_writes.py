"""Everything that is written to a store, once each, and what is there then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from voicecli.account import AccountId
from voicecli.sessions.attempt import AttemptState
from voicecli.store import (
    broadcasts,
    runs,
    unsubscribed,
    webhooks,
)
from voicecli.store.attempts import Attempts
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow, BroadcastState, RowState
from voicecli.store.engine import Store
from voicecli.store.event_recording import KeptEvent, record_events, record_replies
from voicecli.store.guards import Guards, Once
from voicecli.store.journals import create_journal, open_journal
from voicecli.store.webhooks import ReplacedWebhook
from voicecli.voice_api.messages import voice_message

ACCOUNT = AccountId("https://voice.8x8.com", "some_sub")
ONCE = Once(timedelta(hours=1), named=True)
SOURCE, NUMBER, OTHER_NUMBER = "+33199000000", "+33199001234", "+33199004321"
TABLES = ("events", "calls", "runs", "guards", "unsubscribed", "seen_events", "broadcasts", "broadcast_rows")
WEBHOOK_TABLES = ("replaced_webhooks", "dropped_webhooks")
WEBHOOK = ReplacedWebhook("VSS", ("https://own.example",), "https://before.example", True, False)

Write = Callable[[Store], object]
Contents = dict[str, list[tuple[Any, ...]]]


def event(number: int, session: str = "s-1") -> KeptEvent:
    return KeptEvent(1_000 + number, "VSS", session, number.to_bytes(16, "big"), None, b'{"n": %d}' % number)


def message(request_id: str = "m-1", number: str = NUMBER) -> Any:
    return voice_message(number, "hi", source=SOURCE, message_id=request_id)


@contextmanager
def journal(store: Store) -> Iterator[Journal]:
    """That of the one broadcast that the store has."""
    [broadcast] = broadcasts.newest_first(store)
    ours = open_journal(store, broadcast)
    try:
        yield ours
    finally:
        ours.close()


def take_row(store: Store) -> object:
    """The first row is claimed and its request written down, as before a call leaves."""
    with journal(store) as ours:
        row = ours.rows_to_call()()
        assert row is not None
        leaving = Attempts(store, ACCOUNT).row(message("b-1-1"), broadcast=ours.broadcast.number, line=1)
        return list(
            ours.write(
                [(row, row._replace(state=RowState.SENDING, attempts=1))], seen=1, new_attempts=[leaving]
            )
        )


def plan_again(store: Store) -> None:
    with journal(store) as ours:
        ours.plan_rows_again(RowState.SKIPPED)


def stop(store: Store) -> None:
    with journal(store) as ours:
        ours.set_state(BroadcastState.STOPPED)


def fill(store: Store) -> None:
    """Something of everything."""
    record_events(store, [event(1), event(2)])
    Attempts(store, ACCOUNT).begin(message("earlier"))
    Guards(store, ACCOUNT).begin_run([message("alert")], 123, joint=True, once=ONCE)
    unsubscribed.add(store, NUMBER, since=1, session="s-1")
    unsubscribed.update(store)
    webhooks.remember_webhook(store, ACCOUNT, WEBHOOK)
    states = enumerate((RowState.PLANNED, RowState.PLANNED, RowState.SKIPPED), 1)
    rows = [BroadcastRow(line, f"+3319900{line:04}", state) for line, state in states]
    ours = create_journal(
        store, account=ACCOUNT, file="", fingerprint=b"f", shard=(1, 1), options={}, content=b"Hello"
    )
    ours.plan(rows, again=False)
    ours.close()


def contents(store: Store) -> Contents:
    tables = (*TABLES, *WEBHOOK_TABLES)
    return {table: sorted(store.rows(f"SELECT * FROM {table}"), key=repr) for table in tables}


WRITES: dict[str, Write] = {
    "record events": lambda store: record_events(store, [event(3), event(4)]),
    "count an event once more": lambda store: record_events(store, [event(3), event(1), event(4)]),
    "record replies": lambda store: record_replies(store, [("hangup", None, 1), ("say", "late", 2)]),
    "begin an attempt": lambda store: Attempts(store, ACCOUNT).begin(message(), guarded=5, run=1),
    "record an answer": lambda store: Attempts(store, ACCOUNT).record_answer(1, AttemptState.ACCEPTED, "s-9"),
    "claim a call": lambda store: Guards(store, ACCOUNT).claim(message(), ONCE),
    "begin a run": lambda store: Guards(store, ACCOUNT).begin_run([message()], 9, joint=True, once=ONCE),
    "renew a lease": lambda store: runs.renew_lease(store, 1),
    "end a run": lambda store: runs.end_run(store, 1),
    "keep an unsubscribed": lambda store: unsubscribed.add(store, OTHER_NUMBER, since=2, session="s-2"),
    "allow an unsubscribed": lambda store: unsubscribed.allow(store, NUMBER),
    "remember a webhook": lambda store: webhooks.remember_webhook(
        store, ACCOUNT, WEBHOOK._replace(type="VCA")
    ),
    "forget a webhook": lambda store: webhooks.forget_webhook(store, ACCOUNT, "VSS"),
    "claim a row": take_row,
    "plan rows again": plan_again,
    "stop a broadcast": stop,
}
SHORT = ("count an event once more", "claim a call", "begin a run", "allow an unsubscribed", "claim a row")
"""Some of them that are unlike each other."""
