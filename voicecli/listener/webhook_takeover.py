"""Whether something would be lost where a webhook is pointed at a listener."""

from voicecli.errors import ConfigurationError
from voicecli.listener import health
from voicecli.listener.webhook_check import check_webhook
from voicecli.voice_api.operations.webhooks import Webhook
from voicecli.voice_api.webhook_events import webhook_url


def is_set_for(webhook: Webhook | None, public_url: str) -> bool:
    """Whether a webhook leads to the listener as it should, with a header that could not be put back."""
    if webhook is None:
        return False
    own = webhook_url(public_url, webhook.type)
    return check_webhook(webhook.type, webhook, (own,), needs_token=True).is_ok


def taking_error(
    webhook: Webhook, public_url: str, *, ask: health.AskHealth = health.ask_briefly
) -> ConfigurationError | None:
    """Why a webhook is not to be pointed at the listener: something would be lost. It uses ``ask`` to see
    whether another one is there."""
    own = webhook_url(public_url, webhook.type)
    if webhook.url != own and health.leads_to_listener(webhook.url, ask=ask):
        return ConfigurationError(
            f"The {webhook.type} webhook points to another voicecli listen, at {webhook.url}.",
            hint="Stop that one first, or take its events away from it with --force.",
        )
    if webhook.has_authorization:
        return ConfigurationError(
            f"The {webhook.type} webhook points to {webhook.url} and has an Authorization header, "
            "which 8x8 does not reveal, so it could not be restored afterwards.",
            hint="Give --force if you can set it again yourself.",
        )
    return None
