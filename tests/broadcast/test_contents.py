"""What a broadcast says: who can read it, and until when."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from voicecli.account import AccountId
from voicecli.errors import ConfigurationError
from voicecli.store import broadcasts, sealing
from voicecli.store.broadcasts import Broadcast
from voicecli.store.journals import create_journal
from voicecli.store.sqlite import SqliteStore

TEXT = b"The code is 482913"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path) as store:
        yield store


def begun(store: SqliteStore) -> Broadcast:
    journal = create_journal(
        store,
        account=AccountId("https://voice.8x8.com", "some_sub"),
        file="",
        fingerprint=b"",
        shard=(1, 1),
        options={},
        content=TEXT,
    )
    journal.close()
    return journal.broadcast


def test_only_with_the_key_and_for_its_own_broadcast_it_can_be_read(
    store: SqliteStore, tmp_path: Path
) -> None:
    one, another = begun(store), begun(store)
    assert sealing.unseal(store, one.sealed, one.id.encode()) == TEXT
    assert one.sealed != another.sealed
    assert all(TEXT not in path.read_bytes() for path in tmp_path.iterdir())
    with pytest.raises(ConfigurationError, match="can't be read"):
        sealing.unseal(store, another.sealed, one.id.encode())


def test_once_it_is_forgotten_nothing_of_it_is_in_the_file_or_its_log(
    store: SqliteStore, tmp_path: Path
) -> None:
    before = begun(store)
    broadcasts.forget_content(store, before)
    broadcast = broadcasts.find(store, before.id, planning=True)
    assert not broadcast.sealed
    assert all(before.sealed[-16:] not in path.read_bytes() for path in tmp_path.iterdir())
