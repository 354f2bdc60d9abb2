"""Texts with placeholders: the names of columns in braces, with ``:spelled`` for a code."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from voicecli.broadcast.lists.recipients import column
from voicecli.errors import InvalidInput
from voicecli.voice_api.spelled_out import blank_before, pause_after, spell_out

_BRACES = re.compile(r"(\{\{|\}\})|\{([^{}]+)\}|[{}]")
_SPELLED = re.compile(r"(.*\S)\s*:\s*spelled", re.IGNORECASE | re.DOTALL)


class Placeholder(NamedTuple):
    """What it stands for: the value of a column, by its number from 0 and its name, perhaps spelled out."""

    column: int
    name: str
    is_spelled: bool

    def value(self, values: Sequence[str]) -> str:
        """For one person. Raises InvalidInput where there is nothing to spell out."""
        value = values[self.column]
        if self.is_spelled and not (value := spell_out(value)):
            raise InvalidInput(f"{self.name} has no letter or digit to spell out.")
        return value


def placeholder(columns: Sequence[str], name: str) -> Placeholder:
    """What a placeholder's name means among these columns: ``code:spelled`` is the column ``code``, spelled
    out, unless a column is named exactly so. Raises InvalidInput."""
    spelled = None if name in columns else _SPELLED.fullmatch(name)
    try:
        index = column(columns, spelled[1] if spelled else name)
    except InvalidInput as error:
        known, colon, _ = name.rpartition(":")
        if colon and known in columns and not spelled:
            error.hint += f" To spell it out: {{{known}:spelled}}."
        raise
    return Placeholder(index, columns[index], spelled is not None)


class Template:
    """``Hello {name}``; ``{{`` and ``}}`` are braces in the text. ``names`` are those of the placeholders,
    each once, as they are written. Raises InvalidInput for a brace that belongs to nothing.

    No error has the text in it: it may be a secret.
    """

    def __init__(self, text: str) -> None:
        self._texts = [""]  # what stands before, between and after the placeholders
        self._names: list[str] = []
        end = 0
        for found in _BRACES.finditer(text):
            self._texts[-1] += text[end : found.start()]
            end = found.end()
            if found[1]:
                self._texts[-1] += found[1][0]
            elif found[2] and found[2].strip():
                self._names.append(found[2].strip())
                self._texts.append("")
            else:
                raise InvalidInput(
                    f"The brace at character {found.start() + 1} of the message belongs to no placeholder.",
                    hint="A placeholder is the name of a column in braces: {name}. "
                    "To say a brace, write it twice.",
                )
        self._texts[-1] += text[end:]
        self.names = tuple(dict.fromkeys(self._names))

    def bind(self, columns: Sequence[str]) -> Callable[[Sequence[str]], str]:
        """What makes the text for a person out of the values of these columns. Raises InvalidInput for a
        placeholder that is no column; what it gives raises it for a value that can't be spelled out."""
        places = [placeholder(columns, name) for name in self._names]
        if not places:
            return lambda values: self._texts[0]
        texts = list(self._texts)
        for index, place in enumerate(places):
            if place.is_spelled:
                before, after = texts[index : index + 2]
                last = index == len(places) - 1
                blank = blank_before(before or ("x" if index else ""))  # another value stands there
                pause, end = pause_after(after or ("" if last else "x"))
                texts[index : index + 2] = before + blank, pause + after[end:]
        form = "%s".join(text.replace("%", "%%") for text in texts)
        if any(place.is_spelled for place in places):
            return lambda values: form % tuple([place.value(values) for place in places])
        pick = itemgetter(*(place.column for place in places))
        return lambda values: form % pick(values)


def other_placeholders(text: str, columns: Sequence[str]) -> Mapping[str, str]:
    """What looks like a placeholder of another program for one of these columns, such as $name, <name>,
    %name% or {{name}}, and the column."""
    found: dict[str, str] = {}
    folded = text.casefold()
    for name in filter(None, map(str.strip, columns)):
        if name.casefold() not in folded:  # a pattern for each of ten thousand columns takes seconds
            continue
        forms = (r"\$%s\b", r"\$\(%s\)", "<%s>", "%%%s%%", r"%%\(%s\)s", r"\[%s\]", r"\{\{ *%s *\}\}")
        pattern = "|".join(form % re.escape(name) for form in forms)
        found.update((written, name) for written in re.findall(pattern, text, re.IGNORECASE))
    return found


class CallflowTemplate:
    """A JSON document whose texts are templates; ``names`` are those of all their placeholders. Raises
    InvalidInput."""

    def __init__(self, document: object) -> None:
        self._document = document
        self.names = tuple(dict.fromkeys(name for text in _texts(document) for name in Template(text).names))

    def bind(self, columns: Sequence[str]) -> Callable[[Sequence[str]], object]:
        """What makes the document for a person, as ``Template.bind`` makes a text."""
        return _bound(self._document, columns)


def _texts(document: object) -> Iterator[str]:
    match document:
        case str():
            yield document
        case list():
            for part in document:
                yield from _texts(part)
        case dict():
            for part in document.values():
                yield from _texts(part)


def _bound(document: object, columns: Sequence[str]) -> Callable[[Sequence[str]], object]:
    match document:
        case str():
            return Template(document).bind(columns)
        case list():
            parts = [_bound(part, columns) for part in document]
            return lambda values: [part(values) for part in parts]
        case dict():
            fields = {name: _bound(part, columns) for name, part in document.items()}
            return lambda values: {name: part(values) for name, part in fields.items()}
        case _:
            return lambda values: document
