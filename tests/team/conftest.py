"""Machines of a team."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import left_behind
import pytest
from conftest import RunningSandbox
from machines import Machine
from postgresql_server import Bouncer, Server, find_programs, running

from voicecli.store.location import StorePlace

Machines = Callable[[str], Machine]


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A PostgreSQL server of the module's own, which it may stop, where there is PgBouncer, too."""
    if find_programs() is None or not Bouncer.is_there():
        pytest.skip("there is no PostgreSQL server, or no PgBouncer")
    with running() as server:
        yield server


@pytest.fixture
def cables() -> Iterator[Path]:
    """A folder for sockets, whose names must be short."""
    with left_behind.cleared_up(Path(tempfile.mkdtemp(prefix="vc-"))) as folder:
        yield folder


@pytest.fixture
def machines(team: StorePlace, own_sandbox: RunningSandbox, tmp_path: Path, cables: Path) -> Machines:
    """Makes a machine with this name, whose commands use the sandbox."""

    def machine(name: str) -> Machine:
        (cables / name).mkdir()
        return Machine(team, tmp_path / name, cables / name, own_sandbox)

    return machine
