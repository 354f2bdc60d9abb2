"""New stores that cost a tenth: copies of one that the migrations have made.

Those of tests/store, and of what counts writes, are made by the migrations themselves.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from voicecli.platforms import private_files
from voicecli.store.sqlite import Store

create = private_files.create


def install() -> None:
    private_files.create = _create


@contextmanager
def migrated() -> Iterator[None]:
    """For as long, new stores are made by the migrations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_files, "create", create)
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
    with migrated(), tempfile.TemporaryDirectory() as folder:
        with Store(Path(folder)) as store:
            pass
        return store.path.read_bytes()
