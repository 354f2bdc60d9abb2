"""Begins a broadcast: validates the list and puts it into the journal, before anybody is called."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from voicecli.account import AccountId
from voicecli.at_most import AtMost
from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.lists import recipients as lists
from voicecli.broadcast.options import BroadcastOptions, Content, ReceiverOptions, SendOptions
from voicecli.broadcast.plan import Plan
from voicecli.broadcast.run import OpenBroadcast
from voicecli.broadcast.validation import ValidatedList, validate
from voicecli.calling.script import refuse_conflicts
from voicecli.errors import CalledTooOften, InvalidInput, quote
from voicecli.plurals import counted
from voicecli.store import broadcasts, contacts, former_keys
from voicecli.store.broadcasts import RowState
from voicecli.store.engine import Store
from voicecli.store.journals import create_journal

RESPONSE_TIME = 0.5  # seconds that 8x8 is assumed to need for an answer, where there is no --rate


def plan_broadcast(people: bytes, options: BroadcastOptions, content: Content) -> Plan:
    """What each person on a list is to hear. Raises InvalidInput for what is wrong with all rows."""
    plan = Plan(
        lists.read(people),
        options.script(content),
        callflow=content.document(),
        to_column=options.to_column,
        region=options.region,
        any_number=options.any_number,
    )
    if options.vca_elsewhere:
        refuse_conflicts("--vca-elsewhere", {"--confirm": options.confirm, "--digits": options.digits})
        if not plan.has_question:
            raise InvalidInput("--vca-elsewhere has no effect on a callflow without a question.")
    return plan


class QuietPeople(NamedTuple):
    """How many can't be called now, for quiet hours, and when the first of them can."""

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

    def check(self) -> None:
        """Raises InvalidInput for bad rows that are not to be skipped, and where there is nobody to call."""
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
        return sum(contacts.is_left_out(reason) for _, reason in self.validated.skipped.values())

    @property
    def duration(self) -> float:
        """How many seconds it takes to begin all calls, quiet hours apart."""
        options = self.options
        return len(self.validated) / (options.calls_per_second() or options.concurrency / RESPONSE_TIME)

    def quiet_people(self) -> QuietPeople:
        """Who can't be called now, by the hours where they are."""
        planned = (row for row in self.validated.rows() if row.state is RowState.PLANNED)
        quiet = [self.eligibility.hours.quiet_zones(row.destination) for row in planned]
        closed = [zones for zones in quiet if zones is not None]
        return QuietPeople(len(closed), self.eligibility.hours.next_opening(set(closed)))

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
            options={**self.options.kept(), **(receiver or ReceiverOptions()).kept()},
            content=content.packed(),
        )
        with ExitStack() as stack:
            opened = OpenBroadcast(journal, self.plan, self.options, self.eligibility, is_new=True)
            stack.enter_context(opened)
            journal.plan(self.validated.rows(), again=self.send_options.again)
            journal.reserve()
            stack.pop_all()
        return opened


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
    Raises PlacedBefore where this list was sent before, unless it is to be sent again."""
    send_options = send_options or SendOptions()
    fingerprint, *former = former_keys.fingerprints(store, people)
    if not send_options.again:
        broadcasts.refuse_repetition(
            store, account=account, fingerprints=[fingerprint, *former], shard=send_options.shard
        )
    eligibility = options.eligibility(do_not_call)
    eligibility.update(store)
    validated = validate(
        plan, eligibility=eligibility, shard=send_options.shard, skip_invalid=send_options.skip_invalid
    )
    if (at_most := options.contact_limit()) is not None:
        validated.leave_out(_called_too_often(store, validated, at_most))
    return Prepared(plan, validated, options, send_options, eligibility, store, account, fingerprint)


def _called_too_often(store: Store, validated: ValidatedList, at_most: AtMost) -> dict[str, str]:
    """Who was called too often to be called now, and why in words."""
    contacts.read_outcomes(store)
    planned = (row.destination for row in validated.rows() if row.state is RowState.PLANNED)
    found = contacts.called_too_often(store, planned, at_most)
    return {number: last.reason(at_most) for number, last in found.items()}


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
