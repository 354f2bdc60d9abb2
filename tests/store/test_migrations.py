"""Changes of the store's tables: who has an earlier version running goes on beside a newer command."""

import asyncio
import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from conftest import DEADLINE
from receiver_world import receiving, vca, vss

import voicecli
from voicecli.account import AccountId
from voicecli.errors import ConfigurationError
from voicecli.listener import recorder
from voicecli.listener.vca_repliers import CallflowReplier
from voicecli.store import sqlite
from voicecli.store.location import StorePlace
from voicecli.store.migrations import MIGRATIONS
from voicecli.store.sqlite import SqliteStore
from voicecli.store.webhooks import replaced_webhooks
from voicecli.voice_api.replies import HANG_UP

FREE = 7  # the first ones, which were made before the rule
NEWER = ("CREATE TABLE newer (id INTEGER PRIMARY KEY)", "ALTER TABLE events ADD COLUMN newer TEXT")
ADDITIVE = re.compile(
    r"CREATE TABLE (?P<new>\w+) \("
    r"|CREATE INDEX \w+ ON \w+ \("
    r"|CREATE UNIQUE INDEX \w+ ON (?P<unique>\w+) \("
    r"|ALTER TABLE (?P<grown>\w+) ADD COLUMN \w+ [A-Z]+( NOT NULL DEFAULT \S+)?$"
    r"|(INSERT INTO|UPDATE) (?P<filled>\w+) "
)


def filled_by_position() -> set[str]:
    """The tables to which a column more would break statements of earlier versions."""
    sources = Path(voicecli.__file__).parent.rglob("*.py")
    return {table for path in sources for table in re.findall(r"INTO (\w+) VALUES", path.read_text())}


@pytest.mark.parametrize("number", range(FREE, len(MIGRATIONS)))
def test_a_migration_only_adds(number: int) -> None:
    migration, new = MIGRATIONS[number], set()
    assert isinstance(migration, str)
    for statement in migration.split(";\n"):
        words = " ".join(re.sub("--.*", "", statement).split())
        if not words:
            continue
        found = ADDITIVE.match(words)
        assert found is not None, words
        new.add(found["new"])
        assert found["unique"] is None or found["unique"] in new, words
        assert found["grown"] not in filled_by_position(), words


def upgrade(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a newer version does that is started meanwhile."""
    with monkeypatch.context() as newer:
        newer.setattr(sqlite, "MIGRATIONS", (*MIGRATIONS, *NEWER))
        SqliteStore(home).close()


@pytest.mark.soak
@pytest.mark.usefixtures("writer_process")
async def test_a_listener_goes_on_beside_a_newer_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RESTART_AFTER", 0.05)
    home = tmp_path / "home"
    async with receiving(home, replier=CallflowReplier(StorePlace(home), HANG_UP)) as world:
        assert (await world.event(vss("s-1")))[0] == 200
        upgrade(home, monkeypatch)
        assert (await world.event(vss("s-2")))[0] == 200
        status, answer = await world.event(vca("s-3"))
        assert status == 200
        assert [action["action"] for action in answer["callflow"]] == ["hangup"]
        process = world.service._recorder._process
        assert process is not None
        process.kill()  # another one is started
        async with asyncio.timeout(DEADLINE):
            while (await world.event(vss("s-4")))[0] != 200:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.05)
        assert world.kept("session") == [("s-1",), ("s-2",), ("s-3",), ("s-4",)]
    with pytest.raises(ConfigurationError, match="newer voicecli"):
        SqliteStore(home)
    with SqliteStore(home, accept_newer=True) as kept:
        assert replaced_webhooks(kept, AccountId("https://voice.8x8.com", "some_sub")) == []


def test_an_older_one_that_waited_for_a_newer_one_s_migration_leaves_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the newer one would migrate once more, and fail."""
    with monkeypatch.context() as older:
        older.setattr(sqlite, "MIGRATIONS", MIGRATIONS[:FREE])
        SqliteStore(tmp_path).close()
    failures: list[str] = []

    def open_as_today() -> None:
        try:
            SqliteStore(tmp_path).close()
        except ConfigurationError as error:
            failures.append(error.message)

    with closing(sqlite3.connect(tmp_path / "voicecli.sqlite3", isolation_level=None)) as newer:
        newer.execute("BEGIN IMMEDIATE")
        waiting = threading.Event()

        def waits(self: SqliteStore) -> int:
            [version] = self._db.execute("PRAGMA user_version").fetchone()
            waiting.set()
            return int(version)

        monkeypatch.setattr(SqliteStore, "_version", waits)
        thread = threading.Thread(target=open_as_today)
        thread.start()
        assert waiting.wait(DEADLINE)
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        newer.execute("COMMIT")
        thread.join()
        assert newer.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    assert "newer voicecli" in failures[0]
