"""Rows of one kind in two stores: which are there, which are put in, and whether they are the same."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import add
from typing import Any, NamedTuple, Self

from voicecli.errors import StoreFailed
from voicecli.store.engine import Store, Transaction, marks
from voicecli.store.postgresql_sql import array

PAGE = 500  # rows that are looked up, and put in by one commit
_TYPES = {int: "bigint", str: "text", bytes: "bytea"}

Row = tuple[Any, ...]


class Copied(NamedTuple):
    """``rows`` are those of the store that is copied, ``added`` those that were put in now, ``updated`` those
    of which it knew more. ``different`` are there in another form, and stay so: they came there in another
    way, or more has become known of them there."""

    kind: str
    rows: int = 0
    added: int = 0
    updated: int = 0
    different: int = 0

    def plus(self, other: Self) -> Self:
        kind, *counts = self
        return type(self)(kind, *map(add, counts, other[1:]))


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of a table, read in the ``order`` of these columns. Those of ``key`` come first in a row, and tell
    it in both stores; what is in ``later`` may become known, or change, while a row is there."""

    name: str
    table: str
    key: tuple[str, ...]
    others: tuple[str, ...]
    order: str
    later: Collection[str] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.key + self.others

    @property
    def insert(self) -> str:
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) VALUES ({marks(self.columns)})"

    def key_of(self, row: Row) -> Row:
        return row[: len(self.key)]

    def value(self, row: Row, column: str) -> Any:
        return row[self.columns.index(column)]

    def is_another(self, ours: Row, theirs: Row) -> bool:
        """Whether two rows of the same key differ in what does not change."""
        columns = zip(self.columns, ours, theirs, strict=True)
        return any(mine != other for name, mine, other in columns if name not in self.later)


class Copying:
    """Copies the rows of one kind. What is special to a kind is in a class of its own."""

    def __init__(self, kind: Kind, source: Store, target: Store) -> None:
        self.kind = kind
        self.source = source
        self.target = target
        self._others: set[Row] = set()  # keys of those that were there as something else

    def copy(self) -> Iterator[Copied]:
        """Put in what is not there; how far it is, after each step. Raises StoreFailed."""
        copied = Copied(self.kind.name)
        for page in _pages(self.rows()):
            with self.target.transaction() as transaction:
                step = self.copy_page(transaction, page)
            copied = copied.plus(step)
            yield copied

    def copy_page(self, transaction: Transaction, page: Sequence[Row]) -> Copied:
        """The same with some rows, within a transaction."""
        there = self._find(page)
        new = [row for row in page if self.kind.key_of(row) not in there]
        known = [(row, there[key]) for row in page if (key := self.kind.key_of(row)) in there]
        if new:
            self.insert(transaction, new)
        updated = sum(self.update(transaction, row, found) for row, found in known if row != found)
        self._others |= {self.kind.key_of(row) for row, found in known if self.kind.is_another(row, found)}
        return Copied(self.kind.name, len(page), len(new), updated)

    def compare(self) -> int:
        """Look at each row once more; how many differ. Raises StoreFailed where one is missing, or one that
        was put in is not what it was."""
        different = 0
        for page in _pages(self.rows()):
            there = self._find(page)
            for row in page:
                key = self.kind.key_of(row)
                found = there.get(key)
                if found is None or (self.kind.is_another(row, found) and key not in self._others):
                    wrong = "missing" if found is None else "not the same"
                    raise StoreFailed(
                        f"Of the {self.kind.name} that were copied, one is {wrong} in {self.target.name}.",
                        hint="Copy once more: what is there already stays.",
                    )
                different += row != found
        return different

    def rows(self) -> Iterator[Row]:
        """Those of the source, as they are to be in the target: each time the same, in the same order."""
        columns = ", ".join(self.kind.columns)
        query = f"SELECT {columns} FROM {self.kind.table} ORDER BY {self.kind.order}"
        return map(as_kept, self.source.rows(query))

    def insert(self, transaction: Transaction, rows: Sequence[Row]) -> None:
        """Put in new rows."""
        transaction.execute_many(self.kind.insert, rows)

    def update(self, transaction: Transaction, ours: Row, theirs: Row) -> bool:
        """Whether a row that is there was changed, since ``ours`` tells more than it."""
        return False

    def as_read(self, row: Row) -> Row:
        """A row of the target, as ``rows`` gives it."""
        return row

    def _find(self, rows: Sequence[Row]) -> dict[Row, Row]:
        """Those of the same keys that are in the target, by their keys."""
        keys = [
            (_TYPES[type(values[0])], values) for values in zip(*map(self.kind.key_of, rows), strict=True)
        ]
        arrays = ", ".join(f"?::{kind}[]" for kind, _ in keys)
        query = (
            f"SELECT {', '.join(self.kind.columns)} FROM {self.kind.table}"
            f" WHERE ({', '.join(self.kind.key)}) IN (SELECT * FROM unnest({arrays}))"
        )
        found = self.target.rows(query, [array(kind, values) for kind, values in keys])
        return {self.kind.key_of(row): self.as_read(row) for row in found}


def _pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while page := list(islice(rows, PAGE)):
        yield page


def as_kept(row: Row) -> Row:
    """A row as a shared store keeps it: its texts have no NUL."""
    return tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row)
