"""Where 8x8 sends its events ("Webhooks")."""

from typing import NamedTuple
from urllib.parse import quote

from voicecli.json_values import Json
from voicecli.voice_api.wire import Operation, required_objects, required_text


class Webhook(NamedTuple):
    """Where 8x8 reports one type of event. The Authorization value it sends can't be read back."""

    type: str
    url: str
    enabled: bool
    has_authorization: bool


def list_webhooks() -> Operation[tuple[Webhook, ...]]:
    """Where each type of event is reported to; a type that was never set is not there."""
    return Operation("list webhooks", "GET", "/webhooks", _webhooks)


def set_webhook(
    type: str,
    url: str,
    *,
    authorization: str | None = None,
    enabled: bool = True,
) -> Operation[tuple[Webhook, ...]]:
    """Point one type (VCA, VSS, VCS, VRU, VNU) at ``url``. ``authorization`` is the value of the
    Authorization header that 8x8 will send.

    There is one URL per type. Nowhere does 8x8 say that setting replaces it, and one page says to delete it
    first: ``Registration`` does that where this is refused. That includes a conflict (409): of two that set
    the same, none places a call.
    """
    body: dict[str, object] = {"type": type, "url": url, "enabled": enabled}
    if authorization is not None:
        body["httpAuthHeader"] = authorization
    return Operation(
        "set webhook",
        "POST",
        "/webhooks",
        _webhooks,
        body=body,
        changes=True,
        refusals=frozenset({409}),
    )


def delete_webhook(type: str) -> Operation[Json]:
    """Stop reporting one type. Refused (404) where it was not set; perhaps for UNDELETABLE_WEBHOOKS, too."""
    return Operation("delete webhook", "DELETE", f"/webhooks/{quote(type, safe='')}", dict, changes=True)


def _webhooks(document: Json) -> tuple[Webhook, ...]:
    return tuple(
        Webhook(
            type=required_text(item, "type"),
            url=required_text(item, "url"),
            enabled=item.get("enabled") is not False,
            has_authorization=item.get("httpAuthHeaderAvailable") is True,
        )
        for item in required_objects(document, "webhooks")
    )
