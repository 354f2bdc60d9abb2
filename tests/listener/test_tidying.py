"""The store's log is carried into its file beside the commits."""

import threading
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import DEADLINE, wait_until
from past import event, keep

from voicecli.listener import event_keeper
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore


def test_what_was_committed_gets_into_the_file_while_the_listener_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_keeper, "TIDY_EVERY", 0.005)
    over = threading.Event()
    tidying = threading.Thread(target=event_keeper._tidy, args=(StorePlace(tmp_path), over))
    with SqliteStore(tmp_path):  # so that nobody is the last to close it
        tidying.start()
        keep(tmp_path, event("VSS", "COMPLETED", "session-to-be-found"))
        with suppress(AssertionError):
            wait_until(lambda: b"session-to-be-found" in (tmp_path / "voicecli.sqlite3").read_bytes())
        over.set()
        tidying.join(DEADLINE)
        assert b"session-to-be-found" in (tmp_path / "voicecli.sqlite3").read_bytes()
