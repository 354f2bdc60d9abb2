"""Receives 8x8's reports of calls that are waited for, and replies to their VCAs."""

from collections.abc import Mapping
from dataclasses import replace

from voicecli.calling.call_events import Notices
from voicecli.calling.vca_replier import PlacedCallsReplier
from voicecli.listener.open_questions import EndRequests, QuestionWait
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.shared_listener import SharedListener
from voicecli.listener.vca_repliers import PreviousReceiverReplier
from voicecli.voice_api.callflow import CallRequest


def reports_of_calls(
    plan: ListenerPlan,
    registration: Registration,
    *,
    asks: bool,
    ends: EndRequests,
    notices: Notices,
    answered: Mapping[str, CallRequest] = {},
    tell_anyway: bool = False,
) -> SharedListener:
    """Needs VSS and, if the calls ask something, VCA (optional with ``tell_anyway``). ``ends`` has the
    signals to end, ``answered`` the requests of this process whose VCAs it replies to, by clientRequestId."""
    vca = ("VCA",) if asks else ()
    required, optional = (("VSS",), vca) if tell_anyway else (("VSS", *vca), ())
    former = PreviousReceiverReplier(plan.store, registration.account, timeout=plan.forward_timeout)
    return SharedListener(
        replace(plan, replier=PlacedCallsReplier(plan.store, former, requests=answered)),
        registration,
        required,
        optional=optional,
        notify=notices.notify,
        warn=notices.warn,
        on_failure=notices.failed,
        question_wait=QuestionWait(
            plan.store, registration.account, lambda words, _: notices.staying(words), requests=ends
        ),
    )
