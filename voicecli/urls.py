"""Addresses: which of them are this machine."""

from contextlib import suppress
from ipaddress import ip_address

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_loopback(host: str) -> bool:
    """Whether a host, in lower case, is a name or an address of this machine for itself."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
