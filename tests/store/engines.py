"""The engines of the store, as the contract tests need them: each opened, and disturbed on purpose."""

import itertools
import multiprocessing
import os
import random
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import pytest
from conftest import DEADLINE
from full_disk import WRITES, Disk, full_disk
from postgresql_server import Bouncer
from shared_postgresql import KEY, SharedServer

from voicecli.errors import ConfigurationError
from voicecli.store import sqlite
from voicecli.store.engine import Store
from voicecli.store.location import StorePlace
from voicecli.store.migrations import MIGRATIONS
from voicecli.store.opening import open_store
from voicecli.store.sqlite import SqliteStore


class Engine(Protocol):
    """What the contract tests do to an engine. A store is known by this machine's folder."""

    undone: str  # a store that is not there any more, in words of its errors

    def make_room(self, home: Path) -> None:
        """There is no store yet, but all that the first one to open it needs."""
        ...

    def open(self, home: Path, *, accept_newer: bool = False) -> Store: ...

    def release(self, home: Path) -> None:
        """Nobody needs it any more, nor has it open."""
        ...

    def copy(self, model: Path, home: Path) -> None:
        """Another store with the same in it; nobody has the model open."""
        ...

    def at_commit(self, act: Callable[[], None], *, afterwards: bool = False) -> AbstractContextManager[None]:
        """Inside, ``act`` is called in this process right before, or right after, each commit of stores that
        are opened there."""
        ...

    def impatient(self) -> AbstractContextManager[None]:
        """Inside, stores that are opened wait hardly at all for other processes."""
        ...

    def full_disk(self) -> AbstractContextManager[Disk]:
        """Inside, a write of this process fails once the disk was told which one."""
        ...

    def remove(self, home: Path) -> None:
        """Somebody takes it away while it is open."""
        ...

    def end_locks_of_killed(self, home: Path) -> None:
        """So much time goes by that processes which were killed before have no lock any more."""
        ...

    def make_newer(self, home: Path) -> None:
        """As a newer voicecli leaves it, which the present one does not know."""
        ...


class Sqlite:
    """The file; commits are seen through a connection of our own."""

    undone = "removed or replaced"

    def make_room(self, home: Path) -> None:
        """The first one makes all of it."""

    def open(self, home: Path, *, accept_newer: bool = False) -> Store:
        return SqliteStore(home, accept_newer=accept_newer)

    def release(self, home: Path) -> None:
        """It is deleted with the folder."""

    def copy(self, model: Path, home: Path) -> None:
        shutil.copytree(model, home)

    @contextmanager
    def at_commit(self, act: Callable[[], None], *, afterwards: bool = False) -> Iterator[None]:
        class Watched(sqlite3.Connection):
            def execute(self, statement: str, *rest: Any) -> sqlite3.Cursor:
                is_commit = statement == "COMMIT"
                if is_commit and not afterwards:
                    act()
                cursor = super().execute(statement, *rest)
                if is_commit and afterwards:
                    act()
                return cursor

        connect = sqlite3.connect
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite.sqlite3, "connect", lambda *a, **k: connect(*a, factory=Watched, **k))
            yield

    @contextmanager
    def impatient(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite, "LOCK_PATIENCE", 0.05)
            yield

    def full_disk(self) -> AbstractContextManager[Disk]:
        return full_disk(0, once=True)

    def remove(self, home: Path) -> None:
        (home / "voicecli.sqlite3").unlink()

    def end_locks_of_killed(self, home: Path) -> None:
        """The system has freed them at once."""

    def make_newer(self, home: Path) -> None:
        database = sqlite3.connect(home / "voicecli.sqlite3")
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        database.close()


class Postgresql:
    """Schemas of one database of the server that the tests share. What a test leaves in one is cleared away
    for the next test: to make another one takes ten times as long."""

    undone = "does not exist"

    def __init__(self, server: SharedServer) -> None:
        self._server = server
        self.database = server.new_database("template0")
        self._url = server.url(self.database)
        self._schemas: dict[Path, str] = {}
        self._free: list[str] = []
        self._spoilt: set[str] = set()
        self._numbers = itertools.count(1)

    def place(self, home: Path) -> StorePlace:
        return StorePlace(home, f"{self._url}&schema={self._schemas[home]}", KEY)

    def make_room(self, home: Path) -> None:
        self._schemas[home] = f"s{next(self._numbers)}"

    def open(self, home: Path, *, accept_newer: bool = False) -> Store:
        if home not in self._schemas:
            self._take(home)
        with suppress(ConfigurationError):
            return open_store(self.place(home), accept_newer=accept_newer)
        return self._migrated(home, accept_newer=accept_newer)

    def _migrated(self, home: Path, *, accept_newer: bool = False) -> Store:
        from voicecli.store.postgresql_migrating import migrate

        migrate(self.place(home))
        return open_store(self.place(home), accept_newer=accept_newer)

    def _take(self, home: Path) -> str:
        """A schema with nothing in it, for this store."""
        if self._free:
            self._schemas[home] = self._free.pop()
        else:
            self.make_room(home)
            self._migrated(home).close()
        return self._schemas[home]

    def copy(self, model: Path, home: Path) -> None:
        source, new = self._schemas[model], self._take(home)
        rows = [f"DELETE FROM {new}.{table}" for table in ("counters", "seen_events")]  # a new one has some
        rows += [f"INSERT INTO {new}.{table} SELECT * FROM {source}.{table}" for table in self._tables()]
        numbers = [
            f"SELECT setval('{new}.{one}', last_value) FROM {source}.{one}" for one in self._numbered()
        ]
        self._server.execute("; ".join([*rows, *numbers]), self.database)

    def release(self, home: Path) -> None:
        schema = self._schemas.pop(home, "")
        if not schema or schema in self._spoilt:
            return
        gone = [f"DELETE FROM {schema}.{table}" for table in self._tables()]
        numbers = [f"SELECT setval('{schema}.{one}', 1, false)" for one in self._numbered()]
        first = f"INSERT INTO {schema}.counters VALUES ('events', 0)"
        self._server.execute("; ".join([*gone, *numbers, first]), self.database)
        self._free.append(schema)

    def _tables(self) -> list[str]:
        from voicecli.store.postgresql_schema import TABLES

        return [table for table in TABLES if table != "voicecli_schema"]

    def _numbered(self) -> list[str]:
        """The sequences."""
        from voicecli.store.postgresql_schema import STEPS

        found = re.findall(r"TABLE (\w+) \(\s*(\w+) BIGINT GENERATED", "".join(STEPS.values()))
        return [f"{table}_{column}_seq" for table, column in found]

    @contextmanager
    def at_commit(self, act: Callable[[], None], *, afterwards: bool = False) -> Iterator[None]:
        """What would be one message is sent statement by statement, so that there is a moment before the
        last. That a worker begins, and gets rows, is passed by: SQLite has a lock for that."""
        from voicecli.store import workers
        from voicecli.store.postgresql import PostgresqlStore

        begin, begun = workers.begin, []

        def begin_and_tell(*arguments: Any) -> int:
            begun.append(True)
            return begin(*arguments)

        class Watched(PostgresqlStore):
            def _commit(self, db: Any) -> None:
                is_seen = not begun
                begun.clear()
                if is_seen and not afterwards:
                    act()
                super()._commit(db)
                if is_seen and afterwards:
                    act()

            def write_at_once(self, statement: str, parameters: Any, **words: str) -> Any:
                with self.transaction(concurrent=True, **words) as transaction:
                    return transaction(statement, parameters)

            def execute_alone(self, statement: str, parameters: Any) -> Any:
                if "UPDATE broadcast_chunks" in statement:
                    return super().execute_alone(statement, parameters)
                with self.transaction(concurrent=True) as transaction:
                    return transaction(statement, parameters)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("voicecli.store.postgresql.PostgresqlStore", Watched)
            patch.setattr(workers, "begin", begin_and_tell)
            yield

    @contextmanager
    def impatient(self) -> Iterator[None]:
        from voicecli.store import postgresql

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgresql, "LOCK_PATIENCE", 0.05)
            yield

    @contextmanager
    def full_disk(self) -> Iterator[Disk]:
        """As the server tells it."""
        import psycopg

        disk = Disk(0, once=True)
        execute = psycopg.Connection.execute

        def guarded(db: Any, statement: str, *rest: Any, **options: Any) -> Any:
            if statement.lstrip().upper().startswith((*WRITES, "WITH")) and disk.is_full():
                raise psycopg.errors.DiskFull("could not extend file: No space left on device")
            return execute(db, statement, *rest, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(psycopg.Connection, "execute", guarded)
            yield disk

    def remove(self, home: Path) -> None:
        self.spoil(home, "DROP SCHEMA {} CASCADE")

    def end_locks_of_killed(self, home: Path) -> None:
        schema = self._schemas[home]
        ended = f"UPDATE {schema}.leases SET until = 0; UPDATE {schema}.workers SET lease_until = 0"
        self._server.execute(ended, self.database)

    def make_newer(self, home: Path) -> None:
        newer = "UPDATE {}.voicecli_schema SET version = version + 1, compatible_from = version + 1"
        self.spoil(home, newer)

    def spoil(self, home: Path, statement: str) -> None:
        """Nobody else can have the schema then."""
        self._spoilt.add(self._schemas[home])
        self._server.execute(statement.format(self._schemas[home]), self.database)


class Pooled(Postgresql):
    """The same behind PgBouncer, which gives each transaction whichever connection is free."""

    def __init__(self, server: SharedServer, bouncer: Bouncer) -> None:
        super().__init__(server)
        self._url = bouncer.url(self.database)


ENGINES = (
    pytest.param(Sqlite, id="sqlite"),
    pytest.param(Postgresql, id="postgresql", marks=pytest.mark.soak),  # in short: test_postgresql.py
    pytest.param(Pooled, id="pgbouncer", marks=pytest.mark.soak),
)


def make(kind: type[Engine], request: pytest.FixtureRequest) -> Engine:
    """It, for a test; skipped where it can't be."""
    if kind is Sqlite:
        return Sqlite()
    server = request.getfixturevalue("postgresql")
    return _pooled(server, request.getfixturevalue("pgbouncer")) if kind is Pooled else _postgresql(server)


_postgresql = cache(Postgresql)
_pooled = cache(Pooled)


class Other:
    """Another process, which does something to the store. With ``stops`` ("before" or "after") it stands
    still right before or right after its first commit, until ``go`` or ``kill``; with ``delay`` each of its
    commits comes up to so many seconds late. Where it is not ``watched``, all is as
    outside of tests."""

    def __init__(
        self,
        engine: Engine,
        home: Path,
        write: Callable[[Store], object],
        *,
        stops: str = "",
        delay: float = 0.0,
        watched: bool = True,
    ) -> None:
        self._engine, self._home, self._write = engine, home, write
        self._stops, self._delay, self._watched = stops, delay, watched
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(target=self._run, args=(theirs,))
        self._process.start()
        theirs.close()

    def _run(self, theirs: Connection) -> None:
        is_first = True

        def stop() -> None:
            nonlocal is_first
            time.sleep(random.random() * self._delay)
            if self._stops and is_first:
                is_first = False
                theirs.send("at its commit")
                theirs.recv()

        try:
            watched = self._engine.at_commit(stop, afterwards=self._stops == "after")
            with watched if self._watched else nullcontext(), self._engine.open(self._home) as store:
                told: object = self._write(store)
        except Exception as error:  # noqa: BLE001 - it is told
            told = f"{type(error).__name__}: {error}"
        with suppress(OSError):
            theirs.send(told)

    def reach(self) -> None:
        """Wait until it stands at its commit."""
        assert self._receive() == "at its commit"

    def go(self) -> None:
        self._ours.send(None)

    def result(self) -> Any:
        """What it did, or the error that it met, in words."""
        told = self._receive()
        self._join()
        return told

    def kill(self) -> None:
        os.kill(self._process.pid or 0, signal.SIGKILL)
        self._join()
        self._engine.end_locks_of_killed(self._home)

    def _receive(self) -> Any:
        assert self._ours.poll(DEADLINE), "the other process tells nothing"
        return self._ours.recv()

    def _join(self) -> None:
        self._process.join(DEADLINE)
        self._process.close()
        self._ours.close()
