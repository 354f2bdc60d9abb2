"""Whether a webhook at 8x8 is as a listener needs it: one comparison for everybody who asks."""

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from voicecli.voice_api.operations.webhooks import Webhook


class WebhookState(StrEnum):
    """How a webhook is, beside how it should be."""

    OK = "ok"
    NOT_SET = "not set"
    DISABLED = "disabled"
    NO_TOKEN = "without token"  # noqa: S105 - a listener that wants one refuses its events
    MOVED = "points elsewhere"
    OTHER_TOKEN = "with another token"  # noqa: S105 - known from what it sent, since 8x8 does not tell tokens


class WebhookCheck(NamedTuple):
    """How the webhook of one ``type`` was found; ``url`` is where it points, None where it is not set."""

    type: str
    state: WebhookState
    url: str | None

    @property
    def is_ok(self) -> bool:
        """Whether its events arrive."""
        return self.state is WebhookState.OK

    @property
    def words(self) -> str:
        """In a sentence."""
        match self.state:
            case WebhookState.OK:
                found = f"points here, to {self.url}"
            case WebhookState.NOT_SET:
                found = "is not set: its events do not come here"
            case WebhookState.DISABLED:
                found = "is disabled: its events do not come here"
            case WebhookState.NO_TOKEN:
                found = "has no token: its events are refused here"
            case WebhookState.MOVED:
                found = f"points to {self.url}: its events do not come here"
            case WebhookState.OTHER_TOKEN:
                found = (
                    "carries another token than ours (somebody may have set it again): its events are "
                    "refused here"
                )
        return f"The {self.type} webhook {found}."


def check_webhook(
    type: str,
    found: Webhook | None,
    urls: Collection[str],
    *,
    needs_token: bool,
) -> WebhookCheck:
    """Compare what is set at 8x8 with what should be: one of ``urls``, enabled, and with an Authorization
    header where the listener ``needs_token``. 8x8 does not tell what is in that header."""
    if found is None:
        return WebhookCheck(type, WebhookState.NOT_SET, None)
    if found.url not in urls:
        state = WebhookState.MOVED
    elif not found.enabled:
        state = WebhookState.DISABLED
    elif needs_token and not found.has_authorization:
        state = WebhookState.NO_TOKEN
    else:
        state = WebhookState.OK
    return WebhookCheck(type, state, found.url)
