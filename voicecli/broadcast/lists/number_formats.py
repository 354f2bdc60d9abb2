"""A number of a spreadsheet as the text that Excel shows, for the formats that offices use (ECMA-376, part 1,
18.8.31). What another format makes of it is not guessed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol

from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils.datetime import from_excel

from voicecli.broadcast.lists.sheet_cells import CellKind

EXACT = 10**15  # Excel keeps 15 digits
WIDEST = 11  # characters that General shows
LAST_DATE = 2_958_466  # the day after 9999-12-31
_DAY = 86_400
_SYSTEM = ("F800", "F400")  # "locales" that mean the computer's own date and time
_ENGLISH = 9  # the language in the lowest ten bits of a locale's number
_BETWEEN_THOUSANDS = re.compile(r"(?<=\d)(?=(?:\d{3})+$)")
_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | (?P<blank>_.) | (?P<fill>\*.)
    | \[\$(?P<currency>[^\]-]*)(?:-(?P<locale>[^\]]*))?\]
    | (?P<colour>\[(?:black|blue|cyan|green|magenta|red|white|yellow|color\ ?\d+)\])
    | \[(?P<elapsed>h+|m+|s+)\] | (?P<half>AM/PM) | (?P<general>General)
    | (?P<date>y+|m+|d+|h+|s+) | (?P<exponent>E[+-]?0+) | (?P<digit>[0\#?]) | (?P<mark>[.,]) | (?P<text>@)
    | (?P<next>;) | (?P<literal>[ $\-+/():!^&'~{}<>=%]|[^\x00-\x7f])
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Shown(NamedTuple):
    """``kind`` is None for a text without anything special. With ``is_repaired``, Excel shows less of the
    number than there is: 3.32E+10 or #####."""

    text: str
    kind: CellKind | None = None
    is_repaired: bool = False


class _Token(NamedTuple):
    kind: str
    text: str


class _Format(Protocol):
    def show(self, value: int | float, epoch: datetime) -> Shown: ...


@lru_cache(10_000)  # dates and times come again and again
def show(value: int | float, code: str | None, epoch: datetime) -> Shown:
    """What Excel shows for a number with this format. ``code`` is None for a format without one, and dates
    are counted from ``epoch``."""
    formats = _formats(code)
    if value < 0 and len(formats) > 1:
        return formats[1].show(-value, epoch)
    chosen = formats[2] if value == 0 and len(formats) > 2 else formats[0]
    return chosen.show(value, epoch)


@lru_cache(1_000)
def _formats(code: str | None) -> Sequence[_Format]:
    """For positive numbers, negative ones, and zero, as far as there are several."""
    sections = None if code is None else _sections(code)
    if code is None or sections is None:
        return (_Unknown(code or "unknown"),)
    if code in (BUILTIN_FORMATS[14], BUILTIN_FORMATS[22]):
        return (_DateOfRegion(),)
    return [_format(section, code) for section in sections]


def _sections(code: str) -> list[list[_Token]] | None:
    """None for what can't be read."""
    sections: list[list[_Token]] = [[]]
    end = 0
    for found in _TOKEN.finditer(code):
        if found.start() != end:
            return None
        end = found.end()
        match kind := found.lastgroup or "":
            case "next":
                sections.append([])
            case "quoted" | "escaped" | "literal":
                sections[-1].append(_Token("literal", found[kind]))
            case "blank":
                sections[-1].append(_Token("literal", " "))
            case "currency" | "locale":
                sections[-1].append(_Token("literal", found["currency"]))
                sections[-1].append(_Token("locale", (found["locale"] or "").upper()))
            case "fill" | "colour":
                pass
            case _:
                sections[-1].append(_Token(kind, found[kind]))
    if len(sections) > 1 and any(token.kind == "text" for token in sections[-1]):
        sections.pop()  # for texts
    return sections[:3] if end == len(code) else None


def _format(section: Sequence[_Token], code: str) -> _Format:
    kinds = [token.kind for token in section]
    locale = next((token.text for token in section if token.kind == "locale" and token.text), "")
    if "date" in kinds or "elapsed" in kinds:
        if locale in _SYSTEM:
            return _DateOfRegion()
        template = _date_template(section, is_english=_is_english(locale))
        has_day = any(kind == "date" and text[0] in "yYdD" for kind, text in section)
        return _Unknown(code) if template is None else _Date(template, code, has_day)
    visible = [token for token in section if token.kind != "locale"]
    if "general" in kinds or "text" in kinds:
        place = next(i for i, token in enumerate(visible) if token.kind in ("general", "text"))
        texts = [token.text for token in visible]
        return _General("".join(texts[:place]), "".join(texts[place + 1 :]))
    if "exponent" in kinds:
        return _Scientific(kinds.count("digit"))
    return _number_format(visible, code)


def _is_english(locale: str) -> bool:
    if re.fullmatch("[0-9A-F]{1,4}", locale):
        return int(locale, 16) & 0x3FF == _ENGLISH
    return locale.startswith("EN-")


@dataclass(frozen=True, slots=True)
class _Unknown:
    code: str

    def show(self, value: int | float, epoch: datetime) -> Shown:
        return Shown(self.code, CellKind.FORMAT)


@dataclass(frozen=True, slots=True)
class _General:
    before: str
    after: str

    def show(self, value: int | float, epoch: datetime) -> Shown:
        if value != int(value):
            texts = [f"{value:.{digits}g}" for digits in range(WIDEST, 0, -1)]
            text = next((text for text in texts if len(text.lstrip("-")) <= WIDEST), "")
            bad = "." not in text or "e" in text
            return Shown("General", CellKind.FORMAT) if bad else Shown(self._plain(text), CellKind.NUMBER)
        if abs(value) >= EXACT:
            return Shown(f"{value:.5E}", CellKind.ROUNDED)
        digits = str(int(value))
        return Shown(self._plain(digits), is_repaired=len(digits.lstrip("-")) > WIDEST)

    def _plain(self, text: str) -> str:
        return _plain(f"{self.before}{text}{self.after}")


@dataclass(frozen=True, slots=True)
class _Scientific:
    """Excel gives this format to long numbers that it finds in texts, which may have lost digits before."""

    kept: int  # digits that it shows

    def show(self, value: int | float, epoch: datetime) -> Shown:
        digits = str(int(value))
        if value == int(value) and abs(value) < EXACT and len(digits.strip("-").rstrip("0")) > self.kept:
            return Shown(digits, is_repaired=True)
        return Shown(f"{value:.{max(self.kept - 1, 0)}E}", CellKind.ROUNDED)


def _number_format(section: Sequence[_Token], code: str) -> _Format:
    places = [index for index, token in enumerate(section) if token.kind == "digit"]
    if not places:
        return _Unknown(code) if any(token.kind == "mark" for token in section) else _Number(tuple(section))
    point = next((index for index, token in enumerate(section) if token == ("mark", ".")), len(section))
    commas = [index for index, token in enumerate(section) if token == ("mark", ",")]
    before = [section[index].text for index in places if index < point]
    behind = [section[index].text for index in places if index > point]
    inside = "".join(token.text for token in section[places[0] : places[-1]] if token.kind == "literal")
    scales = any(index > point or index > places[-1] for index in commas)
    if scales or section.count(_Token("mark", ".")) > 1 or "/" in inside or (commas and inside.strip()):
        return _Unknown(code)
    return _Number(
        tuple(token for token in section if token != ("mark", ",")),
        placeholders=len(before),
        least=len(before) - before.index("0") if "0" in before else 0,
        decimals=len(behind),
        least_decimals=max((index for index, text in enumerate(behind, 1) if text != "#"), default=0),
        is_grouped=bool(commas),
    )


@dataclass(frozen=True, slots=True)
class _Number:
    """``placeholders`` are those for whole digits, of which ``least`` are written anyhow."""

    section: Sequence[_Token]
    placeholders: int = 0
    least: int = 0
    decimals: int = 0
    least_decimals: int = 0
    is_grouped: bool = False

    def show(self, value: int | float, epoch: datetime) -> Shown:
        if abs(value) >= EXACT:
            return Shown(f"{value:.5E}", CellKind.ROUNDED)
        percent = 2 * self.section.count(_Token("literal", "%"))
        exact = Decimal(f"{abs(value):.15g}").scaleb(percent)
        rounded = exact.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)
        whole, _, fraction = f"{rounded:f}".partition(".")
        whole = whole.lstrip("0").zfill(self.least)
        fraction = fraction[: self.least_decimals] + fraction[self.least_decimals :].rstrip("0")
        if self.is_grouped:
            whole = _BETWEEN_THOUSANDS.sub(",", whole)
        padded = whole.rjust(self.placeholders)
        first = len(padded) - self.placeholders + 1 if not self.is_grouped else len(padded)
        digits = iter([padded[:first], *padded[first:]] if self.placeholders else [])
        decimals = iter(fraction)
        written = ["-"] if value < 0 and rounded else []
        point = False
        for kind, text in self.section:
            if kind == "mark":
                point = True
                written.append("." if fraction else "")
            elif kind == "digit":
                written.append(next(decimals if point else digits, "").strip())
            else:
                written.append(text)
        has_marks = bool(fraction) or "," in whole
        return Shown(_plain("".join(written)), CellKind.NUMBER if has_marks else None)


@dataclass(frozen=True, slots=True)
class _DateOfRegion:
    def show(self, value: int | float, epoch: datetime) -> Shown:
        return _too_large_for_date(value) or Shown("", CellKind.REGION)


@dataclass(frozen=True, slots=True)
class _Date:
    template: str
    code: str
    has_day: bool

    def show(self, value: int | float, epoch: datetime) -> Shown:
        if number := _too_large_for_date(value):
            return number
        if not self.has_day <= value < LAST_DATE:
            return Shown(self.code, CellKind.FORMAT)
        seconds = round(value * _DAY)
        moment = from_excel(seconds / _DAY, epoch)
        hour = seconds // 3600 % 24
        text = self.template.format(
            moment=moment if self.has_day else None,
            hour=hour,
            hour12=hour % 12 or 12,
            minute=seconds // 60 % 60,
            second=seconds % 60,
            half="PM" if hour >= 12 else "AM",
            h=seconds // 3600,
            m=seconds // 60,
            s=seconds,
        )
        return Shown(_plain(text), CellKind.DATE)


def _too_large_for_date(value: int | float) -> Shown | None:
    """The number, of which Excel shows #####."""
    if LAST_DATE <= value < EXACT and value == int(value):
        return Shown(str(int(value)), is_repaired=True)
    return None


def _date_template(section: Sequence[_Token], *, is_english: bool) -> str | None:
    """What ``_Date`` fills in; None where a part can't be written, such as the name of a month in another
    language."""
    halves = any(token.kind == "half" for token in section)
    parts = [token.text[0].lower() if token.kind in ("date", "elapsed") else "" for token in section]
    written = []
    for index, (kind, text) in enumerate(section):
        letters = text.lower()
        match kind:
            case "literal" | "mark":
                written.append(text.replace("{", "{{").replace("}", "}}"))
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


def _plain(text: str) -> str:
    """Without the blanks that only align numbers in a column."""
    return " ".join(text.split())
