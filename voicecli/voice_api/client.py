"""Carries operations to 8x8: ``Client`` over httpx, one request at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from queue import Empty, SimpleQueue
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
from voicecli.voice_api import timeouts, transport, wire
from voicecli.voice_api.exchange import Exchange, Watch
from voicecli.voice_api.methods import Operations
from voicecli.voice_api.retries import RETRIES, NotSent, send_with_retries
from voicecli.voice_api.wire import HttpRequest, HttpResponse, Operation

T = TypeVar("T")


class Client(Operations):
    """Access to one subaccount of 8x8's Voice API, with a method for each of the 14 operations; close it, or
    use it in a ``with``.

    ``request_timeout`` is in seconds. ``retries`` is how often a request is sent again that provably never
    happened; one that may have arrived is never sent again. ``on_retry`` gets the reason and the seconds
    before each wait, ``trace`` two lines for each request. Raises ConfigurationError.
    """

    def __init__(
        self,
        *,
        api_key: str,
        subaccount_id: str,
        base_url: str = account.BASE_URL,
        request_timeout: float = timeouts.REQUEST_TIMEOUT,
        retries: int = RETRIES,
        on_retry: Callable[[str, float], None] | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.in_doubt: OutcomeUnknown | Unreachable | None = None
        """The error if the last request is interrupted now; None where it did not leave, or was refused."""
        self.clock_offset: timedelta | None = None
        """How far the clock at the other end was ahead of this machine's, to the second, at the last answer;
        None until a response has a Date header."""
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

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def account(self) -> Account:
        """Where requests go, and by which key."""
        return self._account

    def close(self) -> None:
        """Let nothing leave any more; what other threads were about to send again is given up, untold."""
        self.stop()
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

    def send(
        self,
        operation: Operation[T],
        *,
        was_carried_out: Callable[[], bool] | None = None,
        retries: int | None = None,
    ) -> T:
        """Carry out any operation. After a 429, ``was_carried_out`` says whether 8x8 is known to have carried
        it out all the same: then it is not sent again. ``retries`` goes before the client's.

        Raises Refused, RateLimited, Unreachable, OutcomeUnknown or InvalidInput.
        """
        if self._http.is_closed:
            raise ConfigurationError("The client is closed.")
        request = operation.request(self._account)

        def raise_if_carried_out() -> None:
            if was_carried_out is not None and was_carried_out():
                self.in_doubt = operation.unknown_outcome(
                    "8x8 answered 429, and has reported a call of this request"
                )
                raise self.in_doubt

        def wait(reason: str, seconds: float) -> None:
            if self._on_retry is not None:
                self._on_retry(reason, seconds)
            self.pause(seconds)

        with self._traced(operation.name, request):
            try:
                return send_with_retries(
                    partial(self._exchange, request, operation),
                    retries=self._retries if retries is None else retries,
                    raise_if_carried_out=raise_if_carried_out,
                    is_stopped=lambda: self._is_stopped,
                    wait=wait,
                )
            except NotSent as error:
                if self._is_stopped:
                    raise Unreachable("The request was stopped before it left.") from error
                raise transport.unreachable(self._account, str(error)) from error.__cause__

    @contextmanager
    def _traced(self, name: str, request: HttpRequest) -> Iterator[None]:
        """Tell ``trace`` of the request, and how it ended."""
        if self._trace is None:
            yield
            return
        self._trace(f"> {name}: {request.method} {request.url} ({len(request.body or b'')} bytes)")
        start, end = time.monotonic(), "accepted"
        try:
            yield
        except VoicecliError as error:
            end = error.code
            raise
        finally:
            self._trace(f"< {end} after {time.monotonic() - start:.3f} s")

    def pause(self, seconds: float) -> None:
        """Wait so long, or until it is stopped."""
        with suppress(Empty):
            self._stopping.put(interrupts.take(self._stopping, timeout=seconds))  # for others, too

    def download(self, link: str) -> Iterator[bytes]:
        """A file that an answer links to, in pieces. The link may lead anywhere; the API key is sent only
        to the API itself. Raises Refused, where the link leads nowhere (any more), or Unreachable."""
        from voicecli.voice_api import download

        account = self._account
        pieces = download.pieces(self._http, link, base_url=account.base_url, api_key=account.api_key)
        while (piece := interrupts.in_thread(partial(next, pieces, None))) is not None:
            yield piece

    def _exchange(self, request: HttpRequest, operation: Operation[T]) -> T:
        """Send once, and read the response. Raises NotSent where nothing was sent."""

        def leave() -> None:
            if self._is_stopped or interrupts.is_noted():
                raise NotSent("it was stopped")
            self.in_doubt = operation.unknown_outcome("Interrupted before 8x8 had answered")

        self.in_doubt = None
        interrupts.check()
        exchange, timeout = Exchange(partial(self._carry, request), leave), self._request_timeout
        in_time = True
        try:
            in_time = exchange.run(timeout)
            response = exchange.response()
            if not (in_time or response.complete):
                raise operation.unknown_outcome(f"8x8's answer took longer than {timeout:g} s")
            result = operation.read(response, api_key=self._account.api_key)
            if not operation.changes:
                self.in_doubt = None  # of what changes something, the caller keeps the result first
            return result
        except VoicecliError as error:
            if isinstance(error, Refused):
                self.in_doubt = None
            raise
        except Exception as error:  # whatever it is: what matters is whether the request had left
            if not exchange.has_left:
                raise NotSent(_reason(error)) from error
            is_late = not in_time or isinstance(error, httpx.TimeoutException)
            what = "8x8 did not answer within" if is_late else "The connection broke before 8x8 had answered"
            raise operation.unknown_outcome(f"{what} {timeout:g} s" if is_late else what) from error

    def _carry(self, request: HttpRequest, watch: Watch) -> HttpResponse:
        # Asked for as it is: a compressed answer could be a bomb, and 8x8's are small.
        headers = {**request.headers, "Accept-Encoding": "identity"}
        extensions = {"trace": watch}
        with self._http.stream(
            request.method, request.url, headers=headers, content=request.body, extensions=extensions
        ) as response:
            body, complete = bytearray(), False
            with suppress(httpx.HTTPError):
                complete = wire.read_into(body, response.iter_raw())
            names = {name.lower(): value for name, value in response.headers.items()}
            with suppress(ValueError, TypeError):  # none, or not a date with its zone
                self.clock_offset = parsedate_to_datetime(names.get("date", "")) - datetime.now(UTC)
            return HttpResponse(response.status_code, names, bytes(body), complete)


def _reason(error: Exception) -> str:
    return transport.PROXY_REFUSED if isinstance(error, httpx.ProxyError) else transport.reason(error)
