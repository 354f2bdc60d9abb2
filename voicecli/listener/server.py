"""The HTTP side of the listener: routes, authentication, limits, and the answers."""

import asyncio
import base64
import hmac
import json
import logging
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache, partial
from typing import NamedTuple

import orjson
from aiohttp import HttpVersion11, web
from aiohttp.http import HttpProcessingError

from voicecli import urls
from voicecli.errors import StoreFailed
from voicecli.json_values import json_object
from voicecli.listener.forward import Forwarder
from voicecli.listener.recorder import Recorder
from voicecli.listener.routes import Answered, Replier, Route, failure
from voicecli.plurals import counted
from voicecli.store.event_recording import KeptEvent, Recorded
from voicecli.voice_api import webhook_events
from voicecli.voice_api.replies import Reply, reply_without_callflow
from voicecli.voice_api.webhook_events import WEBHOOK_TYPES, Event, Received

READ_TIMEOUT = 10.0  # seconds for a body, once its headers are there
IDLE_TIMEOUT = 30.0  # seconds without a whole request, headers that drip included
VCA_PATIENCE = 3.0  # seconds that a call waits for the disk before its VCA is answered
KEEP_AGAIN_AFTER = 1.0  # seconds
EXAMINE_EVERY = 1.0  # seconds between two requests without the token, of a type, that are read
MAX_LATE = 1_000  # VCAs that are answered and wait for the disk
ACCEPTING = 5  # turns of the event loop, at least, from taking a connection to waiting for its request
FINISH_TIMEOUT = 60.0  # seconds at the end for what is in flight: a call that is being placed, say
REMEMBERED = 10_000  # events that were shown, and replies of the application, for when they come again
USER = "admin"  # of Basic authentication, as the example project has it


class _Arrival(NamedTuple):
    """An event as it came."""

    event: Event
    path_kind: str  # the type that its path is meant for
    body: bytes
    headers: Mapping[str, str]
    key: bytes
    received: int

    @property
    def message(self) -> tuple[bytes, Mapping[str, str]]:
        return self.body, self.headers

    @property
    def remarks(self) -> tuple[str, ...]:
        at_home = self.event.type in (self.path_kind, "")
        return () if at_home else (f"came to /{self.path_kind.lower()}",)

    def kept(self, reply: str | None) -> KeptEvent:
        return KeptEvent(self.received, self.event.type, self.event.session_id, self.key, reply, self.body)


async def _no_details(_look: bool) -> Mapping[str, object]:
    return {}


class WebhookServer:
    """The receiver. ``on_event`` gets each event once it is on disk; ``warn`` gets what a person must know.

    Without ``token`` everybody may report events who gets here, but no web page that is open on this machine:
    then whatever a browser sends for a page is refused, and a Host that is neither this machine nor one of
    ``names``, the hosts of its public URLs. With a token neither is looked at: a page does not know it, and a
    proxy may have put in any Host.
    ``routes``, by path, answer requests of others that have the token.
    ``refused`` counts the requests that were turned away, by reason; ``other_token`` those that came from
    8x8, for their token, by the type of their event and since the last one with ours: they name the
    ``subaccount``, which strangers do not know. ``came_through`` is called for each
    event that a proxy or a tunnel passed on.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        token: str | None,
        on_event: Callable[[Received], None],
        warn: Callable[[str], None],
        replier: Replier,
        forwarder: Forwarder | None = None,
        routes: Mapping[str, Route] = {},
        subaccount: str | None = None,
        names: Iterable[str] = (),
        details: Callable[[bool], Awaitable[Mapping[str, object]]] = _no_details,
        doubt: Callable[[], None] = lambda: None,
        came_through: Callable[[], None] = lambda: None,
    ) -> None:
        self.refused: dict[str, int] = {}
        self.other_token: dict[str, int] = {}
        self.instance = secrets.token_hex(8)  # by which /health can be told to be this one's
        self.key = secrets.token_hex(16)  # for who may know more of it; it is told on this machine only
        self.unauthorised = 0  # requests without the token since the last event
        self.last_event: int | None = None  # when it came: microseconds since 1970
        self._details = details
        self._doubt = doubt
        self._came_through = came_through
        self._recorder = recorder
        self._credentials = _credentials(token)
        self._names = {*names, *_names_of_this_machine()}
        self._advised: set[str] = set()  # reasons for a refusal that were explained
        self._on_event = on_event
        self._warn = warn
        self._replier = replier
        self._forwarder = forwarder
        self._routes = routes
        self._subaccount = subaccount
        self._examined: dict[str, float] = {}  # by type: the loop's time at which a refused one was read
        self._failing = False
        self._replies: OrderedDict[bytes, asyncio.Task[Reply]] = (
            OrderedDict()
        )  # by the event that is answered
        self._late: set[asyncio.Task[None]] = set()  # keep VCAs that are answered already
        self._dropped = 0  # VCAs that are answered, and were too many to wait for the disk
        self._unshown: list[Received] = []
        self._known: OrderedDict[int, None] = OrderedDict()  # the numbers of events that were shown
        self._first = 0  # the lowest number that was new to this run, once there is one
        self._forgotten = 0  # the highest number that is not among the known ones any more
        self._runner: web.ServerRunner | None = None

    # -- its life ------------------------------------------------------------------------------------

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises OSError where that can't be."""
        logger = logging.Logger("voicecli.listener")  # of its own: nothing gets to stderr
        logger.addHandler(_NoHttp(lambda: self._count("no HTTP")))
        self._runner = web.ServerRunner(
            web.Server(
                self._handle,
                access_log=None,
                logger=logger,
                keepalive_timeout=IDLE_TIMEOUT,
                lingering_time=1.0,
                auto_decompress=False,
                request_factory=partial(_Request, loop=asyncio.get_running_loop()),
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
        self._show_all()
        late = [*self._late]
        if lost := self._dropped + len(late):
            what = counted(lost, "VCA event that was", "VCA events that were")
            self._warn(f"{what} answered could not be kept.")
        if late:
            for task in late:
                task.cancel()
            await asyncio.wait(late)

    def add_name(self, public_url: str) -> None:
        """It is reached at this URL from now on, too."""
        self._names.add(urls.host_of(public_url))

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
            self._report_error(error)
            return self._refuse(503, "not kept")
        except ConnectionError:  # the sender has gone
            return self._refuse(400, "broke off")
        except Exception as error:  # noqa: BLE001 - a fault of ours: the event may come again, and be kept then
            self._report_error(error)
            return self._refuse(503, "a fault of voicecli's")

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if self._credentials is None and (reason := self._not_local(request.headers, path)):
            return self._refuse(403, reason)
        if path == "/health":
            return _json(await self._health(request))
        kind = path.removeprefix("/api/webhooks/").upper()
        if not self._authorised(request.headers.get("Authorization", "")):
            self.unauthorised += 1
            if kind in WEBHOOK_TYPES and await self._is_from_8x8(request, kind):
                self.other_token[kind] = self.other_token.get(kind, 0) + 1
            self._doubt()
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
            self._came_through()
        key = event.identity(lambda: _content(event, body))
        arrival = _Arrival(event, kind, body, request.headers, key, time.time_ns() // 1000)
        return _answer(request, await self._webhook(arrival))

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
        given = request.headers.get("Authorization", "")
        has_key = hmac.compare_digest(given.encode(errors="replace"), f"Bearer {self.key}".encode())
        if has_key or (self._credentials is not None and self._authorised(given)):
            return {**who, **await self._details(request.query_string == "look")}
        return who

    def _authorised(self, given: str) -> bool:
        if self._credentials is None:
            return True
        scheme, blank, rest = given.strip().partition(" ")
        if blank:
            given = f"{scheme.lower()} {rest.lstrip()}"  # a scheme has any case (RFC 9110, 11.1)
        proof = given.encode(errors="replace")
        fits = False
        for credential in self._credentials:  # all are compared, so that the time taken tells nothing
            fits |= hmac.compare_digest(proof, credential)
        return fits

    def _not_local(self, headers: Mapping[str, str], path: str) -> str:
        """Why a request without a token is refused; nothing where it is fine. A page may ask for /health: it
        can't read the answer."""
        host = headers.get("Host")
        if not urls.is_own_host(host, self._names):
            reason = "not for this machine"
            advice = (
                f"A request for the host {host} was refused. Without a token only names of this machine and "
                "the host of its public URL are taken: give --public-url, or set WEBHOOK_AUTH_TOKEN."
            )
        elif path != "/health" and urls.is_from_web_page(headers):
            reason = "from a web page"
            advice = f"A web page was refused that tried to report an event ({headers.get('Origin', '?')})."
        else:
            return ""
        if reason not in self._advised:
            self._advised.add(reason)
            self._warn(advice)
        return reason

    def _refuse(self, status: int, reason: str, headers: Mapping[str, str] = {}) -> web.Response:
        self._count(reason)
        return _json({"success": False, "error": reason}, status, headers)

    def _count(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def _report_error(self, error: Exception) -> None:
        """Say what went wrong; that events can't be kept is said once."""
        if not isinstance(error, StoreFailed):
            self._warn(f"Internal error of voicecli ({type(error).__name__}: {error}).")
        elif not self._failing:
            self._failing = True
            self._warn(
                f"{error.message} Events are answered 503, so that 8x8 can send them again; VCA events get "
                "their replies, so that calls go on, and are kept as soon as that can be done."
            )

    # -- events --------------------------------------------------------------------------------------

    async def _webhook(self, arrival: _Arrival) -> bytes:
        """Keep an event, show it, and give the answer's body. Raises StoreFailed; but never for a VCA, since
        8x8 ends the call as ERROR where that gets no reply."""
        if arrival.event.type != "VCA":
            again = await self._keep(arrival, None)
            if not again:
                self._pass_on(arrival)
            return b"{}"
        if (replying := self._replies.get(arrival.key)) is not None:  # it comes again
            reply = await asyncio.shield(replying)
            try:
                await self._keep(arrival, reply.words())
            except Exception as error:  # noqa: BLE001 - the reply is known
                self._report_error(error)
        else:
            replying = self._replies[arrival.key] = asyncio.create_task(self._reply(arrival))
            reply = await asyncio.shield(replying)
        return reply.body(arrival.event)

    async def _reply(self, arrival: _Arrival) -> Reply:
        """The event is on disk before anybody acts on it, and shown when the reply is known. What can't be
        kept in time is answered all the same, and kept and shown later."""
        try:
            keeping = self._recorder.record(arrival.kept(None))
            await asyncio.wait({keeping}, timeout=VCA_PATIENCE)
            recorded = keeping.result() if keeping.done() and keeping.exception() is None else None
            number, times = recorded or (0, 1)
            received = Received(number, arrival.received, arrival.event, arrival.body, times)
            try:
                answered = await self._replier(received, arrival.headers)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the call
                self._report_error(error)
                answered = Answered(reply_without_callflow(arrival.event), "an internal error of voicecli")
        except BaseException:
            self._replies.pop(arrival.key, None)
            raise
        if len(self._replies) > REMEMBERED:
            self._replies.popitem(last=False)
        if recorded is None:
            late = asyncio.create_task(self._keep_late(arrival, answered, keeping))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
        else:
            self._show_answered(arrival, answered, recorded)
        return answered.reply

    async def _keep_late(
        self, arrival: _Arrival, answered: Answered, keeping: "asyncio.Future[Recorded]"
    ) -> None:
        """Keep a VCA that was answered before it was on disk."""
        while True:
            try:
                recorded = await keeping
                break
            except StoreFailed as error:
                self._report_error(error)
                if len(self._late) > MAX_LATE:
                    if not self._dropped:
                        self._warn(f"More than {MAX_LATE:,} answered VCA events wait: the rest is not kept.")
                    self._dropped += 1
                    return
            await asyncio.sleep(KEEP_AGAIN_AFTER)
            keeping = self._recorder.record(arrival.kept(answered.reply.words()))
        self._show_answered(arrival, answered, recorded)

    def _show_answered(self, arrival: _Arrival, answered: Answered, recorded: Recorded) -> None:
        reply, remark, passed_on = answered
        self._recorder.replied(recorded.id, reply.words(), remark)
        remarks = (*arrival.remarks, remark) if remark else arrival.remarks
        again = False
        try:
            again = self._show(arrival, recorded, reply.words(), remarks)
        except Exception as error:  # noqa: BLE001 - the reply is known
            self._report_error(error)
        if not passed_on and not again:
            self._pass_on(arrival)

    def _pass_on(self, arrival: _Arrival) -> None:
        if self._forwarder is not None:
            self._forwarder.pass_on(arrival.path_kind, arrival.event.session_id, *arrival.message)

    async def _keep(self, arrival: _Arrival, reply: str | None) -> bool:
        """Keep and show it; whether it was shown before."""
        recorded = await self._recorder.record(arrival.kept(reply))
        return self._show(arrival, recorded, reply, arrival.remarks)

    def _show(
        self, arrival: _Arrival, recorded: Recorded, reply: str | None, remarks: tuple[str, ...]
    ) -> bool:
        if self._failing:
            self._failing = False
            self._warn("Events are kept again.")
        number, times = recorded
        # What came before, but to another run, or without an answer, is news here.
        again = times > 1 and (number in self._known or 0 < self._first <= number <= self._forgotten)
        if not self._unshown:
            asyncio.get_running_loop().call_soon(self._show_all)
        self._unshown.append(
            Received(number, arrival.received, arrival.event, arrival.body, times, again, reply, remarks)
        )
        self.unauthorised, self.last_event = 0, arrival.received
        if times == 1:
            self._first = self._first or number
        if not again:
            self._known[number] = None
            if len(self._known) > REMEMBERED:
                self._forgotten = max(self._forgotten, self._known.popitem(last=False)[0])
        return again

    def _show_all(self) -> None:
        """Those that one commit has kept are answered first, and then shown together: one by one, in between
        the answers, takes twice as long."""
        unshown, self._unshown = self._unshown, []
        for received in unshown:
            try:
                self._on_event(received)
            except Exception as error:  # noqa: BLE001 - it is kept, and answered
                self._known.pop(received.id, None)  # it is news when it comes again
                self._report_error(error)

    # -- other requests ------------------------------------------------------------------------------

    async def _answer(self, route: Route, request: web.BaseRequest) -> web.Response:
        """Never without a token: any web page that is open on this machine could place calls."""
        if self._credentials is None:
            answer = failure("This is not answered without a token", {"hint": "Set WEBHOOK_AUTH_TOKEN."})
            return _json(answer, 403)
        body = json_object(await _body(request))
        if body is None:
            return _json(failure("The body is not a JSON object"), 422)
        status, content = await route(body)
        return _json(content, status)


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


def _json(content: object, status: int = 200, headers: Mapping[str, str] = {}) -> web.Response:
    """An answer for people with curl, too."""
    return web.json_response(text=json.dumps(content) + "\n", status=status, headers=headers)


def _answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    if request.keep_alive and request.version == HttpVersion11 and request.transport is not None:
        return _Ready(body, request.transport)
    return web.Response(body=body, content_type="application/json")


class _Ready(web.StreamResponse):
    """The answer to an event, written as it is: making it of aiohttp's parts takes as long as keeping it."""

    def __init__(self, body: bytes, transport: asyncio.Transport) -> None:
        super().__init__()
        self._answer = b"%b%d\r\n\r\n%b" % (_head(int(time.time())), len(body), body)
        self._to = transport

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        self._to.write(self._answer)

    async def write_eof(self, data: bytes = b"") -> None:
        """It is written."""


@lru_cache(1)
def _head(_second: int) -> bytes:
    """How it begins: the same for a second."""
    head = ("HTTP/1.1 200 OK", "Content-Type: application/json", f"Date: {formatdate(usegmt=True)}")
    return "\r\n".join((*head, "Content-Length: ")).encode()


class _Request(web.BaseRequest):
    """A request whose answer does not say which software, in which version, it comes from."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)


class _NoHttp(logging.Handler):
    """Of what aiohttp refuses by itself, it tells nobody but its log."""

    def __init__(self, refused: Callable[[], None]) -> None:
        super().__init__()
        self._refused = refused

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            self._refused()


def _credentials(token: str | None) -> list[bytes] | None:
    """All that the Authorization header may say, the scheme in lower case."""
    if token is None:
        return None
    basic = base64.b64encode(f"{USER}:{token}".encode()).decode()
    return [text.encode() for text in (token, f"bearer {token}", f"basic {basic}")]


def _names_of_this_machine() -> set[str]:
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return {name, short, f"{short}.local"} - {""}
