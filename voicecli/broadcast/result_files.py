"""The results of a broadcast as files."""

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from voicecli.broadcast.lists.separated import RESULT_COLUMNS
from voicecli.broadcast.report_reading import read_report
from voicecli.broadcast.results import Result, Results
from voicecli.broadcast.status import row_data
from voicecli.output import json_text, table_files
from voicecli.output.table_files import Sheet, Value
from voicecli.sessions.key_names import KeyNames, answers_of, answers_text


def pieces(
    form: str, results: Results, rows: Iterable[Result], *, excel: bool = False, raw: bool = False
) -> Iterator[bytes]:
    """Rows of these results as .csv or .jsonl. Excel gets the delimiter of the list, else semicolons, and a
    byte order mark. Cells that a spreadsheet would run get an apostrophe, unless they are to be ``raw``."""
    if form == ".jsonl":
        return _json_lines(results.keys, rows)
    of_list = None if results.people is None else results.people.delimiter
    delimiter = (of_list or ";") if excel else ","
    return table_files.csv_pieces(_table(results, rows), raw=raw, delimiter=delimiter, mark=excel)


def write_workbook(results: Results, rows: Iterable[Result], file: BinaryIO) -> None:
    """Rows of these results as .xlsx, and the figures of all rows on a second sheet. Raises InvalidInput
    where they are too many, and OSError."""
    report = read_report(results)
    summary = [("what", "value"), *report.summary()]
    sheets = [Sheet("Results", _table(results, rows)), Sheet("Summary", summary)]
    table_files.write_workbook(file, sheets)


def _table(results: Results, rows: Iterable[Result]) -> Iterator[Sequence[Value]]:
    """A heading and a row for each result: our own columns, and behind them those of the list."""
    keys, columns = results.keys, results.columns
    yield (*RESULT_COLUMNS, *columns)
    for row, values in rows:
        ours = row_data(row, keys)  # the columns have names of their own, which earlier JSON shared
        ours["answers"] = answers_text(answers_of(keys, row.digits))
        yield (*(_cell(ours[name]) for name in RESULT_COLUMNS), *(values[name] for name in columns))


def _cell(value: object) -> Value:
    return value if value is None or isinstance(value, int | float) else str(value)


def _json_lines(keys: KeyNames | None, rows: Iterable[Result]) -> Iterator[bytes]:
    """As ``--json`` prints them."""
    for row, values in rows:
        yield f"{json_text.one_line({**row_data(row, keys), 'input': values})}\n".encode()
