"""Addresses: which of them are this machine."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
