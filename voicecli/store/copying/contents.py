"""What there is to copy, kind by kind."""

from collections.abc import Iterator, Mapping, Sequence

from voicecli.errors import VoicecliError
from voicecli.sessions.attempt import AttemptState
from voicecli.store import sealing, unsubscribed
from voicecli.store.attempts import sealing_context
from voicecli.store.copying.kinds import Copying, Kind, Row, as_kept
from voicecli.store.engine import Store, Transaction, marks

EVENTS = Kind(
    "events",
    "events",
    ("session", "key"),
    ("received", "type", "body", "times", "reply", "remark"),
    "id",
    later=("times", "reply", "remark"),
)
RUNS = Kind("runs", "runs", ("process", "began"), ("lease_until", "host"), "id", later=("lease_until",))
_OUTCOME = ("state", "session", "outcome", "outcome_source", "seconds", "price", "currency")
CALLS = Kind(
    "calls",
    "calls",
    ("client_request_id", "placed", "destination"),
    (
        *("base_url", "subaccount", "source", "fingerprint", "guarded", "client_action_id", "asks"),
        *("key_names", "broadcast", "line", "valid_until", "answer_until", "run", "placed_by"),
        *(*_OUTCOME, "sealed"),
    ),
    "id",
    later=(*_OUTCOME, "sealed"),
)
WEBHOOKS = Kind(
    "webhooks",
    "replaced_webhooks",
    ("base_url", "subaccount", "type"),
    ("own_url", "url", "enabled", "had_authorization"),
    "base_url, subaccount, type",
    later=("own_url", "url", "enabled", "had_authorization"),  # a listener of the team may have replaced it
)
FORMER_URLS = Kind("former URLs", "former_base_urls", ("base_url", "subaccount", "written"), (), "written")


class CopyingEvents(Copying):
    """They get new numbers, in the same order. Whom they unsubscribe is read at once, and those apart whom
    somebody has allowed again since."""

    def __init__(self, source: Store, target: Store) -> None:
        super().__init__(EVENTS, source, target)
        self._unsettled = unsubscribed.unsettled_sessions(source)

    def insert(self, transaction: Transaction, rows: Sequence[Row]) -> None:
        unsubscribed.update_within(self.target, transaction)
        count = "UPDATE counters SET value = value + ? WHERE name = 'events' RETURNING value"
        [(last,)] = transaction(count, (len(rows),)).rows
        columns = ("id", *self.kind.columns)
        insert = f"INSERT INTO events ({', '.join(columns)}) VALUES ({marks(columns)})"
        first = last - len(rows) + 1
        transaction.execute_many(insert, [(first + place, *row) for place, row in enumerate(rows)])
        exists = "SELECT EXISTS (SELECT 1 FROM unsubscribed WHERE destination = ?)"
        for person in unsubscribed.update_within(self.target, transaction):
            if person[2] not in self._unsettled and not self.source.read_number(exists, person[:1]):
                delete = "DELETE FROM unsubscribed WHERE destination = ? AND since = ? AND session = ?"
                transaction(delete, person)

    def update(self, transaction: Transaction, ours: Row, theirs: Row) -> bool:
        """A reply that is not known there."""
        reply, remark = (self.kind.value(ours, name) for name in ("reply", "remark"))
        if reply is None or self.kind.value(theirs, "reply") is not None:
            return False
        update = "UPDATE events SET reply = ?, remark = ? WHERE session = ? AND key = ? AND reply IS NULL"
        return transaction(update, (reply, remark, *self.kind.key_of(ours))).changed == 1


class CopyingRuns(Copying):
    """With their guards, which go there with the run and at no other time: it may have lost them there."""

    def __init__(self, source: Store, target: Store) -> None:
        super().__init__(RUNS, source, target)
        self._guards: dict[Row, list[Row]] = {}
        query = (
            "SELECT process, began, base_url, subaccount, client_request_id, fingerprint"
            " FROM guards JOIN runs ON id = run"
        )
        for process, began, *guard in source.rows(query):
            self._guards.setdefault((process, began), []).append(tuple(guard))

    def insert(self, transaction: Transaction, rows: Sequence[Row]) -> None:
        numbers = transaction.insert(self.kind.insert, rows)
        guards = [
            (number, *guard)
            for number, row in zip(numbers, rows, strict=True)
            for guard in self._guards.get(self.kind.key_of(row), ())
        ]
        columns = "run, base_url, subaccount, client_request_id, fingerprint"
        transaction.execute_many(f"INSERT INTO guards ({columns}) VALUES (?, ?, ?, ?, ?)", guards)

    def numbers(self) -> dict[int, int]:
        """The numbers that they have there, by those of the source."""
        query = "SELECT process, began, id FROM runs"
        there = {(process, began): number for process, began, number in self.target.rows(query)}
        own = self.source.rows(query)
        return {number: there[process, began] for process, began, number in own if (process, began) in there}


class CopyingCalls(Copying):
    """The callflows of those that ask something are sealed there with the other store's key. Broadcasts and
    runs have other numbers there: ``broadcasts`` and ``runs`` are these by those of the source."""

    def __init__(
        self, source: Store, target: Store, *, broadcasts: Mapping[int, int], runs: Mapping[int, int]
    ) -> None:
        super().__init__(CALLS, source, target)
        self._broadcasts, self._runs = broadcasts, runs

    def rows(self) -> Iterator[Row]:
        """Of a broadcast or run that is not kept any more there is no number."""
        columns = self.kind.columns
        places = [(columns.index("broadcast"), self._broadcasts), (columns.index("run"), self._runs)]
        for row in super().rows():
            values = list(unsealed(self.source, row))
            for place, numbers in places:
                values[place] = numbers.get(values[place])
            yield tuple(values)

    def insert(self, transaction: Transaction, rows: Sequence[Row]) -> None:
        transaction.execute_many(self.kind.insert, [self._sealed(row) for row in rows])

    def update(self, transaction: Transaction, ours: Row, theirs: Row) -> bool:
        """What became of a request that was under way when it was copied before."""
        state = self.kind.value(theirs, "state")
        if state != AttemptState.SENDING or self.kind.value(ours, "state") == state:
            return False
        key = " AND ".join(f"{name} = ?" for name in self.kind.key)
        columns = ", ".join(f"{name} = ?" for name in _OUTCOME)
        update = f"UPDATE calls SET {columns} WHERE {key} AND state = ?"
        values = [self.kind.value(ours, name) for name in _OUTCOME]
        return transaction(update, (*values, *self.kind.key_of(ours), state)).changed == 1

    def as_read(self, row: Row) -> Row:
        return unsealed(self.target, row)

    def _sealed(self, row: Row) -> Row:
        content = row[-1]
        return row if content is None else (*row[:-1], sealing.seal(self.target, content, _context(row)))


def unsealed(store: Store, row: Row) -> Row:
    """A call with its callflow readable; without one where it can't be read."""
    if row[-1] is None:
        return row
    try:
        return (*row[:-1], sealing.unseal(store, row[-1], _context(row)))
    except VoicecliError:
        return (*row[:-1], None)


def _context(row: Row) -> bytes:
    """Of what is sealed in a call."""
    named = dict(zip(CALLS.columns, row, strict=True))
    return sealing_context(
        named["placed"], named["base_url"], named["subaccount"], named["client_request_id"]
    )


def copy_dropped_webhooks(source: Store, target: Store) -> None:
    """Those that are not put back, which is told once."""
    columns = "base_url, subaccount, type, url"
    query = f"SELECT {columns} FROM dropped_webhooks"
    with target.transaction() as transaction:
        there = set(target.rows(query))
        new = {as_kept(row) for row in source.rows(query)} - there
        insert = f"INSERT INTO dropped_webhooks ({columns}) VALUES (?, ?, ?, ?)"
        transaction.execute_many(insert, sorted(new, key=repr))
