"""A receiver in the test's own event loop, and a client that sends to it over a real socket."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from conftest import DEADLINE

from voicecli.listener.plan import ListenerPlan
from voicecli.listener.service import ListenerService
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.webhook_events import Received

TOKEN = "token-of-these-tests"


def vss(session: str = "s-1", status: str = "COMPLETED", **payload: object) -> dict[str, Any]:
    leg = {"source": "+33199000000", "destination": "+33199001234", "callDuration": 13}
    content = {"sessionId": session, "sessionStatus": status, "details": {"callA": leg}, **payload}
    return {"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": content}


def vca(session: str = "s-1", event_id: str = "e-1", **payload: object) -> dict[str, Any]:
    content = {"sessionId": session, "eventId": event_id, "eventData": {"dtmf": "1"}, **payload}
    return {"namespace": "VOICE", "eventType": "CALL_ACTION", "payload": content}


class World:
    """``shown`` is what the receiver showed, ``told`` what it said."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.shown: list[Received] = []
        self.told: list[str] = []
        self.records: list[Mapping[str, object]] = []
        self.service: ListenerService
        self.http: aiohttp.ClientSession
        self._news = asyncio.Event()

    def _show(self, received: Received) -> None:
        self.shown.append(received)
        self._news.set()

    def _tell(self, text: str, record: Mapping[str, object] | None) -> None:
        self.told.append(text)
        if record is not None:
            self.records.append(record)
        self._news.set()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of one's own, for what is no proper request."""
        return await asyncio.open_connection("127.0.0.1", int(self.service.url.rpartition(":")[2]))

    async def post(
        self, path: str, content: object = None, *, token: str | None = TOKEN, headers: Mapping[str, str] = {}
    ) -> tuple[int, Any]:
        """POST JSON, or bytes as they are."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        authorization = {"Authorization": token} if token else {}
        async with self.http.post(
            self.service.url + path, data=io.BytesIO(body), headers={**authorization, **headers}
        ) as answer:
            return answer.status, await answer.json()

    async def event(self, content: dict[str, Any], path: str | None = None) -> tuple[int, Any]:
        kind = {"SESSION_SUMMARY": "vss", "CALL_ACTION": "vca"}.get(content["eventType"], "vcs")
        return await self.post(path or f"/api/webhooks/{kind}", content)

    def kept(self, what: str) -> list[tuple[Any, ...]]:
        import sqlite3

        database = sqlite3.connect(self.home / "voicecli.sqlite3")
        try:
            return database.execute(f"SELECT {what} FROM events ORDER BY id").fetchall()
        finally:
            database.close()


@asynccontextmanager
async def receiving(home: Path, **plan: Any) -> AsyncIterator[World]:
    """A world with a receiver; ``plan`` is of the service's ListenerPlan, or its routes."""
    world = World(home)
    routes = plan.pop("routes", {})
    settings = ListenerPlan(**{"store": StorePlace(home), "port": 0, "token": TOKEN, **plan})
    SqliteStore(home).close()
    async with aiohttp.ClientSession() as http:
        world.http = http
        world.service = ListenerService(settings, on_event=world._show, notify=world._tell, routes=routes)
        async with world.service:
            yield world
