"""Whose calls these are: one subaccount at one address, and the key to it."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from voicecli.errors import ConfigurationError
from voicecli.urls import LOOPBACK

BASE_URL = "https://voice.8x8.com"
DEFAULT_VOICE = "en-US-BenjaminRUS"
MIN_KEY = 8  # characters; whatever is shorter is no key, and could not be masked without garbling words
_HOST = r"[0-9a-f:]+(%\w+)?|([\w-]{1,63}\.)*[\w-]{1,63}\.?"  # an IPv6 address, or a name without empty parts


def api_key_complaint(value: str) -> str:
    """What is wrong with an API key, as a clause that does not show it; nothing where it can be sent."""
    if not value.isascii() or not value.isprintable() or " " in value:
        return "the API key has blanks or characters that no key has"
    return "" if len(value) >= MIN_KEY else "the API key is too short to be one"


def subaccount_complaint(value: str) -> str:
    fine = re.fullmatch(r"[A-Za-z0-9\-._&]{3,50}", value)  # the pattern of 8x8's API reference
    return "" if fine else "the subaccount id must be 3 to 50 letters, digits or any of - . _ &"


def base_url_complaint(value: str) -> str:
    """The key goes there, so it must be HTTPS; plain HTTP only to this machine (the sandbox)."""
    try:
        url = urlsplit(value)
        host, _ = url.hostname, url.port
    except ValueError:
        return "the base URL is not a URL"
    if url.scheme not in ("https", "http") or not host or not re.fullmatch(_HOST, host) or " " in value:
        return "the base URL must be https://… and a host"
    if not value.isascii() or not value.isprintable():
        return "the base URL has characters that no URL has"
    if url.username is not None or url.query or url.fragment:
        return "the base URL must have no user, query or fragment"
    if url.scheme == "http" and host not in LOOPBACK:
        return "the base URL must be https://, because the API key is sent there"
    return ""


def plain_base_url(value: str) -> str:
    """The same for all ways of writing the address of one API."""
    url = urlsplit(value)
    name = (url.hostname or "").removesuffix(".")
    host = f"[{name}]" if ":" in name else name
    port = f":{url.port}" if url.port not in (None, {"http": 80, "https": 443}.get(url.scheme)) else ""
    return f"{url.scheme}://{host}{port}{url.path.rstrip('/')}"


@dataclass(frozen=True, slots=True)
class Account:
    """One subaccount at one address. Raises ConfigurationError for what could not work, or leak the key."""

    api_key: str = field(repr=False)
    subaccount_id: str
    base_url: str

    def __post_init__(self) -> None:
        for complaint in (
            api_key_complaint(self.api_key),
            subaccount_complaint(self.subaccount_id),
            base_url_complaint(self.base_url),
        ):
            if complaint:
                raise unfit(complaint)

    @property
    def secure(self) -> bool:
        """Whether it is HTTPS. Plain HTTP is for a sandbox on this machine: no certificates, no proxy."""
        return self.base_url.lower().startswith("https:")


def unfit(complaint: str) -> ConfigurationError:
    return ConfigurationError(f"The client can't be set up: {complaint}.")
