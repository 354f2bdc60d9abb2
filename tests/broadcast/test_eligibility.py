"""Who may be called now, and why somebody is left out."""

from datetime import time

import pytest

from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.validation import ValidatedList
from voicecli.quiet_hours import Hours
from voicecli.store.broadcasts import LeftOut, RowState

PARIS = ("Europe/Paris",)
NEW_YORK = ("America/New_York",)


def test_without_hours_everybody_may_be_called_at_any_time() -> None:
    anytime = Eligibility(None, frozenset(), call_unsubscribed=True)
    assert anytime.hours.is_open(PARIS)
    assert anytime.hours.quiet_zones("+33199001234") is None
    assert anytime.hours.never_open("+33199001234", PARIS) is None


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
        never = some.hours.never_open(number, some.hours.zones(number))
        assert never == f"No time is allowed in all time zones of {number}."
    assert len(computed) == 1


def test_whoever_is_left_out_counts_in_no_time_zone() -> None:
    found = ValidatedList()
    found.add(2, 33199001234, PARIS, 1.0)
    found.add(3, 12025550123, NEW_YORK, 1.0)
    found.leave_out({"+33199001234": "called on that day"})
    assert (found.zones, [*found.lines], found.seconds) == ({NEW_YORK: 1}, [3], 1.0)
    assert [(row.line, row.state) for row in found.rows()] == [(2, RowState.SKIPPED), (3, RowState.PLANNED)]
