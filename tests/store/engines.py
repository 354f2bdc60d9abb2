"""The engines of the store, as the contract tests need them: each opened, and disturbed on purpose."""

import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import pytest
from conftest import DEADLINE
from full_disk import Disk, full_disk

from voicecli.store import sqlite
from voicecli.store.migrations import MIGRATIONS
from voicecli.store.sqlite import Store


class Engine(Protocol):
    """What the contract tests do to an engine."""

    def open(self, home: Path) -> Store: ...

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

    def make_newer(self, home: Path) -> None:
        """As a newer voicecli leaves it."""
        ...


class Sqlite:
    """The file; commits are seen through a connection of our own."""

    def open(self, home: Path) -> Store:
        return Store(home)

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

    def make_newer(self, home: Path) -> None:
        database = sqlite3.connect(home / "voicecli.sqlite3")
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        database.close()


ENGINES: tuple[Engine, ...] = (Sqlite(),)


class Other:
    """Another process, which does something to the store. With ``stops`` ("before" or "after") it stands
    still right before or right after its first commit, until ``go`` or ``kill``; with ``delay`` each of its
    commits comes up to so many seconds late."""

    def __init__(
        self,
        engine: Engine,
        home: Path,
        write: Callable[[Store], object],
        *,
        stops: str = "",
        delay: float = 0.0,
    ) -> None:
        self._engine, self._home, self._write = engine, home, write
        self._stops, self._delay = stops, delay
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
            with watched, self._engine.open(self._home) as store:
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

    def _receive(self) -> Any:
        assert self._ours.poll(DEADLINE), "the other process tells nothing"
        return self._ours.recv()

    def _join(self) -> None:
        self._process.join(DEADLINE)
        self._process.close()
        self._ours.close()
