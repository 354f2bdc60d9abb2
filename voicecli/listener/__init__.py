"""The webhook receiver: the routes that 8x8 reports to."""

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
        if request.headers.get("Authorization") != token:
            return web.Response(status=401)
        event = events.parse(await request.read())
        return web.Response(status=400) if event is None else web.json_response(receive(event))

    receiver = web.Application(client_max_size=MAX_BODY)
    receiver.add_routes([web.post("/api/webhooks/{type}", webhook)])
    return receiver
