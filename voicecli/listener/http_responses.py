"""The HTTP answers of a listener, quick for events and without a Server header; and how it gets to know of
requests that aiohttp refuses by itself."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import lru_cache

from aiohttp import HttpVersion11, web
from aiohttp.http import HttpProcessingError


def json_response(content: object, status: int = 200, headers: Mapping[str, str] = {}) -> web.Response:
    """An answer for people with curl, too."""
    return web.json_response(text=json.dumps(content) + "\n", status=status, headers=headers)


def event_response(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    if request.keep_alive and request.version == HttpVersion11:
        return _prepared_response(body, int(time.time()))
    return web.Response(body=body, content_type="application/json")


class _PreparedResponse(web.StreamResponse):
    """The answer to an event, written as it is: making it of aiohttp's parts takes as long as keeping it."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        if request.transport is not None:
            request.transport.write(self._content)

    async def write_eof(self, data: bytes = b"") -> None:
        """It is written."""


@lru_cache(4)
def _prepared_response(body: bytes, _second: int) -> _PreparedResponse:
    """The same for all events of a second that get this answer."""
    head = ("HTTP/1.1 200 OK", "Content-Type: application/json", f"Date: {formatdate(usegmt=True)}")
    lines = (*head, f"Content-Length: {len(body)}", "", "")
    return _PreparedResponse("\r\n".join(lines).encode() + body)


class Request(web.BaseRequest):
    """A request whose answer does not say which software, in which version, it comes from."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)


class InvalidRequestHandler(logging.Handler):
    """Of what aiohttp refuses by itself, it tells nobody but its log."""

    def __init__(self, refused: Callable[[], None]) -> None:
        super().__init__()
        self._refused = refused

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            self._refused()
