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
    from voicecli.calling.call_events import Notices
    from voicecli.calling.caller import Caller
    from voicecli.calling.ledger import Ledger
    from voicecli.calling.results import CallResults, Ending, Result
    from voicecli.calling.script import Script
    from voicecli.checks.checkup import checkup
    from voicecli.checks.finding import Finding
    from voicecli.errors import (
        ConfigurationError,
        InvalidInput,
        OutcomeUnknown,
        PlacedBefore,
        RateLimited,
        Refused,
        Unreachable,
        Unsubscribed,
        VoicecliError,
    )
    from voicecli.listener.public_access import PublicAccess, listening_plan
    from voicecli.listener.registration import Registration
    from voicecli.listener.routes import Answered, Replier, Route
    from voicecli.listener.service import ListenerPlan, ListenerService
    from voicecli.phone import PhoneNumber
    from voicecli.store.guards import Once
    from voicecli.store.sqlite import Store
    from voicecli.version import __version__
    from voicecli.voice_api.async_client import AsyncClient
    from voicecli.voice_api.callflow import CallRequest, call_request
    from voicecli.voice_api.client import Client
    from voicecli.voice_api.messages import Capture, audio_message, voice_message
    from voicecli.voice_api.operations.calls import Session
    from voicecli.voice_api.replies import Reply
    from voicecli.voice_api.webhook_events import Received

_HOME = {
    "Account": "voicecli.account",
    "Answered": "voicecli.listener.routes",
    "AsyncClient": "voicecli.voice_api.async_client",
    "BroadcastOptions": "voicecli.broadcast.options",
    "CallRequest": "voicecli.voice_api.callflow",
    "CallResults": "voicecli.calling.results",
    "Caller": "voicecli.calling.caller",
    "Capture": "voicecli.voice_api.messages",
    "Client": "voicecli.voice_api.client",
    "ConfigurationError": "voicecli.errors",
    "Content": "voicecli.broadcast.options",
    "Ending": "voicecli.calling.results",
    "Finding": "voicecli.checks.finding",
    "InvalidInput": "voicecli.errors",
    "Notices": "voicecli.calling.call_events",
    "Once": "voicecli.store.guards",
    "OutcomeUnknown": "voicecli.errors",
    "PhoneNumber": "voicecli.phone",
    "PlacedBefore": "voicecli.errors",
    "Ledger": "voicecli.calling.ledger",
    "ListenerPlan": "voicecli.listener.service",
    "PublicAccess": "voicecli.listener.public_access",
    "RateLimited": "voicecli.errors",
    "Received": "voicecli.voice_api.webhook_events",
    "Refused": "voicecli.errors",
    "Registration": "voicecli.listener.registration",
    "Replier": "voicecli.listener.routes",
    "Reply": "voicecli.voice_api.replies",
    "Result": "voicecli.calling.results",
    "Route": "voicecli.listener.routes",
    "Script": "voicecli.calling.script",
    "ListenerService": "voicecli.listener.service",
    "Session": "voicecli.voice_api.operations.calls",
    "Store": "voicecli.store.sqlite",
    "Unreachable": "voicecli.errors",
    "Unsubscribed": "voicecli.errors",
    "VoicecliError": "voicecli.errors",
    "__version__": "voicecli.version",
    "audio_message": "voicecli.voice_api.messages",
    "call_request": "voicecli.voice_api.callflow",
    "checkup": "voicecli.checks.checkup",
    "listening_plan": "voicecli.listener.public_access",
    "plan_broadcast": "voicecli.broadcast.begin",
    "prepare_broadcast": "voicecli.broadcast.begin",
    "reopen_broadcast": "voicecli.broadcast.resume",
    "run_broadcast": "voicecli.broadcast.run",
    "voice_message": "voicecli.voice_api.messages",
}

__all__ = [
    "Account",
    "Answered",
    "AsyncClient",
    "BroadcastOptions",
    "CallRequest",
    "CallResults",
    "Caller",
    "Capture",
    "Client",
    "ConfigurationError",
    "Content",
    "Ending",
    "Finding",
    "InvalidInput",
    "Ledger",
    "ListenerPlan",
    "ListenerService",
    "Notices",
    "Once",
    "OutcomeUnknown",
    "PhoneNumber",
    "PlacedBefore",
    "PublicAccess",
    "RateLimited",
    "Received",
    "Refused",
    "Registration",
    "Replier",
    "Reply",
    "Result",
    "Route",
    "Script",
    "Session",
    "Store",
    "Unreachable",
    "Unsubscribed",
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
