"""The stores of these tests are as everywhere outside of tests."""

from collections.abc import Iterator

import pytest
import ready_stores


@pytest.fixture(autouse=True)
def real_stores() -> Iterator[None]:
    with ready_stores.real_ones():
        yield
