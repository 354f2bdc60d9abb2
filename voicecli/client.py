"""Carries operations to 8x8: ``Client`` over httpx, one request at a time."""

import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar

import httpx

from voicecli import api
from voicecli.api import Answer, HttpRequest, Operation, Session
from voicecli.callflow import CallRequest
from voicecli.errors import ConfigurationError, RateLimited, Unreachable

T = TypeVar("T")

CONNECT_TIMEOUT = 5.0  # seconds
REQUEST_TIMEOUT = 15.0  # seconds from sending to the end of the answer
RETRIES = 3
MAX_WAIT = 60.0  # seconds; a Retry-After beyond it is told to the user instead of waited for

OnRetry = Callable[[str, float], None]
"""Told before each wait: why, and how many seconds it will be."""


class Client:
    """A connection to one subaccount of 8x8's Voice API; close it, or use it in a ``with``.

    ``request_timeout`` is in seconds. ``retries`` is how often a request is tried again that provably
    never happened: no connection, no name, no TLS, or HTTP 429 (after its Retry-After). A request that
    may have arrived is never sent again.
    """

    def __init__(
        self,
        *,
        api_key: str,
        subaccount_id: str,
        base_url: str = api.BASE_URL,
        request_timeout: float = REQUEST_TIMEOUT,
        retries: int = RETRIES,
        on_retry: OnRetry | None = None,
    ) -> None:
        for complaint in (
            api.api_key_complaint(api_key),
            api.subaccount_complaint(subaccount_id),
            api.base_url_complaint(base_url),
        ):
            if complaint:
                raise ConfigurationError(f"The client can't be set up: {complaint}.")
        self._api_key = api_key
        self._subaccount_id = subaccount_id
        self._base_url = base_url
        self._request_timeout = request_timeout
        self._retries = retries
        self._on_retry = on_retry
        secure = base_url.lower().startswith("https:")
        try:
            self._http = httpx.Client(
                timeout=httpx.Timeout(request_timeout, connect=min(CONNECT_TIMEOUT, request_timeout)),
                # Plain HTTP is only for a sandbox on this machine: no certificates to load, no proxy.
                verify=secure,
                trust_env=secure,
            )
        except (httpx.InvalidURL, ValueError, OSError) as error:
            raise ConfigurationError(
                f"The network settings of this machine can't be used: {error}.",
                hint="Check HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def call(self, request: CallRequest) -> Session:
        """Place a call. Raises Refused, Unreachable or OutcomeUnknown."""
        return self.send(api.send_callflow(request))

    def request(self, operation: Operation[T]) -> HttpRequest:
        """The very request that ``send`` would send."""
        return operation.request(
            base_url=self._base_url, subaccount_id=self._subaccount_id, api_key=self._api_key
        )

    def send(self, operation: Operation[T]) -> T:
        """Carry out any operation of ``voicecli.api``. Raises Refused, Unreachable or OutcomeUnknown."""
        request = self.request(operation)
        for attempt in range(self._retries + 1):
            pause = 0.5 * 2**attempt
            try:
                return operation.read(self._carry(request, operation))
            except RateLimited as error:
                pause = pause if error.retry_after is None else error.retry_after
                if attempt == self._retries or pause > MAX_WAIT:
                    if error.retry_after is not None:
                        error.hint = f"8x8 asks to wait {error.retry_after:.0f} s; nothing was placed."
                    raise
                reason = "8x8 has too many requests at once"
            except _NeverLeft as error:
                if attempt == self._retries:
                    raise Unreachable(
                        f"8x8 could not be reached: {error}.",
                        hint=f"Check the network and EIGHT_X_EIGHT_BASE_URL ({self._base_url}); "
                        "nothing was placed.",
                    ) from error.__cause__
                reason = f"8x8 could not be reached ({error})"
            if self._on_retry is not None:
                self._on_retry(reason, pause)
            time.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _carry(self, request: HttpRequest, operation: Operation[T]) -> Answer:
        # Asked for as it is: a compressed answer could be a bomb, and 8x8's are small.
        headers = {**request.headers, "Accept-Encoding": "identity"}
        deadline = time.monotonic() + self._request_timeout
        try:
            with self._http.stream(
                request.method, request.url, headers=headers, content=request.body
            ) as response:
                body, complete = bytearray(), True
                with suppress(httpx.RequestError):
                    complete = False
                    for chunk in response.iter_raw():
                        body += chunk
                        if len(body) > api.MAX_ANSWER or time.monotonic() > deadline:
                            break
                    else:
                        complete = True
                return Answer(response.status_code, _lower(response.headers), bytes(body), complete)
        except _BEFORE_SENDING as error:
            raise _NeverLeft(_reason(error)) from error
        except httpx.TimeoutException as error:
            raise operation.lost(f"8x8 did not answer within {self._request_timeout:g} s") from error
        except httpx.RequestError as error:
            raise operation.lost("The connection broke before 8x8 had answered") from error
        except KeyboardInterrupt as interrupt:
            raise interrupt from operation.lost("Interrupted before 8x8 had answered")


_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class _NeverLeft(Exception):
    """No connection was made, so the request was not sent."""


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _reason(error: httpx.RequestError) -> str:
    """Why there was no connection, in words."""
    text = str(error).lower()
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT:g} s"
    if isinstance(error, httpx.ProxyError):
        return "the proxy did not let it through"
    for sign, words in (
        ("refused", "connection refused"),
        ("name or service", "its name is not known"),
        ("name resolution", "its name is not known"),
        ("nodename", "its name is not known"),
        ("getaddrinfo", "its name is not known"),
        ("certificate", "its certificate is not trusted"),
        ("ssl", "no secure connection"),
        ("unreachable", "no route to it"),
    ):
        if sign in text:
            return words
    return "no connection"
