"""Carries operations to 8x8: ``Client`` over httpx, one request at a time."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

import httpx

from voicecli import account, interrupts
from voicecli.account import Account
from voicecli.errors import (
    ConfigurationError,
    OutcomeUnknown,
    Refused,
    Unreachable,
    VoicecliError,
)
from voicecli.voice_api import transport, wire
from voicecli.voice_api.methods import Operations
from voicecli.voice_api.retries import RETRIES, NotSent, send_with_retries
from voicecli.voice_api.wire import HttpRequest, HttpResponse, Operation

T = TypeVar("T")

ENDING = 1.0  # seconds that an exchange may take to end when its connection is closed

OnRetry = Callable[[str, float], None]
"""Told before each wait: why, and how many seconds it will be."""


class Client(Operations):
    """A way to one subaccount of 8x8's Voice API; close it, or use it in a ``with``.

    It has a method for each of the 14 operations; ``send`` carries out those of ``voicecli.voice_api.wire``.

    ``request_timeout`` is in seconds. ``retries`` is how often a request is tried again that provably
    never happened: no connection, no name, no TLS, or HTTP 429 (after its Retry-After). A request that
    may have arrived is never sent again. ``trace`` is told where each request goes, how it ended and how long
    that took. Raises ConfigurationError for what could not work.
    """

    def __init__(
        self,
        *,
        api_key: str,
        subaccount_id: str,
        base_url: str = account.BASE_URL,
        request_timeout: float = wire.REQUEST_TIMEOUT,
        retries: int = RETRIES,
        on_retry: OnRetry | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.in_doubt: OutcomeUnknown | Unreachable | None = None
        """What to say of the last request if it is interrupted: it began to leave and was not refused."""
        self.clock_offset: timedelta | None = None
        """How far the clock at the other end was ahead of this machine's, to the second, at the last answer;
        None as long as no answer told its time."""
        self._account = Account(api_key, subaccount_id, base_url)
        transport.check_timeout(request_timeout)
        if retries < 0:
            raise account.client_configuration_error("retries are out of range")
        self._is_stopped = False
        self._stopping: SimpleQueue[None] = SimpleQueue()  # has something while it is stopped
        self._request_timeout = request_timeout
        self._retries = retries
        self._on_retry = on_retry
        self._trace = trace
        try:
            self._http = httpx.Client(
                timeout=httpx.Timeout(request_timeout, connect=min(wire.CONNECT_TIMEOUT, request_timeout)),
                # A connection for each request: one that was kept may be half dead, and a request lost on it
                # would be an unknown outcome.
                limits=httpx.Limits(max_keepalive_connections=0),
                verify=self._account.secure,
                trust_env=self._account.secure,
            )
        except (httpx.InvalidURL, ValueError, OSError, ImportError) as error:
            raise transport.unusable_proxy_or_certificates() from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def account(self) -> Account:
        """Where requests go, and by which key."""
        return self._account

    def close(self) -> None:
        self._http.close()

    def stop(self) -> None:
        """Let nothing leave from now on, whatever other threads are about to send: that is Unreachable."""
        self._is_stopped = True
        self._stopping.put(None)

    def resume(self) -> None:
        """What is sent from now on may leave again."""
        self._is_stopped = False
        with suppress(Empty):
            while True:
                self._stopping.get_nowait()

    def request(self, operation: Operation[T]) -> HttpRequest:
        """The very request that ``send`` would send. Raises InvalidInput for what JSON can't carry."""
        return operation.request(self._account)

    def send(
        self,
        operation: Operation[T],
        *,
        was_carried_out: Callable[[], bool] | None = None,
        retries: int | None = None,
    ) -> T:
        """Carry out any operation of ``wire``. After a 429, ``was_carried_out`` says whether 8x8 is known
        to have carried it out all the same: then it is not sent again. ``retries`` goes before the client's.
        Raises Refused, RateLimited, Unreachable, OutcomeUnknown or InvalidInput."""
        retries = self._retries if retries is None else retries
        if self._http.is_closed:
            raise ConfigurationError("The client is closed.")
        request = self.request(operation)
        if self._trace is None:
            return self._send(request, operation, was_carried_out, retries)
        self._trace(f"> {operation.name}: {request.method} {request.url} ({len(request.body or b'')} bytes)")
        start, ending = time.monotonic(), "accepted"
        try:
            return self._send(request, operation, was_carried_out, retries)
        except VoicecliError as error:
            ending = error.code
            raise
        finally:
            self._trace(f"< {ending} after {time.monotonic() - start:.3f} s")

    def _send(
        self,
        request: HttpRequest,
        operation: Operation[T],
        was_carried_out: Callable[[], bool] | None,
        retries: int,
    ) -> T:
        """Send it, and again what provably never happened."""

        def raise_if_carried_out() -> None:
            if was_carried_out is not None and was_carried_out():
                self.in_doubt = operation.lost("8x8 answered 429, and has reported a call of this request")
                raise self.in_doubt

        def wait(reason: str, seconds: float) -> None:
            if self._on_retry is not None:
                self._on_retry(reason, seconds)
            self.pause(seconds)

        try:
            return send_with_retries(
                partial(self._exchange, request, operation),
                retries=retries,
                raise_if_carried_out=raise_if_carried_out,
                is_stopped=lambda: self._is_stopped,
                wait=wait,
            )
        except NotSent as error:
            if self._is_stopped:
                raise Unreachable("The request was stopped before it left.") from error
            raise transport.unreachable(self._account, str(error)) from error.__cause__

    def pause(self, seconds: float) -> None:
        """Wait so long, or until it is stopped."""
        with suppress(Empty), interrupts.waiting():
            self._stopping.put(self._stopping.get(timeout=seconds))  # others may wait for it, too

    def download(self, link: str) -> Iterator[bytes]:
        """A file that an answer links to, in pieces. The link may lead anywhere; the API key goes along only
        to the API itself. Raises Refused, where the link leads nowhere (any more), or Unreachable."""
        from voicecli.voice_api import download

        account = self._account
        pieces = download.pieces(self._http, link, base_url=account.base_url, api_key=account.api_key)
        while (piece := interrupts.in_thread(partial(next, pieces, None))) is not None:
            yield piece

    def _exchange(self, request: HttpRequest, operation: Operation[T]) -> T:
        """Send once, and read the answer. Raises _NeverLeft where nothing was sent."""

        def leave() -> None:
            if self._is_stopped or interrupts.is_noted():
                raise NotSent("it was stopped")
            self.in_doubt = operation.lost("Interrupted before 8x8 had answered")

        self.in_doubt = None
        interrupts.check()
        exchange = _Exchange(partial(self._carry, request), leave)
        in_time = True
        try:
            in_time = exchange.run(self._request_timeout)
            answer = exchange.answer()
            if not (in_time or answer.complete):
                raise operation.lost(f"8x8's answer took longer than {self._request_timeout:g} s")
            return operation.read(answer, api_key=self._account.api_key)
        except VoicecliError as error:
            if isinstance(error, Refused):
                self.in_doubt = None
            raise
        except Exception as error:  # whatever it is: what matters is whether the request had left
            if not exchange.has_left:
                raise NotSent(_reason(error)) from error
            late = not in_time or isinstance(error, httpx.TimeoutException)
            what = "The connection broke before 8x8 had answered"
            raise operation.lost(
                f"8x8 did not answer within {self._request_timeout:g} s" if late else what
            ) from error

    def _carry(self, request: HttpRequest, watch: "_Watch") -> HttpResponse:
        # Asked for as it is: a compressed answer could be a bomb, and 8x8's are small.
        headers = {**request.headers, "Accept-Encoding": "identity"}
        with self._http.stream(
            request.method,
            request.url,
            headers=headers,
            content=request.body,
            extensions={"trace": watch},
        ) as response:
            body, complete = bytearray(), False
            with suppress(httpx.HTTPError):
                complete = wire.read_into(body, response.iter_raw())
            names = {name.lower(): value for name, value in response.headers.items()}
            with suppress(ValueError, TypeError):  # none, or not a date with its zone
                self.clock_offset = parsedate_to_datetime(names.get("date", "")) - datetime.now(UTC)
            return HttpResponse(response.status_code, names, bytes(body), complete)


_Watch = Callable[[str, Mapping[str, object]], None]
"""httpcore's trace extension, which httpx documents: gets each step of an exchange."""


class _Exchange:
    """A request and its answer, carried in a thread of its own. So who waits for it can give it up, whatever
    it is at: when it takes too long as a whole (httpx's own time-outs begin anew with every byte), or at a
    signal. ``leave`` is called when the request is about to leave, and may raise, so that it does not."""

    def __init__(self, carry: Callable[[_Watch], HttpResponse], leave: Callable[[], None]) -> None:
        self.has_left = False
        """Whether the request may have begun to leave. Final once ``run`` has returned or raised."""
        self._carry = carry
        self._leave = leave
        self._leaving = threading.Lock()
        self._is_given_up = False
        self._news: SimpleQueue[bool] = SimpleQueue()  # False as it begins to send, True at the end
        self._began = False
        self._outcome: HttpResponse | Exception | None = None
        self._socket: socket.socket | None = None

    def run(self, seconds: float) -> bool:
        """Until there is an answer; whether it took no longer than ``seconds`` from sending. An answer that
        is there when a signal comes is not thrown away: the signal takes effect a little later."""
        try:
            threading.Thread(target=self._work, daemon=True).start()
            with interrupts.waiting():
                if self._news.get() or self._news.get(timeout=seconds):
                    return True
        except Empty:
            self._give_up()
            with suppress(Empty):
                self._news.get(timeout=ENDING)
            return False
        except KeyboardInterrupt as interrupt:
            if self._outcome is None or not interrupt.args:
                self._give_up()
                raise
            interrupts.put_off(*interrupt.args)
        return True

    def answer(self) -> HttpResponse:
        """Raises what went wrong."""
        if self._outcome is None:
            raise TimeoutError
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def _work(self) -> None:
        try:
            self._outcome = self._carry(self._watch)
        except Exception as error:  # noqa: BLE001 - told by ``answer``
            self._outcome = error
        self._news.put(True)

    def _watch(self, event: str, info: Mapping[str, object]) -> None:
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            self._socket = stream.get_extra_info("socket")  # type: ignore[attr-defined]
        elif event.endswith(".send_request_headers.started"):
            # A CONNECT is only for the proxy.
            if info["request"].method != b"CONNECT":  # type: ignore[attr-defined]
                with self._leaving:
                    if self._is_given_up:
                        raise NotSent("it was given up")
                    self._leave()
                    self.has_left = True
            if not self._began:
                self._began = True
                self._news.put(False)

    def _give_up(self) -> None:
        """From now on it does not leave, if it has not yet."""
        with self._leaving:
            self._is_given_up = True
        if self._socket is not None:
            with suppress(OSError):  # it may be gone by itself; of a TLS socket, the one below is meant
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    return transport.PROXY_REFUSED if isinstance(error, httpx.ProxyError) else transport.reason(error)
