"""What the rest of the program knows of an engine: an open store, and a transaction in it.

Statements are in the SQL that all engines have in common, with ``?`` for each parameter; a statement of one
engine only is in its module.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self, TypeVar

from voicecli.errors import StoreFailed
from voicecli.store import columns

T = TypeVar("T")
Purpose = Literal["once", "seal"]
"""What a key is for: keyed hashes by which the same content is recognised, or encryption."""

LOCK_PATIENCE = 2.0  # seconds that another process may hold the store before we give up
SHORT_PATIENCE = 0.1  # seconds that we may hold up others


class StatementResult(NamedTuple):
    """What a statement has done: the rows that it returns, and how many it changed."""

    rows: list[tuple[Any, ...]]
    changed: int


class HeldLock(Protocol):
    """What nobody else has until ``close``."""

    def is_there(self) -> bool:
        """Whether it still keeps others out."""
        ...

    def close(self, *, remove: bool = False) -> None:
        """Give it up; with ``remove`` nothing is left of it."""
        ...


class Notifications(Protocol):
    """What tells of new events. ``work`` is whether it does so now."""

    work: bool

    def close(self) -> None: ...


class Transaction(ABC):
    """Carries out statements inside ``Store.transaction``. Raises StoreFailed."""

    @abstractmethod
    def __call__(self, statement: str, parameters: Sequence[object] = ()) -> StatementResult: ...

    @abstractmethod
    def execute_many(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        """The same INSERT, UPDATE or DELETE for many rows; how many it changed. No two of an UPDATE may be
        about the same row of the table."""

    @abstractmethod
    def insert(self, statement: str, rows: Sequence[Sequence[object]]) -> Sequence[int]:
        """Put in many rows by one INSERT; the ids that they get, in the same order."""


class Store(ABC):
    """An open store; use it in a ``with``. It belongs to the thread that has opened it."""

    name: str  # for messages: the file's path, or the database and its host
    folder: Path  # this machine's own
    is_shared: ClassVar[bool]  # whether other machines use the same store
    team: str | None = None  # who shares it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None: ...

    def cut(self) -> None:  # noqa: B027 - a file has no connection
        """For any thread: a statement that another one waits for ends, with StoreUnreachable."""

    def guarded(
        self, *, at_signals: bool = False, is_patient: bool = False
    ) -> AbstractContextManager[object]:
        """Inside, a statement that hangs raises StoreUnreachable: after some seconds, unless ``is_patient``,
        and with ``at_signals`` once a signal has come that is to end the program. A file does not hang."""
        return nullcontext()

    @abstractmethod
    def now(self) -> int:
        """Microseconds since 1970 by the clock that all who use this store share."""

    @abstractmethod
    def secret(self, purpose: Purpose) -> bytes:
        """The key of 32 bytes for this purpose, the same for all who use this store. Raises StoreFailed and
        ConfigurationError."""

    # -- reading -------------------------------------------------------------------------------------

    @abstractmethod
    def _select(
        self, query: str, parameters: Sequence[object]
    ) -> tuple[list[str], Iterable[tuple[Any, ...]]]:
        """The names of the columns, and the rows."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[None]:
        """Raises StoreFailed in place of what the engine raises inside."""

    def rows(self, query: str, parameters: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """What a SELECT finds, as it is found. Raises StoreFailed, also for a value that is not of its
        column's kind."""
        with self._reading():
            names, found = self._select(query, parameters)
            check = columns.Check(names)
            for row in found:
                if (wrong := check.wrong(row)) is not None:
                    raise self.damaged(f"{wrong} has no value of its kind")
                yield row

    def read(self, make: Callable[..., T], query: str, parameters: Sequence[object] = ()) -> Iterator[T]:
        """What ``make`` makes of each row's columns. Raises StoreFailed, also where it can't be made."""
        for row in self.rows(query, parameters):
            try:
                made = make(*row)
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                raise self.damaged(reason_of(error)) from error
            yield made

    def read_number(self, query: str, parameters: Sequence[object] = ()) -> int:
        """The one number that a SELECT finds. Raises StoreFailed."""
        for row in self.rows(query, parameters):
            if isinstance(row[0], int):
                return row[0]
        raise self.damaged("a number is missing")

    @abstractmethod
    def damaged(self, what: str) -> StoreFailed:
        """The error for a store in which this, a clause, should not be."""

    def notifications(self, _on_news: Callable[[], None]) -> Notifications | None:
        """Calls ``on_news``, in a thread of its own, when somebody has committed events, until it is closed;
        None where the engine tells nobody of that."""
        return None

    # -- what one process has alone ------------------------------------------------------------------

    @abstractmethod
    def take_lock(self, name: str, *, seconds: float = 0.0) -> HeldLock | None:
        """What has this name is this process's alone until the lock is closed, or the process has ended,
        however it does; None where another has had it for so long. Raises StoreFailed and
        ConfigurationError."""

    @abstractmethod
    def is_locked(self, name: str) -> bool:
        """Whether a process has that now."""

    @abstractmethod
    def require_locks(self) -> None:
        """Raises ConfigurationError where locks keep nobody out, as on some network drives: two processes
        could place the same call there."""

    # -- writing -------------------------------------------------------------------------------------

    @abstractmethod
    def transaction(
        self, *, failure: str = "", advice: str = "", concurrent: bool = False
    ) -> AbstractContextManager[Transaction]:
        """Statements that take place all together or not at all, and are on the disk when this is left;
        nobody else writes meanwhile, so what is read inside stays true until then. With ``concurrent`` others
        who say so, too, may write meanwhile, where the engine can do that: for statements that are right
        beside each other. Raises StoreFailed, with the words and the advice that are given; an error that is
        raised inside undoes everything, too."""

    @abstractmethod
    def insert_events(
        self, events: Sequence[tuple[object, ...]], *, failure: str, advice: str
    ) -> list[tuple[int, int]]:
        """``event_recording.record_events``: the number of each, and how often it has come."""

    def delete_in_steps(self, statement: str, parameters: Sequence[object], step: int) -> Iterator[int]:
        """Carry out a DELETE of at most ``step`` rows, each time in a commit of its own, until it finds no
        more: how many each time. Raises StoreFailed."""
        deleted = step
        while deleted == step:
            with self.transaction() as transaction:
                deleted = transaction(statement, parameters).changed
            yield deleted

    def execute_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """The same statement for many rows, all in one commit. Raises StoreFailed."""
        with self.transaction() as transaction:
            transaction.execute_many(statement, rows)

    @abstractmethod
    def make_index(self, name: str, table: str, columns: str) -> None:
        """Unless it is there: one that only some need. It changes no result. Raises StoreFailed."""

    # -- its state -----------------------------------------------------------------------------------

    @abstractmethod
    def is_there(self) -> bool:
        """Whether what is written now can be found later: nobody has removed or replaced the store."""

    def is_reachable(self) -> bool:
        """Whether the store can be reached: by a new connection, which is no part of this store. For any
        thread."""
        return True

    @abstractmethod
    def require_in_place(self) -> None:
        """Raises StoreFailed where what was written could not be found later. All that writes looks after
        its commit."""

    @abstractmethod
    def find_damage(self) -> str | None:
        """What is wrong with the store; None where all is well. Raises StoreBusy where another process holds
        it, and StoreRefused where it may only be read."""

    @abstractmethod
    def size(self) -> int:
        """How many bytes it takes. Raises StoreFailed."""

    @abstractmethod
    def short_patience(self) -> AbstractContextManager[None]:
        """Inside, StoreBusy comes soon: for event loops, which have other things to do until they try again.
        Who holds the store may have been stopped."""

    @abstractmethod
    def checkpoint(self) -> None:
        """Do now what would hold up a later write, as far as nobody is held up by that."""

    @abstractmethod
    def overwrite_deleted(self) -> None:
        """From now on, what is deleted is overwritten, where the engine can do that. Raises StoreFailed."""

    @abstractmethod
    def empty_log(self) -> None:
        """What was deleted is in no log any more, where the engine can do that; but nobody is held up for
        long."""


def marks(values: Sized) -> str:
    """A parameter of a statement for each of these: ``?, ?, ?``."""
    return ", ".join("?" * len(values))


def reason_of(error: Exception) -> str:
    """Why something could not be read, as a clause; never with what the store has in it."""
    if isinstance(error, UnicodeError):
        return "it has text that is no UTF-8"
    return f"what it has makes no sense ({type(error).__name__})"
