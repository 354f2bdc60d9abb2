"""The stores of what is about the file itself are as everywhere outside of tests; what is about none is asked
of each engine."""

from collections.abc import Iterator
from contextlib import nullcontext

import engines
import past
import placed_calls
import pytest
import ready_stores

ABOUT_THE_FILE = ("test_attempts", "test_contract", "test_damaged_store", "test_migrations", "test_store")
OF_EACH_ENGINE = (
    *("test_attempt_outcomes", "test_attempts", "test_guards", "test_history", "test_unsubscribed"),
)


@pytest.fixture(autouse=True)
def real_stores(request: pytest.FixtureRequest) -> Iterator[None]:
    with ready_stores.real_ones() if request.path.stem in ABOUT_THE_FILE else nullcontext():
        yield


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_of_each = metafunc.definition.path.stem in OF_EACH_ENGINE
    if is_of_each and metafunc.definition.get_closest_marker("of_the_file") is None:
        metafunc.parametrize("with_engine", engines.ENGINES, indirect=True)


@pytest.fixture(autouse=True)
def with_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test opens its stores with this engine, by the folder, and so does what it imports."""
    if not hasattr(request, "param"):
        return
    engine = engines.make(request.param, request)
    for module in (past, placed_calls, request.module):
        monkeypatch.setattr(module, "SqliteStore", engine.open, raising=False)
