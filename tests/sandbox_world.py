"""A sandbox, a receiver of its webhooks, and a client of its API, all in a test's own event loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from conftest import DEADLINE

from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT
from voicecli.sandbox.server import Sandbox
from voicecli.voice_api.callflow import HANGUP, Action, make_call

TOKEN = "Bearer hook-token"
Reply = Callable[[dict[str, Any]], web.Response]


class World:
    """A sandbox, a receiver of its webhooks, and a client of its API."""

    def __init__(self, sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.received: list[dict[str, Any]] = []
        self.authorizations: set[str | None] = set()
        self.reply: Reply = lambda event: web.json_response({"callflow": [HANGUP]})
        self._http = http
        self._arrived = asyncio.Condition()

    async def receive(self, request: web.Request) -> web.Response:
        event = await request.json()
        self.authorizations.add(request.headers.get("Authorization"))
        response = self.reply(event)
        async with self._arrived:
            self.received.append(event)
            self._arrived.notify_all()
        return response

    async def api(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        url = f"{self.sandbox.url}/api/v1/subaccounts/{SUBACCOUNT}{path}"
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with self._http.request(method, url, json=body, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def place(self, number: str, *actions: Action, **fields: object) -> str:
        status, answer = await self.api(
            "POST", "/callflows", {"callflow": [make_call(SOURCE, number), *actions], **fields}
        )
        assert status == 200, answer
        return str(answer["sessionId"])

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE), self._arrived:
            await self._arrived.wait_for(condition)

    def of(self, session_id: str, event_type: str) -> list[dict[str, Any]]:
        found = [e["payload"] for e in self.received if e["eventType"] == event_type]
        return [payload for payload in found if payload["sessionId"] == session_id]

    async def summary(self, session_id: str) -> dict[str, Any]:
        await self.until(lambda: self.of(session_id, "SESSION_SUMMARY"))
        return self.of(session_id, "SESSION_SUMMARY")[0]

    async def statuses(self, session_id: str) -> list[str]:
        await self.summary(session_id)
        return [payload["callStatus"] for payload in self.of(session_id, "CALL_STATUS")]


@asynccontextmanager
async def world(**options: Any) -> AsyncIterator[World]:
    sandbox = Sandbox(**{"time_scale": 1000, "seed": 7, **options})
    async with aiohttp.ClientSession() as http:
        here = World(sandbox, http)
        receiver = web.Application()
        receiver.add_routes([web.post("/{kind}", here.receive)])
        runner = web.AppRunner(receiver, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            await sandbox.start()
            for kind in ("VCA", "VSS", "VCS", "VRU"):
                body = {
                    "type": kind,
                    "url": f"http://127.0.0.1:{runner.addresses[0][1]}/{kind}",
                    "httpAuthHeader": TOKEN,
                }
                assert (await here.api("POST", "/webhooks", body))[0] == 200
            yield here
        finally:
            await sandbox.stop()
            await runner.cleanup()
