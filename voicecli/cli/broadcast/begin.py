"""Sends a broadcast, or goes on with one: from what was asked to the last line on the screen."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, closing, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from voicecli import phone
from voicecli.account import AccountId
from voicecli.broadcast import contents, outcomes
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.lists import recipients as lists
from voicecli.broadcast.options import BroadcastOptions, Content
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.plan import Plan, ValidatedList, numbers_of, validate
from voicecli.calling.message import refuse_conflicts
from voicecli.cli import interrupts, wiring
from voicecli.cli.broadcast.preview import agreed, dry_run, show_problems
from voicecli.cli.broadcast.view import View
from voicecli.cli.call.arguments import json_document
from voicecli.cli.context import CONNECTION, Context
from voicecli.cli.exit_codes import ExitCode, fail
from voicecli.errors import ConfigurationError, InvalidInput, OutputFailed, StoreFailed, VoicecliError, quoted
from voicecli.listener.public_access import PublicAccess
from voicecli.listener.staying import EndRequests
from voicecli.settings import Settings
from voicecli.store import broadcasts as journals
from voicecli.store import keys, unsubscribed
from voicecli.store.broadcasts import Broadcast, RowState, State
from voicecli.store.journal import Journal, create
from voicecli.store.outcomes import take_in_if_possible
from voicecli.store.sqlite import Store
from voicecli.voice_api.async_client import AsyncClient

if TYPE_CHECKING:
    from voicecli.listener.reports import Reports

_KEPT_OF_THE_WAY = ("domain", "public_url", "ngrok_config", "install_ngrok")
PACE = "pace"  # the file that all broadcasts of this machine share


class ReceiverOptions(NamedTuple):
    """How reports of the outcomes get in, where they are waited for."""

    way: PublicAccess
    port: str | None
    force: bool

    @classmethod
    def from_options(cls, kept: Mapping[str, object]) -> "ReceiverOptions":
        """As the journal has it."""
        known = {name: value for name, value in kept.items() if name in _KEPT_OF_THE_WAY}
        if known.get("ngrok_config") is not None:
            known["ngrok_config"] = Path(str(known["ngrok_config"]))
        return cls(PublicAccess(**known), kept.get("port"), bool(kept.get("force")))  # type: ignore[arg-type]

    def options(self) -> dict[str, object]:
        """For the journal: another process goes on with it in the same way."""
        way = self.way._asdict()
        config = None if self.way.ngrok_config is None else str(self.way.ngrok_config.resolve())
        kept = {name: way[name] for name in _KEPT_OF_THE_WAY} | {"ngrok_config": config}
        return {**kept, "port": self.port, "force": self.force}

    def flags(self) -> dict[str, str | None]:
        """As the settings take them."""
        return {"port": self.port, "public_url": self.way.domain}


class _List(TypedDict):
    """By which it is recognised."""

    account: AccountId
    fingerprint: bytes
    shard: tuple[int, int]


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
    said: Content,
    asked: BroadcastOptions,
    wishes: Wishes,
    reception: ReceiverOptions,
    *,
    source: str | None,
    message_file: str | None,
    callflow_file: str | None,
) -> ExitCode:
    """Begin a broadcast. Raises InvalidInput where not all of it can be sent, and before anybody is called;
    PlacedBefore where this list was sent before; what keeps it from being carried out."""
    flags = {"source": source, "voice_profile": asked.voice, **reception.flags()}
    settings = context.settings(flags)
    values = settings.require(*CONNECTION, "source", "voice_profile")
    if said.play is None and callflow_file is None:
        asked = asked._replace(voice=values["voice_profile"])
    asked = asked._replace(source=values["source"])
    asked.hours(), asked.calls_per_second()  # may be wrong
    readers = {"--callflow": callflow_file, "--do-not-call": asked.do_not_call}
    _refuse_two_readers({"the list": people, "the message": message_file or said.text, **readers})
    said = _said(context, said, message_file, callflow_file)
    do_not_call = _do_not_call(context, asked)
    if asked.do_not_call not in (None, "-"):
        asked = asked._replace(do_not_call=str(Path(asked.do_not_call).resolve()))
    content = _list(context, people)
    plan = _plan(content, asked, said)
    if asked.vca_elsewhere:
        refuse_conflicts("--vca-elsewhere", {"--confirm": asked.confirm, "--digits": asked.digits})
        if not plan.asks:
            raise InvalidInput("--vca-elsewhere has no effect on a callflow without a question.")
    with Store(wiring.home(settings)) as store:
        mark = keys.fingerprint(store, content)
        of = _List(account=wiring.account(settings).identity, fingerprint=mark, shard=wishes.shard)
        if not wishes.again:
            journals.refuse_repetition(store, **of)
        checked = _checked(store, plan, asked, wishes, do_not_call)
        if checked.bad:
            show_problems(context, checked)
            if not wishes.skip_invalid and not wishes.dry_run:
                raise _refusal(plan, checked)
        if wishes.dry_run:
            return dry_run(
                context, settings, plan, checked, asked, wishes.shard, skip_invalid=wishes.skip_invalid
            )
        _see_that_it_is_wanted(context, settings, plan, checked, wishes)
        journals.sweep(store)
        journal = create(
            store,
            **of,
            file="" if people == "-" else str(Path(people).resolve()),
            options={**asked._asdict(), **reception.options()},
            said=said.packed(),
        )
        with closing(journal):
            try:
                journal.plan(checked.rows(), again=wishes.again)
                return _carry_out(context, settings, journal, plan, asked, reception, do_not_call)
            finally:
                with suppress(VoicecliError, OSError):  # then it can be resumed
                    if journal.state is State.PLANNING or journal.is_untouched:
                        journals.delete(store, journal.broadcast)  # the same command can begin anew


def _see_that_it_is_wanted(
    context: Context, settings: Settings, plan: Plan, checked: ValidatedList, wishes: Wishes
) -> None:
    """Raises InvalidInput."""
    if not len(checked) and wishes.shard[1] == 1:
        raise InvalidInput("Nobody on this list is to be called.", hint="--dry-run says more.")
    if plan.option_columns:
        context.output.note(f"Columns taken for options: {', '.join(plan.option_columns)}.")
    agreed(context, settings, checked, yes=wishes.yes)
    context.output.progress(f"Planning {len(checked):,} calls")


def _list(context: Context, people: str) -> bytes:
    try:
        return context.read_bytes(people, limit=lists.MAX_LIST)
    except InvalidInput as error:
        error.hint = "What is none of the commands in voicecli broadcast --help is taken for a list."
        raise


def _refuse_two_readers(paths: Mapping[str, str | None]) -> None:
    """Standard input can be read once."""
    if len(readers := [name for name, path in paths.items() if path == "-"]) > 1:
        raise InvalidInput(
            f"Only one of these can come from standard input: {', '.join(readers)}.",
            hint="Put the others into files.",
        )


def _said(context: Context, said: Content, message_file: str | None, callflow_file: str | None) -> Content:
    """With what is in files. Raises InvalidInput."""
    if message_file is not None:
        refuse_conflicts("--file", {"MESSAGE": said.text})
    path = "-" if said.text == "-" else message_file
    if path is not None:
        said = said._replace(text=context.read_text(path).rstrip("\r\n"))
    if callflow_file is not None:
        document = json_document(context.read_text(callflow_file), callflow_file)
        said = said._replace(callflow=json.dumps(document))
    return said


def resume(
    context: Context,
    beginning: str,
    reception: ReceiverOptions,
    *,
    people: str | None,
    retry: Sequence[RowState],
    changes: dict[str, object],
) -> ExitCode:
    """Go on with a broadcast, as it was begun but for ``changes`` of its options. Rows in the states of
    ``retry`` are called once more."""
    settings = context.settings(reception.flags())
    settings.require(*CONNECTION)
    with Store(wiring.home(settings)) as store:
        broadcast = journals.find(store, beginning)
        if broadcast.account != wiring.account(settings).identity:
            raise ConfigurationError(
                f"Broadcast {broadcast.id} is of subaccount {broadcast.subaccount} at {broadcast.service}.",
                hint="Go on with the settings that it was begun with.",
            )
        with closing(Journal.open(store, broadcast)) as journal:
            if not contents.is_kept(store, broadcast) and journal.is_finished:
                raise InvalidInput(
                    f"Broadcast {broadcast.id} is done: 8x8 accepted all calls.",
                    hint=f"voicecli broadcast results {broadcast.id} says what became of them.",
                )
            journal.becomes(State.OPEN)  # from here on it can be stopped
            journal.leave_nothing_sending()
            asked = BroadcastOptions.from_options({**broadcast.options, **changes})
            if reception == ReceiverOptions(PublicAccess(), None, force=False):
                reception = ReceiverOptions.from_options(broadcast.options)
                settings = context.settings(reception.flags())
            try:
                content = _same_list(context, store, broadcast, people)
                said = Content.unpacked(contents.read(store, broadcast))
                plan = _plan(content, asked, said)
                do_not_call = _do_not_call_again(context, asked)
            except VoicecliError:
                if journal.state is State.OPEN:  # and not stopped meanwhile
                    journal.becomes(broadcast.state)
                raise
            outcomes.settle(journal, asked.policy())
            if asked.max_calls is None:
                asked = asked._replace(max_calls=_calls_left(journal))
            for state in retry:
                journal.plan_again(state)
            return _carry_out(context, settings, journal, plan, asked, reception, do_not_call)


def _plan(content: bytes, asked: BroadcastOptions, said: Content) -> Plan:
    return Plan(
        lists.read(content),
        asked.script(said),
        callflow=said.document(),
        to_column=asked.to_column,
        region=asked.region,
        any_number=asked.any_number,
    )


def _same_list(context: Context, store: Store, broadcast: Broadcast, people: str | None) -> bytes:
    """The list once more. Raises InvalidInput."""
    where = people or broadcast.file or "-"
    command = f"voicecli broadcast resume {broadcast.id}"
    missing = InvalidInput(
        "The list came from a pipe: it has to come again.",
        hint=f"Pipe it in again, or give it as a file: {command} FILE",
    )
    if where == "-" and (context.stdin is None or context.stdin.isatty()):
        raise missing
    try:
        content = context.read_bytes(where, limit=lists.MAX_LIST)
    except InvalidInput as error:
        error.hint = f"If the list is somewhere else now: {command} FILE"
        raise
    if where == "-" and not content:
        raise missing
    if keys.fingerprint(store, content) != broadcast.fingerprint:
        raise InvalidInput(
            f"The list has changed since broadcast {broadcast.id} was begun: nobody was called.",
            hint="Put it back as it was. voicecli broadcast results says who was called already.",
        )
    return content


def _calls_left(journal: Journal) -> int | None:
    """An interruption does not lift --max-calls; but once as many were made, to resume is to call the
    others."""
    most = BroadcastOptions.from_options(journal.broadcast.options).max_calls
    left = 0 if most is None else most - journal.attempts
    return left if left > 0 else None


def _carry_out(
    context: Context,
    settings: Settings,
    journal: Journal,
    plan: Plan,
    asked: BroadcastOptions,
    reception: ReceiverOptions,
    do_not_call: frozenset[str],
) -> ExitCode:
    """Call those who are left, show it, and tell how it ended."""
    home = wiring.home(settings)
    elsewhere = asked.vca_elsewhere
    if plan.asks and not asked.captures and not elsewhere:
        from voicecli.calling.question_receivers import application_answers

        with wiring.subaccount_client(context, settings) as asking:
            elsewhere = application_answers(
                asking,
                home,
                continues=plan.continues,
                waits=asked.waits,
                notify=context.output.note,
                warn=context.output.warning,
            )
    pace = Pace(home / PACE, asked.calls_per_second())
    client = AsyncClient(
        **settings.require(*CONNECTION),
        request_timeout=asked.request_timeout,
        connections=asked.concurrency,
    )
    view = View(context, journal)
    journal.reserve()
    reports: Reports | None = None

    def why_wait() -> str:
        if reports is None or not plan.asks or elsewhere or not reports.receiver.is_nobody:
            return ""
        return f"Nobody receives what people press. {reports.receiver.words}"

    engine = Engine(
        journal,
        client,
        pace,
        asked.policy(),
        request=plan.request,
        hours=asked.hours(),
        do_not_call=do_not_call,
        spare_unsubscribed=not asked.call_unsubscribed,
        why_wait=why_wait,
        vca_elsewhere=elsewhere,
        tell=view.tell,
        show=view.show,
    )

    requests = EndRequests()
    code: ExitCode | None = None  # once the end is shown

    def end(*, interrupted: bool) -> ExitCode:
        with suppress(StoreFailed, OSError):  # then it stays, sealed, until prune deletes the broadcast
            if journal.is_finished and not (asked.waits and engine.counts.without_outcome):
                contents.forget(journal.store, journal.broadcast)
        try:
            return view.end(engine, interrupted=interrupted, waits=asked.waits)
        except OutputFailed:
            raise
        except VoicecliError as error:
            return fail(context, error)

    async def work() -> ExitCode:
        nonlocal code, reports
        async with AsyncExitStack() as stack:
            if asked.waits:
                way, force = reception.way, reception.force
                listening = wiring.listening_plan(context, settings, way, register=True, force=force)
                reports = wiring.reports(
                    context, settings, listening, digits=plan.asks and not elsewhere, requests=requests
                )
                await stack.enter_async_context(reports)
            await stack.enter_async_context(client)
            try:
                await engine.run()
                await view.caught_up()
            except asyncio.CancelledError:
                code = end(interrupted=True)
                raise
            return end(interrupted=False)  # before the listener ends, which may have to stay

    view.begin()
    try:
        try:
            with context.output.in_background(lambda: bool(requests)):
                return interrupts.run(work(), requests)
        except KeyboardInterrupt:
            code = end(interrupted=True) if code is None else code
            context.output.see_that_it_was_read()
            return code
    except OutputFailed as error:
        error.hint = f"{error.hint} {view.how_to_go_on}".strip()
        raise
    finally:
        with suppress(VoicecliError, OSError):  # what the last answers say of the pace matters to nobody now
            pace.close()
        if plan.asks:
            take_in_if_possible(journal.store)  # the callflows that are sealed in it are not needed any more


def _do_not_call(context: Context, asked: BroadcastOptions) -> frozenset[str]:
    """Raises InvalidInput where it can't be read: whoever is on it would be called."""
    if asked.do_not_call is None:
        return frozenset()
    content = context.read_bytes(asked.do_not_call, limit=lists.MAX_LIST)
    try:
        return numbers_of(lists.read(content), region=asked.region)
    except InvalidInput as error:
        raise InvalidInput(f"--do-not-call: {error.message}", hint=error.hint) from error


def _do_not_call_again(context: Context, asked: BroadcastOptions) -> frozenset[str]:
    """As it is by now, if it is there: those who were on it in the beginning are not called anyway."""
    gone = asked.do_not_call == "-"
    if asked.do_not_call and not gone and not Path(asked.do_not_call).exists():
        context.output.warning(f"{asked.do_not_call} is gone: those who were on it are not called.")
        gone = True
    return frozenset() if gone else _do_not_call(context, asked)


def _checked(
    store: Store, plan: Plan, asked: BroadcastOptions, wishes: Wishes, do_not_call: frozenset[str]
) -> ValidatedList:
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

    return validate(
        plan,
        shard=wishes.shard,
        do_not_call=do_not_call,
        unsubscribed=spared,
        impossible=impossible,
        skip_invalid=wishes.skip_invalid,
    )


def _refusal(plan: Plan, checked: ValidatedList) -> InvalidInput:
    rows = "1 row" if checked.bad == 1 else f"{checked.bad:,} rows"
    hint = "Mend them, or call the others with --skip-invalid."
    if plan.option_columns:
        names = ", ".join(map(quoted, plan.option_columns))
        hint += f" A column of the list that is called like an option decides it: {names}."
    return InvalidInput(
        f"{rows} of the list can't be called: nobody was called.",
        hint=f"{hint} {checked.advice}".strip(),
        details={"rows": [{"line": line, "problem": words} for line, words in checked.problems]},
    )
