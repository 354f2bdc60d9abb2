"""Who listens on this machine: found while it lives, and only by those who share its store."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from voicecli.errors import InUse
from voicecli.listener import instances as presences
from voicecli.listener.instances import InstanceRecord, RunningInstance, Tenant, is_running, running_instances
from voicecli.platforms.locks import Lock
from voicecli.store.location import StorePlace

ONE, TWO = "0123456789abcdef", "fedcba9876543210"


def test_a_listener_is_found_while_it_is_there(tmp_path: Path) -> None:
    presence = InstanceRecord(tmp_path, ONE)
    guest = Tenant.register(tmp_path, ONE)
    assert guest is not None
    assert guest.is_there()
    presence.close()
    assert not guest.is_there()
    guest.close()
    assert Tenant.register(tmp_path, ONE) is None


def test_no_other_is_found(tmp_path: Path) -> None:
    presence = InstanceRecord(tmp_path, ONE)
    assert Tenant.register(tmp_path, TWO) is None
    assert Tenant.register(tmp_path, "../" + ONE) is None
    assert Tenant.register(tmp_path, "") is None
    assert Tenant.register(tmp_path / "another", ONE) is None
    presence.close()


def test_it_is_alone_when_its_guests_have_gone_and_then_takes_none(tmp_path: Path) -> None:
    presence = InstanceRecord(tmp_path, ONE)
    guests = [Tenant.register(tmp_path, ONE), Tenant.register(tmp_path, ONE)]
    for guest in guests:
        assert not presence.refuse_tenants()
        assert guest is not None
        guest.close()
    assert presence.refuse_tenants()
    assert Tenant.register(tmp_path, ONE) is None
    presence.admit_tenants()
    guest = Tenant.register(tmp_path, ONE)
    assert guest is not None
    guest.close()
    assert presence.refuse_tenants()
    presence.close()
    assert [*tmp_path.iterdir()] == []


def test_one_that_was_killed_is_not_there_and_is_cleared_away(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "from voicecli.listener.instances import InstanceRecord, Tenant\n"
        f"p = InstanceRecord(Path(sys.argv[1]), {ONE!r})\n"
        f"g = Tenant.register(Path(sys.argv[1]), {ONE!r}); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert {path.name for path in tmp_path.iterdir()} == {f"listener-{ONE}", f"guests-{ONE}"}
    assert Tenant.register(tmp_path, ONE) is None
    presence = InstanceRecord(tmp_path, TWO)
    assert {path.name for path in tmp_path.iterdir()} == {f"listener-{TWO}"}
    presence.close()


def test_one_whose_folder_was_removed_is_found_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    presence = InstanceRecord(home, ONE, url="http://127.0.0.1:9", key="a-key")
    guest = Tenant.register(home, ONE)
    shutil.rmtree(home)
    assert guest is not None
    assert (guest.is_there(), running_instances(home)) == (False, [])
    guest.close()
    for _ in range(2):
        presence.renew()
        assert running_instances(home) == [RunningInstance(ONE, "http://127.0.0.1:9", "a-key")]
    guest = Tenant.register(home, ONE)
    assert guest is not None
    guest.close()
    presence.close()
    presence.renew()
    assert running_instances(home) == []


def test_a_stopped_process_that_looks_at_its_file_does_not_hang_a_listener(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presences, "PATIENCE", 0.05)
    stopped = Lock.take(tmp_path / f"listener-{ONE}")
    assert stopped is not None
    with pytest.raises(InUse, match="clearing up"):
        InstanceRecord(tmp_path, ONE)
    stopped.close()
    InstanceRecord(tmp_path, ONE).close()


def test_a_listener_with_another_store_in_the_same_folder_is_none_of_this_one(tmp_path: Path) -> None:
    """A file and a team's database have one folder, where somebody has just set VOICECLI_STORE."""
    file = StorePlace(tmp_path)
    team = StorePlace(tmp_path, "postgresql://h/calls")
    record = InstanceRecord(file.local_folder, ONE)
    assert is_running(file.local_folder, ONE)
    assert not is_running(team.local_folder, ONE)
    assert running_instances(team.local_folder) == []
    record.close()
