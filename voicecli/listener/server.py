"""The HTTP server of a listener: which requests it takes, and what becomes of the others."""

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial

import orjson
from aiohttp import web

from voicecli.errors import StoreFailed
from voicecli.json_values import json_object
from voicecli.listener.event_intake import Arrival, EventIntake
from voicecli.listener.http_responses import InvalidRequestHandler, Request, event_response, json_response
from voicecli.listener.request_guard import RequestGuard
from voicecli.listener.routes import Route, failure
from voicecli.voice_api import webhook_events
from voicecli.voice_api.webhook_events import WEBHOOK_TYPES, Event

READ_TIMEOUT = 10.0  # seconds for a body, once its headers are there
IDLE_TIMEOUT = 30.0  # seconds without a whole request, headers that drip included
EXAMINE_EVERY = 1.0  # seconds between two requests without the token, of a type, that are read
ACCEPTING = 5  # turns of the event loop, at least, from taking a connection to waiting for its request
FINISH_TIMEOUT = 60.0  # seconds at the end for what is in flight: a call that is being placed, say


class WebhookServer:
    """Receives webhooks for ``events``, where ``guard`` admits them, and answers other requests.

    ``routes``, by path, answer requests that carry the token. ``refused`` counts the requests that were
    refused, by reason; ``other_token`` those that came from 8x8, for their token, by the type of their event
    and since the last one with ours: they name the ``subaccount``, which strangers do not know.
    ``on_unauthorised`` is called for each without the token, ``on_forwarded`` for each event that a proxy or
    a tunnel passed on.
    """

    def __init__(
        self,
        events: EventIntake,
        guard: RequestGuard,
        *,
        routes: Mapping[str, Route],
        instance: str,
        subaccount: str | None,
        details: Callable[[bool], Awaitable[Mapping[str, object]]],
        on_unauthorised: Callable[[], None],
        on_forwarded: Callable[[], None],
    ) -> None:
        self.events = events
        self.guard = guard
        self.refused: dict[str, int] = {}
        self.other_token: dict[str, int] = {}
        self.instance = instance  # by which /health can be told to be this one's
        self.team: str | None = None  # whose store it has, where a team shares one
        self.key = secrets.token_hex(16)  # for who may know more of it; it is told on this machine only
        self._routes = routes
        self._subaccount = subaccount
        self._details = details
        self._on_unauthorised = on_unauthorised
        self._on_forwarded = on_forwarded
        self._examined: dict[str, float] = {}  # by type: the loop's time at which a refused one was read
        self._runner: web.ServerRunner | None = None

    # -- its life ------------------------------------------------------------------------------------

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises OSError where that can't be."""
        logger = logging.Logger("voicecli.listener")  # of its own: nothing gets to stderr
        logger.addHandler(InvalidRequestHandler(lambda: self._count("no HTTP")))
        self._runner = web.ServerRunner(
            web.Server(
                self._handle,
                access_log=None,
                logger=logger,
                keepalive_timeout=IDLE_TIMEOUT,
                lingering_time=1.0,
                auto_decompress=False,
                request_factory=partial(Request, loop=asyncio.get_running_loop()),
            ),
            shutdown_timeout=FINISH_TIMEOUT,
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, backlog=1024).start()
        except OSError:
            await self._runner.cleanup()
            raise
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Take no more, and finish what is in flight."""
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()
            # aiohttp closes connections that wait for a request. One that is taken just now does not yet: it
            # would be left open for FINISH_TIMEOUT, and what it sends be dropped.
            for _ in range(ACCEPTING):
                await asyncio.sleep(0)
            await self._runner.cleanup()
        await self.events.stop()

    # -- requests ------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._route(request)
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(413, "too large")
        except (web.RequestPayloadError, ValueError):
            return self._refuse(400, "not readable")  # a body that is not as its headers say
        except TimeoutError:
            response = self._refuse(408, "too slow")
            response.force_close()
            return response
        except StoreFailed as error:
            self.events.report_error(error)
            return self._refuse(503, "not kept")
        except ConnectionError:  # the sender has gone
            return self._refuse(400, "broke off")
        except Exception as error:  # noqa: BLE001 - a fault of ours: the event may come again, and be kept then
            self.events.report_error(error)
            return self._refuse(503, "a fault of voicecli's")

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if not self.guard.has_token and (reason := self.guard.refusal_without_token(request.headers, path)):
            return self._refuse(403, reason)
        if path == "/health":
            return json_response(await self._health(request))
        kind = path.removeprefix("/api/webhooks/").upper()
        if not self.guard.is_authorised(request.headers.get("Authorization", "")):
            self.events.unauthorised += 1
            if kind in WEBHOOK_TYPES and await self._is_from_8x8(request, kind):
                self.other_token[kind] = self.other_token.get(kind, 0) + 1
            self._on_unauthorised()
            return self._refuse(401, "not authorised", {"WWW-Authenticate": 'Basic realm="voicecli"'})
        route = self._routes.get(path)
        if kind not in WEBHOOK_TYPES and route is None:
            return self._refuse(404, "no such path")
        if request.method != "POST":
            return self._refuse(405, "not a POST", {"Allow": "POST"})
        if route is not None:
            return await self._answer(route, request)
        body = await _body(request)
        # The fast reader refuses NaN and halves of characters, which Python's takes.
        event = webhook_events.parse(body, orjson.loads) or webhook_events.parse(body)
        if event is None:
            return self._refuse(400, "not an event")
        self.other_token.pop(kind, None)
        if "X-Forwarded-For" in request.headers:
            self._on_forwarded()
        identity = event.identity(lambda: _content(event, body))
        arrival = Arrival(event, kind, body, request.headers, identity, time.time_ns() // 1000)
        return event_response(request, await self.events.take(arrival))

    async def _is_from_8x8(self, request: web.BaseRequest, kind: str) -> bool:
        """Whether a request without the token is an event of 8x8's all the same. Not each is read, so that
        strangers can't put us to work."""
        now = asyncio.get_running_loop().time()
        if self._subaccount is None or now - self._examined.get(kind, -EXAMINE_EVERY) < EXAMINE_EVERY:
            return False
        self._examined[kind] = now
        with suppress(web.HTTPRequestEntityTooLarge, web.RequestPayloadError, ValueError, TimeoutError):
            event = webhook_events.parse(await _body(request))
            return event is not None and event.payload.get("subAccountId") == self._subaccount
        return False

    async def _health(self, request: web.BaseRequest) -> Mapping[str, object]:
        """That it is this listener; and more for who has the token, or the key."""
        who = {"status": "ok", "service": "voicecli", "instance": self.instance}
        if self.team is not None:
            who["team"] = self.team
        given = request.headers.get("Authorization", "")
        has_key = hmac.compare_digest(given.encode(errors="replace"), f"Bearer {self.key}".encode())
        if has_key or (self.guard.has_token and self.guard.is_authorised(given)):
            return {**who, **await self._details(request.query_string == "look")}
        return who

    def _refuse(self, status: int, reason: str, headers: Mapping[str, str] = {}) -> web.Response:
        self._count(reason)
        return json_response({"success": False, "error": reason}, status, headers)

    def _count(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    # -- other requests ------------------------------------------------------------------------------

    async def _answer(self, route: Route, request: web.BaseRequest) -> web.Response:
        """Never without a token: any web page that is open on this machine could place calls."""
        if not self.guard.has_token:
            answer = failure("This is not answered without a token", {"hint": "Set WEBHOOK_AUTH_TOKEN."})
            return json_response(answer, 403)
        body = json_object(await _body(request))
        if body is None:
            return json_response(failure("The body is not a JSON object"), 422)
        status, content = await route(body)
        return json_response(content, status)


async def _body(request: web.BaseRequest) -> bytes:
    """The whole body; aiohttp raises HTTPRequestEntityTooLarge for one of over 1 MiB."""
    if request.content.is_eof():  # all of it is there: no need for a clock
        return request.content.read_nowait()
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    async with asyncio.timeout(READ_TIMEOUT):
        return await request.read()


def _content(event: Event, body: bytes) -> bytes:
    """The same for the same content, in whatever order its fields come."""
    try:
        return orjson.dumps(event.payload, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # for halves of characters, and numbers of over 64 bits
        return body
