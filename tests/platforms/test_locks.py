"""Locks: shared or held alone, and free when their holder has ended, however it did."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import NUMBER, Program, RunningSandbox

from voicecli.checks.store import check_store
from voicecli.errors import ConfigurationError
from voicecli.platforms import locks, posix, private_files, system
from voicecli.platforms.locks import Lock, is_held
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore


def test_a_lock_is_shared_or_held_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second = Lock.take(path, shared=True), Lock.take(path, shared=True)
    assert first is not None
    assert second is not None
    assert Lock.take(path) is None
    first.close()
    second.close()
    alone = Lock.take(path)
    assert alone is not None
    assert Lock.take(path, shared=True) is None
    alone.close(remove=True)
    assert not path.exists()


def test_a_folder_that_somebody_has_for_good_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.05)
    with locks.folder_locked(tmp_path):
        with pytest.raises(OSError, match="another process has it"):
            with locks.folder_locked(tmp_path):
                pass
        with pytest.raises(ConfigurationError, match="can't be used: another process has it"):
            SqliteStore(tmp_path)
    SqliteStore(tmp_path).close()


def test_one_who_was_killed_holds_it_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    script = (
        "import os, sys; from pathlib import Path; from voicecli.platforms.locks import Lock, is_held\n"
        "path = Path(sys.argv[1]); lock = Lock.take(path); print(is_held(path), flush=True); "
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True"]
    assert not is_held(path)
    again = Lock.take(path)
    assert again is not None
    again.close()


def test_one_that_another_process_removes_just_then_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = private_files.create

    def created_and_removed(path: Path) -> None:
        create(path)
        path.unlink()

    monkeypatch.setattr(private_files, "create", created_and_removed)
    lock = Lock.take(tmp_path / "lock")
    assert lock is not None
    assert lock.is_there()
    lock.close()


def not_supported(*_: object, **__: object) -> bool:
    raise OSError(errno.ENOLCK, "No locks available")


@pytest.mark.parametrize(
    ("lock", "reason"),
    [(not_supported, "No locks available"), (lambda *_, **__: True, "they keep nobody out")],
)
def test_where_locks_do_not_work_nothing_is_sent_that_must_not_be_sent_twice(
    lock: Callable[..., bool],
    reason: str,
    run: Program,
    sandbox: RunningSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on some network drives."""
    SqliteStore(Path(os.environ["VOICECLI_HOME"])).close()
    monkeypatch.setattr(system, "try_lock", lock)
    people = tmp_path / "people.csv"
    people.write_text(f"phone\n{NUMBER}\n")
    before = len(sandbox.sandbox.requested)
    for command in (("call", NUMBER, "hi", "--once"), ("broadcast", "send", "people.csv", "hi", "--yes")):
        done = run(*command, "--json", env=sandbox.environment)
        assert done.code == 3
        assert f"({reason}): the same call could be placed twice" in done.error["message"]
    assert len(sandbox.sandbox.requested) == before
    [found] = check_store(StorePlace(Path(os.environ["VOICECLI_HOME"])))
    assert found.state == "failed"
    assert reason in found.words
    assert run("call", NUMBER, "hi", env=sandbox.environment).code == 0


def test_on_macos_what_is_synced_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its fsync leaves data in the disk's own memory; a network drive has no more than that."""
    asked: list[object] = []

    def control(_file: object, command: int) -> None:
        asked.append(command)
        if len(asked) > 1:
            raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(posix, "_FULL_SYNC", 51)
    monkeypatch.setattr(posix.fcntl, "fcntl", control)
    monkeypatch.setattr(posix.os, "fsync", lambda _: asked.append("fsync"))
    with (tmp_path / "key").open("wb") as file:
        posix.sync(file)
        posix.sync(file)
    assert asked == [51, 51, "fsync"]
    with SqliteStore(tmp_path) as store:
        assert [store.read_number(f"PRAGMA {name}") for name in ("fullfsync", "checkpoint_fullfsync")] == [
            1,
            1,
        ]
