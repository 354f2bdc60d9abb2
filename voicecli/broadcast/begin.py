"""Begins a broadcast: validates the list and puts it into the journal, before anybody is called."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from voicecli.account import AccountId
from voicecli.at_most import AtMost
from voicecli.broadcast import same_list
from voicecli.broadcast.callee_hours import Zones
from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.lists.recipients import Recipients
from voicecli.broadcast.options import BroadcastOptions, Content, ReceiverOptions, SendOptions
from voicecli.broadcast.plan import Plan
from voicecli.broadcast.run import OpenBroadcast
from voicecli.broadcast.validation import ValidatedList, validate
from voicecli.calling.script import refuse_conflicts
from voicecli.errors import CalledTooOften, InvalidInput, PlacedBefore, quote
from voicecli.plurals import counted
from voicecli.store import broadcasts, contacts
from voicecli.store.broadcasts import BroadcastRow, LeftOut, RowState
from voicecli.store.engine import Store
from voicecli.store.journals import create_journal
from voicecli.store.opening import before_first_call

RESPONSE_TIME = 0.5  # seconds that 8x8 is assumed to need for an answer, where there is no --rate


def plan_broadcast(people: bytes | Recipients, options: BroadcastOptions, content: Content) -> Plan:
    """What each person on a list is to hear. Raises InvalidInput for what is wrong with all rows."""
    plan = Plan(
        options.read_list(people) if isinstance(people, bytes) else people,
        options.script(content),
        callflow=content.document(),
        to_column=options.to_column,
        region=options.region,
        any_number=options.any_number,
    )
    if options.vca_elsewhere:
        refuse_conflicts("--vca-elsewhere", options.script(content).questions())
        if not plan.has_question:
            raise InvalidInput("--vca-elsewhere has no effect on a callflow without a question.")
    return plan


class ClosedZones(NamedTuple):
    """How many people of the same time zones can't be called when the broadcast begins, and until when."""

    zones: Zones
    people: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A validated list, before the first call."""

    plan: Plan
    validated: ValidatedList
    options: BroadcastOptions
    send_options: SendOptions
    eligibility: Eligibility
    store: Store
    account: AccountId
    fingerprint: bytes
    sent_before: PlacedBefore | None = None
    """Why it is not sent, where this list was before and is not to be sent again."""

    def check(self) -> None:
        """Raises PlacedBefore where the list was sent before, and InvalidInput for bad rows that are not to
        be skipped, and where there is nobody to call."""
        if self.sent_before is not None:
            raise self.sent_before
        if self.validated.invalid and not self.send_options.skip_invalid:
            raise _refusal(self.plan, self.validated)
        if not len(self.validated) and self.too_often:
            raise CalledTooOften(
                f"Nobody who is left on this list may be called now, by --at-most {self.options.at_most}: "
                "nothing was sent.",
                hint="--dry-run says how many could be called later; --at-most none calls them anyway.",
                details={"atMost": self.options.at_most, "calledTooOften": self.too_often},
            )
        if not len(self.validated) and self.send_options.shard[1] == 1:
            raise InvalidInput("No row of this list is left to call.", hint="--dry-run says why.")

    @property
    def too_often(self) -> int:
        """How many people are left out for now since they were called so often: --at-most."""
        return sum(row.left_out is LeftOut.AT_MOST for row in self.validated.skipped.values())

    @property
    def duration(self) -> float:
        """How many seconds it takes to begin all calls, quiet hours apart."""
        options, calls = self.options, len(self.validated)
        if options.max_calls is not None:
            calls = min(calls, options.max_calls)
        return calls / (options.calls_per_second() or options.concurrency / RESPONSE_TIME)

    @property
    def first(self) -> BroadcastRow | None:
        """The first row that is called."""
        return next(self._planned_rows(), None)

    def left_out(self) -> Counter[LeftOut]:
        """How many people are not called for each reason, invalid rows apart."""
        return Counter(filter(None, (row.left_out for row in self.validated.skipped.values())))

    def closed_zones(self) -> list[ClosedZones]:
        """Where people can't be called when it begins, by the hours there; where most of them are first."""
        hours, start = self.eligibility.hours, self.send_options.start or datetime.now(UTC)
        return [
            ClosedZones(zones, people, hours.opening(zones, start))
            for zones, people in self.validated.zones.most_common()
            if not hours.is_open(zones, start)
        ]

    def _planned_rows(self) -> Iterator[BroadcastRow]:
        return (row for row in self.validated.rows() if row.state is RowState.PLANNED)

    @before_first_call()
    def start(
        self, content: Content, *, file: str = "", receiver: ReceiverOptions | None = None
    ) -> OpenBroadcast:
        """Put it into the journal, ``content`` sealed. ``file`` is where the list is, and ``receiver`` how
        reports get in: by them it can be resumed. Raises what ``check`` raises, and StoreFailed."""
        self.check()
        broadcasts.delete_unplanned(self.store)
        journal = create_journal(
            self.store,
            account=self.account,
            fingerprint=self.fingerprint,
            shard=self.send_options.shard,
            file=file,
            options={
                **self.options.kept(),
                **(receiver or ReceiverOptions()).kept(),
                same_list.LINES: self.plan.recipients.lines_digest,
            },
            content=content.packed(),
        )
        with ExitStack() as stack:
            opened = OpenBroadcast(journal, self.plan, self.options, self.eligibility, is_new=True)
            stack.enter_context(opened)
            journal.plan(self.validated.rows(), again=self.send_options.again)
            journal.reserve()
            stack.pop_all()
        return opened


@before_first_call()
def prepare_broadcast(
    store: Store,
    account: AccountId,
    people: bytes,
    plan: Plan,
    options: BroadcastOptions,
    send_options: SendOptions | None = None,
    do_not_call: frozenset[str] = frozenset(),
) -> Prepared:
    """Validate the list ``people``, whose plan that is. ``do_not_call`` has numbers (E.164) that are skipped.
    Nothing is raised for its rows yet, nor where the list was sent before: ``Prepared.check`` does."""
    send_options = send_options or SendOptions()
    eligibility = options.eligibility(do_not_call)
    eligibility.update(store)
    validated = validate(
        plan,
        eligibility=eligibility,
        shard=send_options.shard,
        skip_invalid=send_options.skip_invalid,
        all_faults=send_options.all_faults,
    )
    # The hash of the rows is known once all were read.
    fingerprint, *former = same_list.fingerprints(store, plan.recipients, people)
    sent_before = None
    try:
        if not send_options.again:
            broadcasts.refuse_repetition(
                store, account=account, fingerprints=[fingerprint, *former], shard=send_options.shard
            )
    except PlacedBefore as error:
        sent_before = error
    if (at_most := options.contact_limit()) is not None:
        validated.leave_out(_called_too_often(store, validated, at_most, send_options.start))
    return Prepared(
        plan, validated, options, send_options, eligibility, store, account, fingerprint, sent_before
    )


def _called_too_often(
    store: Store, validated: ValidatedList, at_most: AtMost, start: datetime | None
) -> dict[str, str]:
    """Who was called too often to be called when it begins, and why in words."""
    contacts.read_outcomes(store)
    planned = (row.destination for row in validated.rows() if row.state is RowState.PLANNED)
    found = contacts.called_too_often(store, planned, at_most)
    begins = 0.0 if start is None else start.timestamp() * 1e6
    return {number: last.reason(at_most) for number, last in found.items() if last.until > begins}


def _refusal(plan: Plan, validated: ValidatedList) -> InvalidInput:
    hint = "Correct them, or leave them out: --skip-invalid."
    if plan.option_columns:
        names = ", ".join(map(quote, plan.option_columns))
        hint += f" Columns with the name of an option set that option: {names}."
    return InvalidInput(
        f"{counted(validated.invalid, 'row')} of the list can't be called: nobody was called.",
        hint=f"{hint} {validated.advice}".strip(),
        details={"rows": [{"line": line, "problem": words} for line, words in validated.problems]},
    )
