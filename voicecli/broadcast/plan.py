"""The request for each row of a list: whom it calls, and what they hear."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from voicecli import interrupts, phone
from voicecli.account import DEFAULT_VOICE
from voicecli.broadcast.amounts import date_mark, for_voice
from voicecli.broadcast.cells import COLUMNS, apply_cells, option_of_column
from voicecli.broadcast.lists.phone_column import find_phone_column
from voicecli.broadcast.lists.recipients import Recipients, Record
from voicecli.broadcast.lists.sheet_cells import CellKind
from voicecli.broadcast.template import CallflowTemplate, Template, placeholder
from voicecli.calling.script import ANYBODY, Script, refuse_conflicts
from voicecli.errors import InvalidInput
from voicecli.quiet_hours import refuse_hours
from voicecli.store.broadcasts import BroadcastRow
from voicecli.voice_api.callflow import CallRequest, request_from_json, spoken_texts, voices
from voicecli.voice_api.callflow_rules import split_at_question
from voicecli.voice_api.spelled_out import spell_out

CALLFLOW_OPTIONS = ("valid-for", "from")  # options that are left for a column to decide
MAX_SCRIPTS = 1_000  # different combinations of options in the rows that are kept at hand


class Plan:
    """A list, and a script whose text may have columns of it as placeholders, or a ``callflow`` of the user's
    own (JSON) whose texts may. A column with the name of an option of ``voicecli call`` sets that option for
    its row, unless it is a placeholder; a column ``message`` is the text where the script has none.

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
        template = None if script.text is None else Template(script.text)
        thanks = None if script.thanks is None else Template(script.thanks)
        own_callflow = None if callflow is None else CallflowTemplate(callflow)
        self.has_question = script.captures or "sayAndCapture" in json.dumps(callflow)
        """Whether the calls ask for digits."""
        self.has_continuation = script.captures or _has_continuation(callflow)
        """Whether something follows the first question."""
        names = [name for part in (template, thanks, own_callflow) if part for name in part.names]
        try:
            self._phone_column = find_phone_column(columns, to_column)
        except InvalidInput as error:
            if to_column is None:
                error.hint += " Say which one has the numbers, with --to-column."
            raise
        self._placeholders = [placeholder(columns, name) for name in names]
        self._placeholder_columns = [place.column for place in self._placeholders]
        used = {self._phone_column, *self._placeholder_columns}
        others = {index: name for index, name in enumerate(columns) if index not in used}
        self._region_column = column_of(others, "region")
        options = {option: index for index, name in others.items() if (option := option_of_column(name))}
        allowed = COLUMNS if own_callflow is None else CALLFLOW_OPTIONS
        self._options = {option: index for option, index in options.items() if option in allowed}
        if own_callflow is not None:
            refuse_conflicts("--callflow", {"MESSAGE": script.text, "--play": script.play, **script.speech()})
        has_content = template is not None or own_callflow is not None or script.play is not None
        self._message_column = None if has_content else column_of(others, "message")
        if not has_content and self._message_column is None and "play" not in self._options:
            raise InvalidInput(
                "The message is missing.",
                hint="Give it as MESSAGE, by --file or --play, or in a column called message.",
            )
        self._used_columns = {*used, *self._options.values()} | {
            index for index in (self._region_column, self._message_column) if index is not None
        }
        self.voices: set[str] = set()
        """Those that the rows looked at so far are spoken with."""
        self._render_text = None if template is None else template.bind(columns)
        self._render_thanks = None if thanks is None else thanks.bind(columns)
        self._render_callflow = None if own_callflow is None else own_callflow.bind(columns)
        self._with_options = lru_cache(MAX_SCRIPTS)(self._validated_script)
        if region is not None:
            phone.check_region(region)
        if not self._options:
            self._validated_script(())  # what is wrong with it is no row's fault
        if self._render_text is not None and template is not None and not template.names:
            replace(self._script, spell_digits=False).check_text(self._render_text(()))

    @property
    def option_columns(self) -> Sequence[str]:
        """The columns that set options."""
        special = [self._region_column, self._message_column, *self._options.values()]
        return [self.recipients.columns[index] for index in special if index is not None]

    def number(self, record: Record) -> str:
        """The number that is called, in E.164. Raises InvalidInput."""
        columns = self._phone_column, self._region_column
        return number_of(record, *columns, region=self._region, any_number=self._any_number)

    def likely_region(self, record: Record) -> str:
        """The region of the caller ID, where the record's number is a national one there; else empty."""
        try:
            region = phone.parse(self._script.source).region
            phone.parse(phone_text(record, self._phone_column), region)
        except InvalidInput:
            return ""
        return region

    def validate(self, record: Record) -> float:
        """How long it takes to say what this record hears, in seconds. Raises InvalidInput where it can't be
        said."""
        script, text = self._script_and_text(record)
        if self._render_callflow is not None:
            actions = self._callflow_request(script, record, ANYBODY, "check").callflow
            self.voices.update(voices(actions))
            return sum(map(script.seconds, spoken_texts(actions)))
        if text is None:
            return 0.0
        if ":" in text:  # without one it may be a code
            refuse_hours(text, spans_only=True)
        if script.thanks is not None:
            script.check_thanks()
        return script.seconds(script.check_text(text))

    def texts(self, record: Record) -> list[str]:
        """What this record hears, with what the list says is spelled out. Raises InvalidInput."""
        script, text = self._script_and_text(record)
        if self._render_callflow is not None:
            document = self._render_callflow(record.values)
            actions = document.get("callflow") if isinstance(document, dict) else document
            return list(spoken_texts(actions if isinstance(actions, list) else ()))
        return [part for part in (text, script.thanks) if part]

    def spelled_out(self, record: Record) -> dict[str, str]:
        """The codes that this record hears spelled out, and how. Raises InvalidInput."""
        script, _ = self._script_and_text(record)
        found = {
            record.values[place.column]: place.value(record.values)
            for place in self._placeholders
            if place.is_spelled
        }
        if script.spell_digits:
            from voicecli.voice_api.plain_codes import find_codes

            codes = (code[0] for text in self.texts(record) for code in find_codes(text))
            found |= {code: spell_out(code) for code in codes}
        return found

    def request(self, row: BroadcastRow, request_id: str) -> CallRequest:
        """The request for a row whose record is valid. Raises InvalidInput."""
        record = self.recipients.at(row.line)
        script, text = self._script_and_text(record)
        if self._render_callflow is not None:
            return self._callflow_request(script, record, row.destination, request_id)
        return script.request(row.destination, text=text, message_id=request_id)

    def _script_and_text(self, record: Record) -> tuple[Script, str | None]:
        """The script for a record, and its text; None where a file or a callflow is played. Raises
        InvalidInput."""
        values = record.values
        for index in record.cells:
            if index in self._used_columns:
                record.cells[index].check()
        for index in self._placeholder_columns:
            if not values[index]:
                raise InvalidInput(f"{self.recipients.columns[index]} is empty.")
        script = self._with_options(tuple([values[index] for index in self._options.values()]))
        if record.cells:
            values = _spoken_values(record, script)
        if self._render_thanks is not None and script.thanks is self._script.thanks:  # no column has others
            script = replace(script, thanks=self._render_thanks(values))
        if script.play is not None or self._render_callflow is not None:
            return script, None
        if self._render_text is not None:
            return script, self._render_text(values)
        return script, "" if self._message_column is None else values[self._message_column]

    def _callflow_request(
        self, script: Script, record: Record, destination: str, request_id: str
    ) -> CallRequest:
        """The request with the user's own callflow."""
        document = None if self._render_callflow is None else self._render_callflow(record.values)
        to = phone.PhoneNumber(destination, "")
        return request_from_json(
            document,
            to=to,
            source=script.source,
            message_id=request_id,
            valid_for=script.valid_for,
            any_number=self._any_number,
        )

    def _validated_script(self, cells: tuple[str, ...]) -> Script:
        """The script with these options. Raises InvalidInput."""
        script = apply_cells(self._script, dict(zip(self._options, cells, strict=True)))
        script.check()
        if script.play is None and self._render_callflow is None:
            self.voices.add(script.voice or DEFAULT_VOICE)
        return script


def phone_text(record: Record, column: int) -> str:
    """The number as a record has it, without the marks that a sheet shows in it. Raises InvalidInput."""
    cell = record.cells.get(column)
    return record.values[column] if cell is None else cell.phone_number()


def number_of(
    record: Record, phone_column: int, region_column: int | None, *, region: str | None, any_number: bool
) -> str:
    """The number of a record, in E.164; ``region`` is for those whose own column has none. Raises
    InvalidInput."""
    own = "" if region_column is None else record.values[region_column]
    return phone.e164(phone_text(record, phone_column), own or region, any_number=any_number)


def _spoken_values(record: Record, script: Script) -> Sequence[str]:
    """With amounts and dates as the voice reads them."""
    voice, values = script.voice or DEFAULT_VOICE, [*record.values]
    for index, cell in record.cells.items():
        match cell.kind:
            case CellKind.NUMBER:
                values[index] = for_voice(values[index], voice)
            case CellKind.LOCAL_DATE:
                values[index] = values[index].replace("/", date_mark(voice))
    return values


def _has_continuation(document: object) -> bool:
    """Whether something follows the first question of the user's own callflow."""
    actions = document.get("callflow") if isinstance(document, dict) else document
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        return False
    return bool(split_at_question(actions)[1])


def column_of(columns: Mapping[int, str], name: str) -> int | None:
    """The column of this name, whatever its case."""
    return next((index for index, column in columns.items() if column.strip().lower() == name), None)


def numbers_of(recipients: Recipients, *, region: str | None) -> frozenset[str]:
    """The numbers of a list such as a do-not-call list: a national one both as ``region`` and as a column
    ``region`` would have it, which may also name other regions. Raises InvalidInput for a number that can't
    be read: it would be called."""
    columns = recipients.columns
    phone_column, region_column = find_phone_column(columns), column_of(dict(enumerate(columns)), "region")
    numbers: set[str] = set()
    for record in recipients:
        interrupts.check()
        try:
            if record.problem:
                raise InvalidInput(record.problem)
            own = "" if region_column is None else record.values[region_column]
            numbers |= _read_with(phone_text(record, phone_column), region, own or region)
        except InvalidInput as error:
            raise InvalidInput(
                f"{recipients.unit.title()} {record.line} can't be read: {error.message}",
                hint=f"Correct or delete that {recipients.unit}: nobody was called.",
            ) from error
    return frozenset(numbers)


def _read_with(text: str, *regions: str | None) -> set[str]:
    """Whom a number may mean, by these regions. Raises InvalidInput where it is a number in none of them."""
    found, problems = set(), []
    for region in dict.fromkeys(regions):
        try:
            found.add(phone.e164(text, region, any_number=True))
        except InvalidInput as error:
            problems.append(error)
    if not found:
        raise problems[0]
    return found
