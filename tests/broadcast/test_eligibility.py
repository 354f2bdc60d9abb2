"""Who may be called now, and why somebody is left out."""

from datetime import time

import pytest

from voicecli.broadcast.eligibility import Eligibility
from voicecli.quiet_hours import Hours
from voicecli.store.broadcasts import LeftOut

PARIS = ("Europe/Paris",)


def test_without_hours_everybody_may_be_called_at_any_time() -> None:
    anytime = Eligibility(None, frozenset(), call_unsubscribed=True)
    assert anytime.hours.is_open(PARIS)
    assert anytime.hours.quiet_zones("+33199001234") is None
    assert anytime.hours.never_open("+33199001234") is None


def test_who_is_on_the_list_is_left_out() -> None:
    some = Eligibility(Hours(None, weekdays=False), {"+33199001234"}, call_unsubscribed=True)
    assert some.hours.is_open(PARIS)
    assert some.reason_to_skip(["+33199005678", "+33199001234"]) == LeftOut.DO_NOT_CALL
    assert some.reason_to_skip(["+33199005678"]) is None


@pytest.mark.soak
def test_it_is_computed_once_that_zones_leave_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes some 50 ms, and a list may have thousands of such numbers."""
    computed: list[object] = []
    open_at = Hours.open_at

    def counted(hours: Hours, *arguments: object) -> object:
        computed.append(arguments)
        return open_at(hours, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Hours, "open_at", counted)
    some = Eligibility(Hours((time(18), time(9)), weekdays=False), frozenset(), call_unsubscribed=True)
    for number in ("+18002345678", "+18002345679"):
        assert some.hours.never_open(number) == f"No time is allowed in all time zones of {number}."
    assert len(computed) == 1
