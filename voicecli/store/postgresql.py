"""The engine that is PostgreSQL: one database, which the machines of a team share.

A connection is made when it is needed and again after it broke; a statement that only reads is then tried
once more, and nothing that writes. All of it works through PgBouncer in transaction mode: no search path,
nothing prepared, no setting and no lock that outlives a transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from voicecli.errors import ConfigurationError, StoreBusy, StoreFailed, StoreRefused
from voicecli.store import postgresql_schema
from voicecli.store.engine import LOCK_PATIENCE, SHORT_PATIENCE, Purpose, StatementResult, Store, Transaction
from voicecli.store.hang_guard import HangGuard
from voicecli.store.location import StorePlace
from voicecli.store.postgresql_clock import CLOCK, ServerClock
from voicecli.store.postgresql_connection import ServerConnection, Target
from voicecli.store.postgresql_errors import is_away, reason
from voicecli.store.postgresql_events import EventInsertion, channel
from voicecli.store.postgresql_leases import Lease
from voicecli.store.postgresql_notifications import Notifications
from voicecli.store.postgresql_schema import TABLES, SchemaState, check_key, require_key
from voicecli.store.postgresql_sql import for_many, translate

Connection = psycopg.Connection[tuple[Any, ...]]
IDLE_TIMEOUT = 10.0  # seconds that a transaction may stand still: its process may have been stopped
_MIGRATE = "voicecli store migrate"
_STATE = postgresql_schema.STATE.replace(" FROM", f", current_setting('synchronous_commit'), {CLOCK} FROM")


class PostgresqlStore(Store):
    """An open database. Raises ConfigurationError for one that can't be used (from StoreUnreachable where it
    can't be reached), and for one of a newer voicecli that this one does not know, unless
    ``accept_newer``."""

    is_shared = True

    def __init__(self, place: StorePlace, *, accept_newer: bool = False) -> None:
        self._place, self.folder = place, place.folder
        self._key = require_key(place)
        self._target = Target.of(place.url or "")
        self._schema = self._target.quoted_schema
        self.name = f"the {self._target.name}"
        self._lock_number = _lock_number(self._target.schema)
        self.connection = ServerConnection(self._target)
        self._clock = ServerClock()
        self._patience = LOCK_PATIENCE
        self._is_writing = False
        try:
            # A connection through a pooler says nothing of the server.
            with self.guarded(at_signals=True):
                self.team = self._check_schema(accept_newer=accept_newer).team
        except BaseException:
            self.close()
            raise

    def _check_schema(self, *, accept_newer: bool) -> SchemaState:
        try:
            [(*row, synchronous_commit, clock)] = self.rows(_STATE)
        except StoreFailed as error:
            words, hint = error.message, error.hint
            if isinstance(error.__cause__, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName):
                words = f"{self._sentence} has no store of voicecli in its schema {self._target.schema} yet."
                hint = f"{_MIGRATE} makes it, once for a team."
            raise ConfigurationError(words, hint=hint) from error
        self._clock.saw(clock)
        state = SchemaState(*row)
        check_key(state, self._key)
        if synchronous_commit == "off":
            raise ConfigurationError(
                f"{self._sentence} says that something is written before it is on the disk: after a crash of "
                "the server, the same people could be called twice.",
                hint="ALTER DATABASE … SET synchronous_commit = on, or ALTER ROLE.",
            )
        if state.version < postgresql_schema.VERSION:
            raise ConfigurationError(
                f"{self._sentence} was made by an older voicecli.",
                hint=f"{_MIGRATE} brings it up to date; the version before goes on with it.",
            )
        if state.compatible_from > postgresql_schema.VERSION and not accept_newer:
            raise ConfigurationError(
                f"{self._sentence} was made by a newer voicecli.", hint="Update voicecli."
            )
        return state

    # -- the connection ------------------------------------------------------------------------------

    def close(self) -> None:
        self.connection.close()

    def reconnect(self) -> None:
        """In place of a connection that may be broken, a new one. Raises StoreFailed."""
        self.close()
        with self._raising_its_own(f"{self._sentence} can't be reached"):
            self.connection.get()

    def another(self) -> "PostgresqlStore":
        """One more connection to the same, for another thread. Raises ConfigurationError."""
        return PostgresqlStore(self._place, accept_newer=True)

    def cut(self) -> None:
        self.connection.cut()

    def guarded(self, *, at_signals: bool = False, is_patient: bool = False) -> HangGuard:
        return HangGuard(self.connection, at_signals=at_signals, is_patient=is_patient)

    def _raising_its_own(self, failure: str, advice: str = "") -> AbstractContextManager[None]:
        """StoreFailed in place of what psycopg raises inside."""
        return self.connection.raising_store_failed(failure, advice)

    @property
    def _sentence(self) -> str:
        """Our name as a sentence begins."""
        return f"The {self._target.name}"

    # -- time and keys -------------------------------------------------------------------------------

    def now(self) -> int:
        if not self._clock.is_known:
            self._clock.saw(self.read_number(f"SELECT {CLOCK}"))
        return self._clock.now()

    def secret(self, purpose: Purpose) -> bytes:
        return blake2b(key=self._key, person=purpose.encode(), digest_size=32).digest()

    # -- reading -------------------------------------------------------------------------------------

    def _select(
        self, query: str, parameters: Sequence[object]
    ) -> tuple[list[str], Iterable[tuple[Any, ...]]]:
        may_retry = self.connection.was_made and not self._is_writing
        query = translate(query, self._schema)
        try:
            cursor = self.connection.get().execute(query, parameters, binary=True)
        except psycopg.Error as error:
            if not (may_retry and is_away(error)):
                raise
            self.close()
            cursor = self.connection.get().execute(query, parameters, binary=True)
        return [column.name for column in cursor.description or ()], cursor.fetchall()

    def _reading(self) -> AbstractContextManager[None]:
        return self._raising_its_own(f"{self._sentence} can't be read")

    def damaged(self, what: str) -> StoreFailed:
        return StoreFailed(f"{self._sentence} is damaged: {what}.", hint="Restore it from a backup.")

    def notifications(self, on_news: Callable[[], None]) -> Notifications:
        return Notifications(self._target.connect, channel(self._target.schema), on_news)

    # -- what one process has alone ------------------------------------------------------------------

    def take_lock(self, name: str, *, seconds: float = 0.0) -> Lease | None:
        return Lease.take(self, name, seconds)

    def is_locked(self, name: str) -> bool:
        query = f"SELECT EXISTS (SELECT 1 FROM leases WHERE name = ? AND until > {CLOCK})"
        return bool(self.read_number(query, (name,)))

    def require_locks(self) -> None:
        """The database's always work."""

    # -- writing -------------------------------------------------------------------------------------

    @contextmanager
    def transaction(
        self, *, failure: str = "", advice: str = "", concurrent: bool = False
    ) -> Iterator[Transaction]:
        writing = partial(self._raising_its_own, failure or f"{self._sentence} can't be written", advice)
        if self._is_writing:
            raise RuntimeError("a transaction inside of another")
        with writing():
            db = self.connection.get()
        self._is_writing = True
        try:
            with writing():
                # So that each statement sees what was committed before it, whatever the server does else.
                level = "ISOLATION LEVEL READ COMMITTED"
                cursor = db.execute(f"BEGIN {level}; {self._begin(concurrent=concurrent)}")
                cursor.nextset()
                self._saw_clock(cursor)
            yield _Transaction(db, self._schema, writing)
            with writing():
                self._commit(db)
        finally:
            self._is_writing = False
            self._end_transaction(db)

    def _commit(self, db: Connection) -> None:
        """Where a statement before has failed and nobody minded, the server answers that with a ROLLBACK."""
        if (done := db.execute("COMMIT").statusmessage) != "COMMIT":
            raise StoreFailed(f"{self._sentence} has undone what was written ({done}).")

    def _end_transaction(self, db: Connection) -> None:
        """Undo what was not committed."""
        if db.info.transaction_status != TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                db.execute("ROLLBACK")
                return
            db.close()

    def _begin(self, *, concurrent: bool) -> str:
        """A SELECT with which each transaction begins: how long it may wait and stand still, the lock that
        keeps others from writing, and what time it is then."""
        shared = "_shared" if concurrent else ""
        return (
            f"SELECT set_config('lock_timeout', '{round(self._patience * 1000)}', true),"
            f" set_config('idle_in_transaction_session_timeout', '{round(IDLE_TIMEOUT * 1000)}', true),"
            f" pg_advisory_xact_lock{shared}({self._lock_number}), {CLOCK}"
        )

    def write_at_once(
        self, statement: str, parameters: Sequence[object], *, failure: str, advice: str
    ) -> StatementResult:
        """A ``concurrent`` transaction of one statement: all of it goes there together and takes one round
        trip. Where a connection breaks, all of it may still be on its way, before any lock was taken."""
        with self._raising_its_own(failure, advice):
            db = self.connection.get()
            try:
                # One transaction, since nothing inside is a BEGIN and the server is told to end at the end.
                with db.pipeline():
                    begun = db.execute(self._begin(concurrent=True))
                    cursor = db.execute(translate(statement, self._schema), parameters)
            finally:
                self._end_transaction(db)
            self._saw_clock(begun)
            return _result(cursor)

    def execute_alone(self, statement: str, parameters: Sequence[object]) -> StatementResult:
        """One statement that waits for nobody who holds the store and keeps nobody out: it is right beside
        whatever others do."""
        with self._raising_its_own(f"{self._sentence} can't be written"):
            return _result(self.connection.get().execute(translate(statement, self._schema), parameters))

    @property
    def shared_lock(self) -> str:
        """What a statement for ``execute_alone`` SELECTs that is to wait for who has the store alone."""
        return f"pg_advisory_xact_lock_shared({self._lock_number})"

    @property
    def contacts_lock(self) -> str:
        """What a transaction SELECTs first that looks how often people were called: one such transaction
        comes after the other. Who has the store alone need not."""
        return f"pg_advisory_xact_lock({_lock_number(self._target.schema, of=b'contacts')})"

    def _saw_clock(self, begun: psycopg.Cursor[tuple[Any, ...]]) -> None:
        [(*_, clock)] = begun.fetchall()
        self._clock.saw(clock)

    def insert_events(
        self, events: Sequence[tuple[object, ...]], *, failure: str, advice: str
    ) -> list[tuple[int, int]]:
        if not events:
            return []
        insertion = EventInsertion.of(events, self._target.schema)
        result = self.write_at_once(insertion.statement, insertion.parameters, failure=failure, advice=advice)
        return insertion.recorded(result.rows)

    def make_index(self, name: str, table: str, columns: str) -> None:
        """Only the tables' owner may."""
        there = "SELECT count(*) FROM pg_indexes WHERE schemaname = ? AND indexname = ?"
        if not self.read_number(there, (self._target.schema, name)):
            with self.transaction() as transaction:
                transaction(f"CREATE INDEX IF NOT EXISTS {name} ON {self._schema}.{table} ({columns})")

    # -- its state -----------------------------------------------------------------------------------

    def is_there(self) -> bool:
        return True

    def is_reachable(self) -> bool:
        try:
            self._target.connect().close()
        except psycopg.Error:
            return False
        return True

    def require_in_place(self) -> None:
        """Nobody takes a database away while it is used."""

    def find_damage(self) -> str | None:
        try:
            with self.transaction() as transaction:  # a database may be for reading only
                transaction("UPDATE leases SET until = until WHERE name = ''")
        except (StoreBusy, StoreRefused):
            raise
        except StoreFailed as error:
            cause = error.__cause__
            return reason(cause, self._target.secrets) if isinstance(cause, Exception) else error.message
        return None

    def size(self) -> int:
        among = ", ".join("?" * len(TABLES))
        return self.read_number(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class AS c"
            f" JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname = ? AND relname IN ({among})",
            (self._target.schema, *TABLES),
        )

    @contextmanager
    def short_patience(self) -> Iterator[None]:
        before, self._patience = self._patience, SHORT_PATIENCE
        try:
            yield
        finally:
            self._patience = before

    def checkpoint(self) -> None:
        """The server does so by itself."""

    def overwrite_deleted(self) -> None:
        """It does not: what must not be read is sealed."""

    def empty_log(self) -> None:
        """The server's log may be in backups: see ``overwrite_deleted``."""


class _Transaction(Transaction):
    def __init__(
        self, db: Connection, schema: str, writing: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._db, self._schema, self._writing = db, schema, writing

    def __call__(self, statement: str, parameters: Sequence[object] = ()) -> StatementResult:
        with self._writing():
            return _result(self._db.execute(translate(statement, self._schema), parameters, binary=True))

    def execute_many(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        return self(*for_many(statement, rows)).changed if rows else 0

    def insert(self, statement: str, rows: Sequence[Sequence[object]]) -> Sequence[int]:
        statement, arrays = for_many(f"{statement} RETURNING id", rows)
        return [number for (number,) in self(statement, arrays).rows]


def _result(cursor: psycopg.Cursor[tuple[Any, ...]]) -> StatementResult:
    return StatementResult(cursor.fetchall() if cursor.description else [], cursor.rowcount)


def _lock_number(schema: str, *, of: bytes = b"voicecli") -> int:
    """Of the lock that keeps others from writing, or ``of`` another: one for each schema of a database."""
    return int.from_bytes(blake2b(schema.encode(), digest_size=8, person=of).digest(), signed=True)
