"""How a broadcast stands."""

import json
from collections import Counter

from voicecli.sessions.counts import MAX_KINDS, Counts


def test_what_is_left_is_what_nobody_decided() -> None:
    counts = Counts(10, accepted=3, refused=1, unknown=1, skipped=1, in_flight=2)
    assert (counts.done, counts.left) == (6, 4)


def test_what_is_on_its_way_or_waits_for_another_attempt_was_tried() -> None:
    counts = Counts(10, accepted=3, refused=1, in_flight=2, retrying=1)
    assert (counts.left, counts.untried) == (6, 3)
    assert Counts(3, in_flight=2, retrying=2).untried == 0, "seen in between, it is no less than none"


def test_calls_without_an_outcome_are_those_that_were_accepted_and_not_reported() -> None:
    counts = Counts(10, accepted=5, refused=1, unknown=1, retrying=1)
    counts.outcome("COMPLETED", 2)
    counts.outcome("BUSY")
    assert counts.without_outcome == 2
    counts.outcome("BUSY", -1)
    assert counts.without_outcome == 3
    assert Counts(10).without_outcome == 0


def test_a_million_kinds_of_errors_are_fifty_and_others() -> None:
    counts = Counts(10)
    for number in range(1_000):
        counts.error(f"error {number}")
        counts.outcome(f"OUTCOME_{number}")
    counts.error("error 0")
    assert (counts.errors["error 0"], counts.errors["others"]) == (2, 1_000 - MAX_KINDS)
    assert counts.outcomes["others"] == 1_000 - MAX_KINDS
    assert len(counts.errors) == MAX_KINDS + 1


def test_programs_get_all_of_it() -> None:
    counts = Counts(5_000, accepted=1_200, refused=30, rate=47.618, seconds_left=79.6, confirmed=7)
    counts.results = Counter(confirmed=7, reschedule=0)
    counts.outcome("BUSY")
    counts.outcome("COMPLETED")
    counts.outcome("COMPLETED")
    counts.error("too many at once")
    assert json.loads(json.dumps(counts.data())) == {
        "total": 5_000,
        "accepted": 1_200,
        "refused": 30,
        "unknown": 0,
        "skipped": 0,
        "calledTooOften": 0,
        "inFlight": 0,
        "retrying": 0,
        "left": 3_770,
        "outcomes": {"COMPLETED": 2, "BUSY": 1},
        "results": {"confirmed": 7, "reschedule": 0},
        "confirmed": 7,
        "errors": [{"errorMsg": "too many at once", "error": "too many at once", "calls": 1}],
        "rate": 47.62,
        "secondsLeft": 80,
        "waiting": None,
    }
