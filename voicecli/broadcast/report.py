"""What a report says of a broadcast, as one value: figures, what is still to be done, and its people."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from voicecli.broadcast.result_filter import is_confirmed, is_reached, is_to_be_reached
from voicecli.broadcast.results import Result
from voicecli.output.event_rows import outcome_style
from voicecli.sessions.key_names import KeyNames, answers_of, answers_text, result_of
from voicecli.store.broadcasts import BroadcastRow, LeftOut, RowState
from voicecli.voice_api import codes
from voicecli.voice_api.codes import Outcome

_NUMBER = re.compile(r"\+?\d{7,}")  # of a telephone
_KINDS = {"green": "good", "yellow": "warning", "red": "bad"}


class Bar(NamedTuple):
    """How many of what. ``kind`` is good, warning, bad or empty."""

    words: str
    number: int
    kind: str = ""


class Person(NamedTuple):
    """A row of the broadcast as a report shows it. ``values`` are those of the list's columns that are shown;
    ``why`` says more where there is more to say."""

    values: Sequence[str]
    number: str
    outcome: str
    kind: str
    why: str
    result: str
    calls: int
    is_reached: bool
    is_to_be_reached: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Of one broadcast, when it was ``made``. ``people`` are all rows; those who were ``called`` got
    ``calls`` calls, and ``reached`` of them answered. ``confirmed`` is None where nobody was asked to.
    ``to_reach`` says why the others were not reached, but for those who are ``not_to_call``: they have
    unsubscribed, or are on the do-not-call list. ``has_answers`` is whether anybody was asked for a key or
    digits, and ``text`` what people were told, if it is known."""

    broadcast: str
    source: str
    state: str
    begun: datetime
    last_call: datetime | None
    made: datetime
    people: int
    called: int
    calls: int
    reached: int
    not_to_call: int
    confirmed: int | None
    outcomes: Sequence[Bar]
    results: Sequence[Bar]
    to_reach: Sequence[Bar]
    errors: Sequence[Bar]
    timeline: Sequence[Bar]
    has_answers: bool = False
    text: str | None = None

    @property
    def still_to_reach(self) -> int:
        """How many people."""
        return self.people - self.reached - self.not_to_call

    @property
    def has_completed(self) -> bool:
        return any(bar.words == codes.OUTCOMES[Outcome.COMPLETED] for bar in self.outcomes)

    def summary(self) -> Iterator[tuple[str, str | int]]:
        """Its figures as a table, for a sheet."""
        yield "Broadcast", self.broadcast
        yield "List", self.source
        yield "State", self.state
        yield "Begun", f"{self.begun:%Y-%m-%d %H:%M:%S}"
        if self.last_call is not None:
            yield "Last call", f"{self.last_call:%Y-%m-%d %H:%M:%S}"
        yield "Report made", f"{self.made:%Y-%m-%d %H:%M:%S}"
        yield "People", self.people
        yield "Called", self.called
        yield "Calls", self.calls
        yield "Reached", self.reached
        if self.confirmed is not None:
            yield "Confirmed", self.confirmed
        yield "Still to be reached", self.still_to_reach
        if self.not_to_call:
            yield "Not reached, and not to be called", self.not_to_call
        groups = {"Outcome": self.outcomes, "Result": self.results, "Error": self.errors}
        for name, bars in groups.items():
            yield from ((f"{name}: {bar.words}", bar.number) for bar in bars)


class Figures:
    """Counts people, many at a time."""

    def __init__(self, keys: KeyNames | None) -> None:
        self._keys = keys
        self.people = self.called = self.calls = self.reached = self.not_to_call = self.confirmed = 0
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._to_reach: Counter[tuple[str, str]] = Counter()
        self._other_keys = 0
        self._results = Counter(dict.fromkeys(keys.names.values() if keys else (), 0))
        self._errors: Counter[str] = Counter()

    def add(self, row: BroadcastRow, rows: int = 1, *, has_unsubscribed: bool = False) -> None:
        """So many rows like this one, whose people have unsubscribed or not."""
        standing, calls = describe_standing(row), placed_calls(row)
        self.people += rows
        self.calls += calls * rows
        self.called += rows * (calls > 0)
        self._outcomes[standing] += rows
        if is_reached(row):
            self.reached += rows
        elif is_to_be_reached(row, has_unsubscribed=has_unsubscribed):
            self._to_reach[standing] += rows
        else:
            self.not_to_call += rows
        if (name := result_of(self._keys, row.digits)) is not None:
            self._results[name] += rows
        elif row.digits:
            self._other_keys += rows
        self.confirmed += rows * is_confirmed(row, self._keys)
        if row.reason and row.state is not RowState.SKIPPED:
            words = LeftOut.AT_MOST.words if row.left_out is LeftOut.AT_MOST else _without_people(row.reason)
            self._errors[words] += rows

    def add_errors(self, errors: Iterable[str]) -> None:
        """What else went wrong with calls, once for each of them."""
        self._errors.update(map(_without_people, errors))

    @property
    def outcomes(self) -> Sequence[Bar]:
        return _bars(self._outcomes)

    @property
    def to_reach(self) -> Sequence[Bar]:
        return _bars(self._to_reach)

    @property
    def results(self) -> Sequence[Bar]:
        """Of each key that has a name, and how many pressed another one, or none."""
        if self._keys is None:
            return ()
        none = self.reached - self._results.total() - self._other_keys
        others = [Bar("another key", self._other_keys), Bar("no key", none)]
        accepted = {self._keys.names[key] for key in self._keys.accepted}
        return [
            *(
                Bar(name, count, "good" if name in accepted else "warning")
                for name, count in self._results.items()
            ),
            *(bar for bar in others if bar.number > 0),
        ]

    @property
    def errors(self) -> Sequence[Bar]:
        return [Bar(words, count, "bad") for words, count in self._errors.most_common()]


def _without_people(error: str) -> str:
    """The same words for all whom an error is about: without their numbers."""
    return _NUMBER.sub("…", error)


def _bars(counts: Counter[tuple[str, str]]) -> Sequence[Bar]:
    return [Bar(words, count, kind) for (words, kind), count in counts.most_common()]


def placed_calls(row: BroadcastRow) -> int:
    """How many calls of a row were placed, or may have been: its last request may have been refused."""
    return row.attempts - (row.state is RowState.REFUSED and row.attempts > 0)


def describe_standing(row: BroadcastRow) -> tuple[str, str]:
    """What became of a row in words, and whether that is good, a warning or bad."""
    match row.state:
        case RowState.PLANNED:
            return "not called yet", ""
        case RowState.SENDING:
            return "being called", ""
        case RowState.REFUSED:
            return "not called: refused", "bad"
        case RowState.UNKNOWN:
            return "unknown whether called", "warning"
        case RowState.SKIPPED:
            return "not called: left out", ""
        case _ if row.outcome is None:
            return "called, no outcome reported", ""
    words, kind = codes.describe_outcome(row.outcome), _KINDS[outcome_style(row.outcome)]
    kind = "warning" if kind == "bad" and is_reached(row) else kind
    return (f"{words}, to be called again" if row.state is RowState.RETRY else words), kind


def people(
    results: Iterable[Result],
    keys: KeyNames | None,
    columns: Sequence[str],
    unsubscribed: Collection[str],
    mask: Callable[[str], str] = str,
) -> Iterator[Person]:
    """The people of these results, with these columns of their list. ``unsubscribed`` says who has
    unsubscribed (E.164); ``mask`` hides numbers."""
    for row, values in results:
        words, kind = describe_standing(row)
        has_unsubscribed = row.destination in unsubscribed
        refuses = LeftOut.UNSUBSCRIBED.words if has_unsubscribed and not is_reached(row) else ""
        yield Person(
            [mask(values[name]) for name in columns],
            mask(row.destination),
            words,
            kind,
            mask(row.reason or refuses),
            result_of(keys, row.digits) or answers_text(answers_of(keys, row.digits)),
            placed_calls(row),
            is_reached(row),
            is_to_be_reached(row, has_unsubscribed=has_unsubscribed),
        )
