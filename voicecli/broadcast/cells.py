"""Columns of a list that have the name of an option: a cell sets that option for its row."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from voicecli import account, durations
from voicecli.calling.script import Script
from voicecli.errors import InvalidInput, quote
from voicecli.phone import caller_id, is_msisdn
from voicecli.voice_api import callflow_rules
from voicecli.voice_api.messages import MAX_REPEAT


def option_of_column(column: str) -> str | None:
    """The option that a column's name means, whatever its case; None for a column that is no option."""
    name = re.sub("[_ ]", "-", column.strip().lower())
    return name if name in COLUMNS else None


def apply_cells(script: Script, cells: Mapping[str, str]) -> Script:
    """The script with the options of a row; ``cells`` by names of options. An empty cell leaves the option as
    it is; a file to play replaces the text and how it is spoken. Raises InvalidInput for a value that an
    option can't have; ``Script.check`` finds options that exclude each other."""
    given: dict[str, object] = {}
    for name, cell in cells.items():
        if text := cell.strip():
            try:
                given["source" if name == "from" else name.replace("-", "_")] = COLUMNS[name](text)
            except ValueError as error:
                shown = "" if name in _SECRET else f", not {quote(text)}"
                raise InvalidInput(f"{name} must be {error}{shown}.") from None
    if "play" in given:
        given = {"text": None, "voice": None, "speed": None, "spell_digits": False, **given}
    return replace(script, **given) if given else script  # type: ignore[arg-type]  # each reader knows


# Readers of cells: their ValueError names what is allowed.


def _repeat(text: str) -> int:
    number = int(text) if re.fullmatch("[0-9]{1,2}", text) else 0
    if not 1 <= number <= MAX_REPEAT:
        raise ValueError(f"a whole number from 1 to {MAX_REPEAT}")
    return number


def _speed(text: str) -> float:
    with suppress(ValueError):
        number = float(text)
        if callflow_rules.MIN_SPEED <= number <= callflow_rules.MAX_SPEED:
            return number
    raise ValueError(f"a number from {callflow_rules.MIN_SPEED:g} to {callflow_rules.MAX_SPEED:g}")


def _flag(text: str) -> bool:
    try:
        return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise ValueError("yes or no") from None


def _voice(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"the name of a voice such as {account.DEFAULT_VOICE}")
    return text


def _url(text: str) -> str:
    if callflow_rules.audio_url_problem(text):
        raise ValueError("the http or https URL of an mp3 or wav file")
    return text


def _thanks(text: str) -> str:
    if len(text) > callflow_rules.MAX_TEXT or callflow_rules.has_unspeakable(text):
        raise ValueError(f"a text of at most {callflow_rules.MAX_TEXT:,} characters that can be sent")
    return text


def _validity(text: str) -> timedelta:
    with suppress(InvalidInput):
        return durations.parse(text)
    raise ValueError(durations.EXAMPLES)


def _source(text: str) -> str:
    number = caller_id(text)
    if not is_msisdn(number):
        raise ValueError("a number in international form, such as +33199000000")
    return number


COLUMNS: Mapping[str, Callable[[str], object]] = {
    "play": _url,
    "repeat": _repeat,
    "voice": _voice,
    "speed": _speed,
    "spell-digits": _flag,
    "thanks": _thanks,
    "valid-for": _validity,
    "from": _source,
}
"""What reads a cell, by the option's name. The keys to press are the same for all rows."""
_SECRET = ("thanks",)  # never shown
