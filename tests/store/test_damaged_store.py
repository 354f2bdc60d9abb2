"""A store's file that is damaged: commands say so, none meets an error of its own, and the exit code of a
call tells whether it was placed."""

import io
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Finished, RunningSandbox
from past import NUMBER, SESSION, event, keep, keep_a_call, place

from voicecli.cli.app import run
from voicecli.cli.context import Context
from voicecli.errors import StoreFailed, VoicecliError
from voicecli.sessions.attempt import AttemptState
from voicecli.store import columns
from voicecli.store.attempts import attempts_where
from voicecli.store.sqlite import SqliteStore

Damage = Callable[[Path, random.Random], None]
FILE = "voicecli.sqlite3"
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 8))]
STRANGE = (b"\xff\xfe", "text", "", "\0", "{}", 2**62, -(2**63), -1, 1.5, float("inf"), None)
WORDS = (b"accepted", b"+331990", b"5a3eab", b"VSS", b"127.0.0.1", b"CREATE TABLE", b"COMPLETED")
LOOKS = (
    ("sessions", "--json"),
    ("sessions", SESSION),
    ("stats",),
    ("events",),
    ("broadcast", "list"),
    ("broadcast", "results", "b"),
    ("broadcast", "show", "b"),
    ("prune", "--older-than", "1h"),
)


def voicecli(*arguments: str) -> Finished:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    code = run(arguments, Context(stdin=None, stdout=out, stderr=err))
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
    return Finished(code, out.read(), err.read())


@pytest.fixture
def _settings(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox) -> Path:
    """A store with calls, their events, and a broadcast."""
    home = tmp_path_factory.mktemp("model") / "home"
    for number in range(20):
        session = f"{SESSION[:-2]}{number:02}"
        keep_a_call(home, session, ago=number * 60)
        place(home, AttemptState.ACCEPTED, session, request_id=f"r-{number}", ago=number * 60)
    keep(home, event("VSS", "COMPLETED", f"{SESSION[:-2]}99", callStatus="UNSUBSCRIBED"))
    people = home.parent / "people.csv"
    people.write_text("phone\n" + "".join(f"+3319900{number}\n" for number in range(3_000, 3_020)))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**sandbox.environment, "VOICECLI_HOME": str(home)}.items():
            patch.setenv(name, value)
        done = voicecli("broadcast", "send", str(people), "Hello", "--yes")
    assert done.code == 0, done
    return home


def flip(path: Path, chance: random.Random) -> None:
    """Some bytes become others, many of them inside texts; or the end is missing."""
    data = bytearray(path.read_bytes())
    if chance.random() < 0.1:
        del data[chance.randrange(len(data)) :]
    for _ in range(chance.choice((1, 3, 10, 100))):
        place = chance.randrange(len(data))
        if chance.random() < 0.5:
            place = max(data.find(chance.choice(WORDS), place), 0)
        data[place] = chance.choice((0x80, 0xFF, chance.randrange(256)))
    path.write_bytes(data)


def put_strange_values(path: Path, chance: random.Random) -> None:
    """Some columns get what is not of their kind, as far as SQLite lets that be."""
    database = sqlite3.connect(path)
    tables = [
        str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    for _ in range(chance.choice((1, 2, 5))):
        table = chance.choice(tables)
        column = chance.choice([row[1] for row in database.execute(f"PRAGMA table_info({table})")])
        value = "CAST(? AS TEXT)" if chance.random() < 0.3 else "?"
        strange = b"\xff\x80" if value != "?" else chance.choice(STRANGE)
        try:
            database.execute(f"UPDATE {table} SET {column} = {value} WHERE random() % 3 = 0", (strange,))
        except sqlite3.Error:
            continue
    database.commit()
    database.close()


@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize("damage", [pytest.param(flip, marks=pytest.mark.soak), put_strange_values])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_command_fails_by_itself(
    seed: int, damage: Damage, model: Path, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    shutil.copytree(model, tmp_path / "home")
    damage(tmp_path / "home" / FILE, random.Random(seed))
    for guarded in ((), ("--once",)):
        name = f"{tmp_path.name}{len(guarded)}"
        done = voicecli("call", NUMBER, "hi", "--message-id", name, *guarded)
        assert len(sandbox.requested(name)) == (done.code == 0), done
        assert done.code in (0, 3) if guarded else done.code == 0, done
    for arguments in LOOKS:
        done = voicecli(*arguments)
        assert done.code in (0, 1, 2, 3), (arguments, done)
        assert "error of its own" not in done.err, (arguments, done)


def test_text_that_is_no_utf_8_is_told_without_the_text(tmp_path: Path) -> None:
    place(tmp_path, AttemptState.ACCEPTED, SESSION)
    with SqliteStore(tmp_path) as kept:
        with kept.transaction() as transaction:
            transaction("UPDATE calls SET destination = CAST(? AS TEXT)", (b"+secret\xff",))
        with pytest.raises(StoreFailed, match="text that is no UTF-8") as told:
            list(kept.rows("SELECT destination FROM calls"))
    assert "secret" not in told.value.message


def test_a_schema_that_is_no_utf_8_is_an_error_of_the_store(tmp_path: Path) -> None:
    """Here Python's sqlite3 raises UnicodeDecodeError."""
    keep(tmp_path, event("VSS", "COMPLETED"))
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE seen_events", b"CREATE TABL\xff seen_events"))
    with pytest.raises(VoicecliError, match="can't be used: "):
        SqliteStore(tmp_path)


@pytest.mark.parametrize(
    ("column", "value"),
    [("destination", b"+33"), ("placed", "long ago"), ("placed", 2**62), ("seconds", float("inf"))],
)
def test_a_value_that_is_not_of_its_column_s_kind_is_named(
    column: str, value: object, tmp_path: Path
) -> None:
    place(tmp_path, AttemptState.ACCEPTED, SESSION)
    with SqliteStore(tmp_path) as kept:
        with kept.transaction() as transaction:
            transaction(f"UPDATE calls SET {column} = ?", (value,))
        with pytest.raises(StoreFailed, match=f"damaged: {column} has"):
            list(attempts_where(kept, ""))


def test_every_column_has_a_kind(tmp_path: Path) -> None:
    declared = {"INTEGER": int, "TEXT": str, "BLOB": bytes, "REAL": float}
    with SqliteStore(tmp_path) as kept:
        tables = list(kept.rows("SELECT name FROM sqlite_master WHERE type = 'table'"))
        for [table] in tables:
            if not table.startswith("sqlite_"):
                for _, column, kind, *_ in kept.rows(f"PRAGMA table_info({table})"):
                    assert declared[kind] in columns.KINDS.get(column, ()), f"{table}.{column}"
