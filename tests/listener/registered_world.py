"""A listener in the test's event loop, that a sandbox reports to, and what may become of its webhooks."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from conftest import RunningSandbox, wait_until
from running_listener import free_port
from strict_webhooks import StrictSandbox

from voicecli.clock import ClockJumps
from voicecli.listener.open_questions import EndRequests, QuestionWait
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.service import ListenerService
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.sandbox.delivery import Target
from voicecli.sandbox.server import Sandbox
from voicecli.store.location import StorePlace
from voicecli.voice_api.client import Client
from voicecli.voice_api.messages import voice_message
from voicecli.voice_api.operations.calls import send_callflow

TOKEN = "token-of-these-tests"
TYPES = ("VCA", "VSS", "VCS")
ELSEWHERE = "https://example.com/somebody-else"


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
    ``news`` what it said of webhooks. ``plan`` is of the service's ListenerPlan."""

    def __init__(
        self,
        running: RunningSandbox,
        home: Path,
        *,
        register: bool = True,
        every: float = 0.05,
        clock: ClockJumps | None = None,
        **plan: Any,
    ) -> None:
        self.sandbox = running.sandbox
        assert isinstance(self.sandbox, CountingSandbox)
        self.client = Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=self.sandbox.url, retries=0)
        self.told: list[tuple[str, Any]] = []
        self.shown: list[str] = []
        port = free_port()
        self.receiver = f"http://127.0.0.1:{port}"
        self.service = ListenerService(
            ListenerPlan(
                StorePlace(home),
                port,
                token=TOKEN,
                register=TYPES if register else (),
                check_every=every,
                **{"public_url": self.receiver, **plan},
            ),
            on_event=lambda received: self.shown.append(received.event.type),
            notify=lambda text, record: self.told.append((text, record)),
            registration=Registration(self.client, StorePlace(home), notify=lambda text: None),
            clock_jumps=clock,
        )

    @property
    def targets(self) -> dict[str, Target]:
        """The webhooks as 8x8 has them."""
        return self.sandbox._delivery.targets

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
            await asyncio.to_thread(client.send, send_callflow(request))


def no_questions(home: Path) -> QuestionWait:
    """What waits for no answer of anybody."""
    return QuestionWait(StorePlace(home), None, lambda _text, _record: None, requests=EndRequests())


def take_away(targets: dict[str, Target], kind: str) -> None:
    del targets[kind]


def disable(targets: dict[str, Target], kind: str) -> None:
    targets[kind] = Target(kind, targets[kind].url, False, TOKEN)


def move(targets: dict[str, Target], kind: str) -> None:
    targets[kind] = Target(kind, ELSEWHERE, True, None)


def lose_token(targets: dict[str, Target], kind: str) -> None:
    targets[kind] = Target(kind, targets[kind].url, True, None)
