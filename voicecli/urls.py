"""Addresses: which of them are this machine; and requests that a web page makes somebody's browser send."""

import re
from collections.abc import Container, Mapping
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from voicecli.errors import InvalidInput

_HOST_HEADER = re.compile(r"(?:\[([^\]]+)\]|([^\[\]:]+))(?::[0-9]*)?", re.ASCII)
DEFAULT_PORT = 5678  # of a listener
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_loopback(host: str) -> bool:
    """Whether a host, in lower case, is a name or an address of this machine for itself."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine, by one of its usual names."""
    return urlsplit(url).hostname in LOOPBACK


def host_of(url: str) -> str:
    """The host of a URL, or of a domain without https://, in lower case; nothing where there is none."""
    with suppress(ValueError):
        return (urlsplit(url if "://" in url else f"https://{url}").hostname or "").removesuffix(".")
    return ""


def may_get_webhook_token(url: str, webhook_base_url: str | None) -> bool:
    """Whether the token that webhooks carry may go along to this URL unasked: to this machine, or encrypted
    to the host of the listener's own public URL."""
    same = webhook_base_url is not None and host_of(url) == host_of(webhook_base_url) != ""
    return is_local(url) or (same and urlsplit(url).scheme == "https")


def is_unencrypted(url: str) -> bool:
    """Whether others on the way could read what is sent there."""
    return urlsplit(url).scheme != "https" and not is_local(url)


def is_from_web_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent it for a web page. Browsers put Origin into whatever is no plain GET, and
    Sec-Fetch-Site into all that they send to this machine; a page can suppress neither (Fetch Standard,
    3.2; Fetch Metadata, 2.3). Nothing else sends them."""
    return "Origin" in headers or "Sec-Fetch-Site" in headers


def is_own_host(host_header: str | None, names: Container[str]) -> bool:
    """Whether a Host header means this machine: by an address, as localhost, or by one of ``names`` (in lower
    case). Any other name can be that of a web page's own server, which DNS names as this machine once the
    page is loaded (DNS rebinding); then the browser takes a request to it for one of the same origin. An
    address can't be, and browsers never leave Host out."""
    if host_header is None:
        return True
    name = _host_name(host_header)
    return name == "localhost" or (name != "" and name in names)


@lru_cache(64)
def _host_name(host_header: str) -> str:
    """The name in a Host header; localhost for an address, too, and nothing for what is no host."""
    parts = _HOST_HEADER.fullmatch(host_header.strip().lower())
    if parts is None:
        return ""
    name = (parts[1] or parts[2]).removesuffix(".")
    if name.endswith(".localhost"):
        return "localhost"
    with suppress(ValueError):
        ip_address(name)
        return "localhost"
    return name


def check_web_url(text: str, flag: str) -> str:
    """An http or https URL. Raises InvalidInput."""
    try:
        url = urlsplit(text)
        fine = (
            url.scheme in ("http", "https")
            and url.port != 0
            and re.fullmatch(r"[\w.:-]+", url.hostname or "")
        )
    except ValueError:
        fine = None
    if not fine or not text.isprintable() or " " in text:
        scheme = "http" if is_loopback(host_of(text)) else "https"
        hint = f"Did you mean {scheme}://{text}?" if "://" not in text and host_of(text) else ""
        raise InvalidInput(f"{flag} must be an http or https address with a host.", hint=hint)
    if url.username is not None:
        raise InvalidInput(f"{flag} must have no user and no password.")
    return text
