"""The sandbox's answers: 8x8's shapes for yes and no, and the ways in which an answer goes wrong."""

import asyncio
import json
import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from voicecli.json_values import json_object
from voicecli.sandbox.numbers import HttpFault
from voicecli.sandbox.payloads import Json, timestamp

SILENCE = 600.0  # real seconds that an answer which never comes is waited for


def silent_logger() -> logging.Logger:
    """For aiohttp's server, which would put a traceback on stderr for every request that is no HTTP."""
    logger = logging.getLogger("voicecli.sandbox")
    logger.disabled = True
    return logger


async def json_body(request: web.Request) -> Json | None:
    return json_object(await request.read())


def ok(content: Mapping[str, object]) -> web.Response:
    return web.json_response({**content, "statusCode": 0, "statusMessage": "ok"})


def refusal(status: int, message: str, code: int | None = None) -> web.Response:
    """A refusal in the shape of the callflow operation, which 401 and 404 have everywhere."""
    content = {
        "sessionStatus": "NOT_CREATED",
        "callFlowRequestId": str(uuid.uuid4()),
        "statusCode": status if code is None else code,
        "statusMessage": message,
    }
    return web.json_response(content, status=status)


def invalid(message: str) -> web.Response:
    return _error(422, {"statusCode": "1001", "statusMessage": message})


def invalid_job() -> web.Response:
    return _error(404, {"code": 4018, "message": "Invalid jobId"})


def _error(status: int, content: Mapping[str, object]) -> web.Response:
    more = {"errorId": str(uuid.uuid4()), "timestamp": timestamp(datetime.now(UTC))}
    return web.json_response({**content, **more}, status=status)


def rate_limited(seconds: float) -> web.Response:
    response = refusal(429, "Too many requests")
    response.headers["Retry-After"] = str(seconds)
    return response


async def faulty_response(request: web.Request, fault: HttpFault, created: Json) -> web.StreamResponse:
    match fault:
        case HttpFault.SERVER_ERROR:
            return refusal(500, "Internal server error")
        case HttpFault.HTML_PAGE:
            page = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
            return web.Response(status=502, text=page, content_type="text/html")
        case HttpFault.SILENCE:
            await asyncio.sleep(SILENCE)
            return web.Response(status=504)
        case HttpFault.CUT:
            whole = json.dumps(created or {"sessionId": str(uuid.uuid4())}).encode()
            response = web.StreamResponse(headers={"Content-Length": str(len(whole))})
            response.content_type = "application/json"
            await response.prepare(request)
            await response.write(whole[: len(whole) // 2])
            if request.transport is not None:
                request.transport.close()
            return response
