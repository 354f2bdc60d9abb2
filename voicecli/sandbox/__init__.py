"""A local 8x8: the Voice API and its webhooks on loopback, for trying things and for tests.

``Sandbox`` is loaded when it is asked for, so that printing the environment does not load a web server.
"""

from typing import TYPE_CHECKING

from voicecli.sandbox.account import API_KEY, PORT, SOURCE, SUBACCOUNT, environment

if TYPE_CHECKING:
    from voicecli.sandbox.server import Sandbox

__all__ = ["API_KEY", "PORT", "SOURCE", "SUBACCOUNT", "Sandbox", "environment"]


def __getattr__(name: str) -> object:
    if name != "Sandbox":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from voicecli.sandbox.server import Sandbox

    return Sandbox
