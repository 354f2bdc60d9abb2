"""The webhook receiver: the routes that 8x8 reports to. So far it serves the demo, and keeps nothing."""

import hmac
from collections.abc import Callable, Mapping

from aiohttp import web

from voicecli import events
from voicecli.events import Event

MAX_BODY = 1 << 20  # bytes
Reply = Callable[[Event], Mapping[str, object]]


def application(*, token: str, receive: Reply) -> web.Application:
    """The receiver's application. ``receive`` gets each event and gives the answer's JSON object, which
    for a VCA says what happens next in the call. Requests without ``token`` are refused."""

    async def webhook(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(errors="replace"), token.encode()):
            return web.Response(status=401)
        try:
            event = events.parse(await request.read())
        except (web.RequestPayloadError, ValueError):
            event = None  # a body that is not as its headers say
        return web.Response(status=400) if event is None else web.json_response(receive(event))

    receiver = web.Application(client_max_size=MAX_BODY)
    receiver.add_routes([web.post("/api/webhooks/{type}", webhook)])
    return receiver
