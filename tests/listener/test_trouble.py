"""What the listener says when something goes wrong beside an answer that it gives."""

from pathlib import Path

import pytest
from receiver_world import receiving, vca

from voicecli.errors import StoreFailed
from voicecli.listener.recorder import Recorder


async def test_a_vca_that_comes_again_is_answered_though_it_cant_be_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StoreFailed("The disk is full.")

    async with receiving(tmp_path) as world:
        first = await world.event(vca())
        monkeypatch.setattr(Recorder, "record", fail)
        assert await world.event(vca()) == first
        monkeypatch.undo()
    assert [words for words in world.told if words.startswith("The disk is full.")]


async def test_a_probe_that_gets_here_ends_the_warning(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        service = world.service
        service.reachability.unreachable = "HTTP 404"
        await service.reachability.ask("http://127.0.0.1:9")
        assert service.reachability.unreachable == "HTTP 404"
        await service.reachability.ask(service.url)
        assert service.reachability.unreachable is None
    assert [words for words in world.told if words.endswith("leads here now.")]


async def test_what_was_answered_waits_no_more(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        await world.event(vca())
        assert world.service._recorder._size == 0
