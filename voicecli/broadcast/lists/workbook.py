"""Workbooks of Excel (.xlsx): which files are safe to read, their sheets, and the cells of these."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError  # noqa: N812

from voicecli import interrupts
from voicecli.broadcast.lists.encodings import OLE
from voicecli.errors import InvalidInput, quote
from voicecli.spelling import nearest

if TYPE_CHECKING:
    from openpyxl.worksheet._reader import WorkSheetParser

MAX_UNPACKED = 1 << 30  # bytes
MAX_WHOLE = 1 << 25  # of a part that is read as a whole, which takes 25 times as much memory
MAX_ROW = 1 << 28  # of memory, for a row or for what is around the rows
_ELEMENT = 300  # bytes of memory that an empty XML element takes
MAX_ROWS = 1 << 20  # of a sheet, Excel's own limit
_DAMAGED = (
    *(BadZipFile, ZlibError, ParseError, OSError, EOFError, RuntimeError, NotImplementedError),
    *(ValueError, LookupError, TypeError, AttributeError, OverflowError),
)  # what openpyxl, zipfile and zlib raise for a file that is no sound workbook
_READ_WHOLE = re.compile(r"\[Content_Types\]\.xml|(.*/)?(workbook|styles)\.xml|.*\.rels|xl/theme/.*")
_STRICT = b"http://purl.oclc.org/ooxml/"  # the names in it, which openpyxl does not know
_SAVE_AS = "Save it as Excel Workbook (.xlsx), or as CSV UTF-8."
_OTHER_FILES = (  # a name in the archive, and what it is then
    ("xl/workbook.bin", "an Excel Binary Workbook (.xlsb)"),
    ("content.xml", "an OpenDocument file, such as .ods"),
    ("Index/Document.iwa", "of Apple Numbers or Pages"),
    ("word/document.xml", "a Word document"),
)


class Row(NamedTuple):
    """``number`` is from 1; ``cells`` are as openpyxl parses them, without empty ones."""

    number: int
    cells: Sequence[Mapping[str, Any]]
    is_hidden: bool


@contextmanager
def damage_reported() -> Iterator[None]:
    import warnings

    try:
        # openpyxl prints to standard output before some errors, and warns of what has no meaning for a list.
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _DAMAGED as error:
        raise InvalidInput(
            "The workbook is damaged, or is none: it can't be read.",
            hint="Open it in Excel or LibreOffice, and save it as .xlsx.",
        ) from error


def _checked_file(content: bytes) -> io.BytesIO:
    """Raises InvalidInput for other files of offices, and for what is unsafe to read."""
    if content.startswith(OLE):
        raise _ole_refusal(content)
    file = io.BytesIO(content)
    archive = ZipFile(file)
    names = set(archive.namelist())
    for name, kind in _OTHER_FILES:
        if name in names:
            raise InvalidInput(f"The list is {kind}: it can't be read.", hint=_SAVE_AS)
    if "[Content_Types].xml" not in names:
        raise InvalidInput("The list is an archive (zip), no workbook.", hint=_SAVE_AS)
    if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED:
        raise InvalidInput(
            "The workbook unpacks to more than 1 GiB.", hint="Save the sheet with the people as CSV UTF-8."
        )
    if any(part.file_size > MAX_WHOLE for part in archive.infolist() if _READ_WHOLE.fullmatch(part.filename)):
        raise InvalidInput(
            "The workbook has more than 32 MiB of formats.",
            hint="Save the sheet with the people as CSV UTF-8.",
        )
    if any(_STRICT in archive.read(name) for name in {"xl/workbook.xml"} & names):
        raise InvalidInput("The workbook is in the Strict Open XML format: it can't be read.", hint=_SAVE_AS)
    if any(name.endswith("vbaProject.bin") or name.startswith("xl/macrosheets/") for name in names) or (
        b"macroEnabled" in archive.read("[Content_Types].xml")
    ):
        raise InvalidInput(
            "The workbook has macros.", hint="Save it as Excel Workbook (.xlsx), without macros."
        )
    return file


def _ole_refusal(content: bytes) -> InvalidInput:
    if "EncryptedPackage".encode("utf-16-le") in content:
        return InvalidInput(
            "The workbook is encrypted with a password: it can't be read.",
            hint="Save it without a password, or as CSV UTF-8.",
        )
    is_workbook = any(name.encode("utf-16-le") in content for name in ("Workbook", "Book"))
    kind = "a workbook of Excel 97 to 2003 (.xls)" if is_workbook else "an Office file, but no workbook"
    return InvalidInput(f"The list is {kind}: it can't be read.", hint=_SAVE_AS)


class Workbook:
    """What openpyxl knows of a workbook, without its sheets: ``load_workbook`` reads each of them up to its
    dimension, and a sheet that has none to its end."""

    def __init__(self, content: bytes) -> None:
        """Raises InvalidInput, and within ``damage_reported`` others."""
        from openpyxl.reader.excel import ExcelReader
        from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE
        from openpyxl.styles.stylesheet import apply_stylesheet

        reader = ExcelReader(_checked_file(content), read_only=True, data_only=True, keep_links=False)
        reader.read_manifest()
        reader.read_strings()
        reader.read_workbook()
        apply_stylesheet(reader.archive, reader.wb)
        self._archive = reader.archive
        self._strings = reader.shared_strings
        book: Any = reader.wb
        self.epoch = book.epoch
        self.sheets: dict[str, tuple[str, str | None]] = {
            sheet.name: (rel.target, sheet.state)
            for sheet, rel in reader.parser.find_sheets()
            if rel.Type.endswith("/worksheet") and rel.target in reader.valid_files
        }
        self.notes: list[str] = []
        numbers = [style.numFmtId for style in book._cell_styles]  # noqa: SLF001
        own = book._number_formats  # noqa: SLF001
        self.formats: list[str | None] = [
            own[number - BUILTIN_FORMATS_MAX_SIZE]
            if number >= BUILTIN_FORMATS_MAX_SIZE
            else BUILTIN_FORMATS.get(number)  # others depend on the computer's language
            for number in numbers
        ]

    def find(self, name: str | None) -> str:
        """The path of a sheet. Raises InvalidInput."""
        visible = [sheet for sheet, (_, state) in self.sheets.items() if state == "visible"]
        if not self.sheets:
            raise InvalidInput("The workbook has no sheet with cells.", hint="Charts are no lists.")
        if name is None:
            chosen = (visible or [*self.sheets])[0]
            if len(visible) > 1:
                others = ", ".join(map(quote, visible[1:4])) + ", …" * (len(visible) > 4)
                self.notes.append(f"The sheet {quote(chosen)} was read; --sheet reads another: {others}.")
            return self.sheets[chosen][0]
        names = {sheet.strip().casefold(): sheet for sheet in self.sheets}
        if name in self.sheets:
            return self.sheets[name][0]
        if sheet := names.get(name.strip().casefold()):
            return self.sheets[sheet][0]
        near = nearest(name, [*self.sheets], 0.5)
        meant = f"; the nearest is {quote(near)}" if near else ""
        raise InvalidInput(
            f"The workbook has no sheet {quote(name)}{meant}.",
            hint=f"Its sheets are: {', '.join(map(quote, [*self.sheets][:20]))}.",
        )

    def rows(self, path: str) -> Iterator[Row]:
        """The rows in which something is, in their order."""
        with self._archive.open(path) as source:
            bounded = _BoundedSource(source)
            parser = _parser(bounded, self._strings, self.epoch)
            last = 0
            for number, cells in parser.parse():
                interrupts.check()
                bounded.memory = 0
                if not last < number <= MAX_ROWS:
                    raise ValueError(f"row {number} behind row {last}")
                last = number
                properties = parser.row_dimensions.pop(str(number), {})
                if filled := [
                    cell for cell in cells if cell["value"] is not None or cell["data_type"] == "f"
                ]:
                    yield Row(number, filled, properties.get("hidden") in ("1", "true"))


class _BoundedSource:
    """The XML of a sheet, of which a row is held in memory as a whole: a file of some kilobytes may have one
    with millions of empty cells. ``memory`` is roughly what is held since it was set to 0."""

    def __init__(self, source: IO[bytes]) -> None:
        self.memory = 0
        self._source = source

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.memory += len(data) + _ELEMENT * data.count(b"<")
        if self.memory > MAX_ROW:
            raise InvalidInput(
                "A row of the sheet is longer than any list needs.",
                hint="Copy the rows of the list to a new sheet, or save them as CSV UTF-8.",
            )
        return data


def _parser(source: Any, strings: Sequence[str], epoch: Any) -> "WorkSheetParser":
    from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

    class Parser(WorkSheetParser):
        """Dates stay numbers, as their format is needed; a formula that was never calculated is an ``f``."""

        def parse_cell(self, element: Any) -> dict[str, Any]:
            cell = super().parse_cell(element)
            # Where it was, and its result is empty, the cell is a text ("str").
            if cell["value"] is None and element.get("t") != "str" and element.find(FORMULA_TAG) is not None:
                cell["data_type"] = "f"
            return cell

    return Parser(source, strings, data_only=True, epoch=epoch)
