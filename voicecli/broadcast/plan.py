"""What each person on a list is to hear, and whether all of it can be said."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from voicecli import interrupts, phone
from voicecli.broadcast.cells import apply_cells, option
from voicecli.broadcast.lists.recipients import Recipients, Record, column
from voicecli.broadcast.template import Form, Template
from voicecli.calling.script import ANYBODY, Script, refuse_conflicts
from voicecli.errors import InvalidInput
from voicecli.store.broadcasts import BroadcastRow
from voicecli.voice_api.callflow import CallRequest, request_from_json, spoken_texts

PHONE = "phone"  # the column that has the numbers, unless another one is named
OF_A_CALLFLOW = ("valid-for", "from")  # options that are left for a column to decide
MAX_SCRIPTS = 1_000  # different combinations of options in the rows that are kept at hand


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
        script = apply_cells(self._script, dict(zip(self._options, cells, strict=True)))
        script.check()
        return script


def _continues(document: object) -> bool:
    """Whether something stands behind the first question of a callflow of somebody's own."""
    from voicecli.voice_api.continuation import split_at_question

    actions = document.get("callflow") if isinstance(document, dict) else document
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        return False
    return bool(split_at_question(actions)[1])


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
