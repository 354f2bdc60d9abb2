"""Locks: shared or held alone, and free when their holder has ended, however it did."""

import subprocess
import sys
from pathlib import Path

import pytest

from voicecli.errors import ConfigurationError
from voicecli.platforms import locks
from voicecli.platforms.locks import Lock, is_held
from voicecli.store.sqlite import Store


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
            Store(tmp_path)
    Store(tmp_path).close()


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
