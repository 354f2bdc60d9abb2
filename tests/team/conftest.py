"""Machines of a team."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree

import pytest
from conftest import RunningSandbox
from machines import Machine

from voicecli.store.location import StorePlace

Machines = Callable[[str], Machine]


@pytest.fixture
def machines(team: StorePlace, own_sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Machines]:
    """Makes a machine with this name, whose commands use the sandbox."""
    cables = Path(tempfile.mkdtemp(prefix="vc-"))

    def machine(name: str) -> Machine:
        (cables / name).mkdir()
        return Machine(team, tmp_path / name, cables / name, own_sandbox)

    yield machine
    rmtree(cables)
