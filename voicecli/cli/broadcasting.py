"""Sends a broadcast, or goes on with one: from what was asked to the last line on the screen."""

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from voicecli import phone, placed, unsubscribed
from voicecli.async_client import AsyncClient
from voicecli.broadcast import journal as journals
from voicecli.broadcast import outcomes, sealing
from voicecli.broadcast import recipients as lists
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.journal import Journal, RowState, State
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.plan import Checked, Plan, check, numbers_of
from voicecli.cli import context as contexts
from voicecli.cli import interrupts
from voicecli.cli.asked import Asked, Said
from voicecli.cli.broadcast_check import agreed, dry_run, show_problems
from voicecli.cli.broadcast_view import View
from voicecli.cli.call_requests import json_document
from voicecli.cli.context import CONNECTION, Context
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.way_in import WayIn, listening_plan
from voicecli.errors import ConfigurationError, InvalidInput, OutputFailed, StoreFailed
from voicecli.settings import Settings
from voicecli.store import Store

if TYPE_CHECKING:
    from voicecli.listener.reports import Reports

PACE = "pace"  # the file that all broadcasts of this machine share


class Reception(NamedTuple):
    """How reports of the outcomes get in, where they are waited for."""

    way: WayIn
    port: str | None
    force: bool

    def flags(self) -> dict[str, str | None]:
        """As the settings take them."""
        return {"port": self.port, "public_url": self.way.domain}


class Wishes(NamedTuple):
    """What only holds as a broadcast is begun."""

    shard: tuple[int, int]
    skip_invalid: bool
    again: bool
    dry_run: bool
    yes: bool


def send(
    context: Context,
    people: str,
    said: Said,
    asked: Asked,
    wishes: Wishes,
    reception: Reception,
    *,
    source: str | None,
    message_file: str | None,
    callflow_file: str | None,
) -> ExitCode:
    """Begin a broadcast. Raises InvalidInput where not all of it can be sent, and before anybody is called;
    PlacedBefore where this list was sent before; what keeps it from being carried out."""
    voice = asked.voice
    settings = context.settings({"source": source, "voice_profile": voice, **reception.flags()})
    values = settings.require(*CONNECTION, "source", "voice_profile")
    speaks = said.play is None and callflow_file is None
    asked = asked._replace(source=values["source"], voice=values["voice_profile"] if speaks else voice)
    asked.hours(), asked.calls_per_second()  # may be wrong
    if message_file is not None:
        if said.text is not None:
            raise InvalidInput("MESSAGE can't be given together with --file.", hint="Leave one of them out.")
        said = said._replace(text=context.read_text(message_file).rstrip("\r\n"))
    if callflow_file is not None:
        document = json_document(context.read_text(callflow_file), callflow_file)
        said = said._replace(callflow=json.dumps(document))
    content = context.read_bytes(people, limit=lists.MAX_LIST)
    plan = _plan(content, asked, said)
    with Store(contexts.home(settings)) as store:
        of = settings.require("base_url", "subaccount_id")
        mark = placed.fingerprint(store, content)
        if not wishes.again:
            journals.refuse_repetition(
                store,
                fingerprint=mark,
                base_url=of["base_url"],
                subaccount=of["subaccount_id"],
                shard=wishes.shard,
            )
        checked = _checked(context, store, plan, asked, wishes)
        if checked.bad:
            show_problems(context, checked)
            if not wishes.skip_invalid and not wishes.dry_run:
                raise _refusal(checked)
        if wishes.dry_run:
            return dry_run(context, settings, plan, checked, asked, wishes.shard)
        if not len(checked) and wishes.shard[1] == 1:
            raise InvalidInput("Nobody on this list is to be called.", hint="--dry-run says more.")
        agreed(context, settings, checked, yes=wishes.yes)
        context.output.progress(f"Planning {len(checked):,} calls")
        journals.sweep(store)
        journal = journals.create(
            store,
            base_url=of["base_url"],
            subaccount=of["subaccount_id"],
            file="" if people == "-" else str(Path(people).resolve()),
            fingerprint=mark,
            shard=wishes.shard,
            options=asked._asdict(),
            said=said.packed(),
        )
        with closing(journal):
            try:
                journal.plan(checked.rows(), again=wishes.again)
                return _carry_out(context, settings, journal, plan, asked, reception)
            finally:
                if journal.state is State.PLANNING or journal.is_untouched:
                    journals.delete(store, journal.broadcast)  # the same command can begin anew


def resume(
    context: Context,
    beginning: str,
    reception: Reception,
    *,
    people: str | None,
    retry: Sequence[RowState],
    changes: dict[str, object],
) -> ExitCode:
    """Go on with a broadcast, as it was begun but for ``changes`` of its options. Rows in the states of
    ``retry`` are called once more."""
    settings = context.settings(reception.flags())
    of = settings.require(*CONNECTION)
    with Store(contexts.home(settings)) as store:
        broadcast = journals.find(store, beginning)
        if (broadcast.base_url, broadcast.subaccount) != (of["base_url"], of["subaccount_id"]):
            raise ConfigurationError(
                f"Broadcast {broadcast.id} is of subaccount {broadcast.subaccount} at {broadcast.base_url}.",
                hint="Go on with the settings that it was begun with.",
            )
        if not sealing.is_there(store.path.parent, broadcast.id):
            raise InvalidInput(
                f"Broadcast {broadcast.id} is done: 8x8 accepted all calls.",
                hint=f"voicecli broadcast results {broadcast.id} says what became of them.",
            )
        asked = Asked.from_options({**broadcast.options, **changes})
        where = people or broadcast.file or "-"
        if where == "-" and (context.stdin is None or context.stdin.isatty()):
            raise InvalidInput("The list came from a pipe: it has to come again.", hint="Pipe it in.")
        content = context.read_bytes(where, limit=lists.MAX_LIST)
        if placed.fingerprint(store, content) != broadcast.fingerprint:
            raise InvalidInput(
                f"The list has changed since broadcast {broadcast.id} was begun: nobody was called.",
                hint="Put it back as it was. voicecli broadcast results says who was called already.",
            )
        said = Said.unpacked(sealing.unseal(store.path.parent, broadcast.id, broadcast.sealed))
        plan = _plan(content, asked, said)
        with closing(Journal.open(store, broadcast)) as journal:
            journal.leave_nothing_sending()
            journal.becomes(State.OPEN)
            outcomes.settle(journal, asked.conduct())
            for state in retry:
                journal.plan_again(state)
            return _carry_out(context, settings, journal, plan, asked, reception)


def _plan(content: bytes, asked: Asked, said: Said) -> Plan:
    return Plan(
        lists.read(content),
        asked.script(said),
        callflow=said.document(),
        to_column=asked.to_column,
        region=asked.region,
    )


def _carry_out(
    context: Context,
    settings: Settings,
    journal: Journal,
    plan: Plan,
    asked: Asked,
    reception: Reception,
) -> ExitCode:
    """Call those who are left, show it, and tell how it ended."""
    home = contexts.home(settings)
    pace = Pace(home / PACE, asked.calls_per_second())
    client = AsyncClient(
        **settings.require(*CONNECTION),
        request_timeout=asked.request_timeout,
        connections=asked.concurrency,
    )
    view = View(context, journal)
    journal.reserve()
    engine = Engine(
        journal,
        client,
        pace,
        asked.conduct(),
        request=plan.request,
        hours=asked.hours(),
        do_not_call=_do_not_call(context, asked),
        spare_unsubscribed=not asked.call_unsubscribed,
        tell=view.tell,
        show=view.show,
    )

    async def work() -> None:
        async with AsyncExitStack() as stack:
            if asked.waits:
                await stack.enter_async_context(_reports(context, settings, asked, reception))
            await stack.enter_async_context(client)
            await engine.run()

    interrupted = False
    view.begin()
    try:
        interrupts.run(work())
    except KeyboardInterrupt:
        interrupted = True
    except OutputFailed as error:
        error.hint = f"{error.hint} {view.how_to_go_on}".strip()
        raise
    finally:
        with suppress(StoreFailed):  # what the last answers say of the pace matters to nobody now
            pace.close()
    if journal.is_finished and not (asked.waits and engine.tally.without_outcome):
        sealing.forget(home, journal.broadcast.id)
    return view.end(engine, interrupted=interrupted, waits=asked.waits)


def _reports(context: Context, settings: Settings, asked: Asked, reception: Reception) -> "Reports":
    from voicecli.listener.reports import Reports

    plan = listening_plan(context, settings, reception.way, register=True, force=reception.force)
    output = context.output
    registration = contexts.registration(context, settings, tell=output.warning)
    needed = ("VSS", "VCA") if asked.captures else ("VSS",)
    return Reports(plan, registration, needed, tell=output.note, failed=output.error)


def _do_not_call(context: Context, asked: Asked) -> frozenset[str]:
    if asked.do_not_call is None:
        return frozenset()
    return numbers_of(
        lists.read(context.read_bytes(asked.do_not_call, limit=lists.MAX_LIST)), region=asked.region
    )


def _checked(context: Context, store: Store, plan: Plan, asked: Asked, wishes: Wishes) -> Checked:
    spared = set() if asked.call_unsubscribed else unsubscribed.numbers(store)
    hours = asked.hours()

    @cache
    def is_never_open(zones: tuple[str, ...]) -> bool:
        return hours is not None and hours.open_at(zones, datetime.now(UTC)) is None

    def impossible(number: str) -> str:
        if hours is None:
            return ""
        zones = phone.time_zones(number)
        if not zones:
            return f"The time zone of {number} is not known."
        return f"No time is allowed in all time zones of {number}." if is_never_open(zones) else ""

    return check(
        plan,
        shard=wishes.shard,
        do_not_call=_do_not_call(context, asked),
        unsubscribed=spared,
        impossible=impossible,
    )


def _refusal(checked: Checked) -> InvalidInput:
    rows = "1 row" if checked.bad == 1 else f"{checked.bad:,} rows"
    return InvalidInput(
        f"{rows} of the list can't be called: nobody was called.",
        hint="Mend them, or call the others with --skip-invalid.",
        details={"rows": [{"line": line, "problem": words} for line, words in checked.problems]},
    )
