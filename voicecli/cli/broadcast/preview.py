"""What there is to say of a list before anybody is called."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import typer

from voicecli import durations, interrupts, phone
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.plan import Plan, ValidatedList
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode
from voicecli.errors import InvalidInput
from voicecli.hours import Hours
from voicecli.settings import Settings
from voicecli.voice_api.callflow import spoken

SHOWN = 20  # bad rows
ANSWER = 0.5  # seconds that 8x8 is taken to need for an answer, where no --rate says how fast it goes


def show_problems(context: Context, checked: ValidatedList) -> None:
    """A table of the rows that can't be called; programs get them with the error."""
    context.output.note(f"{'line':<8}  problem")
    for line, words in checked.problems[:SHOWN]:
        context.output.note(f"{line:<8}  {words}")
    if checked.bad > SHOWN:
        context.output.note(f"… and {checked.bad - SHOWN:,} more; --dry-run --json has them")


def agreed(context: Context, settings: Settings, checked: ValidatedList, *, yes: bool) -> None:
    """See that a person wants this. Raises InvalidInput where nobody can be asked, and for a no."""
    if yes or len(checked) <= 1:
        return
    question = f"Call {len(checked):,} people from {settings.get('source')}?"
    if (
        context.stdin is None
        or not context.stdin.isatty()
        or context.stderr is None
        or not context.stderr.isatty()
    ):
        raise InvalidInput(
            f"{question} There is no terminal to answer on.", hint="Give --yes, or look first: --dry-run."
        )
    context.output.progress("")
    with interrupts.waiting():
        is_agreed = typer.confirm(question, err=True)
    if not is_agreed:
        raise InvalidInput("Nobody was called.")


def dry_run(
    context: Context,
    settings: Settings,
    plan: Plan,
    checked: ValidatedList,
    asked: BroadcastOptions,
    shard: tuple[int, int],
    *,
    skip_invalid: bool,
) -> ExitCode:
    """Show what would happen. 2 where nobody would be called, because rows are bad."""
    fine = skip_invalid or not checked.bad
    asleep = _asleep(checked, asked.hours())
    data: dict[str, object] = {
        "calls": len(checked),
        "everybody": checked.everybody,
        "shard": None if shard[1] == 1 else f"{shard[0]}/{shard[1]}",
        "skipped": checked.spared,
        "bad": checked.bad,
        "problems": [{"line": line, "problem": words} for line, words in checked.problems],
        "secondsOfSpeech": round(checked.seconds),
        "rate": asked.calls_per_second(),
        "seconds": round(_seconds(len(checked), asked), 1),
        "asleep": asleep.people,
        "asleepUntil": None if asleep.until is None else asleep.until.isoformat(),
        "optionColumns": list(plan.option_columns),
    }
    first = next((row for row in checked.rows() if row.state == "planned"), None)
    if first is not None:
        said = spoken(plan.request(first, "dry-run").callflow)
        data["first"] = {
            "line": first.line,
            "destination": first.destination,
            "message": " ".join(said) or None,
        }
    lines = list(_lines(settings, plan, checked, asked, shard, asleep))
    if not fine:
        lines[:0] = [("Nobody would be called without --skip-invalid. With it:", "bold")]
    if first is not None:
        what = f"hears: {' '.join(said)}" if said else "hears a file"
        lines.append((f"The first of them, {first.destination}, {what}", ""))
    context.output.figure(lines, data)
    return ExitCode.DONE if fine else ExitCode.USAGE


def _lines(
    settings: Settings,
    plan: Plan,
    checked: ValidatedList,
    asked: BroadcastOptions,
    shard: tuple[int, int],
    asleep: "_Asleep",
) -> Iterator[tuple[str, str]]:
    calls = len(checked)
    other_end = settings.other_end.replace("Sandbox", "the sandbox")
    yield f"Would call {_people(calls)} from {settings.get('source')} through {other_end}.", "bold"
    rate = asked.calls_per_second()
    if shard[1] > 1:
        total = "" if rate is None else f" Together the shards make {rate * shard[1]:g} calls a second."
        yield f"This is shard {shard[0]} of {shard[1]}, of {_people(checked.everybody)} in all.{total}", ""
    if checked.bad:
        rows = "1 row" if checked.bad == 1 else f"{checked.bad:,} rows"
        yield f"{rows} can't be called.", ""
    if checked.spared:
        spared = f"{_people(checked.spared)} on the do-not-call list, or unsubscribed"
        yield f"{spared}: not called.", ""
    if plan.option_columns:
        yield f"Columns taken for options: {', '.join(plan.option_columns)}.", ""
    if plan.recipients.encoding == "windows-1252":
        yield "The list is no UTF-8; it was read as Windows-1252.", ""
    if not calls:
        return
    length = _words(_seconds(calls, asked))
    awake = ", not counting the wait until all can be called" if asleep.people else ""
    if rate is None:
        how = (
            f"if 8x8 answers within {ANSWER:g} s, {asked.concurrency} requests at a time; --rate sets a pace"
        )
        yield f"That takes about {length}, {how}{awake}.", ""
    else:
        yield f"That takes {length} at {asked.rate}{awake}.", ""
    if checked.seconds:
        yield f"About {_words(checked.seconds)} of speech in all.", ""
    if asleep.people and asleep.until is not None:
        until = f"{asleep.until.astimezone():%a %H:%M}"
        whom = "" if asleep.people == 1 else "the first "
        yield f"{_people(asleep.people)} can't be called now, where they are: {whom}from {until} on.", ""


class _Asleep(NamedTuple):
    """How many can't be called now, and when the first of them can."""

    people: int = 0
    until: datetime | None = None


def _asleep(checked: ValidatedList, hours: Hours | None) -> _Asleep:
    if hours is None:
        return _Asleep()
    now = datetime.now(UTC)
    asleep = [
        zones
        for row in checked.rows()
        if row.state == "planned" and not hours.allow(zones := phone.time_zones(row.destination), now)
    ]
    openings = (hours.open_at(zones, now) for zones in set(asleep))
    return _Asleep(len(asleep), min(filter(None, openings), default=None))


def _seconds(calls: int, asked: BroadcastOptions) -> float:
    rate = asked.calls_per_second() or asked.concurrency / ANSWER
    return calls / rate


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _words(seconds: float) -> str:
    return durations.in_words(math.ceil(seconds))
