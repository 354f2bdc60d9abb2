"""A local 8x8: the Voice API and its webhooks on loopback, for trying things and for tests."""

from voicecli.sandbox.account import API_KEY, PORT, SOURCE, SUBACCOUNT, environment
from voicecli.sandbox.server import Sandbox

__all__ = ["API_KEY", "PORT", "SOURCE", "SUBACCOUNT", "Sandbox", "environment"]
