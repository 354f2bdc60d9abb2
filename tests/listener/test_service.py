"""The listener's life with 8x8: what is begun there is done to its end, and then it ends."""

import asyncio
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import pytest
from conftest import DEADLINE

from voicecli.account import AccountId
from voicecli.errors import Unreachable
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.service import ListenerService
from voicecli.listener.webhook_troubles import WebhookNews
from voicecli.store.location import StorePlace


class At8x8:
    """A registration whose looks at the webhooks wait, and then fail."""

    instance = "0123456789abcdef"

    def announce(self, public_url: str | None) -> None:
        """There is no team."""

    def __init__(self) -> None:
        self.looking, self.go = threading.Event(), threading.Event()
        self.done: list[str] = []
        self.account = AccountId("https://voice.8x8.com", "some_sub")

    def take(self, *_: object, **__: object) -> list[str]:
        self.done.append("take")
        return ["VSS"]

    def check(self, **_: object) -> list[WebhookNews]:
        self.looking.set()
        self.go.wait(DEADLINE)
        self.done.append("check")
        raise Unreachable("8x8 is away.")

    def move(self, receiver: str, **_: object) -> None:
        self.done.append(f"move {receiver}")

    def without_waits(self) -> AbstractContextManager[None]:
        return nullcontext()

    def restore(self) -> list[str]:
        self.done.append("put back")
        return ["VSS"]

    def close(self) -> None:
        self.done.append("close")


def served(home: Path, registration: At8x8, every: float = 60) -> ListenerService:
    plan = ListenerPlan(
        StorePlace(home),
        0,
        token="a-token-of-these",
        public_url="http://127.0.0.1:9",
        register=("VSS",),
        force=True,
        check_every=every,
    )
    return ListenerService(plan, registration=cast("Registration", registration))


async def test_ended_while_a_look_at_the_webhooks_fails_it_ends(
    tmp_path: Path,
) -> None:
    at_8x8 = At8x8()
    async with asyncio.timeout(DEADLINE):
        async with served(tmp_path, at_8x8, every=0.01):
            await asyncio.to_thread(at_8x8.looking.wait, DEADLINE)
            asyncio.get_running_loop().call_later(0.05, at_8x8.go.set)
    assert at_8x8.done == ["take", "check", "put back", "close"]


@pytest.mark.parametrize("ticks", range(4))
async def test_ended_as_the_tunnel_comes_back_it_ends(tmp_path: Path, ticks: int) -> None:
    at_8x8 = At8x8()
    async with asyncio.timeout(DEADLINE):
        async with served(tmp_path, at_8x8) as service:
            service.reachability.public_url = "http://127.0.0.1:10"
            assert service.webhook_watch is not None
            service.webhook_watch.look_soon()
            for _ in range(ticks):
                await asyncio.sleep(0)
    assert at_8x8.done[-2:] == ["put back", "close"]


async def test_cancelled_while_it_cleans_up_it_cleans_up_all_the_same(tmp_path: Path) -> None:
    at_8x8 = At8x8()
    begun = asyncio.Event()

    async def live() -> None:
        async with served(tmp_path, at_8x8):
            begun.set()

    task = asyncio.create_task(live())
    async with asyncio.timeout(DEADLINE):
        await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert at_8x8.done == ["take", "put back", "close"]
