"""The PostgreSQL server that all tests of a run share, in whichever worker they are: the first that needs it
starts it, the last stops it. Each test has a database of its own."""

import base64
import fcntl
import itertools
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import postgresql_server

from voicecli.store.location import StorePlace

KEY = bytes(range(32))  # the team's
MIGRATED = "migrated"  # the database that the tests' are copies of
_NUMBERS = itertools.count(1)


class SharedServer(postgresql_server.Server):
    """Its databases, from any process."""

    def new_database(self, template: str = MIGRATED) -> str:
        """The name of a copy that nobody else has; ``template0`` is empty."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        return self.create_database(template=template, name=f"{worker}_{next(_NUMBERS)}")

    def place(self, folder: Path, database: str) -> StorePlace:
        """Where a machine's store is whose own folder that is."""
        return StorePlace(folder, self.url(database), KEY)


def environment(place: StorePlace) -> dict[str, str]:
    """The settings of a machine whose store is there."""
    key = base64.urlsafe_b64encode(place.key or b"").decode()
    return {"VOICECLI_STORE": place.url or "", "VOICECLI_STORE_KEY": key, "VOICECLI_HOME": str(place.folder)}


@contextmanager
def shared(folder: Path) -> Iterator[SharedServer]:
    """That of the tests that have this folder in common."""
    with (folder / "postgresql.users").open("w") as users, (folder / "postgresql.lock").open("w") as lock:
        written = folder / "postgresql.folder"
        with _locked(lock):
            fcntl.flock(users, fcntl.LOCK_SH)  # until this process has ended, however it does
            if not written.exists():
                _start(folder, written)
        yield SharedServer(Path(written.read_text()))
        with _locked(lock), suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _stop(Path(written.read_text()))
            written.unlink()


@contextmanager
def _locked(file: IO[str]) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _start(folder: Path, written: Path) -> None:
    from voicecli.store.postgresql_migrating import migrate

    server = SharedServer(postgresql_server.make_folder())
    server.start()
    server.create_database(name=MIGRATED)
    migrate(server.place(folder, MIGRATED))
    server.leave()
    written.write_text(str(server.folder))


def _stop(folder: Path) -> None:
    number = folder / "data" / "postmaster.pid"
    os.kill(int(number.read_text().split()[0]), signal.SIGQUIT)
    end = time.monotonic() + postgresql_server.START
    while number.exists() and time.monotonic() < end:
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)
