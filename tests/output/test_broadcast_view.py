"""A broadcast on the screen: while it runs, in a pipe, and at its end."""

from collections import Counter
from dataclasses import replace
from itertools import product

import pytest

from voicecli.output.broadcast import progress_line, progress_lines, summary_lines
from voicecli.sessions.counts import Counts


def running() -> Counts:
    """A broadcast of which a quarter is done."""
    counts = Counts(5_000, accepted=1_200, refused=30, unknown=4, in_flight=32, confirmed=700)
    counts.rate, counts.seconds_left = 48.2, 80.0
    for outcome, count in (("COMPLETED", 900), ("NO_ANSWER", 120), ("BUSY", 30), ("FAILED", 2)):
        counts.outcomes[outcome] = count
    counts.errors["8x8 does not take the destination for a phone number"] = 29
    counts.errors["too many requests at once"] = 1
    return counts


def test_at_40_columns_nothing_breaks() -> None:
    assert progress_lines(running(), 39) == [
        ("████            ▏  24 %  1,234 of 5,000", "bold"),
        ("48 a second · 1 min 20 s left", ""),
        ("32 in flight · 1,200 accepted", ""),
        ("30 refused · 4 unknown", ""),
        ("900 completed · 700 of these confirmed", "green"),
        ("120 no answer · 30 busy", "yellow"),
        ("2 failed", "red"),
        ("Errors", "bold"),
        ("  29  8x8 does not take the destination for a phone number", "red"),
        ("   1  too many requests at once", "red"),
    ]


def test_at_80_columns_a_line_has_what_belongs_together() -> None:
    assert progress_lines(running(), 79)[:3] == [
        ("█████████▋                             ▏  24 %  1,234 of 5,000  1 min 20 s left", "bold"),
        ("48 a second · 32 in flight · 1,200 accepted · 30 refused · 4 unknown", ""),
        ("900 completed · 700 of these confirmed", "green"),
    ]


def test_names_of_keys_have_a_line_of_their_own() -> None:
    counts = replace(running(), results=Counter({"confirmed": 700, "next-week": 12, "stop": 0}))
    confirmed, later, stop = "700 confirmed", "12 next-week", "0 stop: no more calls"
    outcomes = ("900 completed", "green")
    assert progress_lines(counts, 79)[2] == outcomes
    assert (f"Results: {confirmed} · {later} · {stop}", "bold") in progress_lines(counts, 79)
    narrow = progress_lines(counts, 39)
    assert (f"Results: {confirmed} · {later}", "bold") in narrow
    assert (stop, "bold") in narrow
    assert f"; results: {confirmed}, {later}, {stop}; " in progress_line(counts)
    lines = [text for text, _ in summary_lines(counts)]
    place = lines.index("Results")
    assert lines[place + 1 : place + 4] == [
        "  700  confirmed",
        "   12  next-week",
        "    0  stop: no more calls",
    ]


def test_at_200_columns_the_bar_is_not_endless() -> None:
    bar = "██████████████▊" + " " * 45
    assert progress_lines(running(), 199)[0] == (f"{bar}▏  24 %  1,234 of 5,000  1 min 20 s left", "bold")


def test_the_bar_and_the_counts_fit() -> None:
    for width, done in product([1, 10, 20, 39, 60, 79, 120, 199], [0, 1, 4_999, 5_000]):
        first, *_ = progress_lines(replace(running(), accepted=done, refused=0, unknown=0), width)
        assert len(first[0]) <= max(width, len(f"100 %  {done:,} of 5,000"))
        assert ("100 %" in first[0]) == (done == 5_000)


def test_what_is_rare_is_shown_where_it_happens() -> None:
    counts = Counts(10, skipped=2, retrying=1, waiting="quiet hours until 08:00 (Europe/Paris)")
    assert progress_lines(counts, 99)[1:] == [
        ("0 in flight · 0 accepted · 0 refused · 0 unknown · 2 skipped · 1 retrying", ""),
        ("quiet hours until 08:00 (Europe/Paris)", "yellow"),
    ]
    assert progress_line(replace(counts, waiting="Others call those who are left")).endswith(
        "; others call those who are left"
    )


def test_errors_are_grouped_and_the_rare_ones_are_others() -> None:
    counts = Counts(100)
    for number in range(8):
        for _ in range(number + 1):
            counts.error(f"error {number}")
    counts.errors["others"] = 50  # as counts have them that know too many kinds
    lines = [text for text, style in progress_lines(counts, 79) if style == "red"]
    assert lines == [
        "   8  error 7",
        "   7  error 6",
        "   6  error 5",
        "   5  error 4",
        "   4  error 3",
        "  56  others",
    ]


def test_outcomes_stay_in_their_places() -> None:
    counts = Counts(100, confirmed=0)
    for outcome in ("FAILED", "NO_ANSWER", "COMPLETED", "BUSY", "NO_ANSWER", "WHATEVER"):
        counts.outcome(outcome)
    shown = [text for text, style in progress_lines(counts, 79) if style]
    assert shown[1:] == [
        "1 completed · 0 of these confirmed",
        "2 no answer · 1 busy",
        "1 failed · 1 WHATEVER",
    ]


def test_what_comes_from_outside_is_not_obeyed() -> None:
    counts = Counts(10, waiting="until\x1b[2J")
    counts.outcome("\x1b]0;owned\x07")
    counts.error("two\nlines")
    shown = [text for text, _ in (*progress_lines(counts, 79), *summary_lines(counts))] + [
        progress_line(counts)
    ]
    assert all(text.isprintable() for text in shown)


@pytest.mark.parametrize(
    ("rate", "words"), [(0, ""), (0.05, "3 a minute"), (4.84, "4.8 a second"), (1_234.5, "1,234 a second")]
)
def test_a_rate_is_told_as_people_count(rate: float, words: str) -> None:
    told = progress_line(Counts(10, rate=rate)).partition("; ")[2]
    assert told == words


def test_without_a_terminal_it_is_one_line() -> None:
    assert progress_line(running()) == (
        "1,234 of 5,000 done: 1,200 accepted, 30 refused, 4 unknown; 48 a second, 1 min 20 s left"
    )
    waiting = Counts(10, skipped=1, waiting="quiet hours until 08:00 (Europe/Paris)")
    assert progress_line(waiting) == (
        "1 of 10 done: 0 accepted, 0 refused, 0 unknown, 1 skipped; quiet hours until 08:00 (Europe/Paris)"
    )


def test_the_summary_says_what_may_have_been_called_and_what_is_left() -> None:
    assert summary_lines(running()) == [
        ("1,234 of 5,000 rows done", "bold"),
        ("  1,200  accepted", "green"),
        ("     30  refused: not called", "red"),
        ("      4  unknown: may have been called", "yellow"),
        ("     32  under way", ""),
        ("  3,734  left: not called", "bold"),
        ("", ""),
        ("Outcomes", "bold"),
        ("  900  completed", "green"),
        ("  700  of these confirmed", "green"),
        ("  120  no answer", "yellow"),
        ("   30  busy", "yellow"),
        ("    2  failed", "red"),
        ("Completed: a person or a mailbox answered. Only a pressed key proves a person.", ""),
        ("", ""),
        ("Errors", "bold"),
        ("  29  8x8 does not take the destination for a phone number", "red"),
        ("   1  too many requests at once", "red"),
    ]


def test_a_broadcast_of_nobody_is_done() -> None:
    assert progress_lines(Counts(0), 79)[0][0].endswith("▏ 100 %  0 of 0")
    assert summary_lines(Counts(0)) == [("0 of 0 rows done", "bold")]
