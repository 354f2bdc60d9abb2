"""Shows a validated list, and asks for consent, before the first call."""

import math
from collections.abc import Iterator, Sequence

import typer

from voicecli import durations, interrupts
from voicecli.broadcast.begin import RESPONSE_TIME, Prepared, QuietPeople
from voicecli.broadcast.options import Content
from voicecli.broadcast.template import other_placeholders
from voicecli.broadcast.validation import ValidatedList
from voicecli.cli import wiring
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode
from voicecli.errors import InvalidInput
from voicecli.output.json_fields import with_former_names
from voicecli.plurals import counted
from voicecli.settings import Settings
from voicecli.voice_api.callflow import spoken_texts

SHOWN = 20  # bad rows
MOST_WARNINGS = 3


def show_problems(context: Context, validated: ValidatedList) -> None:
    """A table of the rows that can't be called; programs get them with the error."""
    context.output.note(f"{'line':<8}  problem")
    for line, words in validated.problems[:SHOWN]:
        context.output.note(f"{line:<8}  {words}")
    if validated.invalid > SHOWN:
        context.output.note(f"… and {validated.invalid - SHOWN:,} more; --dry-run --json has them")


def warn_of_placeholders(context: Context, content: Content, columns: Sequence[str]) -> None:
    """Warn of what may be meant as a placeholder. Other words of the message are not shown."""
    found = other_placeholders(content.text or content.callflow or "", columns)
    for written, name in [*found.items()][:MOST_WARNINGS]:
        context.output.warning(f"{written} is no placeholder. Did you mean {{{name}}}?")


def confirm(context: Context, settings: Settings, prepared: Prepared, *, yes: bool) -> None:
    """See that a person wants this. Raises InvalidInput where nobody can be asked, and for a no."""
    people = len(prepared.validated)
    if prepared.plan.option_columns:
        context.output.note(f"Columns that set options: {', '.join(prepared.plan.option_columns)}.")
    if not yes and people > 1:
        _ask(context, f"Call {people:,} people from {settings.get('source')}?")
    context.output.progress(f"Planning {people:,} calls")


def _ask(context: Context, question: str) -> None:
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


def dry_run(context: Context, settings: Settings, prepared: Prepared) -> ExitCode:
    """Show what would happen. 2 where nobody would be called, because rows are bad."""
    plan, validated, options = prepared.plan, prepared.validated, prepared.options
    shard = prepared.send_options.shard
    fine = prepared.send_options.skip_invalid or not validated.invalid
    quiet = prepared.quiet_people()
    data: dict[str, object] = {
        "calls": len(validated),
        "total": validated.total,
        "shard": None if shard[1] == 1 else f"{shard[0]}/{shard[1]}",
        "skipped": validated.skipped_numbers,
        "invalid": validated.invalid,
        "problems": [{"line": line, "problem": words} for line, words in validated.problems],
        "secondsOfSpeech": round(validated.seconds),
        "rate": options.calls_per_second(),
        "seconds": round(prepared.duration, 1),
        "outsideHours": quiet.people,
        "outsideHoursUntil": None if quiet.until is None else quiet.until.isoformat(),
        "optionColumns": list(plan.option_columns),
    }
    first = next((row for row in validated.rows() if row.state == "planned"), None)
    if first is not None:
        texts = spoken_texts(plan.request(first, "dry-run").callflow)
        data["first"] = {
            "line": first.line,
            "destination": first.destination,
            "message": " ".join(texts) or None,
        }
    lines = list(_lines(settings, prepared, quiet))
    if not fine:
        advice = [(validated.advice, "bold")] if validated.advice else []
        lines[:0] = [*advice, ("Nobody would be called without --skip-invalid. With it:", "bold")]
    if first is not None:
        what = f"hears: {' '.join(texts)}" if texts else "hears a file"
        lines.append((f"The first of them, {first.destination}, {what}", ""))
    context.output.report(lines, with_former_names("preview", data))
    return ExitCode.DONE if fine else ExitCode.USAGE


def _lines(settings: Settings, prepared: Prepared, quiet: QuietPeople) -> Iterator[tuple[str, str]]:
    plan, validated, options = prepared.plan, prepared.validated, prepared.options
    shard = prepared.send_options.shard
    calls = len(validated)
    service = wiring.account(settings).service_name.replace("Sandbox", "the sandbox")
    yield f"Would call {_people(calls)} from {settings.get('source')} through {service}.", "bold"
    rate = options.calls_per_second()
    if shard[1] > 1:
        total = "" if rate is None else f" Together the shards make {rate * shard[1]:g} calls a second."
        yield f"This is shard {shard[0]} of {shard[1]}, of {_people(validated.total)} in all.{total}", ""
    if validated.invalid:
        yield f"{counted(validated.invalid, 'row')} can't be called.", ""
    if validated.skipped_numbers:
        spared = f"{_people(validated.skipped_numbers)} on the do-not-call list, or unsubscribed"
        yield f"{spared}: not called.", ""
    if plan.option_columns:
        yield f"Columns that set options: {', '.join(plan.option_columns)}.", ""
    if plan.recipients.encoding == "windows-1252":
        yield "The list is no UTF-8; it was read as Windows-1252.", ""
    if not calls:
        return
    length = _words(prepared.duration)
    awake = ", not counting the wait until all can be called" if quiet.people else ""
    if rate is None:
        at_once = f"{options.concurrency} requests at a time"
        how = f"if 8x8 answers within {RESPONSE_TIME:g} s, {at_once}; --rate sets a pace"
        yield f"That takes about {length}, {how}{awake}.", ""
    else:
        unit = "" if "/" in (options.rate or "") else "/s"
        yield f"That takes {length} at {options.rate}{unit}{awake}.", ""
    if validated.seconds:
        yield f"About {_words(validated.seconds)} of speech in all.", ""
    if quiet.people and quiet.until is not None:
        until = f"{quiet.until.astimezone():%a %H:%M}"
        whom = "" if quiet.people == 1 else "the first "
        yield f"{_people(quiet.people)} can't be called now, by their local time: {whom}from {until} on.", ""


def _people(count: int) -> str:
    return counted(count, "person", "people")


def _words(seconds: float) -> str:
    return durations.describe_duration(math.ceil(seconds))
