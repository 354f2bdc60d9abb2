"""A broadcast as people see it: while it runs, in a pipe, and at its end."""

from collections.abc import Sequence

from voicecli import durations
from voicecli.output.bars import MAX_BAR, bar
from voicecli.output.events import outcome_style
from voicecli.output.rows import Line
from voicecli.output.safe import visible
from voicecli.sessions.counts import OTHERS, Tally
from voicecli.voice_api import codes
from voicecli.voice_api.codes import Outcome

MIN_BAR = 5  # columns: a shorter one says nothing
MAX_LIVE = 5  # kinds of errors that are shown while it runs: the picture must not jump about
MAX_KINDS = 12  # of outcomes at any time, and of errors at the end
_SEVERITY = ("green", "yellow", "red")  # the styles of outcomes

Entry = tuple[int, str, str]
"""A count, what of, and a style (rich's)."""


def view(tally: Tally, width: int) -> list[Line]:
    """How it stands while it runs, laid out for lines of ``width`` columns. One that is longer is for the
    painter to cut."""
    figures, left = f"{_percent(tally):>3} %  {_done(tally)}", _time_left(tally)
    fits = len(figures) + len(left) + MIN_BAR + 4 <= width
    first = _bar(tally, f"{figures}  {left}".rstrip() if fits else figures, width)
    counts = [_rate(tally), "" if fits else left, f"{tally.in_flight:,} in flight", *_counts(tally)]
    lines = [(first, "bold"), *_joined(list(filter(None, counts)), "", width)]
    outcomes = _outcomes(tally)
    for style in _SEVERITY:
        parts = [f"{count:,} {words}" for count, words, of in outcomes if of == style]
        lines += _joined(parts, style, width)
    if tally.errors:
        lines += [("Errors", "bold"), *_aligned(_errors(tally, MAX_LIVE))]
    if tally.waiting:
        lines.append((_waiting(tally), "yellow"))
    return lines


def line(tally: Tally) -> str:
    """How it stands, in one line, for where there is no terminal."""
    pace = ", ".join(filter(None, (_rate(tally), _time_left(tally))))
    done = f"{_done(tally)} done: {', '.join(_counts(tally))}"
    return "; ".join(filter(None, (done, pace, _waiting(tally))))


def summary(tally: Tally) -> list[Line]:
    """How it ended, or how far it came."""
    counts = (
        (tally.accepted, "accepted", "green"),
        (tally.refused, "refused: not called", "red"),
        (tally.unknown, "unknown: may have been called", "yellow"),
        (tally.skipped, "skipped", ""),
        (tally.in_flight, "on their way", ""),
        (tally.retrying, "to be called once more", ""),
        (tally.untried, "left: not called", "bold"),
    )
    groups = (
        ("", [entry for entry in counts if entry[0]]),
        ("Outcomes", _outcomes(tally)),
        ("Errors", _errors(tally, MAX_KINDS)),
    )
    lines = [(f"{_done(tally)} rows done", "bold")]
    for heading, entries in groups:
        if heading and entries:
            lines += [("", ""), (heading, "bold")]
        lines += _aligned(entries)
        if heading == "Outcomes" and Outcome.COMPLETED in tally.outcomes:
            lines.append((codes.COMPLETED_MEANS, ""))
    return lines


def _bar(tally: Tally, figures: str, width: int) -> str:
    """The bar, and what it means in figures."""
    room = min(MAX_BAR, width - len(figures) - 2)
    if room < MIN_BAR:
        return figures.strip()
    part = tally.done / tally.total if tally.total else 1.0
    return f"{bar(part * room).ljust(room)}▏ {figures}"


def _percent(tally: Tally) -> int:
    """100 only where nothing is left."""
    return tally.done * 100 // tally.total if tally.total else 100


def _done(tally: Tally) -> str:
    return f"{tally.done:,} of {tally.total:,}"


def _time_left(tally: Tally) -> str:
    return "" if tally.seconds_left is None else f"{durations.in_words(tally.seconds_left)} left"


def _rate(tally: Tally) -> str:
    if tally.rate < 1 / 60:
        return ""
    if tally.rate >= 10:
        return f"{tally.rate:,.0f} a second"
    return f"{tally.rate:.1f} a second" if tally.rate >= 1 else f"{tally.rate * 60:.0f} a minute"


def _counts(tally: Tally) -> list[str]:
    """What became of the rows; of the rare things only those that happened."""
    rare = ((tally.skipped, "skipped"), (tally.retrying, "retrying"))
    return [
        f"{tally.accepted:,} accepted",
        f"{tally.refused:,} refused",
        f"{tally.unknown:,} unknown",
        *(f"{count:,} {words}" for count, words in rare if count),
    ]


def _waiting(tally: Tally) -> str:
    return visible(tally.waiting)


def _outcomes(tally: Tally) -> list[Entry]:
    """In an order that stays as it is while they come."""
    kinds = [
        (count, visible(codes.outcome_words(outcome)), outcome_style(outcome))
        for outcome, count in tally.outcomes.items()
    ]
    confirmed = [] if tally.confirmed is None else [(tally.confirmed, "of these confirmed", "green")]
    entries = [*_few(kinds, MAX_KINDS), *confirmed]
    return sorted(entries, key=lambda entry: _SEVERITY.index(entry[2]))


def _errors(tally: Tally, most: int) -> list[Entry]:
    """The most frequent ones first, and the others last."""
    kinds = sorted(tally.errors.items(), key=lambda kind: (kind[0] == OTHERS, -kind[1]))
    return _few([(count, visible(words), "red") for words, count in kinds], most)


def _few(entries: list[Entry], most: int) -> list[Entry]:
    """The first ones; the others together."""
    if len(entries) <= most:
        return entries
    rest = sum(count for count, *_ in entries[most:])
    return [*entries[:most], (rest, OTHERS, "red")]


def _joined(parts: Sequence[str], style: str, width: int) -> list[Line]:
    """The parts on as many lines as it takes."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" · {part}"
        else:
            lines.append(part)
    return [(text, style) for text in lines]


def _aligned(entries: Sequence[Entry]) -> list[Line]:
    digits = max((len(f"{count:,}") for count, *_ in entries), default=0)
    return [(f"  {count:>{digits},}  {words}", style) for count, words, style in entries]
