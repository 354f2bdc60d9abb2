"""Validates a list before the first call: which rows are called, which are skipped, and which are invalid."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import compress
from math import inf
from typing import NamedTuple

from voicecli import interrupts
from voicecli.broadcast.callee_hours import Zones
from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.lists.recipients import Record
from voicecli.broadcast.plan import Plan
from voicecli.errors import InvalidInput
from voicecli.store.broadcasts import BroadcastRow, LeftOut, RowState

MAX_PROBLEMS = 1_000  # rows whose problem is kept; the others are counted
MAX_SEARCHED = 20  # problems that are looked into further
MAX_KINDS = 100  # of problems that are told apart
EXAMPLES = 3  # of a kind
_VALUES = re.compile(
    r"""(?<!\w)'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|what was given \([^)]*\)|\+?\d+(?:[.,:/ -]\d+)*"""
)


class Problem(NamedTuple):
    """A row that can't be called, and why."""

    line: int
    problem: str


@dataclass(slots=True)
class Kind:
    """Problems that differ only in the values that they name, and the first of them."""

    count: int = 0
    examples: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class ValidatedList:
    """The rows of a list, validated. Counts are of this shard, but ``total`` is of the whole list."""

    problems: list[Problem] = field(default_factory=list)  # the first ones, of the whole list
    kinds: dict[str, Kind] = field(default_factory=dict)  # of all problems, by their words without values
    invalid: int = 0  # rows with a problem
    advice: str = ""  # a hint for the first of them that has one
    total: int = 0  # people who could be called
    seconds: float = 0.0  # of speech, roughly; files that are played are not among it
    skipped: dict[int, BroadcastRow] = field(default_factory=dict)  # by line, with their reasons
    _lines: "array[int]" = field(default_factory=lambda: array("Q"))
    _numbers: "array[int]" = field(default_factory=lambda: array("Q"))
    _zones: "array[int]" = field(default_factory=lambda: array("Q"))  # places in the next one
    _known_zones: dict[Zones, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many are called."""
        return len(self._lines)

    @property
    def lines(self) -> Sequence[int]:
        """Those of the rows that are called, in their order."""
        return self._lines

    @property
    def skipped_numbers(self) -> int:
        """How many valid numbers are not called."""
        return sum(row.destination != "" for row in self.skipped.values())

    @property
    def zones(self) -> Counter[Zones]:
        """How many who are called are in the same time zones; () where these don't matter."""
        known = [*self._known_zones]
        return Counter({known[place]: people for place, people in Counter(self._zones).items()})

    def add(self, line: int, number: int, zones: Zones, seconds: float) -> None:
        """A number to be called."""
        self._lines.append(line)
        self._numbers.append(number)
        self._zones.append(self._known_zones.setdefault(zones, len(self._known_zones)))
        self.seconds += seconds

    def refuse(self, problem: Problem, *, most: float) -> None:
        """A row that can't be called; of ``most`` rows the problem is kept."""
        self.invalid += 1
        if len(self.problems) < most:
            self.problems.append(problem)
        words = _VALUES.sub("…", problem.problem)
        kind = self.kinds.setdefault(
            words if words in self.kinds or len(self.kinds) < MAX_KINDS else "other problems", Kind()
        )
        kind.count += 1
        if len(kind.examples) < EXAMPLES:
            kind.examples.append(problem)

    def skip(self, line: int, destination: str, reason: str, left_out: LeftOut | None = None) -> None:
        """A row that is not called, and why; without a number (E.164) where it has no valid one."""
        self.skipped[line] = BroadcastRow(
            line, destination, RowState.SKIPPED, reason=reason, left_out=left_out
        )

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Numbers (E.164) that are not called for now after all, and why."""
        before = len(self)
        for line, number in zip(self._lines, self._numbers, strict=True):
            if reason := reasons.get(f"+{number}"):
                self.skip(line, f"+{number}", reason, LeftOut.AT_MOST)
        stays = [line not in self.skipped for line in self._lines]
        self._lines, self._numbers, self._zones = (
            array("Q", compress(values, stays)) for values in (self._lines, self._numbers, self._zones)
        )
        self.seconds *= len(self) / before if before else 1.0

    def line_of(self, number: int) -> int:
        """The line of a number, 0 for none. It takes milliseconds in a long list."""
        return self._lines[self._numbers.index(number)] if number in self._numbers else 0

    def rows(self) -> Iterator[BroadcastRow]:
        """For the journal, in no particular order."""
        yield from self.skipped.values()
        for line, number in zip(self._lines, self._numbers, strict=True):
            interrupts.check()
            yield BroadcastRow(line, f"+{number}", RowState.PLANNED)


def validate(
    plan: Plan,
    *,
    eligibility: Eligibility,
    shard: tuple[int, int],
    skip_invalid: bool,
    all_faults: bool = False,
) -> ValidatedList:
    """Look at every row. With ``skip_invalid`` bad rows are among those that are skipped, and with
    ``all_faults`` all problems are kept."""
    most = inf if all_faults else MAX_PROBLEMS
    part, parts = shard
    found = ValidatedList()
    seen: set[int] = set()

    def refuse(record: Record, problem: str, destination: str = "") -> None:
        found.refuse(Problem(record.line, problem), most=most)
        if skip_invalid and record.line % parts == part - 1:
            found.skip(record.line, destination, f"invalid: {problem}")

    for record in plan.recipients:
        interrupts.check()
        if record.problem:
            refuse(record, record.problem)
            continue
        try:
            destination = plan.number(record)
            seconds = plan.validate(record)
        except InvalidInput as error:
            refuse(record, error.message)
            found.advice = found.advice or _advice(error, plan, record)
            continue
        number = int(destination[1:])
        if number in seen:
            before = found.line_of(number) if len(found.problems) < MAX_SEARCHED else 0
            where = f", in {plan.recipients.unit} {before}" if before else ""
            refuse(record, f"{destination} is on the list before{where}.", destination)
            continue
        seen.add(number)
        zones = eligibility.hours.zones(destination)
        if never := eligibility.hours.never_open(destination, zones):
            refuse(record, never)
            continue
        found.total += 1
        if parts > 1 and not is_in_shard(destination, shard):
            continue
        if kind := eligibility.reason_to_skip([destination]):
            found.skip(record.line, destination, kind.words, kind)
        else:
            found.add(record.line, number, zones, seconds)
    return found


def _advice(error: InvalidInput, plan: Plan, record: Record) -> str:
    """The part of its hint that holds for a list: the rest is about a single call."""
    if "--any-number" in error.hint or "the column" in error.hint or "Excel" in error.hint:
        return error.hint
    if "begins with 00" in error.message:
        return "Write + in place of 00, or name the country where they are dialled so: --region FR."
    if "--region" not in error.hint:
        return ""
    if region := plan.likely_region(record):
        return f"National numbers need their country: probably --region {region}, that of the caller ID."
    return "National numbers need their country: --region FR."


def is_in_shard(destination: str, shard: tuple[int, int]) -> bool:
    """Whether a number (E.164) belongs to that part of a list, from 1: the same on every machine."""
    part, parts = shard
    digest = blake2b(destination.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % parts == part - 1
