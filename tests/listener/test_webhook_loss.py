"""A listener whose webhooks are taken away, disabled, moved, or lose their token at 8x8 while it runs."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import RunningSandbox, wait_until
from running_listener import free_port
from strict_webhooks import StrictSandbox

from voicecli import api
from voicecli.account import AccountId
from voicecli.callflow import voice_message
from voicecli.client import Client
from voicecli.clock import ClockJumps
from voicecli.events import webhook_url
from voicecli.listener import service as service_module
from voicecli.listener import watching
from voicecli.listener.registration import Registration
from voicecli.listener.service import Plan, Service
from voicecli.sandbox import API_KEY, SUBACCOUNT, Sandbox
from voicecli.sandbox.delivery import Target

TOKEN = "token-of-these-tests"
TYPES = ("VCA", "VSS", "VCS")
ELSEWHERE = "https://example.com/somebody-else"
RUNS = 20  # of each way to lose one


class CountingSandbox(Sandbox):
    """``looks`` counts how often its webhooks were listed; ``away`` answers that with 503."""

    looks = 0
    away = False

    async def _webhooks(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            self.looks += 1
            if self.away:
                return web.json_response({}, status=503)
        return await super()._webhooks(request)


class StrictCountingSandbox(CountingSandbox, StrictSandbox):
    """The same where a webhook has to be deleted first."""


class World:
    """A listener in the test's event loop, that a sandbox reports to. ``told`` is what it said with records,
    ``news`` what it said of webhooks."""

    def __init__(
        self,
        running: RunningSandbox,
        home: Path,
        *,
        register: bool = True,
        every: float = 0.05,
        clock: ClockJumps | None = None,
    ) -> None:
        self.sandbox = running.sandbox
        assert isinstance(self.sandbox, CountingSandbox)
        self.client = Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=self.sandbox.url, retries=0)
        self.told: list[tuple[str, Any]] = []
        self.shown: list[str] = []
        port = free_port()
        self.receiver = f"http://127.0.0.1:{port}"
        self.service = Service(
            Plan(
                home,
                port,
                token=TOKEN,
                public_url=self.receiver,
                register=TYPES if register else (),
                check_every=every,
            ),
            shown=lambda received: self.shown.append(received.event.type),
            tell=lambda text, record: self.told.append((text, record)),
            registration=Registration(
                self.client, home, AccountId(self.sandbox.url, SUBACCOUNT), tell=lambda text: None
            ),
            clock_jumps=clock,
        )

    @property
    def targets(self) -> dict[str, Target]:
        """The webhooks as 8x8 has them."""
        return self.sandbox._courier.targets

    @property
    def looks(self) -> int:
        assert isinstance(self.sandbox, CountingSandbox)
        return self.sandbox.looks

    def news(self) -> list[tuple[str, str, bool]]:
        """What was told of webhooks: type, state, and whether it is set again."""
        records = [record for _, record in self.told if record is not None and record["record"] == "webhook"]
        return [(one["type"], one["state"], one["setAgain"]) for one in records]

    async def until(self, condition: Callable[[], object]) -> None:
        await asyncio.to_thread(wait_until, condition)

    async def report(self) -> None:
        """Have a call reported by 8x8."""
        request = voice_message("+33199001234", "Hello", source="+33199000000")
        with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=self.sandbox.url) as client:
            await asyncio.to_thread(client.send, api.send_callflow(request))


def take_away(targets: dict[str, Target], kind: str) -> None:
    del targets[kind]


def disable(targets: dict[str, Target], kind: str) -> None:
    targets[kind] = Target(kind, targets[kind].url, False, TOKEN)


def move(targets: dict[str, Target], kind: str) -> None:
    targets[kind] = Target(kind, ELSEWHERE, True, None)


def lose_token(targets: dict[str, Target], kind: str) -> None:
    targets[kind] = Target(kind, targets[kind].url, True, None)


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
