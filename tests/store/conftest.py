"""The stores of what is about the file itself are as everywhere outside of tests; what is about none is asked
of each engine."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import engines
import past
import placed_calls
import pytest
import ready_stores
import soak
from store_writes import SHORT, WRITES

ABOUT_THE_FILE = ("test_attempts", "test_contract", "test_damaged_store", "test_migrations", "test_store")
LONG = tuple(f"-{name}]" for name in WRITES if name not in SHORT)
OF_EACH_ENGINE = (
    *(
        "test_attempt_outcomes",
        "test_attempts",
        "test_contacts",
        "test_guards",
        "test_history",
        "test_reports",
        "test_stop_keys",
        "test_unsubscribed",
    ),
)


@pytest.fixture(autouse=True)
def real_stores(request: pytest.FixtureRequest) -> Iterator[None]:
    with ready_stores.real_ones() if request.path.stem in ABOUT_THE_FILE else nullcontext():
        yield


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_of_each = metafunc.definition.path.stem in OF_EACH_ENGINE
    if is_of_each and metafunc.definition.get_closest_marker("of_the_file") is None:
        metafunc.parametrize("with_engine", engines.ENGINES[:2], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Some of what the contract asks of every write costs much with PostgreSQL: that is asked of a few."""
    if soak.FULL:
        return
    costly = re.compile(r"\[pgbouncer-|(full_disk|removed).*\[postgresql-")
    left = [item for item in items if costly.search(item.name) and item.name.endswith(LONG)]
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=left)


@pytest.fixture(autouse=True)
def with_engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The test opens its stores with this engine, by the folder, and so does what it imports."""
    if not hasattr(request, "param"):
        yield
        return
    engine = engines.make(request.param, request)
    for module in (past, placed_calls, request.module):
        monkeypatch.setattr(module, "SqliteStore", engine.open, raising=False)
    yield
    engine.release(tmp_path)
