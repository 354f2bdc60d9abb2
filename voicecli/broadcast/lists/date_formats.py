"""Dates and times of a spreadsheet as Excel shows them: ``number_formats`` for those."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from locale import windows_locale

from openpyxl.utils.datetime import from_excel

from voicecli.broadcast.amounts import date_mark
from voicecli.broadcast.lists.format_sections import EXACT, Shown, Token, plain
from voicecli.broadcast.lists.sheet_cells import CellKind

LAST_DATE = 2_958_466  # the day after 9999-12-31
_DAY = 86_400
SYSTEM = ("F800", "F400", "X-SYSDATE", "X-SYSTIME")
"""What stands for a locale and means the computer's own date and time."""


@dataclass(frozen=True, slots=True)
class DateOfRegion:
    def show(self, value: int | float, epoch: datetime) -> Shown:
        return _too_large_for_date(value) or Shown("", CellKind.REGION)


@dataclass(frozen=True, slots=True)
class _Date:
    """With ``is_local``, the slashes in it are the computer's own."""

    template: str
    code: str
    is_local: bool

    def show(self, value: int | float, epoch: datetime) -> Shown:
        if number := _too_large_for_date(value):
            return number
        has_day = "{moment" in self.template
        if not has_day <= value < LAST_DATE:
            return Shown(self.code, CellKind.FORMAT)
        seconds = round(value * _DAY)
        moment = from_excel(seconds / _DAY, epoch)
        hour = seconds // 3600 % 24
        text = self.template.format(
            moment=moment if has_day else None,
            hour=hour,
            hour12=hour % 12 or 12,
            minute=seconds // 60 % 60,
            second=seconds % 60,
            half="PM" if hour >= 12 else "AM",
            h=seconds // 3600,
            m=seconds // 60,
            s=seconds,
        )
        return Shown(plain(text), CellKind.LOCAL_DATE if self.is_local else CellKind.DATE)


def _too_large_for_date(value: int | float) -> Shown | None:
    """The number, of which Excel shows #####."""
    if LAST_DATE <= value < EXACT and value == int(value):
        return Shown(str(int(value)), is_repaired=True)
    return None


def _language(locale: str) -> str | None:
    """Such as de-de, for a locale or its number; "" where it is not known, and None where it has other digits
    or another calendar."""
    if not re.fullmatch("[0-9A-F]{1,8}", locale):
        return None if "," in locale or "-X-" in locale else locale.lower()
    number = int(locale, 16)
    if number >> 24 > 1 or number >> 16 & 0xFF > 2:
        return None
    return windows_locale.get(number & 0xFFFF, "").replace("_", "-").lower()


def date_format(section: Sequence[Token], locale: str, code: str) -> _Date | DateOfRegion | None:
    """That of a section with parts of a date or a time; None for what can't be shown, such as the name of a
    month in another language than English. A slash is what stands there in the locale's dates, or where none
    is named, in those of the computer: as Excel writes it for the regions of Europe, too."""
    if locale in SYSTEM:
        return DateOfRegion()
    language = _language(locale)
    template = None if language is None else _template(section, language)
    if template is None:
        return None
    first = next(token.text[0].lower() for token in section if token.kind in ("date", "elapsed"))
    has_slash = any(token.kind == "slash" for token in section)
    return _Date(template, code, is_local=has_slash and not language and first != "m")  # else it is American


def _template(section: Sequence[Token], language: str) -> str | None:
    """What ``_Date`` fills in."""
    halves = any(token.kind == "half" for token in section)
    is_english = language.startswith("en")
    if halves and language and not is_english:
        return None
    parts = [token.text[0].lower() if token.kind in ("date", "elapsed") else "" for token in section]
    written = []
    for index, (kind, text) in enumerate(section):
        letters = text.lower()
        match kind:
            case "literal" | "mark":
                written.append(text.replace("{", "{{").replace("}", "}}"))
            case "slash":
                written.append(date_mark(language))
            case "half":
                written.append("{half}")
            case "elapsed":
                written.append(f"{{{letters[0]}:0{len(letters)}}}")
            case "date":
                before = next(filter(None, reversed(parts[:index])), "")
                is_minute = before == "h" or next(filter(None, parts[index + 1 :]), "") == "s"
                field = _date_field(letters, halves=halves, is_minute=is_minute, is_english=is_english)
                if not field:
                    return None
                written.append(field)
            case "digit":
                return None
    return "".join(written)


def _date_field(letters: str, *, halves: bool, is_minute: bool, is_english: bool) -> str:
    width = min(len(letters), 2)
    match letters[0], len(letters):
        case "h", _:
            return f"{{{'hour12' if halves else 'hour'}:0{width}}}"
        case "s", _:
            return f"{{second:0{width}}}"
        case "m", _ if is_minute:
            return f"{{minute:0{width}}}"
        case "y", length:
            return "{moment:%Y}" if length > 2 else "{moment:%y}"
        case "m", 1 | 2:
            return f"{{moment.month:0{width}}}"
        case "d", 1 | 2:
            return f"{{moment.day:0{width}}}"
        case "m", 3 | 4 as length if is_english:
            return "{moment:%B}" if length == 4 else "{moment:%b}"
        case "d", 3 | 4 as length if is_english:
            return "{moment:%A}" if length == 4 else "{moment:%a}"
    return ""
