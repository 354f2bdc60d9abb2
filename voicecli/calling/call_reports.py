"""Receives what 8x8 reports of calls that are waited for, and answers their questions."""

from collections.abc import Mapping
from dataclasses import replace

from voicecli.calling.call_events import Notices
from voicecli.calling.placed_calls_replier import PlacedCallsReplier
from voicecli.listener.registration import Registration
from voicecli.listener.repliers import FormerReceiver
from voicecli.listener.reports import Reports
from voicecli.listener.service import ListenerPlan
from voicecli.listener.staying import EndRequests, Stay
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
) -> Reports:
    """Outcomes come by VSS and, where the calls ask something, keys by VCA; with ``tell_anyway`` those only
    where they can be had. ``ends`` has the signals to end it, and ``answered`` the calls of this process
    whose VCAs it answers, by clientRequestId."""
    vca = ("VCA",) if asks else ()
    needed, wanted = (("VSS",), vca) if tell_anyway else (("VSS", *vca), ())
    former = FormerReceiver(plan.home, registration.account, timeout=plan.forward_timeout)
    return Reports(
        replace(plan, replier=PlacedCallsReplier(plan.home, former, requests=answered)),
        registration,
        needed,
        wanted=wanted,
        tell=notices.notify,
        warn=notices.warn,
        failed=notices.failed,
        stay=Stay(plan.home, registration.account, lambda words, _: notices.staying(words), requests=ends),
    )
