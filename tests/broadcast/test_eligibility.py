"""Who may be called now, and why somebody is left out."""

from voicecli.broadcast.eligibility import Eligibility
from voicecli.hours import Hours

PARIS = ("Europe/Paris",)


def test_without_hours_everybody_may_be_called_at_any_time() -> None:
    anytime = Eligibility(None, frozenset(), call_unsubscribed=True)
    assert anytime.is_open(PARIS)
    assert anytime.quiet_zones("+33199001234") is None
    assert anytime.never_open("+33199001234") is None


def test_who_is_on_the_list_is_left_out() -> None:
    some = Eligibility(Hours(None, weekdays=False), {"+33199001234"}, call_unsubscribed=True)
    assert some.is_open(PARIS)
    assert some.reason_to_skip(["+33199005678", "+33199001234"]) == "it is on the do-not-call list"
    assert some.reason_to_skip(["+33199005678"]) is None
