"""A broadcast as people see it: while it runs, in a pipe, and at its end."""

from collections.abc import Sequence

from voicecli import durations
from voicecli.output.bars import MAX_BAR, bar
from voicecli.output.event_rows import outcome_style
from voicecli.output.printable import printable
from voicecli.output.rows import Line
from voicecli.sessions.counts import OTHERS, Counts
from voicecli.sessions.key_names import CONFIRMED, STOP
from voicecli.voice_api import codes
from voicecli.voice_api.codes import Outcome

MIN_BAR = 5  # columns: a shorter one says nothing
MAX_LIVE = 5  # kinds of errors that are shown while it runs: the picture must not jump about
MAX_KINDS = 12  # of outcomes at any time, and of errors at the end
_SEVERITY = ("green", "yellow", "red")  # the styles of outcomes

Entry = tuple[int, str, str]
"""A count, what of, and a style (rich's)."""


def progress_lines(counts: Counts, width: int) -> list[Line]:
    """The progress of a running broadcast, laid out for lines of ``width`` columns; the painter cuts longer
    ones."""
    figures, left = f"{_percent(counts):>3} %  {_done(counts)}", _time_left(counts)
    fits = len(figures) + len(left) + MIN_BAR + 4 <= width
    first = _bar(counts, f"{figures}  {left}".rstrip() if fits else figures, width)
    parts = [_rate(counts), "" if fits else left, f"{counts.in_flight:,} in flight", *_counts(counts)]
    lines = [(first, "bold"), *_joined(list(filter(None, parts)), "", width)]
    outcomes = _outcomes(counts)
    for style in _SEVERITY:
        parts = [f"{count:,} {words}" for count, words, of in outcomes if of == style]
        lines += _joined(parts, style, width)
    if results := _results(counts):
        lines += _joined([f"{count:,} {words}" for count, words, _ in results], "bold", width, "Results: ")
    if counts.errors:
        lines += [("Errors", "bold"), *_aligned(_errors(counts, MAX_LIVE))]
    if counts.waiting:
        lines.append((_waiting(counts), "yellow"))
    return lines


def progress_line(counts: Counts) -> str:
    """The progress in one line, for output without a terminal."""
    pace = ", ".join(filter(None, (_rate(counts), _time_left(counts))))
    done = f"{_done(counts)} done: {', '.join(_counts(counts))}"
    results = ", ".join(f"{count:,} {words}" for count, words, _ in _results(counts))
    results = results and f"results: {results}"
    waiting = _waiting(counts)
    return "; ".join(filter(None, (done, results, pace, waiting[:1].lower() + waiting[1:])))


def summary_lines(counts: Counts) -> list[Line]:
    """The final figures, or those so far."""
    by_state = (
        (counts.accepted, "accepted", "green"),
        (counts.refused, "refused: not called", "red"),
        (counts.unknown, "unknown: may have been called", "yellow"),
        (counts.skipped - counts.too_often, "skipped", ""),
        (counts.too_often, "called too often: left out for now", "yellow"),
        (counts.in_flight, "under way", ""),
        (counts.retrying, "to be called again", ""),
        (counts.untried, "left: not called", "bold"),
    )
    groups = (
        ("", [entry for entry in by_state if entry[0]]),
        ("Outcomes", _outcomes(counts)),
        ("Results", _results(counts)),
        ("Errors", _errors(counts, MAX_KINDS)),
    )
    lines = [(f"{_done(counts)} rows done", "bold")]
    for heading, entries in groups:
        if heading and entries:
            lines += [("", ""), (heading, "bold")]
        lines += _aligned(entries)
        if heading == "Outcomes" and Outcome.COMPLETED in counts.outcomes:
            lines.append((codes.COMPLETED_MEANS, ""))
    return lines


def _bar(counts: Counts, figures: str, width: int) -> str:
    """The bar, and what it means in figures."""
    room = min(MAX_BAR, width - len(figures) - 2)
    if room < MIN_BAR:
        return figures.strip()
    part = counts.done / counts.total if counts.total else 1.0
    return f"{bar(part * room).ljust(room)}▏ {figures}"


def _percent(counts: Counts) -> int:
    """100 only where nothing is left."""
    return counts.done * 100 // counts.total if counts.total else 100


def _done(counts: Counts) -> str:
    return f"{counts.done:,} of {counts.total:,}"


def _time_left(counts: Counts) -> str:
    return "" if counts.seconds_left is None else f"{durations.describe_duration(counts.seconds_left)} left"


def _rate(counts: Counts) -> str:
    if counts.rate < 1 / 60:
        return ""
    if counts.rate >= 10:
        return f"{counts.rate:,.0f} a second"
    return f"{counts.rate:.1f} a second" if counts.rate >= 1 else f"{counts.rate * 60:.0f} a minute"


def _counts(counts: Counts) -> list[str]:
    """The numbers of rows by state; rare states only if they occurred."""
    rare = (
        (counts.skipped - counts.too_often, "skipped"),
        (counts.too_often, "called too often"),
        (counts.retrying, "retrying"),
    )
    return [
        f"{counts.accepted:,} accepted",
        f"{counts.refused:,} refused",
        f"{counts.unknown:,} unknown",
        *(f"{count:,} {words}" for count, words in rare if count),
    ]


def _waiting(counts: Counts) -> str:
    return printable(counts.waiting)


def _outcomes(counts: Counts) -> list[Entry]:
    """The outcomes, in an order that does not change as more arrive."""
    kinds = [
        (count, printable(codes.describe_outcome(outcome)), outcome_style(outcome))
        for outcome, count in counts.outcomes.items()
    ]
    only_confirmed = counts.confirmed is not None and not _results(counts)
    confirmed = [(counts.confirmed or 0, "of these confirmed", "green")] if only_confirmed else []
    entries = [*_largest(kinds, MAX_KINDS), *confirmed]
    return sorted(entries, key=lambda entry: _SEVERITY.index(entry[2]))


def _results(counts: Counts) -> list[Entry]:
    """How many pressed which key, by its name; nothing where all that is asked for is to confirm."""
    names = {} if counts.results.keys() == {CONFIRMED} else counts.results
    words = {STOP: "stop: no more calls"}
    return [(count, words.get(name) or printable(name), "") for name, count in names.items()]


def _errors(counts: Counts, most: int) -> list[Entry]:
    """The errors, most frequent first, all others together last."""
    kinds = sorted(counts.errors.items(), key=lambda kind: (kind[0] == OTHERS, -kind[1]))
    return _largest([(count, printable(words), "red") for words, count in kinds], most)


def _largest(entries: list[Entry], most: int) -> list[Entry]:
    """The first ones; the others together."""
    if len(entries) <= most:
        return entries
    rest = sum(count for count, *_ in entries[most:])
    return [*entries[:most], (rest, OTHERS, "red")]


def _joined(parts: Sequence[str], style: str, width: int, heading: str = "") -> list[Line]:
    """The parts on as many lines as it takes, behind a heading."""
    lines: list[str] = []
    for part in [f"{heading}{parts[0]}", *parts[1:]] if parts else ():
        if lines and len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" · {part}"
        else:
            lines.append(part)
    return [(text, style) for text in lines]


def _aligned(entries: Sequence[Entry]) -> list[Line]:
    digits = max((len(f"{count:,}") for count, *_ in entries), default=0)
    return [(f"  {count:>{digits},}  {words}", style) for count, words, style in entries]
