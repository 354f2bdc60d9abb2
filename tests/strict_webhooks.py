"""Sandboxes that set webhooks otherwise than the usual one."""

from typing import Any

from aiohttp import web

from voicecli.sandbox.responses import json_body, refusal
from voicecli.sandbox.server import Sandbox


class StrictSandbox(Sandbox):
    """One by the other reading of 8x8's documents (``delete_first``), unless it ``replaces`` what is set.
    ``words`` is what it says where one is set. It refuses "wrong" URLs."""

    words = "Invalid request"
    replaces = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "delete_first": True})

    async def _set_webhook(self, request: web.Request) -> web.Response:
        body = await json_body(request) or {}
        kind = body.get("type")
        if self.replaces and "wrong" not in str(body.get("url")):
            self._delivery.targets.pop(str(kind), None)
        if kind in self._delivery.targets or "wrong" in str(body.get("url")):
            return refusal(422, self.words, 1001)
        return await super()._set_webhook(request)


class IgnoringSandbox(Sandbox):
    """One that accepts that a webhook of an ``ignored`` type is set, and leaves all as it is."""

    ignored = ("VSS",)

    async def _set_webhook(self, request: web.Request) -> web.Response:
        body = await json_body(request) or {}
        if body.get("type") in self.ignored:
            return await self._webhooks(request)
        return await super()._set_webhook(request)
