"""The engine that is SQLite: one file in the user's data folder, which several processes use at once (WAL).

All that is special to it is here: connections, transactions, patience with locks, PRAGMAs, the numbers of
rows, and what its errors mean. What the store promises is in the room's ``__init__``.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from voicecli import clock
from voicecli.errors import ConfigurationError, StoreBusy, StoreFailed, StoreRefused, VoicecliError
from voicecli.platforms import locks, private_files
from voicecli.store.engine import (
    LOCK_PATIENCE,
    SHORT_PATIENCE,
    Purpose,
    StatementResult,
    Store,
    Transaction,
    reason_of,
)
from voicecli.store.migrations import MIGRATIONS

_Writing = Callable[[], AbstractContextManager[None]]
"""Raises StoreFailed in place of what SQLite raises inside."""
FILE = "voicecli.sqlite3"  # in the folder of the data
MIGRATION_PATIENCE = 120.0  # seconds that another process may take to bring a large file up to date
SYNCHRONOUS = "FULL"  # a commit is on the disk when it returns
CHECKPOINT_PAGES = 16_000  # of 4 KiB that the log may grow by before a commit carries it into the file


class SqliteStore(Store):
    """The open file. Raises ConfigurationError for one that can't be used, and for one
    that a newer voicecli has made or migrated, unless ``accept_newer``: a listener that was running before
    goes on, since migrations only add.

    For a damaged file SQLite raises more than its own errors (UnicodeDecodeError, MemoryError, …): whatever
    it raises becomes StoreFailed here, and nothing else is caught with it.
    """

    is_shared = False

    def __init__(self, home: Path, *, accept_newer: bool = False) -> None:
        self.path = home / FILE
        self.name, self.folder = str(self.path), home
        self._accept_newer = accept_newer
        try:
            private_files.make_folder(home)
            self._connect()
            self._prepare()
        except VoicecliError:
            self.close()
            raise
        except Exception as error:  # noqa: BLE001 - it is raised
            self.close()
            reason = error.strerror if isinstance(error, OSError) else _reason(error)
            why = error
            if _is_busy(error):
                why = StoreBusy(_reason(error))
                why.__cause__ = error
            raise ConfigurationError(
                f"The store {self.path} can't be used: {reason}.",
                hint="Set VOICECLI_HOME to a folder of yours that can be written, on a local disk.",
            ) from why

    def _connect(self) -> None:
        """Open the file, and know which one that is."""
        while True:
            if not self.path.exists():
                self._make_file()
            self._keep_to_owner()
            self._file = self.path.stat()
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._wait_for_others(LOCK_PATIENCE)
            if self.is_there():
                return
            self._db.close()  # it was replaced just then

    def _make_file(self) -> None:
        """An empty one. Where another was removed, those who still have it open share its log's index
        (-shm): a new file would be damaged by that, and gets its own."""
        with locks.folder_locked(self.path.parent):
            if not self.path.exists():
                for path in self._logs():
                    path.unlink(missing_ok=True)
                private_files.create(self.path)

    def _logs(self) -> list[Path]:
        """What SQLite has beside the file; it makes them as readable as that."""
        return [self.path.with_name(self.path.name + end) for end in ("-wal", "-shm")]

    def _keep_to_owner(self) -> None:
        private_files.restrict_to_owner(self.path)
        for path in self._logs():
            with suppress(FileNotFoundError):
                private_files.restrict_to_owner(path)

    def _prepare(self) -> None:
        self._refuse_other_file()
        self._make_wal()
        self._db.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        # For macOS, whose fsync leaves data in the disk's own memory.
        self._db.execute("PRAGMA fullfsync = ON")
        self._db.execute("PRAGMA checkpoint_fullfsync = ON")
        self._db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        if self._version() < len(MIGRATIONS):
            self._wait_for_others(MIGRATION_PATIENCE)
            with self._all_or_nothing(nullcontext):
                version = self._version()  # another process may have brought it up to date just now
                for migration in MIGRATIONS[version:]:
                    if callable(migration):
                        migration(self._db)
                    else:
                        for statement in migration.split(";\n"):
                            self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")
            self._wait_for_others(LOCK_PATIENCE)
        if self._version() > len(MIGRATIONS) and not self._accept_newer:
            raise ConfigurationError(
                f"The store {self.path} was made by a newer voicecli.",
                hint="Update voicecli, or set VOICECLI_HOME to another folder.",
            )

    def _refuse_other_file(self) -> None:
        """A folder of somebody else's may have a link here, to another program's database of this user."""
        tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and (self._version() == 0 or "events" not in tables):
            raise ConfigurationError(
                f"{self.path} is a database of another program.", hint="Set VOICECLI_HOME to another folder."
            )

    def _make_wal(self) -> None:
        """SQLite does not wait for others here, as it does elsewhere."""

        def attempt() -> bool | None:
            with suppress(sqlite3.OperationalError):
                self._db.execute("PRAGMA journal_mode = WAL")
                return True
            return None

        if locks.retry_within(LOCK_PATIENCE, attempt) is None:
            self._db.execute("PRAGMA journal_mode = WAL")  # raises why

    def _version(self) -> int:
        [version] = self._db.execute("PRAGMA user_version").fetchone()
        return int(version)

    def close(self) -> None:
        with suppress(Exception):  # all that was to be kept is in the file or its log
            self._db.close()

    def now(self) -> int:
        return clock.now()

    def secret(self, purpose: Purpose) -> bytes:
        from voicecli.store import keys

        return keys.read_or_make(self.folder / keys.FILES[purpose], lost=keys.LOST[purpose])

    @contextmanager
    def _all_or_nothing(self, writing: _Writing) -> Iterator[None]:
        with writing():
            self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            with writing():
                self._db.execute("COMMIT")
        finally:
            with suppress(Exception):  # what failed before is told
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    # -- reading -------------------------------------------------------------------------------------

    def _select(
        self, query: str, parameters: Sequence[object]
    ) -> tuple[list[str], Iterable[tuple[Any, ...]]]:
        cursor = self._db.execute(query, parameters)
        return [name for name, *_ in cursor.description or ()], cursor

    def _reading(self) -> AbstractContextManager[None]:
        return self._raising_its_own(f"The store {self.path} can't be read", _DAMAGED_HINT)

    def damaged(self, what: str) -> StoreFailed:
        return StoreFailed(f"The store {self.path} is damaged: {what}.", hint=_DAMAGED_HINT)

    # -- what one process has alone ------------------------------------------------------------------

    def take_lock(self, name: str, *, seconds: float = 0.0) -> locks.Lock | None:
        return locks.Lock.acquire_within(self._lock_of(name), seconds)

    def is_locked(self, name: str) -> bool:
        return locks.is_held(self._lock_of(name))

    def require_locks(self) -> None:
        if not locks.work_at(self._lock_of("works")):
            raise locks.useless_locks(self.path.parent)

    def _lock_of(self, name: str) -> Path:
        return self.path.with_name(f"{name}.lock")

    # -- writing -------------------------------------------------------------------------------------

    @contextmanager
    def transaction(
        self, *, failure: str = "", advice: str = "Check its disk.", concurrent: bool = False
    ) -> Iterator[Transaction]:
        failure = failure or f"The store {self.path} can't be written"
        writing = partial(self._raising_its_own, failure, advice)
        with self._all_or_nothing(writing):
            yield _Transaction(self._db, writing)
        self.require_in_place()

    def insert_events(
        self, events: Sequence[tuple[object, ...]], *, failure: str, advice: str
    ) -> list[tuple[int, int]]:
        try:
            with self.transaction(failure=failure, advice=advice) as transaction:
                if transaction.execute_many(_INSERT_NEW_EVENT, events) != len(events):
                    raise _SomeAreThere
                [[last]] = transaction("SELECT last_insert_rowid()").rows
                return [(number, 1) for number in range(last - len(events) + 1, last + 1)]
        except _SomeAreThere:
            with self.transaction(failure=failure, advice=advice) as transaction:
                return [transaction(_INSERT_EVENT + _COUNT_EVENT, event).rows[0] for event in events]

    def make_index(self, name: str, table: str, columns: str) -> None:
        if not self.read_number("SELECT count(*) FROM sqlite_master WHERE name = ?", (name,)):
            with self.transaction() as transaction:
                transaction(f"CREATE INDEX IF NOT EXISTS {name} ON {table} ({columns})")

    @contextmanager
    def _raising_its_own(self, failure: str, hint: str) -> Iterator[None]:
        """StoreFailed, StoreBusy or StoreRefused in place of whatever SQLite raises inside."""
        try:
            yield
        except VoicecliError:
            raise
        except Exception as error:
            self.require_in_place()
            if _is_read_only(error):
                raise StoreRefused(f"{failure}: {_reason(error)}.", hint=_READ_ONLY_HINT) from error
            kind = StoreBusy if _is_busy(error) else StoreFailed
            raise kind(f"{failure}: {_reason(error)}.", hint=hint) from error

    def overwrite_deleted(self) -> None:
        list(self.rows("PRAGMA secure_delete = ON"))

    def find_damage(self) -> str | None:
        try:
            [(verdict,)] = self._db.execute("PRAGMA quick_check(1)").fetchall()
            if verdict != "ok":
                return str(verdict)
            with self._all_or_nothing(nullcontext):  # a file may be for reading only
                self._db.execute("DELETE FROM seen_events WHERE reader = ''")
        except Exception as error:
            if _is_read_only(error):
                raise StoreRefused(
                    f"The store {self.path} can't be written: {_reason(error)}.", hint=_READ_ONLY_HINT
                ) from error
            if _is_busy(error):
                raise StoreBusy(
                    f"The store {self.path} is held by another process.", hint="Try again a little later."
                ) from error
            return _reason(error)
        return None

    def size(self) -> int:
        return self.path.stat().st_size if self.is_there() else 0

    def is_there(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), self._file)  # noqa: PTH116 - for each commit: quicker
        except OSError:
            return False

    def require_in_place(self) -> None:
        if not self.is_there():
            raise StoreFailed(f"The store {self.path} was removed or replaced.")

    def checkpoint(self) -> None:
        """Carry the log into the file, as far as nobody is held up by that."""
        with suppress(Exception):  # it can be done later
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def empty_log(self) -> None:
        """Carry the whole log into the file and empty it, so that what was deleted is in neither; but hold
        nobody up for long."""
        self.checkpoint()
        # Where somebody reads or writes, the log is used again from its start.
        with suppress(Exception), self.short_patience():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def short_patience(self) -> Iterator[None]:
        before = self._patience
        self._wait_for_others(SHORT_PATIENCE)
        try:
            yield
        finally:
            self._wait_for_others(before)

    def _wait_for_others(self, patience: float) -> None:
        """So many seconds from now on, wherever somebody else holds the store."""
        self._db.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
        self._patience = patience


class _SomeAreThere(Exception):
    """Then nothing is put in at one stroke."""


class _Transaction(Transaction):
    def __init__(self, db: sqlite3.Connection, writing: _Writing) -> None:
        self._db = db
        self._writing = writing

    def __call__(self, statement: str, parameters: Sequence[object] = ()) -> StatementResult:
        with self._writing():
            cursor = self._db.execute(statement, parameters)
            return StatementResult(cursor.fetchall(), cursor.rowcount)

    def execute_many(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        with self._writing():
            return self._db.executemany(statement, rows).rowcount

    def insert(self, statement: str, rows: Sequence[Sequence[object]]) -> range:
        """They are one after the other, since nobody else writes."""
        self.execute_many(statement, rows)
        with self._writing():
            [last] = self._db.execute("SELECT last_insert_rowid()").fetchone()
        return range(last - len(rows) + 1, last + 1)


def _is_busy(error: Exception) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _is_read_only(error: Exception) -> bool:
    return _code(error) == sqlite3.SQLITE_READONLY


def _code(error: Exception) -> int:
    """Of an extended code, what it is in general; 0 where it is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _reason(error: Exception) -> str:
    """As a clause; never with what the file has in it."""
    words = str(error)
    if words.startswith("Could not decode"):
        return "it has text that is no UTF-8"
    return words if isinstance(error, sqlite3.Error) else reason_of(error)


_INSERT_EVENT = "INSERT INTO events (received, type, session, key, reply, body) VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_NEW_EVENT = _INSERT_EVENT.replace("INSERT", "INSERT OR IGNORE")
_COUNT_EVENT = " ON CONFLICT (session, key) DO UPDATE SET times = times + 1 RETURNING id, times"
_READ_ONLY_HINT = "Allow yourself to write it, or set VOICECLI_HOME to a folder of yours that can be written."
_DAMAGED_HINT = (
    "voicecli doctor checks it. If it is moved away, a new one is made; sqlite3's .recover may save "
    "what is in it."
)
