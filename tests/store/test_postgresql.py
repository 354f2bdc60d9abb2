"""What is PostgreSQL's own: connections that break, times, texts, versions, leases. What each engine promises
is asked of it by the tests of engines.ENGINES, and here in short."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import Postgresql, Sqlite
from shared_postgresql import SharedServer
from test_contract import WRITES, fill

from voicecli.errors import (
    ConfigurationError,
)
from voicecli.store.engine import Store
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.postgresql import PostgresqlStore

soak = pytest.mark.soak


@pytest.fixture(scope="module")
def place(postgresql: SharedServer, tmp_path_factory: pytest.TempPathFactory) -> StorePlace:
    """Of a store that the tests here share."""
    return postgresql.place(tmp_path_factory.mktemp("machine"), postgresql.new_database())


@pytest.fixture
def store(place: StorePlace) -> Iterator[PostgresqlStore]:
    with PostgresqlStore(place) as store:
        yield store


def error_of(place: StorePlace) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        open_store(place)
    return caught.value


# -- the same as in SQLite ----------------------------------------------------------------------------


CHANGING = re.compile(
    "id|number|broadcast|run|created|began|placed|guarded|changed|lease_until|answer_until|sealed"
)
"""Columns that differ from store to store."""


def comparable(store: Store) -> dict[str, list[tuple[object, ...]]]: ...


def test_every_write_leaves_what_it_leaves_in_sqlite(postgresql: SharedServer, tmp_path: Path) -> None:
    left = []
    for engine in (Postgresql(postgresql), Sqlite()):
        with engine.open(tmp_path / type(engine).__name__) as store:
            fill(store)
            for write in WRITES.values():
                write(store)
            left.append(comparable(store))
    assert left[0] == left[1]
