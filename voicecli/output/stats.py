"""Statistics of calls as bars."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from voicecli.output.bars import MAX_BAR, bar
from voicecli.output.event_rows import outcome_style
from voicecli.output.fitting import cells
from voicecli.output.printable import printable
from voicecli.output.rows import Line, padded
from voicecli.plurals import counted
from voicecli.sessions.statistics import Statistics, median
from voicecli.voice_api import codes
from voicecli.voice_api.codes import Outcome

MAX_KINDS = 12  # of outcomes, and of errors, that are drawn
MAX_LABEL = 46  # characters
NARROW = 60  # columns, below which there is room for the labels and counts only
_QUALITY_STYLES = {"excellent": "green", "good": "green", "fair": "yellow", "poor": "red", "bad": "red"}

Bar = tuple[str, int, str]
"""A label, a count and a style (rich's)."""


def bars(stats: Statistics, width: int) -> Iterator[Line]:
    """The figures in lines of at most ``width`` columns."""
    rate = "" if stats.answer_rate is None else f", {_percent(stats.answer_rate)} answered"
    more = [(stats.open, "without a summary yet"), (stats.in_doubt, "that may or may not have been placed")]
    yield f"{counted(stats.ended, 'call')} ended{rate}", "bold"
    for count, words in more:
        if count:
            yield f"{counted(count, 'call')} {words}", ""
    outcomes = [
        (codes.describe_outcome(outcome), count, outcome_style(outcome))
        for outcome, count in stats.outcomes.most_common()
    ]
    yield from _group("Outcomes", _largest(outcomes), width)
    if Outcome.COMPLETED in stats.outcomes:
        yield codes.COMPLETED_MEANS, ""
    results = [(name, count, "") for name, count in stats.results.most_common()]
    yield from _group("Results", _largest(results), width)
    middle = median(stats.seconds)
    heading = "Duration of answered calls" + ("" if middle is None else f": median {middle:g} s")
    durations = [(name, count, "") for name, count in stats.durations()] if stats.seconds else []
    yield from _group(heading, durations, width)
    middle = median(stats.mos)
    heading = "MOS" + ("" if middle is None else f": median {middle:g}")
    qualities = [(word, count, _QUALITY_STYLES[word]) for word, count in stats.qualities()]
    yield from _group(heading, qualities if stats.mos else [], width)
    errors = [(words, count, "red") for (_, words), count in stats.errors.most_common()]
    yield from _group("Errors", _largest(errors), width)


def _largest(entries: Sequence[Bar]) -> Sequence[Bar]:
    """The most frequent ones; the others together."""
    if len(entries) <= MAX_KINDS:
        return entries
    rest = sum(count for _, count, _ in entries[MAX_KINDS - 1 :])
    return [*entries[: MAX_KINDS - 1], ("others", rest, "")]


def _group(heading: str, entries: Sequence[Bar], width: int) -> Iterator[Line]:
    """A heading and its bars, the longest of which takes the room there is; nothing without entries. At least
    one of these counts."""
    if not entries:
        return
    yield "", ""
    yield heading, "bold"
    entries = [(printable(text), count, style) for text, count, style in entries]
    counts = [count for _, count, _ in entries]
    most, total = max(counts), sum(counts)
    digits = len(f"{most:,}")
    room_for_label = width - digits - 4 if width < NARROW else width - 35
    label = min(MAX_LABEL, max(10, room_for_label), max(cells(text) for text, _, _ in entries))
    room = max(1, min(MAX_BAR, width - label - digits - 16))
    for text, count, style in entries:
        *above, last = _lines(text, label)
        yield from ((f"  {line}", style) for line in above)
        figures = f"  {padded(last, label)}  {count:>{digits},}"
        if width >= NARROW:
            figures += f"  {_percent(count / total):>7}  {bar(count / most * room)}"
        yield figures.rstrip(), style


def _lines(text: str, width: int) -> list[str]:
    """The text in lines of at most so many columns of a terminal; at least one."""
    if text.isascii():
        return wrap(text, width) or [""]
    from rich.cells import chop_cells

    return chop_cells(text, width) or [""]


def _percent(part: float) -> str:
    return f"{part * 100:.1f} %"
