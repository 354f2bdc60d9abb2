"""Masks secrets in output: known values in any encoding, and fields with a secret's name."""

import json
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from voicecli.output.json_text import one_line
from voicecli.output.printable import printable

MIN_SECRET = 4  # characters: to mask less would garble words and hide nothing
HIDDEN = "***"
# What the name of a field has in it whose value is secret, in lower case without - _ and blanks.
_NAMES = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "httpauthheader",
    "authorization",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
)
_MASKED_HEADER = "Bearer ***"  # hidden already, and shows which kind it is
# Each way in which a text is written inside of another: JSON, Python, URLs, and our own escapes.
_ENCODINGS: tuple[Callable[[str], str], ...] = (
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: printable(text),
    lambda text: printable(text, lines=True),
    lambda text: repr(text)[1:-1],
    lambda text: ascii(text)[1:-1],
    lambda text: quote(text, safe="", errors="replace"),
    lambda text: quote(text, errors="replace"),
    lambda text: quote_plus(text, errors="replace"),
)
_MAX_DEPTH = 2  # a text in JSON that is itself shown as JSON, say


def has_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret, in any case: httpAuthHeader, db_password, API-Key."""
    plain = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    return any(part in plain for part in _NAMES)


def secret_values(document: object) -> Iterator[str]:
    """The texts and numbers in fields whose name says that they are secret, at any depth."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield from _texts_and_numbers(value) if has_secret_name(str(name)) else secret_values(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from secret_values(value)


def _texts_and_numbers(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts_and_numbers(part)
    elif isinstance(value, str) or _is_number(value):
        yield str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Secrets:
    """Masks secrets by their values, and fields by their names."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._forms: tuple[str, ...] = ()  # longest first: one may be a part of another
        self._off = False

    def add(self, secret: str) -> None:
        """From now on mask this text, in any encoding, unless it is shorter than MIN_SECRET."""
        if len(secret) < MIN_SECRET or secret in self._values:
            return
        self._values.add(secret)
        self._forms = tuple(sorted({*self._forms, *_forms(secret)}, key=len, reverse=True))

    def disable(self) -> None:
        """Show secrets as they are: for the sandbox's variables, which are not secret and must be exact."""
        self._values.clear()
        self._forms, self._off = (), True

    def masked(self, text: str) -> str:
        """A text with *** for each secret in it."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def masked_document(self, document: object) -> object:
        """JSON with *** for each secret in a text, and for whatever is in a field with a secret's name; True,
        False and None stay."""
        if self._off:
            return document
        return self._document(document)

    def _document(self, value: object, *, hidden: bool = False) -> object:
        if isinstance(value, str):
            return HIDDEN if hidden and value != _MASKED_HEADER else self.masked(value)
        if isinstance(value, Mapping):
            return {
                self.masked(str(name)): self._document(part, hidden=hidden or has_secret_name(str(name)))
                for name, part in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._document(part, hidden=hidden) for part in value]
        return HIDDEN if _is_number(value) and (hidden or str(value) in self._values) else value

    def masked_lines(self, text: str) -> str:
        """JSON documents, one a line, masked so that they stay JSON; what is no JSON is masked as text. Quick
        where there is nothing to hide."""
        if self._off or not self._may_contain_secret(text):
            return text
        try:
            return "".join(map(self._mask_line, text.splitlines(keepends=True)))
        except (ValueError, RecursionError):
            return self.masked(text)

    def _may_contain_secret(self, text: str) -> bool:
        if any(form in text for form in self._forms):
            return True
        folded = text.lower().replace("_", "").replace("-", "").replace(" ", "")
        return any(name in folded for name in _NAMES)

    def _mask_line(self, line: str) -> str:
        """Raises ValueError for what is no JSON."""
        document = json.loads(line)
        masked = self._document(document)
        return line if masked == document else one_line(masked) + line[len(line.rstrip("\r\n")) :]


def _forms(secret: str) -> set[str]:
    forms = {secret}
    for _ in range(_MAX_DEPTH):
        forms |= {written(form) for written in _ENCODINGS for form in forms}
    return forms
