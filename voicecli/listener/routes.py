"""What a listener answers beside webhooks: a route takes a body, and gives a status and a body."""

from collections.abc import Awaitable, Callable, Mapping

Answer = tuple[int, Mapping[str, object]]
"""The HTTP status, and the body."""
Route = Callable[[Mapping[str, object]], Awaitable[Answer]]


def failure(error: str, details: object = None) -> Mapping[str, object]:
    return {"success": False, "error": error, "details": details}
