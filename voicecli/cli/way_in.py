"""How 8x8 gets in: options that several commands share, and the listener's plan that they make."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from voicecli import urls
from voicecli.cli import context as contexts
from voicecli.cli.context import Context
from voicecli.cli.options.public_access import LOCALHOST
from voicecli.errors import ConfigurationError, InvalidInput
from voicecli.settings import Settings
from voicecli.urls import web_url

if TYPE_CHECKING:
    from voicecli.listener.service import Plan
    from voicecli.tunnel.configuration import Tunnel


class WayIn(NamedTuple):
    """What was asked for: a public URL, no tunnel, or else a tunnel."""

    domain: str | None = None
    public_url: str | None = None
    ngrok_config: Path | None = None
    install_ngrok: bool = False
    no_tunnel: bool = False
    host: str = LOCALHOST


def listening_plan(
    context: Context,
    settings: Settings,
    way_in: WayIn,
    *,
    register: bool,
    force: bool = False,
    no_auth: bool = False,
) -> "Plan":
    """A plan for a listener that 8x8 reaches in this way; ``register`` is whether webhooks will be pointed
    at it. Raises InvalidInput, and ConfigurationError for what is missing."""
    from voicecli.listener.service import Plan

    public_url = way_in.public_url
    if sum((way_in.no_tunnel, public_url is not None, way_in.domain is not None)) > 1:
        raise InvalidInput("Only one of --no-tunnel, --public-url and --domain can be given.")
    if register and way_in.no_tunnel:
        raise InvalidInput("--register needs a way in for 8x8.", hint="Give --public-url, not --no-tunnel.")
    if public_url is not None:
        public_url = web_url(public_url, "--public-url")
        if register and _is_local(public_url) and not _is_local(settings.get("base_url")):
            raise InvalidInput(f"8x8 can't reach {public_url}: every machine calls itself that.")
    port = int(settings.require("port")["port"])
    if register and _is_local(settings.get("base_url")) and _is_bare(way_in, settings) and port:
        public_url = f"http://{LOCALHOST}:{port}"  # a sandbox on this machine needs no tunnel
    public = not way_in.no_tunnel or way_in.host not in urls.LOOPBACK
    token = None if no_auth else _token(settings, public=public, register=register)
    if token is not None:
        context.output.hide(token)
    tunnelled = not way_in.no_tunnel and public_url is None
    return Plan(
        home=contexts.home(settings),
        port=port,
        host=way_in.host,
        token=token,
        token_is_new=token is not None and settings.get("webhook_token") is None,
        public_url=public_url,
        tunnel=_tunnel(settings, way_in) if tunnelled else None,
        force=force,
        names=_names(settings),
    )


def _names(settings: Settings) -> tuple[str, ...]:
    """By which hosts it may be reached, whatever brings requests here."""
    url = settings.get("public_url")
    return () if url is None else (urls.host_of(url),)


def _is_bare(way_in: WayIn, settings: Settings) -> bool:
    """Whether nothing is said of how 8x8 gets in."""
    return way_in == WayIn() and settings.get("public_url") is None


def _is_local(url: str | None) -> bool:
    return urlsplit(url or "").hostname in urls.LOOPBACK


def _token(settings: Settings, *, public: bool, register: bool) -> str | None:
    token = settings.for_8x8("webhook_token") if register else settings.get("webhook_token")
    if token is None and register:
        import secrets

        return secrets.token_urlsafe()  # nobody but 8x8 needs to know it
    if token is None and public:
        raise ConfigurationError(
            "Without a token everybody who knows the address could report events.",
            hint="Set WEBHOOK_AUTH_TOKEN to a secret of your own and give it to 8x8 as the webhook's "
            "Authorization header; or let --register see to both; or give --no-auth.",
        )
    return token


def _tunnel(settings: Settings, way_in: WayIn) -> "Callable[[int], Tunnel]":
    from voicecli.tunnel.configuration import Tunnel

    domain, auth_token = settings.get("public_url"), settings.get("ngrok_token")

    def tunnel(port: int) -> Tunnel:
        return Tunnel(
            port=port,
            host=way_in.host,
            domain=domain,
            auth_token=auth_token,
            config_path=way_in.ngrok_config,
            install=way_in.install_ngrok,
        )

    return tunnel
