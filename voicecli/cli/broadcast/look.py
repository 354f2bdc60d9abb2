"""Looks at broadcasts, and stops one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime

from voicecli import phone
from voicecli.broadcast import retention as broadcast_retention
from voicecli.broadcast.options import Asked
from voicecli.broadcast.progress import Progress
from voicecli.cli import wiring
from voicecli.cli.broadcast.view import commands, in_lines
from voicecli.cli.context import Context
from voicecli.clock import iso
from voicecli.errors import InUse
from voicecli.output import Column, Record
from voicecli.output.broadcast import summary
from voicecli.output.events import moment
from voicecli.output.rows import Line
from voicecli.output.safe import visible
from voicecli.sessions.counts import Tally
from voicecli.store import broadcasts as journals
from voicecli.store import journal, unsubscribed
from voicecli.store.broadcasts import Broadcast, State
from voicecli.store.journal import Journal
from voicecli.store.sqlite import Store
from voicecli.voice_api import codes

_COLUMNS = (
    Column("id", 11),
    Column("begun", 16),
    Column("state", 11),
    Column("people", 9),
    Column("accepted", 9),
    Column("list", 0),
)


def list_all(context: Context) -> None:
    with wiring.store(context) as store:
        shown = context.output.table(_row(store, broadcast) for broadcast in journals.newest_first(store))
    if not shown:
        context.output.note("There is no broadcast yet. voicecli broadcast --help says how to send one.")


def show(context: Context, beginning: str) -> None:
    with wiring.store(context) as store:
        broadcast = journals.find(store, beginning)
        settle_if_idle(store, broadcast)
        how, figures = state(store, broadcast), tally(store, broadcast)
        waits = Asked.from_options(broadcast.options).waits
        left = list(commands(broadcast, figures, waits=waits, running=how == "running"))
        begun = moment(broadcast.created)
        shard = "" if broadcast.parts == 1 else f", shard {broadcast.part} of {broadcast.parts}"
        where = broadcast.file or "a list from a pipe"
        head = f"Broadcast {broadcast.id} of {where}{shard}: begun {begun}, {how}"
        bridges = journal.bridges(store, broadcast)
        lines = [(head, "bold"), *summary(figures), *_bridges(bridges), *in_lines(left)]
        data = {
            **_data(broadcast, how),
            **figures.counts(),
            "bridges": bridges,
            "options": {_camel(name): value for name, value in broadcast.options.items()},
            "commands": [command for command, _ in left],
        }
        context.output.figure(lines, data, identifier=broadcast.id)


def stop(context: Context, beginning: str) -> None:
    with wiring.store(context) as store:
        broadcast = journals.find(store, beginning)
        running = journals.is_running(store, broadcast)
        if broadcast.state is not State.DONE:
            journals.set_state(store, broadcast, State.STOPPED)
    words, stopped = "calls nobody more" if running else "is stopped", broadcast.state is not State.DONE
    if not stopped:
        words = "is done: there was nobody left to call"
    context.output.result(
        f"Broadcast {broadcast.id} {words}",
        {"id": broadcast.id, "stopped": stopped},
        identifier=broadcast.id,
    )


def allow(context: Context, numbers: Sequence[str]) -> None:
    """Raises InvalidInput, before any of them is allowed."""
    destinations = [phone.e164(number, any_number=True) for number in numbers]
    with wiring.store(context) as store:
        for destination in destinations:
            there = unsubscribed.allow(store, destination)
            words = f"{destination} can be called again" if there else f"{destination} had not unsubscribed"
            context.output.result(
                words, {"destination": destination, "allowed": there}, identifier=destination
            )


def settle_if_idle(store: Store, broadcast: Broadcast) -> None:
    """Take in what was reported meanwhile, unless a process is at it that does so."""
    with suppress(InUse), closing(Journal.open(store, broadcast)) as journal:
        journal.leave_nothing_sending()
        broadcast_retention.settle(journal)


def tally(store: Store, broadcast: Broadcast) -> Tally:
    conduct = Asked.from_options(broadcast.options).conduct()
    return Progress(store, broadcast, conduct.confirming).tally


def state(store: Store, broadcast: Broadcast) -> str:
    """In a word."""
    if journals.is_running(store, broadcast):
        return "running"
    return "interrupted" if broadcast.state is State.OPEN else broadcast.state


def _row(store: Store, broadcast: Broadcast) -> Record:
    figures = tally(store, broadcast)
    how = state(store, broadcast)
    where = broadcast.file or "-"
    shard = "" if broadcast.parts == 1 else f" {broadcast.part}/{broadcast.parts}"
    begun = datetime.fromtimestamp(broadcast.created / 1e6, UTC).astimezone()
    texts = (
        broadcast.id,
        f"{begun:%Y-%m-%d %H:%M}",
        how,
        f"{figures.total:,}",
        f"{figures.accepted:,}",
        where + shard,
    )
    return Record(_COLUMNS, texts, {**_data(broadcast, how), **figures.counts()})


def _bridges(bridges: Mapping[str, int]) -> Iterator[Line]:
    """What became of second legs."""
    counts = [f"{count:,} {codes.outcome_words(outcome)}" for outcome, count in bridges.items()]
    if counts:
        yield from (("", ""), (visible(f"Bridges: {', '.join(counts)}"), ""))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


def _data(broadcast: Broadcast, how: str) -> dict[str, object]:
    return {
        "id": broadcast.id,
        "begun": iso(broadcast.created),
        "state": how,
        "list": broadcast.file or None,
        "shard": None if broadcast.parts == 1 else f"{broadcast.part}/{broadcast.parts}",
    }
