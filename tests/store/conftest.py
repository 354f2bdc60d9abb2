"""The stores of these tests are made by the migrations."""

from collections.abc import Iterator

import pytest
import ready_stores


@pytest.fixture(autouse=True)
def migrated() -> Iterator[None]:
    with ready_stores.migrated():
        yield
