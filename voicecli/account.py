"""An account: one subaccount of one service, its endpoint, and the key, which goes to no other endpoint.

It goes there over HTTPS only (``base_url_problem``), not to an address from somebody else's .env
(``settings.may_be_sent_to``), and not along to the files that 8x8 links to (``voice_api.download``)."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from voicecli.errors import ConfigurationError
from voicecli.urls import LOOPBACK, is_loopback

BASE_URL = "https://voice.8x8.com"
DEFAULT_VOICE = "en-US-BenjaminRUS"
SANDBOX_API_KEY = "voicecli-sandbox-key"  # nobody's secret
MIN_KEY = 8  # characters; whatever is shorter is no key, and could not be masked without garbling words
_OTHER_NAMES = {"voice.wavecell.com": "voice.8x8.com"}  # the older name of the same service
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = r"[0-9a-f:]+(%\w+)?|([\w-]{1,63}\.)*[\w-]{1,63}\.?"  # an IPv6 address, or a name without empty parts


def api_key_problem(value: str) -> str | None:
    """What is wrong with an API key, as a clause that does not show it; None where it can be sent."""
    if not value.isascii() or not value.isprintable() or " " in value:
        return "the API key has blanks or characters that no key has"
    return None if len(value) >= MIN_KEY else "the API key is too short to be one"


def subaccount_problem(value: str) -> str | None:
    valid = re.fullmatch(r"[A-Za-z0-9\-._&]{3,50}", value)  # the pattern of 8x8's API reference
    return None if valid else "the subaccount id must be 3 to 50 letters, digits or any of - . _ &"


def base_url_problem(value: str) -> str | None:
    """The key goes there, so it must be HTTPS; plain HTTP only to this machine (the sandbox)."""
    try:
        url = urlsplit(value)
        host, _ = url.hostname, url.port
    except ValueError:
        return "the base URL is not a URL"
    if url.scheme not in ("https", "http"):
        return "the base URL must begin with https://"
    if not host or not re.fullmatch(_HOST, host) or " " in value:
        return "the base URL must have a host behind https://"
    if not value.isascii() or not value.isprintable():
        return "the base URL has characters that no URL has"
    if url.username is not None or "?" in value or "#" in value:
        return "the base URL must have no user, query or fragment"
    if url.scheme == "http" and host not in LOOPBACK:
        return "the base URL must be https://, because the API key is sent there"
    return None


def is_own_host_of_8x8(base_url: str) -> bool:
    """Whether a valid base URL leads to 8x8 itself."""
    url = urlsplit(base_url)
    return url.scheme == "https" and (url.hostname or "").endswith((".8x8.com", ".wavecell.com"))


class AccountId(NamedTuple):
    """Which account it is, however the endpoint is written: what is compared, and kept in the store."""

    service: str  # base URL in its one form
    subaccount: str

    @classmethod
    def of(cls, base_url: str, subaccount_id: str) -> "AccountId":
        """Without a default port, slashes at the end and a dot behind the host, in lower case; this machine
        is 127.0.0.1, and of 8x8's two names for the service it is the newer one."""
        url = urlsplit(base_url)
        name = (url.hostname or "").removesuffix(".")
        name = "127.0.0.1" if is_loopback(name) else _OTHER_NAMES.get(name, name)
        host = f"[{name}]" if ":" in name else name
        port = "" if url.port in (None, _DEFAULT_PORTS.get(url.scheme)) else f":{url.port}"
        return cls(f"{url.scheme}://{host}{port}{url.path.rstrip('/')}", subaccount_id)

    @property
    def digest(self) -> str:
        """For the name of a lock."""
        import hashlib

        return hashlib.blake2b("\n".join(self).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Account:
    """A subaccount, and the endpoint as it was written: requests, and with them the key, go there and nowhere
    else. Raises ConfigurationError for what could not work, or leak the key."""

    api_key: str = field(repr=False)
    subaccount_id: str
    base_url: str

    def __post_init__(self) -> None:
        problem = (
            api_key_problem(self.api_key)
            or subaccount_problem(self.subaccount_id)
            or base_url_problem(self.base_url)
        )
        if problem is not None:
            raise client_configuration_error(problem)

    @property
    def identity(self) -> AccountId:
        """The same for all ways of writing the endpoint."""
        return AccountId.of(self.base_url, self.subaccount_id)

    @property
    def secure(self) -> bool:
        """Whether it is HTTPS. Plain HTTP is for a sandbox on this machine: no certificates, no proxy."""
        return self.base_url.lower().startswith("https:")

    @property
    def service_name(self) -> str:
        """Who a request goes to, in words: a sandbox is never called 8x8."""
        return "8x8" if self.secure else "Sandbox"


def client_configuration_error(problem: str) -> ConfigurationError:
    return ConfigurationError(f"The client can't be set up: {problem}.")
