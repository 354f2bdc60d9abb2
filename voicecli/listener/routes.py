"""What is handed to a listener: what it answers to VCA webhooks, and what it answers beside webhooks."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import NamedTuple

from voicecli.voice_api.replies import Reply
from voicecli.voice_api.webhook_events import Received

Answer = tuple[int, Mapping[str, object]]
"""The HTTP status, and the body."""
Route = Callable[[Mapping[str, object]], Awaitable[Answer]]
"""Answers a POST whose body is a JSON object, and which carries the listener's token."""


class Answered(NamedTuple):
    """The reply to a VCA, and what there is to say of it: why another one was rejected, say. ``passed_on`` is
    whether the application that events are passed on to has seen it."""

    reply: Reply
    remark: str = ""
    passed_on: bool = False


Replier = Callable[[Received, Mapping[str, str]], Awaitable[Answered]]
"""Answers a VCA, which is on disk by then if it can be kept, with the headers that it came with. It raises
nothing, since without an answer 8x8 ends the call as ERROR; and by itself it shortens no call. One that is an
async context manager as well is entered before the first VCA and left after the last."""


def as_context(replier: Replier) -> AbstractAsyncContextManager[object]:
    """For an ``async with`` around the time in which it answers."""
    return replier if isinstance(replier, AbstractAsyncContextManager) else nullcontext()


def failure(error: str, details: object = None) -> Mapping[str, object]:
    return {"success": False, "error": error, "details": details}
