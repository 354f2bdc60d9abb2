"""The options of how 8x8 reaches a listener (its public URL, a tunnel, or not at all), checked
and made a plan. ``reachability`` opens the tunnel."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from voicecli import urls
from voicecli.errors import ConfigurationError, InvalidInput
from voicecli.store.location import StorePlace

if TYPE_CHECKING:
    from voicecli.listener.plan import ListenerPlan

LOCALHOST = "127.0.0.1"


class PublicAccess(NamedTuple):
    """What was asked for: ``public_url``, which leads here already; ``no_tunnel``, so that only this machine
    gets in; else an ngrok tunnel, to a static ``domain`` where one is given. ``host`` is the address to
    listen at."""

    domain: str | None = None
    public_url: str | None = None
    ngrok_config: Path | None = None
    install_ngrok: bool = False
    no_tunnel: bool = False
    host: str = LOCALHOST

    @property
    def opens_tunnel(self) -> bool:
        return not self.no_tunnel and self.public_url is None

    def check(self, *, register: bool) -> None:
        """Raises InvalidInput for what excludes each other; ``register`` is whether 8x8 has to get in."""
        if sum((self.no_tunnel, self.public_url is not None, self.domain is not None)) > 1:
            raise InvalidInput(
                "Only one of --no-tunnel, --public-url and --domain can be given.",
                hint="--public-url is for any proxy or tunnel but ngrok's; leave the others out.",
            )
        if register and self.no_tunnel:
            raise InvalidInput(
                "--register needs public access for 8x8.", hint="Give --public-url, not --no-tunnel."
            )


def listening_plan(
    access: PublicAccess,
    *,
    store: StorePlace,
    port: int,
    base_url: str | None = None,
    domain: str | None = None,
    token: str | None = None,
    ngrok_token: str | None = None,
    register: bool = False,
    force: bool = False,
    no_auth: bool = False,
) -> "ListenerPlan":
    """A plan for a listener on ``port`` that 8x8 reaches in this way. ``register`` is whether webhooks of the
    service at ``base_url`` will be pointed at it; without a ``token`` it makes one then. ``domain`` is its
    static domain where ``access`` names none, for the tunnel and as a name of this listener. Raises
    InvalidInput, and ConfigurationError where a token is missing."""
    from voicecli.listener.plan import ListenerPlan
    from voicecli.tunnel.configuration import Tunnel

    public_url, domain = access.public_url, domain or access.domain
    access.check(register=register)
    is_sandbox = register and base_url is not None and urls.is_local(base_url)
    if public_url is not None:
        public_url = urls.check_web_url(public_url, "--public-url")
        if register and urls.is_local(public_url) and not is_sandbox:
            raise InvalidInput(f"8x8 can't reach {public_url}: that is an address of this machine only.")
    if is_sandbox and access == PublicAccess() and domain is None and port:
        public_url = f"http://{LOCALHOST}:{port}"  # a sandbox on this machine needs no tunnel
    is_token_new = False
    if no_auth:
        token = None
    elif token is None and register:
        import secrets

        token, is_token_new = secrets.token_urlsafe(), True  # nobody but 8x8 needs to know it
    elif token is None and (not access.no_tunnel or access.host not in urls.LOOPBACK):
        raise ConfigurationError(
            "Without a token everybody who knows the address could report events.",
            hint="Set WEBHOOK_AUTH_TOKEN, let --register make one, or give --no-auth.",
        )
    tunnel = partial(
        Tunnel,
        host=access.host,
        domain=domain,
        auth_token=ngrok_token,
        config_path=access.ngrok_config,
        install=access.install_ngrok,
    )
    return ListenerPlan(
        store=store,
        port=port,
        host=access.host,
        token=token,
        token_is_new=is_token_new,
        public_url=public_url,
        tunnel=tunnel if access.opens_tunnel and public_url is None else None,
        force=force,
        names=() if domain is None else (urls.host_of(domain),),
    )
