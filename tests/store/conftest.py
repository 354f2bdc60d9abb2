"""The stores of what is about the file itself are as everywhere outside of tests."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import ready_stores

ABOUT_THE_FILE = ("test_attempts", "test_contract", "test_damaged_store", "test_migrations", "test_store")


@pytest.fixture(autouse=True)
def real_stores(request: pytest.FixtureRequest) -> Iterator[None]:
    with ready_stores.real_ones() if request.path.stem in ABOUT_THE_FILE else nullcontext():
        yield
