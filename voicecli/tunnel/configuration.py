"""The tunnel that is wanted, and what the user's ngrok.yml says of it."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from voicecli.errors import ConfigurationError, quote
from voicecli.tunnel.advice import DOMAINS

YamlMapping = Mapping[object, object]  # what YAML has in it
_DOMAIN = re.compile(r"(?:(https?)://)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)/?", re.IGNORECASE)
_HERE = re.compile(r"(?:https?://)?(?:(?:localhost|127\.0\.0\.1|\[::1\]):)?(\d{1,5})/?")
_ACCESS_RULES = {"auth", "basic_auth", "oauth", "oidc", "policy", "traffic_policy"}  # 8x8 could not pass them


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel to open: the listener at ``host`` and ``port`` listens already, since 8x8 may call at once.

    ``domain`` is a static one, as name or URL; without it, that of the endpoint in ngrok.yml that leads to
    ``port``, of which nothing else is used, or else ngrok chooses. ``config_path`` is an ngrok.yml of version
    2 or 3, which is only read; without it, the agent's own one where it exists. ``auth_token`` goes before
    the token in that file, as ngrok's own flag does. ``agent_path`` is the program; without it, the ngrok on
    PATH, else the one that pyngrok keeps. A missing one is downloaded only with ``install``.
    """

    port: int
    host: str = "127.0.0.1"
    domain: str | None = None
    auth_token: str | None = field(default=None, repr=False)
    config_path: Path | None = None
    agent_path: Path | None = None
    install: bool = False


@dataclass(frozen=True, slots=True)
class AgentConfiguration:
    """What to give the agent, now that the user's configuration is read."""

    version: str  # of the configuration: "2" or "3", each with an API of its own
    file: str  # the user's, for messages
    content: YamlMapping = field(repr=False)
    endpoint: Mapping[str, object]
    web_addr: object
    secrets: tuple[str, ...] = field(repr=False)


def read_configuration(tunnel: Tunnel, on_note: Callable[[str], None]) -> AgentConfiguration:
    """Read the user's configuration. Raises ConfigurationError."""
    from pyngrok import installer

    path = tunnel.config_path or Path(installer.get_default_ngrok_dir(), "ngrok.yml")
    given = _load(path, needed=tunnel.config_path is not None)
    version = str(given.get("version"))
    agent = (given.get("agent") or {}) if version == "3" else given
    if version not in ("2", "3") or not isinstance(agent, dict):
        raise ConfigurationError(
            f"{path} is not an ngrok configuration of version 2 or 3.",
            hint="`ngrok config upgrade` updates an older one; ngrok.yml.example shows both versions.",
        )
    # Endpoints stay out, since we open our own; how the log is written is for pyngrok, who reads it.
    left_out = ("endpoints", "tunnels", "log", "log_level", "log_format")
    agent = {name: value for name, value in agent.items() if name not in left_out}
    own_token, web_addr = agent.get("authtoken"), agent.get("web_addr")
    if web_addr is False:
        raise ConfigurationError(
            f"web_addr is false in {path}, but the tunnel is opened through the agent's local API.",
            hint="Remove the line: the agent then listens for this machine only.",
        )
    if web_addr is not None and _is_exposed(str(web_addr)):
        on_note(f"web_addr: {web_addr} in {path} shows every captured body to the network.")
    if tunnel.auth_token:
        agent["authtoken"] = tunnel.auth_token
        if own_token and own_token != tunnel.auth_token:
            on_note(f"The ngrok token that was given goes before the one in {path}.")
    endpoint = next((one for one in _endpoints(given) if _leads_to(one, tunnel.port)), {})
    if access_rules := _ACCESS_RULES & endpoint.keys():
        on_note(
            f"Of {path}, {' and '.join(sorted(access_rules))} is left out: 8x8's webhooks could not pass."
        )
    top = {name: value for name, value in given.items() if name not in left_out}
    return AgentConfiguration(
        version,
        file=str(path),
        content={**top, "agent": agent} if version == "3" else agent,
        endpoint=_endpoint(version, _upstream(tunnel), tunnel.domain or _address(endpoint)),
        web_addr=web_addr,
        secrets=tuple(str(one) for one in (tunnel.auth_token, own_token, agent.get("api_key")) if one),
    )


def _load(path: Path, *, needed: bool) -> dict[object, object]:
    import yaml  # type: ignore[import-untyped]

    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        if not needed:
            return {"version": 3}
        raise ConfigurationError(
            f"{path} can't be read: {error.strerror}.", hint="Check its name, and who may read it."
        ) from error
    except (
        ValueError,
        RecursionError,
        yaml.YAMLError,
    ) as error:  # without its words: they quote the file, token and all
        mark = getattr(error, "problem_mark", None)
        where = f" from line {mark.line + 1} on" if mark else ""
        raise ConfigurationError(
            f"{path} can't be understood{where}.", hint="ngrok.yml.example shows what it may hold."
        ) from None
    return given if isinstance(given, dict) else {}


def _endpoints(given: YamlMapping) -> list[YamlMapping]:
    """The endpoints of version 3, and the tunnels of version 2, which a file of version 3 may hold too."""
    listed, named = given.get("endpoints"), given.get("tunnels")
    several = [*listed] if isinstance(listed, list) else []
    several += named.values() if isinstance(named, dict) else []
    return [one for one in several if isinstance(one, dict)]


def _address(endpoint: YamlMapping) -> str:
    return str(endpoint.get("url") or endpoint.get("domain") or endpoint.get("hostname") or "")


def _leads_to(endpoint: YamlMapping, port: int) -> bool:
    """Whether it is an endpoint for HTTP that leads to this port of this machine."""
    upstream, address = endpoint.get("upstream"), _address(endpoint)
    target = upstream.get("url") if isinstance(upstream, dict) else endpoint.get("addr")
    found = _HERE.fullmatch(str(target))
    return found is not None and int(found[1]) == port and bool(not address or _DOMAIN.fullmatch(address))


def _upstream(tunnel: Tunnel) -> str:
    host = tunnel.host
    with suppress(ValueError):
        address = ip_address(host)
        if address.is_unspecified:  # one can listen at every address, but not call it
            host = "127.0.0.1" if address.version == 4 else "::1"
    return f"[{host}]:{tunnel.port}" if ":" in host else f"{host}:{tunnel.port}"


def _endpoint(version: str, upstream: str, address: str) -> dict[str, object]:
    """What to ask the agent's API for. Each version refuses the other's names."""
    found = _DOMAIN.fullmatch(address)
    if address and not found:
        raise ConfigurationError(
            f"{quote(address)} is not an ngrok domain.",
            hint=f"Give a name alone, such as your-domain.ngrok-free.app; {DOMAINS} shows yours.",
        )
    if version == "2":
        domain = {"domain": found[2]} if found else {}
        return {"name": "voicecli", "proto": "http", "addr": upstream, **domain}
    url = {"url": f"{found[1] or 'https'}://{found[2]}"} if found else {}
    return {"name": "voicecli", "upstream": {"url": f"http://{upstream}"}, **url}


def _is_exposed(web_addr: str) -> bool:
    host = web_addr.rpartition(":")[0].strip("[]")
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"  # no host at all means every address
