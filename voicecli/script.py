"""What a call does, apart from whom it calls: the same for one call and for a list of a million."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from voicecli import callflow, durations, rules
from voicecli.callflow import CallRequest, Capture
from voicecli.errors import InvalidInput, quoted
from voicecli.phone import PhoneNumber

DIGITS_PATIENCE = timedelta(seconds=30)  # for a code, which takes longer than one key
CHARACTERS_PER_SECOND = 15  # an ordinary reading voice, some 150 words a minute
_ANYBODY, _ANYTHING = "+33199001234", "Hello"  # to try out what does not depend on them


@dataclass(frozen=True, slots=True)
class Script:
    """What a call does: it says ``text`` or plays ``play``, one of the two. Options are as people write them;
    None and False where they were not asked for, so that one without effect can be told."""

    source: str
    text: str | None = field(default=None, repr=False)
    play: str | None = None  # the URL of an mp3 or wav file
    repeat: int | None = None
    voice: str | None = None
    speed: float | None = None
    spell_digits: bool = False
    confirm: str | None = None  # keys: 1, or 1,2
    digits: str | None = None  # how many: 6, or 4-6
    hash_ends: bool = False
    thanks: str | None = field(default=None, repr=False)
    valid_for: timedelta | None = None

    @property
    def captures(self) -> bool:
        """Whether digits are asked for."""
        return self.confirm is not None or self.digits is not None

    def confirming(self) -> frozenset[str]:
        """The keys that confirm. Raises InvalidInput."""
        return frozenset() if self.confirm is None else _keys(self.confirm)

    def speech(self) -> dict[str, object]:
        """The options that only go with something that is said, by name; None where one was not given."""
        return {
            "--voice": self.voice,
            "--speed": self.speed,
            "--spell-digits": self.spell_digits or None,
            "--confirm": self.confirm,
            "--digits": self.digits,
        }

    def check(self) -> None:
        """Raises InvalidInput for options that exclude each other, have no effect or are wrong: after it,
        only the text can be wrong. A ``source`` that is not known yet may be empty."""
        if self.play is not None:
            refuse_beside("--play", {"MESSAGE": self.text, **self.speech()})
        if self.confirm is not None:
            refuse_beside("--confirm", {"--digits": self.digits, "--hash": self.hash_ends or None})
        for name, without_effect in (
            ("--thanks", self.thanks is not None and not self.captures),
            ("--hash", self.hash_ends and self.digits is None),
        ):
            if without_effect:
                raise InvalidInput(f"{name} has no effect without digits to wait for.", hint="Add --digits.")
        text = _ANYTHING if self.play is None else None
        replace(self, source=self.source or _ANYBODY, text=text).request(_ANYBODY)

    def check_text(self, text: str) -> None:
        """Whether this could be said instead, for many texts with the same options. Raises InvalidInput."""
        callflow.said(text, spell_digits=self.spell_digits)

    def seconds(self, text: str) -> float:
        """How long it takes to say this, roughly."""
        return len(text) * (self.repeat or 1) / (self.speed or 1.0) / CHARACTERS_PER_SECOND

    def request(self, number: PhoneNumber | str, *, message_id: str | None = None) -> CallRequest:
        """The request for a call to ``number``, which as a text is E.164 that was checked before. Raises
        InvalidInput."""
        to = number if isinstance(number, PhoneNumber) else PhoneNumber(number, "")
        repeat = 1 if self.repeat is None else self.repeat
        validity = callflow.DEFAULT_VALIDITY if self.valid_for is None else self.valid_for
        if self.play is not None:
            return callflow.audio_message(
                to, self.play, source=self.source, repeat=repeat, message_id=message_id, valid_for=validity
            )
        return callflow.voice_message(
            to,
            self.text or "",
            source=self.source,
            repeat=repeat,
            voice_profile=callflow.DEFAULT_VOICE if self.voice is None else self.voice,
            speed=1.0 if self.speed is None else self.speed,
            spell_digits=self.spell_digits,
            capture=self._capture() if self.captures else None,
            message_id=message_id,
            valid_for=validity,
        )

    def _capture(self) -> Capture:
        if self.digits is None:
            self.confirming()
            return Capture(thanks=self.thanks)
        few, many = _how_many(self.digits)
        return Capture(few, many, self.hash_ends, self.thanks, DIGITS_PATIENCE)


def refuse_beside(chosen: str, others: Mapping[str, object]) -> None:
    """Raises InvalidInput where one of ``others`` was given, which ``chosen`` excludes."""
    if given := [name for name, value in others.items() if value is not None]:
        raise InvalidInput(
            f"{' and '.join(given)} can't be given together with {chosen}.", hint="Leave one of them out."
        )


def _keys(text: str) -> frozenset[str]:
    keys = frozenset(text.replace(" ", "").split(",")) - {""}
    if not (keys and all(re.fullmatch("[0-9*#]", key) for key in keys)):
        raise InvalidInput("--confirm takes keys of a telephone, such as 1 or 1,2.")
    return keys


def _how_many(text: str) -> tuple[int, int]:
    """The least and the most digits."""
    least, _, most = text.partition("-")
    few, many = (int(bound) if re.fullmatch("[0-9]{1,2}", bound) else 0 for bound in (least, most or least))
    if not 1 <= few <= many <= rules.MAX_DIGITS:
        raise InvalidInput(f"--digits takes how many, such as 6 or 4-6, up to {rules.MAX_DIGITS}.")
    return few, many


# -- columns of a list that are named like options ---------------------------------------------------


def option(column: str) -> str | None:
    """The option that a column's name means, whatever its case; None for a column that is no option."""
    name = re.sub("[_ ]", "-", column.strip().lower())
    return name if name in COLUMNS else None


def with_cells(script: Script, cells: Mapping[str, str]) -> Script:
    """The script with what a row says; ``cells`` by names of options. An empty cell leaves what there is; a
    file takes the place of a text and of how it is read, and a text that of a file. Raises InvalidInput for
    what a column can't take; ``check`` is for what does not go together."""
    given: dict[str, object] = {}
    for name, cell in cells.items():
        if text := cell.strip():
            try:
                given[_FIELDS.get(name, name.replace("-", "_"))] = COLUMNS[name](text)
            except ValueError as error:
                shown = "" if name in _SAID else f", not {quoted(text)}"
                raise InvalidInput(f"{name} must be {error}{shown}.") from None
    if "play" in given:
        given = {"text": None, "voice": None, "speed": None, "spell_digits": False, **given}
    elif "text" in given:
        given["play"] = None
    return replace(script, **given) if given else script  # type: ignore[arg-type]  # each reader knows


# Readers of cells: what they raise says what is allowed.


def _repeat(text: str) -> int:
    number = int(text) if re.fullmatch("[0-9]{1,2}", text) else 0
    if not 1 <= number <= callflow.MAX_REPEAT:
        raise ValueError(f"a whole number from 1 to {callflow.MAX_REPEAT}")
    return number


def _speed(text: str) -> float:
    with suppress(ValueError):
        number = float(text)
        if rules.MIN_SPEED <= number <= rules.MAX_SPEED:
            return number
    raise ValueError(f"a number from {rules.MIN_SPEED:g} to {rules.MAX_SPEED:g}")


def _flag(text: str) -> bool:
    try:
        return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise ValueError("yes or no") from None


def _voice(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"the name of a voice such as {callflow.DEFAULT_VOICE}")
    return text


def _url(text: str) -> str:
    if rules.audio_url_complaint(text):
        raise ValueError("the http or https URL of an mp3 or wav file")
    return text


def _confirm(text: str) -> str:
    with suppress(InvalidInput):
        _keys(text)
        return text
    raise ValueError("keys of a telephone, such as 1 or 1,2")


def _digits(text: str) -> str:
    with suppress(InvalidInput):
        _how_many(text)
        return text
    raise ValueError(f"how many, such as 6 or 4-6, up to {rules.MAX_DIGITS}")


def _thanks(text: str) -> str:
    if len(text) > rules.MAX_TEXT or rules.unspeakable(text):
        raise ValueError(f"a text of at most {rules.MAX_TEXT:,} characters that can be sent")
    return text


def _validity(text: str) -> timedelta:
    with suppress(InvalidInput):
        return durations.parse(text)
    raise ValueError(durations.EXAMPLES)


def _source(text: str) -> str:
    number = callflow.caller_id(text)
    if not rules.is_msisdn(number):
        raise ValueError("a number in international form, such as +33199000000")
    return number


COLUMNS: Mapping[str, Callable[[str], object]] = {
    "message": str,  # check_text is for it
    "play": _url,
    "repeat": _repeat,
    "voice": _voice,
    "speed": _speed,
    "spell-digits": _flag,
    "confirm": _confirm,
    "digits": _digits,
    "hash": _flag,
    "thanks": _thanks,
    "valid-for": _validity,
    "from": _source,
}
"""What reads a cell, by the option's name."""
_FIELDS = {"message": "text", "hash": "hash_ends", "from": "source"}  # the others have the option's name
_SAID = ("message", "thanks")  # never shown: they may be secrets
