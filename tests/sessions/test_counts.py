"""How a broadcast stands."""

import json

from voicecli.sessions.counts import MAX_KINDS, Tally


def test_what_is_left_is_what_nobody_decided() -> None:
    tally = Tally(10, accepted=3, refused=1, unknown=1, skipped=1, in_flight=2)
    assert (tally.done, tally.left) == (6, 4)


def test_what_is_on_its_way_or_waits_for_another_attempt_was_tried() -> None:
    tally = Tally(10, accepted=3, refused=1, in_flight=2, retrying=1)
    assert (tally.left, tally.untried) == (6, 3)
    assert Tally(3, in_flight=2, retrying=2).untried == 0, "seen in between, it is no less than none"


def test_calls_without_an_outcome_are_those_that_were_accepted_and_not_reported() -> None:
    tally = Tally(10, accepted=5, refused=1, unknown=1, retrying=1)
    tally.outcome("COMPLETED", 2)
    tally.outcome("BUSY")
    assert tally.without_outcome == 2
    tally.outcome("BUSY", -1)
    assert tally.without_outcome == 3
    assert Tally(10).without_outcome == 0


def test_a_million_kinds_of_errors_are_fifty_and_others() -> None:
    tally = Tally(10)
    for number in range(1_000):
        tally.error(f"error {number}")
        tally.outcome(f"OUTCOME_{number}")
    tally.error("error 0")
    assert (tally.errors["error 0"], tally.errors["others"]) == (2, 1_000 - MAX_KINDS)
    assert tally.outcomes["others"] == 1_000 - MAX_KINDS
    assert len(tally.errors) == MAX_KINDS + 1


def test_programs_get_all_of_it() -> None:
    tally = Tally(5_000, accepted=1_200, refused=30, rate=47.618, seconds_left=79.6, confirmed=7)
    tally.outcome("BUSY")
    tally.outcome("COMPLETED")
    tally.outcome("COMPLETED")
    tally.error("too many at once")
    assert json.loads(json.dumps(tally.data())) == {
        "total": 5_000,
        "accepted": 1_200,
        "refused": 30,
        "unknown": 0,
        "skipped": 0,
        "inFlight": 0,
        "retrying": 0,
        "left": 3_770,
        "outcomes": {"COMPLETED": 2, "BUSY": 1},
        "confirmed": 7,
        "errors": [{"error": "too many at once", "calls": 1}],
        "rate": 47.62,
        "secondsLeft": 80,
        "waiting": None,
    }
