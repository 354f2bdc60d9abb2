"""A store that may only be read, or where a right is missing, is a matter of configuration: 3 promises that
nobody was called."""

import errno
import os
import sqlite3
from pathlib import Path

import past
import pytest
from conftest import Program, RunningSandbox
from lists import people, write
from running_listener import public_access
from shared_postgresql import SharedServer, environment

from voicecli.store import sqlite
from voicecli.store.event_recording import record_events
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

ANN, *OTHERS = PEOPLE = [f"+3319900{number}" for number in range(2_000, 2_004)]


class Office:
    """It has begun a broadcast, of which there is news, and has a list that is not sent yet."""

    def __init__(self, run: Program, sandbox: RunningSandbox, place: StorePlace) -> None:
        self._run, self._sandbox = run, sandbox
        shared = environment(place) if place.is_shared else {"VOICECLI_HOME": str(place.folder)}
        self.environment = {**sandbox.environment, **shared}
        sent, self.unsent = write("sent.csv", people(*PEOPLE)), write("unsent.csv", people(*OTHERS))
        begun = run("broadcast", sent, "Hi", "--yes", "--max-calls", "2", "-q", env=self.environment)
        assert begun.code == 7, begun  # some are left
        self.broadcast = begun.out.strip()
        with open_store(place) as store:
            record_events(store, [past.kept(past.event("VSS", "COMPLETED"))])

    def commands(self) -> list[tuple[str, ...]]:
        """Which write, and place no call by themselves or none before they have written."""
        return [
            ("broadcast", "send", self.unsent, "Hi", "--yes"),
            ("broadcast", "send", self.unsent, "Hi", "--yes", "--wait", *public_access()),
            ("broadcast", "resume", self.broadcast),
            ("broadcast", "stop", self.broadcast),
            ("broadcast", "show", self.broadcast),
            ("broadcast", "results", self.broadcast),
            ("broadcast", "allow", ANN),
            ("prune", "--older-than", "1s"),
            ("listen", "--register", *public_access()),
            ("doctor", *public_access()),
        ]

    def refused(self, *command: str) -> str:
        """What the command says, which ends with 3 and calls nobody."""
        before = len(self._sandbox.sandbox.requested)
        done = self._run(*command, env=self.environment)
        assert (done.code, len(self._sandbox.sandbox.requested)) == (3, before), (command, done)
        return done.err if command[0] != "doctor" else done.out


def test_a_file_that_may_only_be_read(
    run: Program, own_sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(run, own_sandbox, StorePlace(tmp_path / "home"))
    connect = sqlite3.connect

    def connect_to_read(path: Path, **options: object) -> sqlite3.Connection:
        return connect(f"{path.as_uri()}?mode=ro", uri=True, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite.sqlite3, "connect", connect_to_read)
    for command in office.commands():
        words = office.refused(*command)
        assert "can't be written: attempt to write a readonly database." in words
        assert "set VOICECLI_HOME to a folder of yours that can be written" in words


@pytest.mark.parametrize("name", ["seal.key", ".lock", "pace"])
def test_a_file_beside_the_store_that_may_not_be_made(
    run: Program,
    own_sandbox: RunningSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    office = Office(run, own_sandbox, StorePlace(tmp_path / "home"))
    for path in (tmp_path / "home").glob(f"*{name}"):
        path.unlink()
    opened = os.open

    def open_(path: str | Path, flags: int, *rest: int, **options: int) -> int:
        if flags & os.O_CREAT and name in Path(path).name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", open_)
    commands = office.commands() if name == ".lock" else office.commands()[:1]
    for command in commands:
        if command[1] not in ("stop", "allow"):  # which need no such file
            assert "Permission denied" in office.refused(*command)


def test_a_database_that_may_only_be_read(
    run: Program, own_sandbox: RunningSandbox, team: StorePlace, postgresql: SharedServer
) -> None:
    office = Office(run, own_sandbox, team)
    past.keep_a_call(team.folder)  # in a file, which could be copied
    database = (team.url or "").partition("@/")[2].partition("?")[0]
    postgresql.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    join = ("broadcast", "join", office.broadcast)
    for command in [*office.commands(), join, ("store", "copy")]:
        words = office.refused(*command)
        assert "in a read-only transaction" in words
        assert "name the server that does (target_session_attrs=read-write)" in words


def test_a_right_that_is_missing(
    run: Program, own_sandbox: RunningSandbox, team: StorePlace, postgresql: SharedServer
) -> None:
    office = Office(run, own_sandbox, team)
    database = (team.url or "").partition("@/")[2].partition("?")[0]
    user = f"reader_{database}"
    for statement in (
        f"CREATE USER {user}",
        f"GRANT USAGE ON SCHEMA voicecli TO {user}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA voicecli TO {user}",
    ):
        postgresql.execute(statement, database)
    url = (team.url or "").replace("postgres@", f"{user}@")
    office.environment["VOICECLI_STORE"] = url
    for command in office.commands():
        assert "lack" in office.refused(*command)
    postgresql.execute(f"REVOKE SELECT ON voicecli.events FROM {user}", database)
    for command in [("sessions",), ("events",), ("stats",), ("replay", "1", "--to", "http://127.0.0.1:9")]:
        assert "This user of the database lacks a right" in office.refused(*command)
    postgresql.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA voicecli TO {user}", database)
    postgresql.execute(f"REVOKE INSERT ON voicecli.calls FROM {user}", database)
    words = office.refused(*office.commands()[0])  # it has begun, and can't record its first call
    assert "This user of the database lacks a right" in words
