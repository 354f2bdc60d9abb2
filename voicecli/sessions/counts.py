"""How a broadcast stands, in figures that have one size however many rows there are."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
MAX_KINDS = 50  # of outcomes, and of errors, that are told apart: their words come from outside
OTHERS = "others"


@dataclass(slots=True)
class Counts:
    """How a broadcast stands. Each of the ``total`` rows is accepted by 8x8, refused, unknown (it may have
    been called), skipped, or left; those ``in_flight`` are left, too."""

    total: int = 0
    accepted: int = 0
    refused: int = 0
    unknown: int = 0
    skipped: int = 0
    too_often: int = 0  # of these, by --at-most: they can be called later
    in_flight: int = 0  # asked for, and not answered yet
    retrying: int = 0  # that wait for another attempt, whatever they count as until then
    outcomes: Counter[str] = field(default_factory=Counter)
    """By 8x8's final sessionStatus, in the order in which they first came."""
    results: Counter[str] = field(default_factory=Counter)
    """By the names of the keys that were pressed, in the order of the keys; 0 for those that nobody pressed.
    Empty where keys mean nothing."""
    confirmed: int | None = None  # the accepted ones of these; None where nobody was asked to
    errors: Counter[str] = field(default_factory=Counter)
    """By what went wrong, in words."""
    rate: float = 0.0  # calls a second, lately
    seconds_left: float | None = None
    waiting: str = ""
    """Why nothing leaves just now: "8x8 asks to slow down, continuing in 3 s"."""

    @property
    def done(self) -> int:
        """The rows of which nothing more is to come than outcomes."""
        return self.accepted + self.refused + self.unknown + self.skipped

    @property
    def left(self) -> int:
        """The rows that something is still to be done for."""
        return max(0, self.total - self.done)

    @property
    def untried(self) -> int:
        """Those of them whose turn has not come."""
        return max(0, self.left - self.in_flight - self.retrying)

    @property
    def without_outcome(self) -> int:
        """Calls that 8x8 has accepted, and whose outcome is not known."""
        return max(0, self.accepted - self.outcomes.total())

    def clear_rows(self) -> None:
        """Let no row be counted."""
        self.total = self.accepted = self.refused = self.unknown = self.skipped = 0
        self.too_often = self.in_flight = self.retrying = 0
        self.confirmed = None if self.confirmed is None else 0
        self.results = Counter(dict.fromkeys(self.results, 0))
        self.outcomes.clear()
        self.errors.clear()

    def outcome(self, status: str, calls: int = 1) -> None:
        """Count the outcome of calls; less than none are taken back."""
        count(self.outcomes, status, calls, most=MAX_KINDS, other=OTHERS)

    def error(self, words: str, calls: int = 1) -> None:
        """Count an error, in the same way."""
        count(self.errors, words, calls, most=MAX_KINDS, other=OTHERS)

    def data(self) -> dict[str, object]:
        """All of it, for programs."""
        return {
            **self.totals(),
            "rate": round(self.rate, 2),
            "secondsLeft": None if self.seconds_left is None else round(self.seconds_left),
            "waiting": self.waiting or None,
        }

    def totals(self) -> dict[str, object]:
        """What is known without watching it."""
        return {
            "total": self.total,
            "accepted": self.accepted,
            "refused": self.refused,
            "unknown": self.unknown,
            "skipped": self.skipped,
            "calledTooOften": self.too_often,
            "inFlight": self.in_flight,
            "retrying": self.retrying,
            "left": self.left,
            "outcomes": dict(self.outcomes.most_common()),
            "results": dict(self.results),
            "confirmed": self.confirmed,
            "errors": [
                {"errorMsg": words, "error": words, "calls": count}
                for words, count in self.errors.most_common()
            ],
        }


def count(kinds: Counter[T], kind: T, calls: int, *, most: int, other: T) -> None:
    """Count calls of a kind; less than none are taken back. Beyond so many kinds they are ``other``."""
    if kind not in kinds and (len(kinds) >= most or calls < 0):
        kind = other
    kinds[kind] += calls
    if not kinds[kind]:
        del kinds[kind]
