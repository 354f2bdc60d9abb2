"""Carries operations to 8x8: ``AsyncClient`` over aiohttp's client, many requests at once."""

import asyncio
import ssl
from contextlib import suppress
from contextvars import ContextVar
from typing import Self, TypeVar
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from voicecli import account
from voicecli.account import Account
from voicecli.errors import ConfigurationError
from voicecli.platforms import system
from voicecli.voice_api import timeouts, transport, wire
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.operations.calls import Session, send_callflow
from voicecli.voice_api.wire import HttpRequest, HttpResponse, Operation

T = TypeVar("T")

# Seconds that an idle connection is kept: less than any well-known server keeps it (gunicorn: 2 s), since a
# request that crosses its hanging up has an unknown outcome.
KEEPALIVE = 1.0
MAX_LINE = 1 << 16  # bytes of a line of an answer's head


class AsyncClient:
    """Access to one subaccount of 8x8's Voice API for many requests at once; use it in an ``async with``.

    ``request_timeout`` is in seconds, for each request from the moment of sending to the end of the answer;
    ``connections`` is how many requests can be under way, others wait for their turn. Raises
    ConfigurationError for what could not work.
    """

    def __init__(
        self,
        *,
        api_key: str,
        subaccount_id: str,
        base_url: str = account.BASE_URL,
        request_timeout: float = timeouts.REQUEST_TIMEOUT,
        connections: int = 32,
    ) -> None:
        self._account = Account(api_key, subaccount_id, base_url)
        transport.check_timeout(request_timeout)
        if connections < 1:
            raise account.client_configuration_error("there must be at least one connection")
        self._request_timeout = request_timeout
        # Not left to aiohttp's pool: it would count the wait for a turn as time to connect.
        self._turns = asyncio.Semaphore(connections)
        self._tls: ssl.SSLContext | bool = True
        self._proxy: URL | None = None
        if self._account.secure:
            import httpx  # so that both clients trust the same certificates

            try:
                self._tls, self._proxy = httpx.create_ssl_context(), _proxy(base_url)
            except (ValueError, OSError) as error:
                raise transport.unusable_proxy_or_certificates() from error
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connect_timeout = min(wire.CONNECT_TIMEOUT, self._request_timeout)
        self._http = aiohttp.ClientSession(
            connector=_Connector(limit=0, keepalive_timeout=KEEPALIVE, ssl=self._tls),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Asked for as it is: a compressed answer could be a bomb, and 8x8's are small.
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def call(self, request: CallRequest) -> Session:
        """Place a call. Raises what ``send`` raises."""
        return await self.send(send_callflow(request))

    async def send(self, operation: Operation[T]) -> T:
        """Carry out any operation of ``wire``, in one attempt: pace and retries are the caller's.

        Raises Refused, RateLimited, Unreachable, OutcomeUnknown or InvalidInput. A cancelled request may
        have left.
        """
        request = operation.request(self._account)
        async with self._turns:
            if self._http is None:
                raise ConfigurationError("The client is not open.", hint="Use it in an async with.")
            answer = await self._exchange(self._http, request, operation)
            return operation.read(answer, api_key=self._account.api_key)

    async def _exchange(
        self, http: aiohttp.ClientSession, request: HttpRequest, operation: Operation[T]
    ) -> HttpResponse:
        """Send once; the answer. Whatever goes wrong: what matters is whether the request had left."""
        state = _RequestState(self._request_timeout)
        token = _REQUEST_STATE.set(state)
        try:
            async with state.deadline:
                return await self._carry(http, request, state)
        except TimeoutError as error:
            if not state.left:
                raise transport.unreachable(self._account, transport.reason(error)) from error
            late = "8x8's answer took longer than" if state.answered else "8x8 did not answer within"
            raise operation.unknown_outcome(f"{late} {self._request_timeout:g} s") from error
        except Exception as error:  # noqa: BLE001 - what matters is not what it is
            if not state.left:
                raise transport.unreachable(self._account, _reason(error)) from _showable_cause(error)
            raise operation.unknown_outcome(
                "The connection broke before 8x8 had answered"
            ) from _showable_cause(error)
        finally:
            _REQUEST_STATE.reset(token)

    async def _carry(
        self, http: aiohttp.ClientSession, request: HttpRequest, state: "_RequestState"
    ) -> HttpResponse:
        async with http.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            proxy=self._proxy,
        ) as response:
            state.answered = True
            body, complete = bytearray(), False
            with suppress(Exception):  # an answer that breaks off is not complete, whatever broke it
                while len(body) <= wire.MAX_RESPONSE and not complete:
                    body += (piece := await response.content.readany())
                    complete = not piece
            names: dict[str, str] = {}
            for name, value in response.headers.items():
                lower = name.lower()
                names[lower] = f"{names[lower]}, {value}" if lower in names else value
            return HttpResponse(response.status, names, bytes(body), complete)


class _RequestState:
    """One request on its way. ``left`` is whether it may have begun to leave, which is so unless it is
    proven not to be."""

    __slots__ = ("_sent", "_timeout", "answered", "deadline", "left")

    def __init__(self, request_timeout: float) -> None:
        self.left = True
        self.answered = False
        self.deadline = asyncio.timeout(None)
        self._timeout = request_timeout
        self._sent = False

    def connecting(self) -> None:
        if self._sent:
            raise _SecondSending
        self.left = False

    def leaving(self) -> None:
        self.left = self._sent = True
        self.deadline.reschedule(asyncio.get_running_loop().time() + self._timeout)


_REQUEST_STATE: ContextVar[_RequestState] = ContextVar("request_state")


class _SecondSending(aiohttp.ClientError):
    """aiohttp was about to send a request again."""


class _Connector(aiohttp.TCPConnector):
    """Notes when a request may begin to leave, and gives out no connection that the other end has hung up.

    A request that never got a connection has not left: aiohttp 3.14's ``ClientSession._request`` awaits
    ``connect`` (names, TCP, TLS, a proxy's CONNECT, the time-out for all of it), and only then writes. The
    kind of error would not prove it: a proxy that hangs up during CONNECT raises the same as 8x8 during a
    call. If a later aiohttp had no ``connect`` to override, all that fails would count as having left.

    ``_request`` also sends idempotent requests again by itself (``retry_persistent_connection``). That takes
    a second connection, and it gets none.
    """

    def __init__(self, *, limit: int, keepalive_timeout: float, ssl: ssl.SSLContext | bool) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout, ssl=ssl)
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> Connection:
        state = _REQUEST_STATE.get()
        state.connecting()
        while True:
            found = await super().connect(req, traces, timeout)
            if found.protocol not in self._used or _is_idle(found):
                break
            found.close()
        if found.protocol is not None:
            self._used.add(found.protocol)
        state.leaving()
        return found


def _is_idle(kept: Connection) -> bool:
    """Whether nothing waits to be read from a kept connection: neither its end, which aiohttp's event loop
    may not have seen yet, nor an answer to no request, which would be taken for that to the next one."""
    if kept.protocol is None or kept.protocol.should_close or kept.transport is None:
        return False
    return not system.is_readable(kept.transport.get_extra_info("socket").fileno())


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientHttpProxyError():
            return transport.PROXY_REFUSED
        case aiohttp.ClientConnectorDNSError():
            return transport.UNKNOWN_NAME
    return transport.reason(error)


def _showable_cause(error: Exception) -> Exception | None:
    """What can be shown of an error: aiohttp's own hold the request's headers, and the proxy's password."""
    match error:
        case aiohttp.ClientConnectorError():
            return error.os_error
        case aiohttp.ClientResponseError():
            return None
    return error


def _proxy(base_url: str) -> URL | None:
    """The proxy that the environment names for an HTTPS URL; asked for once, where aiohttp would ask for each
    request. Raises ValueError for one that can't be used."""
    proxies = getproxies()
    named = proxies.get("https") or proxies.get("all")
    if not named or proxy_bypass(URL(base_url).host or ""):
        return None
    proxy = URL(named if "://" in named else f"http://{named}")
    if proxy.scheme not in ("http", "https") or not proxy.host:
        raise ValueError("the proxy is of a kind that can't be used")
    return proxy
