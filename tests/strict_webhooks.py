"""A sandbox that refuses to set a webhook where one is set, and can't delete a VNU one: the other reading of
8x8's documents."""

from aiohttp import web

from voicecli.sandbox import Sandbox
from voicecli.sandbox.answers import failure, json_body


class StrictSandbox(Sandbox):
    """``words`` is what it says where one is set, unless it ``replaces`` that. It refuses "wrong" URLs."""

    words = "Invalid request"
    replaces = False

    async def _set_webhook(self, request: web.Request) -> web.Response:
        body = await json_body(request) or {}
        is_set = body.get("type") in self._courier.targets
        if (is_set and not self.replaces) or "wrong" in str(body.get("url")):
            return failure(422, self.words, 1001)
        return await super()._set_webhook(request)

    async def _delete_webhook(self, request: web.Request) -> web.Response:
        if request.match_info["type"] == "VNU":
            return failure(404, "Resource not found")
        return await super()._delete_webhook(request)
