"""Opens the store, whichever engine it has: nothing else asks which one that is."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from voicecli import interrupts
from voicecli.errors import ConfigurationError, StoreFailed, StoreRefused, StoreUnreachable
from voicecli.store.engine import Store
from voicecli.store.location import StorePlace

if TYPE_CHECKING:
    from voicecli.store.postgresql_examination import Examination
    from voicecli.store.postgresql_migrating import Migrated

EXAMINATION_LIMIT = 12.0  # seconds


def open_store(place: StorePlace, *, accept_newer: bool = False) -> Store:
    """The open store; use it in a ``with``. Raises ConfigurationError for one that can't be used, and for one
    that a newer voicecli has made or migrated, unless ``accept_newer``: a listener that was running before
    goes on, since migrations only add."""
    if place.is_shared:
        _require_driver()
        from voicecli.store.postgresql import PostgresqlStore

        return PostgresqlStore(place, accept_newer=accept_newer)
    from voicecli.store.sqlite import SqliteStore

    return SqliteStore(place.folder, accept_newer=accept_newer)


@contextmanager
def open_guarded(place: StorePlace) -> Iterator[Store]:
    """The open store, for who can't wait without end for a server that stands still: a statement that hangs
    raises StoreUnreachable after some seconds."""
    with open_store(place) as store, store.guarded():
        yield store


@contextmanager
def open_interruptible(place: StorePlace) -> Iterator[Store]:
    """The open store, for commands that call nobody, and in whose way no server that stands still may be: a
    signal ends what hangs, with KeyboardInterrupt."""
    try:
        with (
            calling_nobody(),
            open_store(place) as store,
            store.guarded(at_signals=True, is_patient=True),
        ):
            yield store
    except (StoreUnreachable, ConfigurationError):
        interrupts.check()
        raise


@contextmanager
def calling_nobody() -> Iterator[None]:
    """Inside, nobody is called: a store that may only be read is as one that can't be opened. Raises
    ConfigurationError."""
    try:
        yield
    except StoreRefused as error:
        raise ConfigurationError(error.message, hint=error.hint) from error


@contextmanager
def before_first_call() -> Iterator[None]:
    """Inside, nobody is called yet: a database that goes away, or a store that may only be read, is as one
    that can't be opened. Raises ConfigurationError."""
    try:
        yield
    except (StoreUnreachable, StoreRefused) as error:
        raise ConfigurationError(f"{error.message} Nothing was sent.", hint=error.hint) from error


def migrate_store(place: StorePlace) -> "Migrated":
    """Make the tables of a shared store, or bring them up to date; a file needs no such thing. Raises
    ConfigurationError."""
    _require_driver()
    from voicecli.store.postgresql_migrating import migrate

    try:
        return interrupts.in_thread(partial(migrate, place))
    except StoreFailed as error:
        raise ConfigurationError(error.message, hint=error.hint) from error


def examine_database(place: StorePlace) -> "Examination":
    """What a shared store's database is, and what it allows. Raises ConfigurationError and StoreFailed."""
    _require_driver()
    from voicecli.store.postgresql_examination import examine

    try:
        return interrupts.in_thread(partial(examine, place), timeout=EXAMINATION_LIMIT)
    except TimeoutError as error:
        raise StoreUnreachable(f"The database did not answer within {EXAMINATION_LIMIT:.0f} s.") from error


def _require_driver() -> None:
    """Raises ConfigurationError."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"PostgreSQL's driver can't be used: {' '.join(str(error).split())}.",
            hint="Install it beside voicecli: pip install 'psycopg[binary]', or pipx inject voicecli "
            "'psycopg[binary]'.",
        ) from error
