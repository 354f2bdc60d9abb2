"""Figures of many calls: how they ended, how long they took, how they sounded, what went wrong."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from voicecli.sessions.counts import count
from voicecli.sessions.session import Session
from voicecli.voice_api import codes

DURATIONS = (10, 30, 60, 180, 600)
"""Seconds: where one bucket ends and the next begins."""
QUALITIES = ("excellent", "good", "fair", "poor", "bad")
MAX_ERRORS = 1_000  # kinds that are told apart: 8x8 has a dozen, but their words come from outside
OTHER = "other errors"
MAX_RESULTS = 1_000  # names of keys that are told apart
OTHER_NAMES = "other names"


@dataclass(slots=True)
class Statistics:
    """``add`` each call that is over, once. ``open`` are calls without a summary, and of those that are
    ``in_doubt`` nobody knows whether they were placed."""

    open: int = 0
    in_doubt: int = 0
    answered: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    """By the names of the keys that were pressed."""
    errors: Counter[tuple[int | None, str]] = field(default_factory=Counter)
    """By errorCode, and its words."""
    seconds: list[float] = field(default_factory=list)
    """How long each answered call was talked on."""
    mos: list[float] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """The calls that have an outcome."""
        return self.outcomes.total()

    @property
    def answer_rate(self) -> float | None:
        """The part of these that was answered, 0 to 1; None without any."""
        return self.answered / self.ended if self.ended else None

    def add(self, session: Session) -> None:
        """Count one call, as it ended."""
        summary = session.summary
        if summary.outcome is None:
            return
        self.outcomes[summary.outcome] += 1
        if summary.answered:
            self.answered += 1
            self.seconds += [] if summary.seconds is None else [summary.seconds]
        self.mos += [] if summary.mos is None else [summary.mos]
        if summary.error:
            kind = (summary.error_code, summary.error)
            count(self.errors, kind, 1, most=MAX_ERRORS, other=(None, OTHER))

    def add_result(self, session: Session) -> None:
        """Count what was pressed in one call, if that has a name."""
        if session.result is not None:
            count(self.results, session.result, 1, most=MAX_RESULTS, other=OTHER_NAMES)

    def durations(self) -> Sequence[tuple[str, int]]:
        """How many answered calls took how long."""
        buckets = Counter(bisect_right(DURATIONS, seconds) for seconds in self.seconds)
        ends = [_length(end) for end in DURATIONS]
        between = [f"{start} to {end}" for start, end in pairwise(ends)]
        names = [f"under {ends[0]}", *between, f"{ends[-1]} or more"]
        return [(name, buckets[index]) for index, name in enumerate(names)]

    def qualities(self) -> Sequence[tuple[str, int]]:
        """How many calls sounded how."""
        counts = Counter(map(codes.describe_quality, self.mos))
        return [(word, counts[word]) for word in QUALITIES]

    def data(self) -> Mapping[str, object]:
        """All of it, for programs."""
        return {
            "ended": self.ended,
            "open": self.open,
            "unknown": self.in_doubt,
            "answered": self.answered,
            "answerRate": self.answer_rate,
            "outcomes": dict(self.outcomes.most_common()),
            "results": dict(self.results.most_common()),
            "callDuration": {"median": median(self.seconds), "calls": dict(self.durations())},
            "mos": {"median": median(self.mos), "calls": dict(self.qualities())},
            "errors": [
                {"errorCode": code, "errorMsg": words, "error": words, "calls": count}
                for (code, words), count in self.errors.most_common()
            ],
        }


def median(values: Sequence[float]) -> float | None:
    """The one in the middle, or the mean of the two there; None without any."""
    if not values:
        return None
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _length(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"
