"""The store: what is kept, once each, and what happens to a file that is not as it should be."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from voicecli.account import AccountId
from voicecli.errors import ConfigurationError, StoreFailed
from voicecli.store import sqlite as store
from voicecli.store.event_recording import KeptEvent, Recorded, record_events, record_replies
from voicecli.store.location import store_folder
from voicecli.store.migrations import MIGRATIONS
from voicecli.store.sqlite import SqliteStore
from voicecli.store.webhooks import (
    replaced_webhooks,
    take_dropped_webhooks,
)

AT_8X8 = AccountId("https://voice.8x8.com", "some_subaccount")


def event(number: int, session: str = "s-1") -> KeptEvent:
    return KeptEvent(1_000 + number, "VSS", session, number.to_bytes(16, "big"), None, b'{"n": %d}' % number)


def rows(home: Path, what: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(home / "voicecli.sqlite3")
    try:
        return database.execute(f"SELECT {what} FROM events ORDER BY id").fetchall()
    finally:
        database.close()


def test_a_store_of_the_first_kind_keeps_its_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(store, "MIGRATIONS", MIGRATIONS[:1])
        with SqliteStore(tmp_path) as kept:
            record_events(kept, [event(1), event(2)._replace(reply="hangup")])
            record_events(kept, [event(1)])
    with SqliteStore(tmp_path) as kept:
        assert record_events(kept, [event(2), event(3)])[0] == Recorded(2, 2)
    assert rows(tmp_path, "id, times, reply")[:2] == [(1, 2, None), (2, 2, "hangup")]


def test_one_that_can_not_be_used_is_left_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    (tmp_path / "voicecli.sqlite3").write_bytes(b"no store " * 1_000)
    monkeypatch.setattr(sqlite3, "connect", noted)
    with pytest.raises(ConfigurationError):
        SqliteStore(tmp_path)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


def test_a_body_is_kept_byte_for_byte(tmp_path: Path) -> None:
    body = bytes(range(256))
    with SqliteStore(tmp_path) as kept:
        record_events(kept, [KeptEvent(1, "VCA", "", b"k" * 16, "hangup", body)])
        record_replies(kept, [("say, hangup", None, 1)])
    assert rows(tmp_path, "body, reply") == [(body, "say, hangup")]


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    with SqliteStore(home) as kept:
        record_events(kept, [event(1)])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "voicecli.sqlite3").write_bytes(b"no database at all " * 100)
    with pytest.raises(ConfigurationError, match="not a database"):
        SqliteStore(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="can't be used"):
        SqliteStore(tmp_path / "file")


def test_webhooks_to_be_put_back_of_one_account_become_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listeners that were killed had each remembered their own, under the base URL as it was written."""
    rows = (  # oldest first
        ("https://voice.8x8.com", "VSS", "https://a.example", "https://app.example/vss"),
        (
            "https://voice.8x8.com/",
            "VSS",
            "https://b.example",
            "https://a.example",
        ),  # of that one
        ("https://voice.8x8.com", "VCA", "https://a.example", "https://old.example/vca"),
        ("HTTPS://voice.wavecell.com", "VCA", "https://c.example", "https://new.example/vca"),
        ("https://voice.8x8.com//", "VRU", "https://a.example", None),
    )
    with monkeypatch.context() as older:
        older.setattr(store, "MIGRATIONS", MIGRATIONS[:3])
        with SqliteStore(tmp_path) as kept, kept.transaction() as transaction:
            for url, kind, own, before in rows:
                values = (url, AT_8X8.subaccount, kind, own, before)
                transaction("INSERT INTO replaced_webhooks VALUES (?, ?, ?, ?, ?, 1, 0)", values)
    with SqliteStore(tmp_path) as kept:
        found = {webhook.type: (webhook.url, webhook.own_urls) for webhook in replaced_webhooks(kept, AT_8X8)}
        assert found == {
            "VSS": ("https://app.example/vss", ("https://b.example", "https://a.example")),
            "VCA": ("https://new.example/vca", ("https://c.example", "https://a.example")),
            "VRU": (None, ("https://a.example",)),
        }
        assert take_dropped_webhooks(kept, AT_8X8) == [("VCA", "https://old.example/vca")]
        assert take_dropped_webhooks(kept, AT_8X8) == []


def test_the_home_is_the_setting_or_the_systems_place(tmp_path: Path) -> None:
    assert store_folder(str(tmp_path)) == tmp_path
    assert store_folder(None).name == "voicecli"


def test_a_new_file_is_not_damaged_by_who_still_has_one_that_was_removed(tmp_path: Path) -> None:
    """Both had the same -shm, by its name."""
    with SqliteStore(tmp_path) as removed:
        record_events(removed, [event(number) for number in range(50)])
        removed.path.unlink()
        with SqliteStore(tmp_path) as kept:
            for number in range(20):
                record_events(kept, [event(number)])
                with pytest.raises(StoreFailed, match="removed"):
                    record_events(removed, [event(100 + number)])
            assert kept.find_damage() is None
            assert len(list(kept.rows("SELECT id FROM events"))) == 20
            assert len(list(removed.rows("SELECT id FROM events"))) == 70


@pytest.mark.parametrize("version", [0, 3])
def test_a_database_of_another_program_is_left_as_it_is(tmp_path: Path, version: int) -> None:
    """A folder of somebody else's may have a link to one."""
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE cookies (name TEXT)")
        database.execute(f"PRAGMA user_version = {version}")
    before = other.read_bytes()
    home = tmp_path / "home"
    home.mkdir()
    (home / "voicecli.sqlite3").symlink_to(other)
    with pytest.raises(ConfigurationError, match="is a database of another program"):
        SqliteStore(home)
    assert other.read_bytes() == before
