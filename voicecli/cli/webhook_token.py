"""Whether WEBHOOK_AUTH_TOKEN is sent to a receiver."""

from collections.abc import Callable

from voicecli import urls
from voicecli.cli.context import Context
from voicecli.errors import InvalidInput
from voicecli.settings import Settings


def token_to_send(context: Context, settings: Settings, url: str, *, send_token: bool) -> str | None:
    """The token for this URL; None if it must not be sent there."""
    if send_token:
        settings.require("webhook_token")
    token = settings.get("webhook_token")
    if token is None:
        return None
    goes = may_send_token(settings, url, send_token=send_token, tell=context.output.note)
    return token if goes else None


def may_send_token(settings: Settings, url: str, *, send_token: bool, tell: Callable[[str], None]) -> bool:
    """Whether the token is sent to this URL: to this machine; by https to the host of WEBHOOK_BASE_URL,
    unless only ``.env`` names that host and not the token; and with ``send_token`` to any https URL.
    Otherwise ``tell`` gets the reason. Raises InvalidInput if ``send_token`` is given for an unencrypted
    URL."""
    if send_token and urls.is_unencrypted(url):
        raise InvalidInput("--send-token would send the token unencrypted.", hint="Give an https:// address.")
    base_url = settings.get("webhook_base_url")
    is_trusted = settings.may_be_sent_to("webhook_token", "webhook_base_url")
    if send_token or urls.may_get_webhook_token(url, base_url if is_trusted else None):
        return True
    host = urls.host_of(url)
    if base_url is not None and urls.may_get_webhook_token(url, base_url):
        token, named = settings.found("webhook_token"), settings.found("webhook_base_url")
        tell(
            f"WEBHOOK_AUTH_TOKEN is not sent: it is set in {token and token.place}, and {host} is "
            f"{named and named.origin}. Set both in one place; or to send it anyway: --send-token."
        )
    elif base_url is not None and host == urls.host_of(base_url):
        tell(f"WEBHOOK_AUTH_TOKEN is not sent: it would go to {host} unencrypted. Use https://.")
    else:
        tell(
            f"WEBHOOK_AUTH_TOKEN is not sent: {host} is neither this machine nor the host of "
            "WEBHOOK_BASE_URL. To send it there, too: --send-token."
        )
    return False
