"""A listener whose webhooks are taken away, disabled, moved, or lose their token at 8x8 while it runs."""

import asyncio
import random
from pathlib import Path

import pytest
from conftest import RunningSandbox
from registered_world import (
    ELSEWHERE,
    TOKEN,
    TYPES,
    CountingSandbox,
    StrictCountingSandbox,
    World,
    disable,
    lose_token,
    move,
    take_away,
)

from voicecli.clock import ClockJumps
from voicecli.events import webhook_url
from voicecli.listener import service as service_module
from voicecli.listener import watching
from voicecli.sandbox.delivery import Target

RUNS = 20  # of each way to lose one

WAYS = {
    "not set": take_away,
    "disabled": disable,
    "points elsewhere": move,
    "without token": lose_token,
}


async def lose(home: Path, way: str, seed: int) -> float:
    """Lose webhooks in this way, at a moment by chance; the seconds until it was told."""
    chance = random.Random(f"{way} {seed}")
    sandbox = chance.choice([CountingSandbox, StrictCountingSandbox])
    kinds = chance.sample(TYPES, chance.randint(1, 3))
    before = {kind: f"https://example.com/{kind}" for kind in chance.sample(TYPES, chance.randint(0, 3))}
    is_moved = way == "points elsewhere"
    with RunningSandbox(sandbox, time_scale=1000, seed=seed) as running:
        world = World(running, home)
        world.targets.update({kind: Target(kind, url, True, None) for kind, url in before.items()})
        async with world.service:
            await asyncio.sleep(chance.uniform(0, 0.1))  # anywhere between two looks
            looks, start = world.looks, asyncio.get_running_loop().time()
            for kind in kinds:
                WAYS[way](world.targets, kind)
            await world.until(lambda: len(world.news()) >= len(kinds))
            seconds = asyncio.get_running_loop().time() - start
            # One look may have been under way; then one that found it, and one whether 8x8 did as it said.
            assert world.looks - looks <= 3 + len(kinds)
            await world.until(lambda: world.looks >= looks + 6)  # told once, and no more
            assert sorted(world.news()) == sorted((kind, way, not is_moved) for kind in kinds)
            for kind in kinds:
                url = ELSEWHERE if is_moved else webhook_url(world.receiver, kind)
                token = None if is_moved else TOKEN
                assert world.targets[kind] == Target(kind, url, True, token)
            if not is_moved:
                await world.report()
                await world.until(lambda: "VSS" in world.shown)
                assert world.service.refused == {}
        expected = before | (dict.fromkeys(kinds, ELSEWHERE) if is_moved else {})
        assert {kind: target.url for kind, target in world.targets.items()} == expected
        world.client.close()
    return seconds


@pytest.mark.parametrize("way", WAYS)
async def test_a_webhook_that_is_lost_is_noticed_told_and_set_again_or_left(tmp_path: Path, way: str) -> None:
    await lose(tmp_path / "home", way, seed=0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, RUNS))
@pytest.mark.parametrize("way", WAYS)
async def test_at_any_moment_it_is(tmp_path: Path, way: str, seed: int) -> None:
    await lose(tmp_path / "home", way, seed)


async def test_without_register_it_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    with RunningSandbox(CountingSandbox, time_scale=1000) as running:
        world = World(running, tmp_path / "home", register=False)
        ours = {kind: Target(kind, webhook_url(world.receiver, kind), True, TOKEN) for kind in TYPES}
        world.targets.update(ours)
        async with world.service:
            await world.until(lambda: world.looks >= 2)
            assert world.news() == []
            for kind, lost in zip(TYPES, (take_away, disable, lose_token), strict=True):
                lost(world.targets, kind)
            now = dict(world.targets)
            await world.until(lambda: len(world.news()) == 3)
            looks = world.looks
            await world.until(lambda: world.looks >= looks + 3)
            assert world.news() == [
                ("VCA", "not set", False),
                ("VSS", "disabled", False),
                ("VCS", "without token", False),
            ]
            assert [check.is_ok for check in world.service.webhooks] == [False, False, False]
            world.targets.update(ours)
            await world.until(lambda: len(world.news()) == 6)
        assert (world.targets, now != ours) == (ours, True)
        world.client.close()


async def test_a_listing_that_fails_is_told_once_when_it_lasts_and_never_for_a_loss(tmp_path: Path) -> None:
    with RunningSandbox(CountingSandbox, time_scale=1000) as running:
        world = World(running, tmp_path / "home", every=0.01)
        async with world.service:
            world.sandbox.away = True
            looks = world.looks
            await world.until(lambda: world.looks >= looks + 2 * watching.LASTING)
            world.sandbox.away = False
            await world.until(lambda: "8x8 tells again where its webhooks lead." in dict(world.told))
            failures = [text for text, _ in world.told if "can't be found out" in text]
            assert (len(failures), world.news()) == (1, [])
        world.client.close()


async def test_a_machine_that_has_slept_looks_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "CLOCK_EVERY", 0.01)
    slept = 0.0
    with RunningSandbox(CountingSandbox, time_scale=1000) as running:
        clock = ClockJumps(wall=lambda: slept, steady=lambda: 0.0)
        world = World(running, tmp_path / "home", every=3600, clock=clock)
        async with world.service:
            take_away(world.targets, "VSS")
            slept = 3600.0
            await world.until(lambda: world.news() == [("VSS", "not set", True)])
        world.client.close()
