"""What the listener says when something goes wrong beside an answer that it gives."""

import asyncio
from pathlib import Path

import pytest
from receiver_world import receiving, vca, vss

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


async def test_refused_requests_count_until_an_event_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> asyncio.Future[None]:
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(StoreFailed("The disk is full."))
        return failed

    async with receiving(tmp_path) as world:

        async def refused() -> object:
            return (await world.service._details(False))["refusedSinceLastEvent"]

        await world.post("/api/webhooks/vss", vss(), token="another")
        monkeypatch.setattr(Recorder, "record", fail)
        assert (await world.event(vca()))[0] == 200
        assert await refused() == 1
        monkeypatch.undo()
        await world.event(vss())
        assert await refused() == 0


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
