"""What is special about a cell of a spreadsheet."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from voicecli.errors import InvalidInput


class CellKind(StrEnum):
    NUMBER = "number"  # has marks between its digits: 1,250.00
    DATE = "date"  # or a time
    LOCAL_DATE = "local date"  # / in it stands for what the region of the computer has there
    ERROR = "error"
    FORMULA = "formula"  # without a result
    ROUNDED = "rounded"  # digits of it are lost
    REGION = "region"  # Excel shows it by the region of the computer, which the file doesn't tell
    FORMAT = "format"  # can't be read, or has no text for this value


_AS_TEXT = "Format the column as text, and enter the numbers anew."
_OTHER_FORMAT = (
    "In Excel, give the column a format in digits such as 0.00, dd.mm.yyyy or hh:mm, or make it text."
)
_PROBLEMS: Mapping[CellKind, tuple[str, str]] = {
    CellKind.ERROR: ("is {text}.", "Correct the formulas in Excel, and save the list again."),
    CellKind.FORMULA: (
        "has a formula without a result.",
        "Open the list in Excel or LibreOffice, which calculate it, and save it.",
    ),
    CellKind.ROUNDED: ("is {text}: Excel made a number of it, and digits are lost.", _AS_TEXT),
    CellKind.REGION: (
        "is a date in the format of the computer's region, which the list doesn't tell.",
        "In Excel, choose another date format for the column: one without an asterisk (*), in digits.",
    ),
    CellKind.FORMAT: ("has a format that can't be read: {text}.", _OTHER_FORMAT),
}


class SheetCell(NamedTuple):
    """``text`` is what it shows or, for a format that can't be read, the format; ``name`` is where it is
    (B7)."""

    text: str
    kind: CellKind
    name: str

    def check(self) -> None:
        """Raises InvalidInput for what can't be said."""
        if problem := _PROBLEMS.get(self.kind):
            words, hint = problem
            raise InvalidInput(f"{self.name} {words.format(text=self.text)}", hint=hint)

    def phone_number(self) -> str:
        """The text without marks between its digits. Raises InvalidInput for what is no number."""
        self.check()
        if self.kind in (CellKind.DATE, CellKind.LOCAL_DATE):
            raise InvalidInput(
                f"{self.name} is a date or a time, {self.text}: Excel made it one.", hint=_AS_TEXT
            )
        return self.text.replace(",", "")
