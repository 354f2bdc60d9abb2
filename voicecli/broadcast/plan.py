"""What each person on a list is to hear, and whether all of it can be said."""

import json
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from voicecli import interrupts, phone
from voicecli.broadcast.cells import option, with_cells
from voicecli.broadcast.lists.recipients import Recipients, Record, column
from voicecli.broadcast.template import Form, Template
from voicecli.calling.script import ANYBODY, Script, refuse_conflicts
from voicecli.errors import InvalidInput
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.voice_api.callflow import CallRequest, request_from_json, spoken_texts

PHONE = "phone"  # the column that has the numbers, unless another one is named
MAX_SEARCHED = 20  # problems that are looked into further
OF_A_CALLFLOW = ("valid-for", "from")  # options that are left for a column to decide
MAX_PROBLEMS = 1_000  # rows whose problem is kept; the others are counted
MAX_SCRIPTS = 1_000  # different combinations of options in the rows that are kept at hand
SKIPPED_BY_LIST = "it is on the do-not-call list"
SKIPPED_UNSUBSCRIBED = "it has unsubscribed"


class Plan:
    """A list, and a script whose text may name columns of it, or a ``callflow`` of somebody's own (JSON)
    whose texts may. Columns that are called like an option of ``voicecli call`` decide that option for their
    row, unless they are said; ``message`` does so where the script has no text.

    Raises InvalidInput for what is wrong with all rows."""

    def __init__(
        self,
        recipients: Recipients,
        script: Script,
        *,
        callflow: object = None,
        to_column: str | None = None,
        region: str | None = None,
        any_number: bool = False,
    ) -> None:
        self.recipients = recipients
        self._script = script
        self._region = region
        self._any_number = any_number
        columns = recipients.columns
        self._to = _index_of_number(columns, to_column)
        template = None if script.text is None else Template(script.text)
        form = None if callflow is None else Form(callflow)
        self.asks = script.captures or "sayAndCapture" in json.dumps(callflow)
        """Whether people are asked something, as far as that is known without the rows."""
        self.continues = script.captures or _continues(callflow)
        """Whether it says what follows the first question."""
        names = [*(template.names if template else ()), *(form.names if form else ())]
        self._used = [column(columns, name) for name in names]
        others = {i: name for i, name in enumerate(columns) if i != self._to and i not in self._used}
        self._region_column = _named(others, "region")
        options = {named: index for index, name in others.items() if (named := option(name))}
        spoken_by_row = template is None and form is None and script.play is None
        self._message = _named(others, "message") if spoken_by_row else None
        self._options = {name: i for name, i in options.items() if form is None or name in OF_A_CALLFLOW}
        self._render = None if template is None else template.bind(columns)
        self._fill = None if form is None else form.bind(columns)
        if form is not None:
            refuse_conflicts("--callflow", {"MESSAGE": script.text, "--play": script.play, **script.speech()})
        elif template is None and self._message is None and not (script.play or "play" in self._options):
            raise InvalidInput(
                "The message is missing.",
                hint="Give it as MESSAGE, with --file or --play, or in a column that is called message.",
            )
        self._with_options = lru_cache(MAX_SCRIPTS)(self._made)
        if region is not None:
            phone.check_region(region)
        if not self._options:
            self._made(())  # what is wrong with it is no row's fault

    @property
    def option_columns(self) -> Sequence[str]:
        """The columns that are taken for options."""
        special = [self._region_column, self._message, *self._options.values()]
        return [self.recipients.columns[index] for index in special if index is not None]

    def number(self, record: Record) -> str:
        """Whom it calls, in E.164. Raises InvalidInput."""
        region = self._region_column is not None and record.values[self._region_column]
        return phone.e164(record.values[self._to], region or self._region, any_number=self._any_number)

    def check(self, record: Record) -> float:
        """Whether that person can hear it; how long it takes to say, in seconds. Raises InvalidInput."""
        script, text = self._heard(record)
        if self._fill is not None:
            texts = spoken_texts(self._filled(script, record, ANYBODY, "check").callflow)
            return sum(map(script.seconds, texts))
        if text is None:
            return 0.0
        script.check_text(text)
        return script.seconds(text)

    def request(self, row: BroadcastRow, request_id: str) -> CallRequest:
        """The request for a row that was found to be fine. Raises InvalidInput."""
        record = self.recipients.at(row.line)
        script, text = self._heard(record)
        if self._fill is not None:
            return self._filled(script, record, row.destination, request_id)
        return script.request(row.destination, text=text, message_id=request_id)

    def _heard(self, record: Record) -> tuple[Script, str | None]:
        """How that person is called, and the text, None where it is no text. Raises InvalidInput."""
        values = record.values
        for index in self._used:
            if not values[index]:
                raise InvalidInput(f"{self.recipients.columns[index]} is empty.")
        script = self._with_options(tuple([values[index] for index in self._options.values()]))
        if script.play is not None or self._fill is not None:
            return script, None
        if self._render is not None:
            return script, self._render(values)
        return script, "" if self._message is None else values[self._message]

    def _filled(self, script: Script, record: Record, destination: str, request_id: str) -> CallRequest:
        """The request with a callflow of somebody's own."""
        document = None if self._fill is None else self._fill(record.values)
        to = phone.PhoneNumber(destination, "")
        return request_from_json(
            document,
            to=to,
            source=script.source,
            message_id=request_id,
            valid_for=script.valid_for,
            any_number=self._any_number,
        )

    def _made(self, cells: tuple[str, ...]) -> Script:
        """The script with these options, found to be possible."""
        script = with_cells(self._script, dict(zip(self._options, cells, strict=True)))
        script.check()
        return script


def _continues(document: object) -> bool:
    """Whether something stands behind the first question of a callflow of somebody's own."""
    from voicecli.voice_api.continuation import split_at_question

    actions = document.get("callflow") if isinstance(document, dict) else document
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        return False
    return bool(split_at_question(actions)[1])


class Problem(NamedTuple):
    """A row that can't be called, and why."""

    line: int
    words: str


@dataclass(slots=True)
class ValidatedList:
    """What was found out about a list before anybody is called. Counts are of this shard, but ``everybody``
    is of the whole list."""

    problems: list[Problem] = field(default_factory=list)  # the first ones, of the whole list
    bad: int = 0  # rows with a problem
    advice: str = ""  # what to do about the first of them whose error says so
    everybody: int = 0  # who could be called
    seconds: float = 0.0  # of speech, roughly; files that are played are not among it
    skipped: dict[int, tuple[str, str]] = field(default_factory=dict)  # by line: whom, and why not
    _lines: "array[int]" = field(default_factory=lambda: array("Q"))
    _numbers: "array[int]" = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        """How many are to be called."""
        return len(self._lines)

    @property
    def spared(self) -> int:
        """How many are not to be called although they could be."""
        return sum(number != "" for number, _ in self.skipped.values())

    def add(self, line: int, number: int, seconds: float) -> None:
        """Somebody to be called."""
        self._lines.append(line)
        self._numbers.append(number)
        self.seconds += seconds

    def line_of(self, number: int) -> int:
        """Where somebody is, 0 for nowhere. It takes milliseconds in a long list."""
        return self._lines[self._numbers.index(number)] if number in self._numbers else 0

    def rows(self) -> Iterator[BroadcastRow]:
        """For the journal, in no particular order."""
        for line, (destination, reason) in self.skipped.items():
            yield BroadcastRow(line, destination, RowState.SKIPPED, reason=reason)
        for line, number in zip(self._lines, self._numbers, strict=True):
            interrupts.check()
            yield BroadcastRow(line, f"+{number}", RowState.PLANNED)


def validate(
    plan: Plan,
    *,
    shard: tuple[int, int] = (1, 1),
    do_not_call: Collection[str] = frozenset(),
    unsubscribed: Collection[str] = frozenset(),
    impossible: Callable[[str], str] = lambda number: "",
    skip_invalid: bool = False,
) -> ValidatedList:
    """Look at every row. ``impossible`` says why a number can't be called at all, if so. With
    ``skip_invalid`` bad rows are among those that are skipped."""
    part, parts = shard
    found = ValidatedList()
    seen: set[int] = set()

    def bad(record: Record, words: str) -> None:
        found.bad += 1
        if len(found.problems) < MAX_PROBLEMS:
            found.problems.append(Problem(record.line, words))
        if skip_invalid and record.line % parts == part - 1:
            found.skipped[record.line] = ("", f"invalid: {words}")

    for record in plan.recipients:
        interrupts.check()
        if record.problem:
            bad(record, record.problem)
            continue
        try:
            destination = plan.number(record)
            seconds = plan.check(record)
        except InvalidInput as error:
            bad(record, error.message)
            found.advice = found.advice or _advice(error)
            continue
        number = int(destination[1:])
        if number in seen:
            where = found.line_of(number) if len(found.problems) < MAX_SEARCHED else 0
            bad(record, f"{destination} is on the list before{f', in line {where}' if where else ''}.")
            continue
        seen.add(number)
        if words := impossible(destination):
            bad(record, words)
            continue
        found.everybody += 1
        if parts > 1 and not is_in_shard(destination, shard):
            continue
        if destination in do_not_call:
            found.skipped[record.line] = (destination, SKIPPED_BY_LIST)
        elif destination in unsubscribed:
            found.skipped[record.line] = (destination, SKIPPED_UNSUBSCRIBED)
        else:
            found.add(record.line, number, seconds)
    return found


def _advice(error: InvalidInput) -> str:
    """What its hint says for a list: the rest is about a single call."""
    if "--any-number" in error.hint:
        return error.hint
    return (
        "For national numbers, name their country, such as --region FR." if "--region" in error.hint else ""
    )


def is_in_shard(destination: str, shard: tuple[int, int]) -> bool:
    """Whether a number (E.164) belongs to that part of a list, from 1: the same on every machine."""
    part, parts = shard
    digest = blake2b(destination.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % parts == part - 1


def _named(columns: Mapping[int, str], name: str) -> int | None:
    """The column of this name, whatever its case."""
    return next((index for index, column in columns.items() if column.strip().lower() == name), None)


def _index_of_number(columns: Sequence[str], wanted: str | None) -> int:
    """Raises InvalidInput."""
    if wanted is None and len(columns) == 1:
        return 0
    try:
        return column(columns, wanted or PHONE)
    except InvalidInput as error:
        if wanted is None:
            error.hint += " Say which one has the numbers, with --to-column."
        raise


def numbers_of(recipients: Recipients, *, region: str | None) -> frozenset[str]:
    """The numbers of a list that has nothing to say, such as one of those who are not to be called. Raises
    InvalidInput for one that can't be read: whoever it is would be called."""
    to = 0 if len(recipients.columns) == 1 else column(recipients.columns, PHONE)
    numbers = set()
    for record in recipients:
        interrupts.check()
        try:
            if record.problem:
                raise InvalidInput(record.problem)
            numbers.add(phone.e164(record.values[to], region, any_number=True))
        except InvalidInput as error:
            raise InvalidInput(
                f"Line {record.line} can't be read: {error.message}",
                hint="Correct or delete that line: nobody was called.",
            ) from error
    return frozenset(numbers)
