"""Stores that cost little: new ones are copies of one that the migrations have made, and nothing waits until
it is on the disk, which only a power cut would tell.

Those of tests of the file itself (tests/store/conftest.py), and of what counts writes, are as everywhere
outside of tests.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from voicecli.platforms import private_files
from voicecli.store import sqlite

create, fsync, synchronous = private_files.create, os.fsync, sqlite.SYNCHRONOUS


def install() -> None:
    private_files.create = _create
    os.fsync = lambda _: None
    sqlite.SYNCHRONOUS = "OFF"


@contextmanager
def real_ones() -> Iterator[None]:
    """For as long, stores are made by the migrations, and what is written is on the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_files, "create", create)
        patch.setattr(os, "fsync", fsync)
        patch.setattr(sqlite, "SYNCHRONOUS", synchronous)
        yield


def _create(path: Path) -> None:
    if path.name != "voicecli.sqlite3" or path.exists():
        create(path)
        return
    new = path.with_name("new-store")
    create(new)
    new.write_bytes(_content())
    new.rename(path)


@cache
def _content() -> bytes:
    with real_ones(), tempfile.TemporaryDirectory() as folder:
        with sqlite.SqliteStore(Path(folder)) as store:
            pass
        return store.path.read_bytes()
