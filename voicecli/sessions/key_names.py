"""What the keys of a call mean: ``--keys 1=confirmed,2=reschedule,9=stop``; ``--confirm 1,2`` for short."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import NamedTuple, Self

from voicecli.errors import InvalidInput, quote

CONFIRMED = "confirmed"
"""The name of the keys of --confirm."""
STOP = "stop"
"""The name of a key by which people say that they want no more calls."""
NO_KEY = "-"
"""In place of the accepted keys where there are none; nobody can press it."""
MAX_NAME = 30  # characters
_LIKE_STOP = re.compile("stopp|stop[-_]?(all|call(s|ing)?)|unsubscribed?|opt[-_]?out", re.IGNORECASE)
_KEY = "[0-9*#]"
_NAME = re.compile(r"[^\W\d_][\w-]*")


class KeyNames(NamedTuple):
    """``names`` has what each key means, ``accepted`` the keys that are an answer as it was wished for."""

    names: Mapping[str, str]
    accepted: frozenset[str]

    @classmethod
    def parse(cls, text: str, accept: str | None = None) -> Self:
        """From ``--keys`` and ``--accept``, which has the names that are accepted: by default all but stop.
        Case and width make no difference to a name. Raises InvalidInput."""
        names, spellings = dict[str, str](), {STOP: STOP, CONFIRMED: CONFIRMED}
        text = _normalized(text)
        for pair in text.split(","):
            key, equals, name = map(str.strip, pair.partition("="))
            if not (equals and re.fullmatch(_KEY, key) and _is_name(name)):
                raise InvalidInput(
                    f"--keys takes keys with names, such as 1=yes,9=stop, not {quote(pair.strip())}.",
                    hint=_hint(text, key, name),
                )
            if key in names:
                raise InvalidInput(
                    f"--keys names the key {key} twice: {names[key]} and {name}.",
                    hint="Several keys may have one name: 1=yes,2=yes.",
                )
            names[key] = spellings.setdefault(name.casefold(), name)
        return cls(names, _accepted(names, accept))

    def check(self) -> None:
        """Raises InvalidInput for a name that was meant as stop: who presses it would be called again."""
        for key, name in self.names.items():
            if _LIKE_STOP.fullmatch(name):
                raise InvalidInput(
                    f"A key by which people want no more calls is named stop, not {quote(name)}.",
                    hint=f"Who presses a key of another name is called again: {key}=stop.",
                )

    @classmethod
    def of_confirm(cls, keys: Collection[str]) -> Self:
        """Keys that all confirm."""
        return cls(dict.fromkeys(sorted(keys), CONFIRMED), frozenset(keys))

    @classmethod
    def stored(cls, asks: str | None, key_names: str | None) -> Self | None:
        """As an attempt has them; None where no key has a meaning."""
        accepted = frozenset(asks.split(",")) if asks else frozenset()
        if not key_names:
            return cls.of_confirm(accepted) if accepted else None
        return cls(dict(pair.split("=", 1) for pair in key_names.split(",")), accepted - {NO_KEY})

    @property
    def asks(self) -> str:
        """The accepted keys, as an attempt has them: 1,2."""
        return ",".join(sorted(self.accepted)) or NO_KEY

    def as_text(self) -> str:
        """As in ``--keys``."""
        return ",".join(f"{key}={name}" for key, name in self.names.items())

    def in_words(self) -> str:
        """For people, who look whether the message says the same."""
        return ", ".join(
            f"{key} {name}{' (no more calls)' if name == STOP else ''}" for key, name in self.names.items()
        )

    @property
    def stored_names(self) -> str | None:
        """The same as an attempt has it; None where the accepted keys say all."""
        return None if self == self.of_confirm(self.accepted) else self.as_text()

    @property
    def stop(self) -> frozenset[str]:
        """The keys by which people say that they want no more calls."""
        return frozenset(key for key, name in self.names.items() if name == STOP)

    @property
    def final(self) -> frozenset[str]:
        """The keys after which nobody is called again: accepted, or stop."""
        return self.accepted | self.stop

    def is_stop(self, digits: str) -> bool:
        """Whether that says to want no more calls, also where the key was heard twice, or # after it."""
        return bool({*digits} & self.stop) and {*digits} <= self.stop | {"#"}

    def is_final(self, digits: str) -> bool:
        """Whether nobody is called again who pressed that."""
        return digits in self.accepted or self.is_stop(digits)

    def entered(self, digits: str) -> str:
        """What counts as typed: a key that says stop once, however often it was heard."""
        return next(filter(self.stop.__contains__, digits)) if self.is_stop(digits) else digits

    def result(self, digits: str | None) -> str | None:
        """The name of what was pressed; None where it has none."""
        if digits is None:
            return None
        return STOP if self.is_stop(digits) else self.names.get(digits)


def result_of(keys: KeyNames | None, digits: str | None) -> str | None:
    """The result of a call in which that was pressed; None also where keys mean nothing."""
    return None if keys is None else keys.result(digits)


def answers_of(keys: KeyNames | None, digits: str | None) -> dict[str, str]:
    """What was typed, by the name of its question: of a call that asks one, keys or digits."""
    if digits is None:
        return {}
    return {"digits" if keys is None else "keys": digits}


def answers_text(answers: Mapping[str, str]) -> str:
    """In a line: that of the only question alone, several by name."""
    if len(answers) == 1:
        return next(iter(answers.values()))
    return ", ".join(f"{name}={typed}" for name, typed in answers.items())


def _normalized(text: str) -> str:
    """Without the differences between characters that people see as the same, such as those in full width."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _is_name(text: str) -> bool:
    """Whether it is one word; letters may have marks, as those of Hindi and Thai do."""
    letters = "".join(c for c in text if not _is_mark(c))
    return _NAME.fullmatch(letters) is not None and text[0] == letters[0] and len(text) <= MAX_NAME


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _accepted(names: Mapping[str, str], accept: str | None) -> frozenset[str]:
    known = dict.fromkeys(names.values())
    wanted = {name for name in known if name != STOP}
    if accept is not None:
        named = {name.casefold(): name for name in known}
        asked = [name.strip() for name in _normalized(accept).split(",")]
        if unknown := sorted(name for name in asked if name.casefold() not in named):
            raise InvalidInput(
                f"--accept takes names of --keys, not {quote(unknown[0])}.",
                hint=f"These are there: {', '.join(known)}.",
            )
        wanted = {named[name.casefold()] for name in asked}
        if STOP in wanted:
            raise InvalidInput(
                "--accept can't take stop: who presses it is not called again.", hint="Leave it out."
            )
    return frozenset(key for key, name in names.items() if name in wanted)


def _hint(text: str, key: str, name: str) -> str:
    """What may be meant."""
    if re.fullmatch(rf" *{_KEY}( *,? *{_KEY})* *", text):
        return f"Did you mean --confirm {','.join(re.findall(_KEY, text))}?"
    if re.fullmatch(_KEY, name) and _is_name(key):
        return f"The key comes first: {name}={key}."
    if text.rstrip().endswith(","):  # a shell parts 1=yes, 2=no
        return "No blank after a comma, or all in quotes."
    pairs = re.findall(rf"(?:^|[\s,;|/])({_KEY}) *= *([^\s,;|/=]+)", text)
    if len(pairs) > text.count(",") + 1 and all(_is_name(name) for _, name in pairs):
        return f"Commas part them: {','.join(map('='.join, pairs))}."
    if found := re.fullmatch(rf"({_KEY}) *[:=-]+>? *(\w.*)", key if not name else f"{key}={name}"):
        kept = "".join(c if c.isalnum() or _is_mark(c) else " " for c in found[2])
        word = "-".join(kept.split())[:MAX_NAME]
        word = STOP if _LIKE_STOP.fullmatch(word) else word
        if _is_name(word):
            return f"A name is one word: {found[1]}={word}."
    return "A key is 0 to 9, * or #; its name is one word, such as confirmed."
