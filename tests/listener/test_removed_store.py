"""A store that is removed or replaced while a listener runs: what it acknowledges can be found afterwards."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import wait_until
from placed_calls import placed
from receiver_world import receiving, vca, vss

from voicecli.calling.vca_replier import PlacedCallsReplier
from voicecli.listener import service
from voicecli.listener.instances import running_instances
from voicecli.listener.vca_repliers import constant_reply
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.replies import HANG_UP


def remove_file(home: Path) -> None:
    (home / "voicecli.sqlite3").unlink()


def remove_folder(home: Path) -> None:
    """In one step: else the writer might put a new file into it meanwhile."""
    shutil.rmtree(home.replace(home.with_name("removed")))


def remove_all_files(home: Path) -> None:
    for path in home.iterdir():
        path.unlink(missing_ok=True)


def replace_file(home: Path) -> None:
    """By one of its own, as somebody does who puts a backup back."""
    SqliteStore(home / "backup").close()
    for path in home.glob("*.sqlite3-*"):
        path.unlink(missing_ok=True)
    (home / "backup" / "voicecli.sqlite3").replace(home / "voicecli.sqlite3")


Remove = Callable[[Path], None]
WAYS: list[Remove] = [remove_file, remove_all_files, replace_file, remove_folder]


@pytest.mark.parametrize("remove", WAYS)
async def test_an_event_that_is_acknowledged_at_once_is_in_the_new_store(
    remove: Remove, tmp_path: Path
) -> None:
    async with receiving(tmp_path / "home") as world:
        assert (await world.event(vss("s-1")))[0] == 200
        remove(tmp_path / "home")
        assert (await world.event(vss("s-2")))[0] == 200
        assert world.kept("session") == [("s-2",)]
        assert (await world.event(vss("s-3")))[0] == 200
        assert world.kept("session") == [("s-2",), ("s-3",)]


@pytest.mark.parametrize("remove", [remove_all_files, remove_folder])
async def test_others_find_the_listener_again(
    remove: Remove, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CLOCK_EVERY", 0.01)
    home = tmp_path / "home"
    async with receiving(home) as world:
        [found] = running_instances(home)
        remove(home)
        await asyncio.to_thread(wait_until, lambda: running_instances(home) == [found])
        assert found.url == world.service.url
    assert running_instances(home) == []


async def test_a_folder_that_can_t_be_made_again_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with receiving(home) as world:
        assert (await world.event(vss("s-1")))[0] == 200
        shutil.move(home, tmp_path / "elsewhere")
        home.touch()
        assert (await world.event(vss("s-2")))[0] == 503
        home.unlink()
        (tmp_path / "elsewhere").replace(home)
        assert (await world.event(vss("s-3")))[0] == 200
        assert world.kept("session")[-1] == ("s-3",)


async def test_calls_from_before_and_after_are_answered(tmp_path: Path) -> None:
    home = tmp_path / "home"
    placed(home, session="s-1")
    async with receiving(
        home, replier=PlacedCallsReplier(StorePlace(home), constant_reply(HANG_UP))
    ) as world:
        remove_file(home)
        placed(home, session="s-2", name="r-2")
        for session in ("s-1", "s-2"):
            status, answer = await world.event(vca(session))
            assert status == 200
            assert [action["action"] for action in answer["callflow"]] == ["say", "hangup"]
