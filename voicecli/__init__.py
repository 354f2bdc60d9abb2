"""voicecli: automated phone calls through 8x8's Voice API, as a command and as a library.

The public names are listed here and loaded when they are first asked for (PEP 562), so that
``import voicecli`` costs nothing and a command pays only for what it uses.
"""

from importlib import import_module

# Not typing's: until signals are noted, each module that loads is one more place for a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from voicecli.account import Account as Account
    from voicecli.at_most import AtMost as AtMost
    from voicecli.broadcast.begin import (
        plan_broadcast as plan_broadcast,
        prepare_broadcast as prepare_broadcast,
    )
    from voicecli.broadcast.options import (
        BroadcastOptions as BroadcastOptions,
        Content as Content,
    )
    from voicecli.broadcast.resume import reopen_broadcast as reopen_broadcast
    from voicecli.broadcast.run import run_broadcast as run_broadcast
    from voicecli.calling.call_events import Notices as Notices
    from voicecli.calling.caller import Caller as Caller
    from voicecli.calling.endings import Ending as Ending
    from voicecli.calling.ledger import Ledger as Ledger
    from voicecli.calling.results import CallResults as CallResults, Result as Result
    from voicecli.calling.script import Script as Script
    from voicecli.checks.checkup import checkup as checkup
    from voicecli.checks.finding import Finding as Finding
    from voicecli.errors import (
        CalledTooOften as CalledTooOften,
        ConfigurationError as ConfigurationError,
        InvalidInput as InvalidInput,
        OutcomeUnknown as OutcomeUnknown,
        PlacedBefore as PlacedBefore,
        RateLimited as RateLimited,
        Refused as Refused,
        Unreachable as Unreachable,
        Unsubscribed as Unsubscribed,
        VoicecliError as VoicecliError,
    )
    from voicecli.listener.plan import ListenerPlan as ListenerPlan
    from voicecli.listener.public_access import (
        PublicAccess as PublicAccess,
        listening_plan as listening_plan,
    )
    from voicecli.listener.registration import Registration as Registration
    from voicecli.listener.routes import (
        Answered as Answered,
        Replier as Replier,
        Route as Route,
    )
    from voicecli.listener.service import ListenerService as ListenerService
    from voicecli.phone import PhoneNumber as PhoneNumber
    from voicecli.sessions.key_names import KeyNames as KeyNames
    from voicecli.store.engine import Store as Store
    from voicecli.store.guards import Once as Once
    from voicecli.store.location import StorePlace as StorePlace
    from voicecli.store.opening import open_store as open_store
    from voicecli.version import __version__ as __version__
    from voicecli.voice_api.async_client import AsyncClient as AsyncClient
    from voicecli.voice_api.callflow import (
        CallRequest as CallRequest,
        call_request as call_request,
    )
    from voicecli.voice_api.client import Client as Client
    from voicecli.voice_api.messages import (
        Capture as Capture,
        audio_message as audio_message,
        voice_message as voice_message,
    )
    from voicecli.voice_api.operations.calls import Session as Session
    from voicecli.voice_api.replies import Reply as Reply
    from voicecli.voice_api.spelled_out import spell_out as spell_out
    from voicecli.voice_api.webhook_events import Received as Received

_NAMES = {
    "account": "Account",
    "at_most": "AtMost",
    "broadcast.begin": "plan_broadcast prepare_broadcast",
    "broadcast.options": "BroadcastOptions Content",
    "broadcast.resume": "reopen_broadcast",
    "broadcast.run": "run_broadcast",
    "calling.call_events": "Notices",
    "calling.caller": "Caller",
    "calling.ledger": "Ledger",
    "calling.results": "CallResults Ending Result",
    "calling.script": "Script",
    "checks.checkup": "checkup",
    "checks.finding": "Finding",
    "errors": (
        "CalledTooOften ConfigurationError InvalidInput OutcomeUnknown PlacedBefore "
        "RateLimited Refused Unreachable Unsubscribed VoicecliError"
    ),
    "listener.public_access": "PublicAccess listening_plan",
    "listener.registration": "Registration",
    "listener.routes": "Answered Replier Route",
    "listener.service": "ListenerPlan ListenerService",
    "phone": "PhoneNumber",
    "sessions.key_names": "KeyNames",
    "store.guards": "Once",
    "store.location": "StorePlace",
    "store.opening": "open_store",
    "store.engine": "Store",
    "version": "__version__",
    "voice_api.async_client": "AsyncClient",
    "voice_api.callflow": "CallRequest call_request",
    "voice_api.client": "Client",
    "voice_api.messages": "Capture audio_message voice_message",
    "voice_api.operations.calls": "Session",
    "voice_api.replies": "Reply",
    "voice_api.spelled_out": "spell_out",
    "voice_api.webhook_events": "Received",
}
"""The public names, by module."""
_MODULES = {name: f"voicecli.{module}" for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
