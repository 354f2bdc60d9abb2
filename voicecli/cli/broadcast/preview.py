"""Shows a validated list, and asks for consent, before the first call."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import typer

from voicecli import durations, interrupts
from voicecli.broadcast.begin import RESPONSE_TIME, ClosedZones, Prepared
from voicecli.broadcast.options import Content
from voicecli.broadcast.speech import SpeechProblems, find_speech_problems
from voicecli.broadcast.start_time import describe_start
from voicecli.broadcast.template import other_placeholders
from voicecli.cli import wiring
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode
from voicecli.errors import Interrupted, InvalidInput
from voicecli.output.json_fields import with_former_names
from voicecli.output.rows import Line
from voicecli.plurals import counted
from voicecli.settings import Settings
from voicecli.store.broadcasts import BroadcastRow, LeftOut
from voicecli.voice_api.callflow import spoken_texts

MOST_WARNINGS = 3
MOST_ZONES = 5  # in which people can't be called
REASONS = {
    LeftOut.DO_NOT_CALL: "on the do-not-call list",
    LeftOut.UNSUBSCRIBED: "unsubscribed",
    LeftOut.AT_MOST: "called too often for now (resume calls them later)",
}
"""Why people are not called, behind their number."""


def show_problems(context: Context, prepared: Prepared) -> None:
    """The rows that can't be called: a few of each kind, or all; programs get them with the error."""
    validated, note = prepared.validated, partial(context.output.note, indent=10)
    note(f"{prepared.plan.recipients.unit:<8}  problem")
    if prepared.send_options.all_faults:
        for line, problem in validated.problems:
            note(f"{line:<8}  {problem}")
        return
    for words, kind in validated.kinds.items():
        for line, problem in kind.examples:
            note(f"{line:<8}  {problem}")
        if more := kind.count - len(kind.examples):
            note(f"{'':<8}  and {counted(more, 'row')} more: {words}")
    if validated.invalid > sum(len(kind.examples) for kind in validated.kinds.values()):
        note("--all-faults shows each of them.")


def warn_of_placeholders(context: Context, content: Content, columns: Sequence[str]) -> None:
    """Warn of what may be meant as a placeholder. Other words of the message are not shown."""
    texts = " ".join(filter(None, (content.text, content.callflow, content.thanks)))
    found = other_placeholders(texts, columns)
    for written, name in [*found.items()][:MOST_WARNINGS]:
        context.output.warning(f"{written} is no placeholder. Did you mean {{{name}}}?")


def confirm(context: Context, settings: Settings, prepared: Prepared, *, yes: bool) -> None:
    """See that a person wants this. Raises InvalidInput where nobody can be asked, and for a no, and
    Interrupted."""
    people = len(prepared.validated)
    if not yes and people > 1:
        _ask(context, prepared, f"Call {people:,} people from {settings.get('source')}?")
    elif prepared.plan.option_columns:
        context.output.note(_option_columns(prepared))


def _ask(context: Context, prepared: Prepared, question: str) -> None:
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
    _speech_problems(context, prepared)
    context.output.explain(_facts(prepared, prepared.closed_zones()))
    try:
        with interrupts.waiting():
            is_agreed = typer.confirm(question, err=True)
    except (KeyboardInterrupt, typer.Abort):
        context.output.explain([("", "")])  # the question's line has no end
        raise Interrupted(
            "Interrupted: nobody was called.", hint="The same command can be run again."
        ) from None
    if not is_agreed:
        raise InvalidInput("Nobody was called.")


def dry_run(context: Context, settings: Settings, prepared: Prepared) -> ExitCode:
    """Show what would happen. 2 where nobody would be called, because rows are bad."""
    validated = prepared.validated
    is_fine = prepared.send_options.skip_invalid or not validated.invalid
    if prepared.sent_before is not None:
        before = prepared.sent_before.details["broadcastId"]
        context.output.warning(f"This list was sent before, as broadcast {before}: --again sends it again.")
    speech = _speech_problems(context, prepared)
    closed = prepared.closed_zones()
    lines = [_head(settings, prepared), *_facts(prepared, closed)]
    if not is_fine:
        advice = [(validated.advice, "bold")] if validated.advice else []
        lines[:0] = [*advice, ("Nobody would be called without --skip-invalid. With it:", "bold")]
    context.output.report(lines, with_former_names("preview", _data(prepared, closed, speech)))
    return ExitCode.DONE if is_fine else ExitCode.USAGE


def _speech_problems(context: Context, prepared: Prepared) -> SpeechProblems:
    """What no voice reads well, told as a warning."""
    found = find_speech_problems(prepared.plan, prepared.validated)
    if found.rows:
        context.output.warning(found.in_words(prepared.plan.recipients.unit))
    return found


def _data(prepared: Prepared, closed: Sequence[ClosedZones], speech: SpeechProblems) -> dict[str, object]:
    """The plan, for programs."""
    validated, options, shard = prepared.validated, prepared.options, prepared.send_options.shard
    until = min((zones.until for zones in closed if zones.until), default=None)
    before = prepared.sent_before
    data: dict[str, object] = {
        "calls": len(validated),
        "total": validated.total,
        "shard": None if shard[1] == 1 else f"{shard[0]}/{shard[1]}",
        "sentBefore": None if before is None else before.details["broadcastId"],
        "skipped": validated.skipped_numbers,
        "skippedReasons": [
            {"reason": kind.words, "people": people} for kind, people in prepared.left_out().most_common()
        ],
        "calledTooOften": prepared.too_often,
        "invalid": validated.invalid,
        "problems": [{"line": line, "problem": words} for line, words in validated.problems],
        "secondsOfSpeech": round(validated.seconds),
        "rate": options.calls_per_second(),
        "seconds": round(prepared.duration, 1),
        "startAt": _iso(prepared.send_options.start),
        "outsideHours": sum(zones.people for zones in closed),
        "outsideHoursUntil": _iso(until),
        "outsideHoursZones": [
            {"timeZones": [*zones.zones], "people": zones.people, "until": _iso(zones.until)}
            for zones in closed
        ],
        "optionColumns": list(prepared.plan.option_columns),
        "speechProblems": speech._asdict(),
    }
    if (first := prepared.first) is not None:
        text = " ".join(_texts(prepared, first))
        data["first"] = {
            "line": first.line,
            "destination": first.destination,
            "message": text or None,
            "spelledOut": [
                {"code": code, "spoken": spoken} for code, spoken in _spelled_out(prepared, first).items()
            ],
        }
    return data


def _head(settings: Settings, prepared: Prepared) -> Line:
    people = _people(len(prepared.validated))
    service = wiring.account(settings).service_name.replace("Sandbox", "the sandbox")
    return f"Would call {people} from {settings.get('source')} through {service}.", "bold"


def _facts(prepared: Prepared, closed: Sequence[ClosedZones]) -> Iterator[Line]:
    """What a person wants to know before the first call."""
    validated, shard = prepared.validated, prepared.send_options.shard
    if shard[1] > 1:
        rate = prepared.options.calls_per_second()
        total = "" if rate is None else f" Together the shards make {rate * shard[1]:g} calls a second."
        yield f"This is shard {shard[0]} of {shard[1]}, of {_people(validated.total)} in all.{total}", ""
    if validated.invalid:
        yield f"{counted(validated.invalid, 'row')} can't be called.", ""
    if left_out := prepared.left_out():
        counts = [f"{count:,} {REASONS[kind]}" for kind, count in left_out.most_common()]
        yield f"Not called: {', '.join(counts)}.", ""
    if prepared.plan.option_columns:
        yield _option_columns(prepared), ""
    if prepared.plan.recipients.encoding == "windows-1252":
        yield "The list is no UTF-8; it was read as Windows-1252.", ""
    first = prepared.first
    if first is None:
        return
    start = prepared.send_options.start
    if start is not None:
        left = _words(max(0.0, (start - datetime.now(UTC)).total_seconds()))
        yield f"It starts on {describe_start(start)}, in {left}.", ""
    yield from _pace(prepared, is_closed=bool(closed))
    yield from _hours(closed, "now" if start is None else "then")
    texts = _texts(prepared, first)
    what = f"hears: {' '.join(texts)}" if texts else "hears a file"
    yield f"The first of them, {first.destination}, {what}", ""
    if (keys := prepared.options.key_names()) is not None and keys.stored_names is not None:
        yield f"Keys: {keys.in_words()}", ""
    if codes := _spelled_out(prepared, first):
        yield f"Spelled out: {'; '.join(f'{code} → {spoken}' for code, spoken in codes.items())}", ""


def _option_columns(prepared: Prepared) -> str:
    return f"Columns that set options: {', '.join(prepared.plan.option_columns)}."


def _texts(prepared: Prepared, row: BroadcastRow) -> Sequence[str]:
    """What that person hears, as it is spoken; nothing where a file is played."""
    return spoken_texts(prepared.plan.request(row, "dry-run").callflow)


def _spelled_out(prepared: Prepared, row: BroadcastRow) -> Mapping[str, str]:
    return prepared.plan.spelled_out(prepared.plan.recipients.at(row.line))


def _pace(prepared: Prepared, *, is_closed: bool) -> Iterator[Line]:
    """How fast the calls leave, and how long that takes."""
    options, length = prepared.options, _words(prepared.duration)
    waits = ", not counting the wait until all can be called" if is_closed else ""
    if options.max_calls is not None and options.max_calls < len(prepared.validated):
        yield f"--max-calls ends it after {counted(options.max_calls, 'call')}.", ""
    if options.rate is None:
        at_once = f"{options.concurrency} at a time, if 8x8 answers within {RESPONSE_TIME:g} s"
        yield f"That takes about {length}: {at_once}{waits}. --rate sets a pace.", ""
    else:
        unit = "" if "/" in options.rate else "/s"
        yield f"That takes {length} at {options.rate}{unit}{waits}.", ""
    if prepared.validated.seconds:
        yield f"About {_words(prepared.validated.seconds)} of speech in all.", ""


def _hours(closed: Sequence[ClosedZones], when: str) -> Iterator[Line]:
    """Whom it can't call when it starts, and until when, by the clock there and here."""
    if not closed:
        return
    people = _people(sum(zones.people for zones in closed))
    yield f"{people} can't be called {when}, by their local time:", ""
    for zones in closed[:MOST_ZONES]:
        more = f" and {counted(len(zones.zones) - 1, 'other zone')}" if len(zones.zones) > 1 else ""
        yield f"  {zones.people:,} in {zones.zones[0]}{more}{_until(zones)}", ""
    if rest := sum(zones.people for zones in closed[MOST_ZONES:]):
        yield f"  {rest:,} elsewhere", ""


def _until(zones: ClosedZones) -> str:
    if zones.until is None:
        return ""
    there, here = zones.until.astimezone(ZoneInfo(zones.zones[0])), zones.until.astimezone()
    form = "%H:%M" if there.date() == here.date() else "%a %H:%M"
    is_same = there.utcoffset() == here.utcoffset()
    return f", until {there:%a %H:%M}" + ("" if is_same else f" ({here:{form}} here)")


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _people(count: int) -> str:
    return counted(count, "person", "people")


def _words(seconds: float) -> str:
    return durations.describe_duration(math.ceil(seconds))
