"""voicecli: automated phone calls through 8x8's Voice API, as a command and as a library.

The public names are listed here and loaded when they are first asked for (PEP 562), so that
``import voicecli`` costs nothing and a command pays only for what it uses.
"""

from importlib import import_module

# Not typing's: until signals are noted, each module that loads is one more place for a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from voicecli.api import Session
    from voicecli.async_client import AsyncClient
    from voicecli.callflow import CallRequest, Capture, audio_message, call_request, voice_message
    from voicecli.client import Client
    from voicecli.errors import (
        ConfigurationError,
        InvalidInput,
        OutcomeUnknown,
        RateLimited,
        Refused,
        Unreachable,
        VoicecliError,
    )
    from voicecli.phone import PhoneNumber
    from voicecli.version import __version__

_HOME = {
    "Session": "voicecli.api",
    "AsyncClient": "voicecli.async_client",
    "CallRequest": "voicecli.callflow",
    "Capture": "voicecli.callflow",
    "audio_message": "voicecli.callflow",
    "call_request": "voicecli.callflow",
    "voice_message": "voicecli.callflow",
    "Client": "voicecli.client",
    "ConfigurationError": "voicecli.errors",
    "InvalidInput": "voicecli.errors",
    "OutcomeUnknown": "voicecli.errors",
    "RateLimited": "voicecli.errors",
    "Refused": "voicecli.errors",
    "Unreachable": "voicecli.errors",
    "VoicecliError": "voicecli.errors",
    "PhoneNumber": "voicecli.phone",
    "__version__": "voicecli.version",
}

__all__ = [
    "AsyncClient",
    "CallRequest",
    "Capture",
    "Client",
    "ConfigurationError",
    "InvalidInput",
    "OutcomeUnknown",
    "PhoneNumber",
    "RateLimited",
    "Refused",
    "Session",
    "Unreachable",
    "VoicecliError",
    "__version__",
    "audio_message",
    "call_request",
    "voice_message",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
