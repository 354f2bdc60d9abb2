"""voicecli: automated phone calls through 8x8's Voice API, as a command and as a library.

The public names are listed here and loaded when they are first asked for (PEP 562), so that
``import voicecli`` costs nothing and a command pays only for what it uses.
"""

from importlib import import_module

# Not typing's: until signals are noted, each module that loads is one more place for a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from voicecli.account import Account
    from voicecli.broadcast.begin import plan_broadcast, prepare_broadcast
    from voicecli.broadcast.options import BroadcastOptions, Content
    from voicecli.broadcast.resume import reopen_broadcast
    from voicecli.broadcast.run import run_broadcast
    from voicecli.checks.checkup import checkup
    from voicecli.checks.finding import Finding
    from voicecli.errors import (
        ConfigurationError,
        InvalidInput,
        OutcomeUnknown,
        RateLimited,
        Refused,
        Unreachable,
        VoicecliError,
    )
    from voicecli.listener.public_access import PublicAccess, listening_plan
    from voicecli.listener.registration import Registration
    from voicecli.listener.routes import Answered, Replier, Route
    from voicecli.listener.service import Plan, Service
    from voicecli.phone import PhoneNumber
    from voicecli.store.sqlite import Store
    from voicecli.version import __version__
    from voicecli.voice_api.async_client import AsyncClient
    from voicecli.voice_api.callflow import CallRequest, call_request
    from voicecli.voice_api.client import Client
    from voicecli.voice_api.events import Received
    from voicecli.voice_api.messages import Capture, audio_message, voice_message
    from voicecli.voice_api.operations.calls import Session
    from voicecli.voice_api.replies import Reply

_HOME = {
    "Account": "voicecli.account",
    "Answered": "voicecli.listener.routes",
    "BroadcastOptions": "voicecli.broadcast.options",
    "Content": "voicecli.broadcast.options",
    "plan_broadcast": "voicecli.broadcast.begin",
    "prepare_broadcast": "voicecli.broadcast.begin",
    "reopen_broadcast": "voicecli.broadcast.resume",
    "run_broadcast": "voicecli.broadcast.run",
    "Store": "voicecli.store.sqlite",
    "PublicAccess": "voicecli.listener.public_access",
    "Received": "voicecli.voice_api.events",
    "Registration": "voicecli.listener.registration",
    "Replier": "voicecli.listener.routes",
    "Reply": "voicecli.voice_api.replies",
    "Route": "voicecli.listener.routes",
    "Plan": "voicecli.listener.service",
    "Service": "voicecli.listener.service",
    "listening_plan": "voicecli.listener.public_access",
    "Session": "voicecli.voice_api.operations.calls",
    "AsyncClient": "voicecli.voice_api.async_client",
    "CallRequest": "voicecli.voice_api.callflow",
    "Capture": "voicecli.voice_api.messages",
    "audio_message": "voicecli.voice_api.messages",
    "call_request": "voicecli.voice_api.callflow",
    "voice_message": "voicecli.voice_api.messages",
    "Client": "voicecli.voice_api.client",
    "ConfigurationError": "voicecli.errors",
    "InvalidInput": "voicecli.errors",
    "OutcomeUnknown": "voicecli.errors",
    "RateLimited": "voicecli.errors",
    "Refused": "voicecli.errors",
    "Unreachable": "voicecli.errors",
    "VoicecliError": "voicecli.errors",
    "Finding": "voicecli.checks.finding",
    "checkup": "voicecli.checks.checkup",
    "PhoneNumber": "voicecli.phone",
    "__version__": "voicecli.version",
}

__all__ = [
    "Account",
    "Answered",
    "AsyncClient",
    "BroadcastOptions",
    "CallRequest",
    "Capture",
    "Client",
    "ConfigurationError",
    "Content",
    "Finding",
    "InvalidInput",
    "OutcomeUnknown",
    "PhoneNumber",
    "Plan",
    "PublicAccess",
    "RateLimited",
    "Received",
    "Refused",
    "Registration",
    "Replier",
    "Reply",
    "Route",
    "Service",
    "Session",
    "Store",
    "Unreachable",
    "VoicecliError",
    "__version__",
    "audio_message",
    "call_request",
    "checkup",
    "listening_plan",
    "plan_broadcast",
    "prepare_broadcast",
    "reopen_broadcast",
    "run_broadcast",
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
