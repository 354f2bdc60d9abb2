"""The PostgreSQL server that all tests of a run share, in whichever worker they are: the first that needs it
starts it, and it is stopped when all have ended. Each test has a database of its own."""

import base64
import fcntl
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    written = folder / "postgresql.folder"
    with (folder / "postgresql.users").open("w") as users, (folder / "postgresql.lock").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)  # until this process has ended, and those that it has forked
        if not written.exists():
            _start(folder, written, users.name)
        fcntl.flock(starting, fcntl.LOCK_UN)
        yield SharedServer(Path(written.read_text()))


def _start(folder: Path, written: Path, users: str) -> None:
    from voicecli.store.postgresql_migrating import migrate

    server = SharedServer(postgresql_server.make_folder())
    values = (users, str(written), str(server.folder))
    watcher = subprocess.Popen(
        [sys.executable, "-c", _STOP_WHEN_UNUSED, *values],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    watcher.returncode = 0  # nobody waits for it
    server.start()
    server.create_database(name=MIGRATED)
    migrate(server.place(folder, MIGRATED))
    written.write_text(str(server.folder))
    server.leave()


_STOP_WHEN_UNUSED = """
import fcntl, os, shutil, signal, sys, time
from contextlib import suppress
users, written, folder = sys.argv[1:]
with open(users) as file:
    fcntl.flock(file, fcntl.LOCK_EX)  # all have ended, however they did
    with suppress(OSError):
        os.unlink(written)
        with open(f"{folder}/server.pid") as server:
            os.kill(int(server.read()), signal.SIGQUIT)
    end = time.monotonic() + 10
    while os.path.exists(f"{folder}/data/postmaster.pid") and time.monotonic() < end:
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)
"""
