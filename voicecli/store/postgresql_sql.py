"""The common SQL of the store's modules, as PostgreSQL takes it."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from voicecli.store.columns import KINDS
from voicecli.store.postgresql_schema import TABLES

Values = Sequence[Sequence[object]]

_TABLE = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE|USING) ({'|'.join(TABLES)})\b")
_OF_SQLITE_ONLY = re.compile(r" INDEXED BY \w+")
_INSTR = re.compile(r"instr\((.+?), (\?|'\w+')\)")
_TEXT_OF_BYTES = re.compile(r"CAST\(body AS TEXT\)")
_NONE_OF = re.compile(r"\bIN \(\)")


@lru_cache(512)
def translate(statement: str, schema: str) -> str:
    """A statement for psycopg; ``schema`` is quoted. Names of tables get their schema, which a search path
    would do for one of PgBouncer's connections only."""
    statement = _OF_SQLITE_ONLY.sub("", statement.replace("%", "%%"))
    statement = _INSTR.sub(r"position(\2 IN \1)", statement)
    statement = _TEXT_OF_BYTES.sub("encode(body, 'escape')", statement)
    statement = _NONE_OF.sub("IN (NULL)", statement)
    return _TABLE.sub(rf"\1 {schema}.\2", statement).replace("?", "%s")


# -- one statement for many rows -------------------------------------------------------------------------

_TYPES = {int: "bigint", bool: "bigint", str: "text", bytes: "bytea", float: "double precision"}
_COMPARED = re.compile(r"(\w+) (?:=|!=|<|>|<=|>=) (?:coalesce\()?$")
_INSERTED = re.compile(r"INSERT INTO \w+ \(([^)]*)\)")


def for_many(statement: str, rows: Values) -> tuple[str, list[str]]:
    """An INSERT, UPDATE or DELETE of one row as one statement for all of them, and its parameters: an array
    for each of the former ones."""
    columns = list(zip(*rows, strict=True))
    found = [_type_of(values) for values in columns]
    types = tuple(one or other for one, other in zip(found, _types_in(statement), strict=True))
    return _one_statement(statement, types), list(map(array, types, columns))


def _type_of(values: Sequence[object]) -> str | None:
    """What they are of, None where all are NULL."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {int, float}:
        return _TYPES[float]
    return next((_TYPES[base] for kind in kinds for base in _TYPES if issubclass(kind, base)), None)


@lru_cache(128)
def _types_in(statement: str) -> list[str]:
    """Of the columns that each parameter belongs to, as their names tell."""
    inserted = _INSERTED.match(statement)
    if inserted:
        names = inserted[1].split(", ")
    else:
        compared = (_COMPARED.search(piece) for piece in statement.split("?")[:-1])
        names = ["" if found is None else found[1] for found in compared]
    return [_TYPES[KINDS.get(name, (str,))[0]] for name in names]


@lru_cache(128)
def _one_statement(statement: str, types: Sequence[str]) -> str:
    arrays = f"unnest({', '.join(f'?::{one}[]' for one in types)})"
    if statement.startswith("INSERT"):
        return re.sub(r"VALUES \([?, ]+\)", f"SELECT * FROM {arrays}", statement)
    names = [f"p{number}" for number in range(len(types))]
    pieces = zip(statement.split("?"), [*(f"v.{name}" for name in names), ""], strict=True)
    named = "".join(chain.from_iterable(pieces))
    word = "USING" if statement.startswith("DELETE") else "FROM"
    before, _, after = named.partition(" WHERE ")
    return f"{before} {word} {arrays} AS v({', '.join(names)}) WHERE {after}"


def array(kind: str, values: Sequence[object]) -> str:
    """PostgreSQL's written form of an array."""
    match kind:
        case "bytea":
            texts = ["NULL" if one is None else f'"\\\\x{one.hex()}"' for one in values]  # type: ignore[attr-defined]
        case "text":
            texts = ["NULL" if one is None else _quoted(str(one)) for one in values]
        case _:
            texts = ["NULL" if one is None else repr(+one) for one in values]  # type: ignore[operator]
    return "{" + ",".join(texts) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def encode(text: str) -> bytes:
    """PostgreSQL has no NUL in texts, and nothing that is no text."""
    return text.replace("\0", "\ufffd").encode(errors="replace")
