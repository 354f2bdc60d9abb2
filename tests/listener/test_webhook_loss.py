"""A listener whose webhooks are taken away, disabled, moved, or lose their token at 8x8 while it runs."""

import asyncio
import io
import json
import os
import random
from pathlib import Path

import aiohttp
import pytest
from conftest import DEADLINE, RunningSandbox
from receiver_world import vss
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
from soak import share_of
from stand_in_agent import GO_OFFLINE, LOSE_SESSION, is_alive, pids, write_agent

from voicecli.clock import ClockJumps
from voicecli.listener import health, server, service as service_module, webhook_watch
from voicecli.sandbox.delivery import Target
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.supervision import SupervisionLimits
from voicecli.voice_api.webhook_events import webhook_url

RUNS = share_of(20) + 1  # of each way to lose one

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


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.soak if number else ()) for number, way in enumerate(WAYS)]
)
async def test_a_webhook_that_is_lost_is_noticed_told_and_set_again_or_left(tmp_path: Path, way: str) -> None:
    await lose(tmp_path / "home", way, seed=0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, RUNS))
@pytest.mark.parametrize("way", WAYS)
async def test_at_any_moment_it_is(tmp_path: Path, way: str, seed: int) -> None:
    await lose(tmp_path / "home", way, seed)


async def lose_the_agent(tmp_path: Path, fault: str, seed: int) -> None:
    """An ngrok agent loses this at a moment by chance, and never gets it back by itself."""
    chance = random.Random(f"{fault} {seed}")
    agent = write_agent(tmp_path / "agent")
    with RunningSandbox(CountingSandbox, time_scale=1000, seed=seed) as running:
        world = World(
            running,
            tmp_path / "home",
            public_url=None,
            tunnel=lambda port: Tunnel(port, agent_path=agent),
            tunnel_limits=SupervisionLimits(without_session=0.3, probe_every=0.1, probe_again_after=0.05),
        )
        async with asyncio.timeout(DEADLINE), world.service:
            old = world.targets["VSS"].url
            await asyncio.sleep(chance.uniform(0, 0.3))
            os.kill(pids(tmp_path / "agent")[0], FAULTS[fault])
            await world.until(lambda: world.targets["VSS"].url != old)
            tunnel = [record["up"] for _, record in world.told if record and record["record"] == "tunnel"]
            assert (tunnel[0], tunnel[-1], False in tunnel) == (True, True, True)
            assert [text for text, _ in world.told if "is restarted" in text]
            await world.report()
            await world.until(lambda: "VSS" in world.shown)
        assert world.targets == {}
        assert [is_alive(pid) for pid in pids(tmp_path / "agent")] == [False, False]
        world.client.close()


FAULTS = {"its session": LOSE_SESSION, "its URL": GO_OFFLINE}


@pytest.mark.soak
@pytest.mark.parametrize("fault", ["its URL", "its session"])
async def test_an_agent_that_lost_it_for_ever_is_started_anew_and_8x8_told(
    tmp_path: Path, fault: str
) -> None:
    await lose_the_agent(tmp_path, fault, seed=0)


@pytest.mark.soak
async def test_a_tunnel_is_given_up_for_its_probes_only_once_one_succeeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its policy may admit 8x8 alone, so that this machine never gets through."""
    real, admitted, asked = health.ask_health, False, 0

    def ask(url: str) -> health.Health:
        nonlocal asked
        asked += 1
        return real(url) if admitted else health.Health(None, "refused", 0.0)

    monkeypatch.setattr(health, "ask_health", ask)
    agent = write_agent(tmp_path / "agent")
    with RunningSandbox(CountingSandbox, time_scale=1000) as running:
        world = World(
            running,
            tmp_path / "home",
            public_url=None,
            force=True,
            tunnel=lambda port: Tunnel(port, agent_path=agent),
            tunnel_limits=SupervisionLimits(probe_every=0.02, probe_again_after=0.01),
        )
        async with asyncio.timeout(DEADLINE), world.service:
            await world.until(lambda: asked > 10)
            assert len(pids(tmp_path / "agent")) == 1
            admitted, before = True, asked
            await world.until(lambda: asked > before + 1)
            admitted = False
            await world.until(lambda: len(pids(tmp_path / "agent")) == 2)
        world.client.close()


@pytest.mark.parametrize(
    ("has_tunnel", "is_probed"),
    [(False, True), (True, False), pytest.param(True, True, marks=pytest.mark.soak)],
)
@pytest.mark.soak
async def test_a_public_url_that_did_not_lead_here_at_first_is_known_to_once_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_tunnel: bool, is_probed: bool
) -> None:
    """By a probe, or where this machine never gets through by an event that came through the tunnel."""
    real, admitted = health.ask_health, False
    monkeypatch.setattr(
        health, "ask_health", lambda url: real(url) if admitted else health.Health(None, "refused", 0.0)
    )
    agent = write_agent(tmp_path / "agent")
    way = {"public_url": None, "tunnel": lambda port: Tunnel(port, agent_path=agent)} if has_tunnel else {}
    with RunningSandbox(CountingSandbox, time_scale=1000) as running:
        world = World(running, tmp_path / "home", force=True, **way)
        async with asyncio.timeout(DEADLINE), world.service:
            assert world.service.reachability.unreachable == "refused"
            if is_probed:
                admitted = True
            else:
                await world.report()
            await world.until(lambda: world.service.reachability.unreachable is None)
            told = f"{world.service.reachability.public_url} leads here now."
            await world.until(lambda: told in dict(world.told))
            assert not [text for text, _ in world.told if "any more" in text]
        world.client.close()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, RUNS))
@pytest.mark.parametrize("fault", FAULTS)
async def test_at_any_moment_the_agent_is(tmp_path: Path, fault: str, seed: int) -> None:
    await lose_the_agent(tmp_path, fault, seed)


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


@pytest.mark.parametrize("register", [False, pytest.param(True, marks=pytest.mark.soak)])
async def test_a_token_that_was_changed_is_known_by_the_events_that_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, register: bool
) -> None:
    """8x8's list does not tell; but strangers, who do not know the subaccount, are no proof of it."""
    monkeypatch.setattr(webhook_watch, "LOOK_AGAIN_AFTER", 0.0)
    monkeypatch.setattr(server, "EXAMINE_EVERY", 0.0)
    with RunningSandbox(CountingSandbox, time_scale=1000) as running:
        world = World(running, tmp_path / "home", register=register, every=3600)
        url = webhook_url(world.receiver, "VSS")
        async with world.service, aiohttp.ClientSession() as http:
            for forged in (vss(), vss(subAccountId="another"), {}, "x" * (2 << 20)):
                looks = world.looks
                async with http.post(url, data=io.BytesIO(json.dumps(forged).encode())) as answer:
                    assert answer.status == 401
                await world.until(lambda: world.looks > looks)  # noqa: B023 - in this turn
            assert world.news() == []
            world.targets["VSS"] = Target("VSS", url, True, "another-token")
            await world.report()
            await world.until(lambda: world.news() == [("VSS", "with another token", register)])
            if register:
                await world.report()
                await world.until(lambda: "VSS" in world.shown)
            token = TOKEN if register else "another-token"
            assert world.targets["VSS"] == Target("VSS", url, True, token)
        world.client.close()


@pytest.mark.soak
async def test_a_listing_that_fails_is_told_once_when_it_lasts_and_never_for_a_loss(tmp_path: Path) -> None:
    with RunningSandbox(CountingSandbox, time_scale=1000) as running:
        world = World(running, tmp_path / "home", every=0.01)
        async with world.service:
            world.sandbox.away = True
            looks = world.looks
            await world.until(lambda: world.looks >= looks + 2 * webhook_watch.LASTING)
            world.sandbox.away = False
            await world.until(lambda: "8x8 lists its webhooks again." in dict(world.told))
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
