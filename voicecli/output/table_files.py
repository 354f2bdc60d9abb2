"""Tables as files that other programs read: CSV and Excel."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from voicecli import interrupts
from voicecli.errors import InvalidInput
from voicecli.spreadsheets import PIECE, guard

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

Value = str | int | float | None
MAX_SHEET_ROWS = 1 << 20  # with the heading: what Excel has room for
MEASURED = 1_000  # rows that say how wide a column is
MIN_WIDTH, MAX_WIDTH = 8, 50  # of a column, in characters


def csv_pieces(
    rows: Iterable[Sequence[Value]], *, raw: bool = False, delimiter: str = ",", mark: bool = False
) -> Iterator[bytes]:
    """A CSV in UTF-8, with ``mark`` with a byte order mark, in pieces of some PIECE bytes. What a spreadsheet
    would take for a formula gets an apostrophe, unless it is to be ``raw``."""
    text = io.StringIO()
    text.write("\ufeff" if mark else "")
    writer = csv.writer(text, delimiter=delimiter)
    as_written = str if raw else guard
    for row in rows:
        writer.writerow([as_written("" if value is None else str(value)) for value in row])
        if text.tell() > PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


class Sheet(NamedTuple):
    """``rows`` begin with the heading."""

    name: str
    rows: Iterable[Sequence[Value]]


def write_workbook(file: BinaryIO, sheets: Sequence[Sheet]) -> None:
    """Sheets as .xlsx. A text is a text whatever is in it, no formula, link or number; XlsxWriter cuts
    what is longer than Excel's 32,767 characters. Raises InvalidInput for more rows than there is room for,
    and OSError."""
    from tempfile import TemporaryDirectory

    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import XlsxWriterException

    with TemporaryDirectory(prefix="voicecli-") as folder:  # where XlsxWriter keeps rows until the end
        workbook = Workbook(file, {"constant_memory": True, "tmpdir": folder, "in_memory": False})
        heading = workbook.add_format({"bold": True, "bottom": 1})
        try:
            for sheet in sheets:
                _fill(workbook.add_worksheet(sheet.name), sheet.rows, heading)
            workbook.close()
        except XlsxWriterException as error:
            raise OSError(0, str(error)) from error
        finally:
            for worksheet in workbook.worksheets():
                if rows := getattr(worksheet, "row_data_fh", None):  # it has no type
                    rows.close()


def _fill(worksheet: "Worksheet", rows: Iterable[Sequence[Value]], heading: "Format") -> None:
    widths: list[int] = []
    last, columns = 0, 1
    for last, row in enumerate(rows):
        interrupts.check()
        if last == MAX_SHEET_ROWS:
            raise InvalidInput(
                f"A sheet of Excel has room for {MAX_SHEET_ROWS - 1:,} rows, and these are more.",
                hint="Write them to a .csv file.",
            )
        for column, value in enumerate(row):
            if not value and value != 0:
                continue
            if isinstance(value, str):
                worksheet.write_string(last, column, value, None if last else heading)
            else:
                worksheet.write_number(last, column, value)
        if last <= MEASURED:
            columns = len(row)
            widths = [*map(max, widths or [0] * columns, map(_width, row))]
    for column, width in enumerate(widths):
        worksheet.set_column(column, column, max(MIN_WIDTH, min(MAX_WIDTH, width + 2)))
    worksheet.freeze_panes(1, 0)
    worksheet.repeat_rows(0)
    worksheet.set_landscape()
    worksheet.set_paper(9)  # A4
    worksheet.fit_to_pages(1, 0)  # one page wide, and as many high as it takes
    worksheet.autofilter(0, 0, last, columns - 1)
    worksheet.ignore_errors({"number_stored_as_text": f"A1:XFD{MAX_SHEET_ROWS}"})


def _width(value: Value) -> int:
    """How many columns of a terminal it takes."""
    from rich.cells import cell_len

    return 0 if value is None else cell_len(str(value))
