"""People as JSON Lines: one object a line, each of its names a column."""

import json
from collections.abc import Iterable, Iterator, Sequence

from voicecli.errors import quote
from voicecli.json_values import JsonProblem


class JsonLines:
    """``columns`` grows by the names that are found on the way; a record has "" for those it lacks."""

    def __init__(self) -> None:
        self.columns: dict[str, None] = {}

    def records(self, lines: Iterable[str]) -> Iterator[tuple[Sequence[str], str] | None]:
        for text in lines:
            yield self._record(text) if text.strip() else None

    def _record(self, text: str) -> tuple[Sequence[str], str]:
        try:
            person = _READER.decode(text.rstrip())
            if not isinstance(person, dict):
                raise ValueError("is not a JSON object")
            for name in person:
                self.columns.setdefault(name)
            return [_text(name, person.get(name)) for name in self.columns], ""
        except json.JSONDecodeError as error:
            wrong = JsonProblem.of(error)
            problem = f"is not valid JSON: {wrong.cause} (column {wrong.column})"
        except RecursionError:
            problem = "is not valid JSON: too deep"
        except ValueError as error:
            problem = str(error)
        return [""] * len(self.columns), problem


def _text(name: str, value: object) -> str:
    match value:
        case str():
            if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                raise ValueError(f"has half of a character in {quote(name)}")
            return value.strip()
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case _:
            raise ValueError(f"has more than one value in {quote(name)}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    person = dict(pairs)
    if len(person) < len(pairs):
        raise ValueError("has a name twice")
    return person


def _refused(constant: str) -> object:
    raise ValueError(f"is not valid JSON: {constant} is no number")


# Numbers are kept as they are written: 1.10 is a price, and an account number has no limit.
_READER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refused, object_pairs_hook=_unique)
