"""A number of a spreadsheet as the text that Excel shows, for the formats that offices use (ECMA-376, part 1,
18.8.31). What another format makes of it is not guessed. Dates: ``date_formats``."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Protocol

from openpyxl.styles.numbers import BUILTIN_FORMATS

from voicecli.broadcast.lists.date_formats import DateOfRegion, date_format
from voicecli.broadcast.lists.format_sections import EXACT, Shown, Token, plain, read_sections
from voicecli.broadcast.lists.sheet_cells import CellKind

WIDEST = 11  # characters that General shows
_TEXT = ("literal", "slash")
_BETWEEN_THOUSANDS = re.compile(r"(?<=\d)(?=(?:\d{3})+$)")


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
    """For positive numbers, negative ones, and zero, as far as there are several; or one for all."""
    sections = None if code is None else read_sections(code)
    if code is None or sections is None:
        return (_Unknown(code or "unknown"),)
    if code in (BUILTIN_FORMATS[14], BUILTIN_FORMATS[22]):
        return (DateOfRegion(),)
    formats = [_format(section, code) for section in sections]
    conditions = [next((text for kind, text in section if kind == "condition"), "") for section in sections]
    if not any(conditions):
        return formats
    if not all(conditions[:-1]):  # the others then have conditions of their own
        return (_Unknown(code),)
    rest = _Unknown(code) if conditions[-1] else formats[-1]
    return (_Conditional(tuple(zip(filter(None, conditions), formats, strict=False)), rest),)


def _format(section: Sequence[Token], code: str) -> _Format:
    kinds = [token.kind for token in section]
    locale = next((token.text for token in section if token.kind == "locale" and token.text), "")
    if "date" in kinds or "elapsed" in kinds:
        return date_format(section, locale, code) or _Unknown(code)
    visible = [token for token in section if token.kind not in ("locale", "condition")]
    if "general" in kinds or "text" in kinds:
        place = next(i for i, token in enumerate(visible) if token.kind in ("general", "text"))
        texts = [token.text for token in visible]
        return _General("".join(texts[:place]), "".join(texts[place + 1 :]))
    if "exponent" in kinds:
        return _Scientific(kinds.count("digit"))
    return _number_format(visible, code)


_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}


@dataclass(frozen=True, slots=True)
class _Conditional:
    """By the first condition that holds (``<=9999999``: American phone numbers), else by the ``rest``."""

    choices: Sequence[tuple[str, _Format]]
    rest: _Format

    def show(self, value: int | float, epoch: datetime) -> Shown:
        for condition, chosen in self.choices:
            sign = condition.rstrip("-.0123456789")
            if _OPERATORS[sign](value, float(condition[len(sign) :])):
                return chosen.show(value, epoch)
        return self.rest.show(value, epoch)


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
        return plain(f"{self.before}{text}{self.after}")


@dataclass(frozen=True, slots=True)
class _Scientific:
    """Excel gives this format to long numbers that it finds in texts, which may have lost digits before."""

    kept: int  # digits that it shows

    def show(self, value: int | float, epoch: datetime) -> Shown:
        digits = str(int(value))
        if value == int(value) and abs(value) < EXACT and len(digits.strip("-").rstrip("0")) > self.kept:
            return Shown(digits, is_repaired=True)
        return Shown(f"{value:.{max(self.kept - 1, 0)}E}", CellKind.ROUNDED)


def _number_format(section: Sequence[Token], code: str) -> _Format:
    places = [index for index, token in enumerate(section) if token.kind == "digit"]
    if not places:
        return _Unknown(code) if any(token.kind == "mark" for token in section) else _Number(tuple(section))
    point = next((index for index, token in enumerate(section) if token == ("mark", ".")), len(section))
    commas = [index for index, token in enumerate(section) if token == ("mark", ",")]
    before = [section[index].text for index in places if index < point]
    behind = [section[index].text for index in places if index > point]
    among = section[places[0] : places[-1]]
    inside = "".join(token.text for token in among if token.kind in _TEXT)
    is_fraction = any(token.kind == "slash" for token in among)
    scales = any(index > point or index > places[-1] for index in commas)
    is_bare = point < len(section) and not behind  # "0.--", of which each program makes something else
    points = section.count(Token("mark", "."))
    if scales or is_bare or points > 1 or is_fraction or (commas and inside.strip()):
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

    section: Sequence[Token]
    placeholders: int = 0
    least: int = 0
    decimals: int = 0
    least_decimals: int = 0
    is_grouped: bool = False

    def show(self, value: int | float, epoch: datetime) -> Shown:
        if abs(value) >= EXACT:
            return Shown(f"{value:.5E}", CellKind.ROUNDED)
        percent = 2 * self.section.count(Token("literal", "%"))
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
        return Shown(plain("".join(written)), CellKind.NUMBER if has_marks else None)
