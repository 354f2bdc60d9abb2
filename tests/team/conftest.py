"""Machines of a team."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree

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
def machines(team: StorePlace, own_sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Machines]:
    """Makes a machine with this name, whose commands use the sandbox."""
    cables = Path(tempfile.mkdtemp(prefix="vc-"))

    def machine(name: str) -> Machine:
        (cables / name).mkdir()
        return Machine(team, tmp_path / name, cables / name, own_sandbox)

    yield machine
    rmtree(cables)
