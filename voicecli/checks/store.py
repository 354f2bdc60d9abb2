"""Whether the store can be read and written, and locked; of a team's, also what its database allows."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

from voicecli.checks.finding import Finding, failed, ok, skipped, warning
from voicecli.errors import ConfigurationError, StoreFailed, VoicecliError
from voicecli.plurals import counted
from voicecli.store import spool
from voicecli.store.engine import Store
from voicecli.store.location import StorePlace
from voicecli.store.opening import examine_database, open_store

OF_DATABASE = ("database", "grants", "store clock", "store", "pooler")
FINE_OFFSET = timedelta(seconds=2)
TRIAL = 3.0  # seconds for the database to tell us what we have told it


def check_store(place: StorePlace) -> Iterator[Finding]:
    """Reads the whole of a file, and tries whether locks work beside it; a team's database is asked."""
    if place.is_shared:
        yield from _check_database(place)
    else:
        yield _check_file(place)


def _check_file(place: StorePlace) -> Finding:
    try:
        with open_store(place) as store:
            store.require_locks()
            if trouble := store.find_damage():
                hint = "Move the file away, and a new one is made. First try: voicecli webhooks restore"
                raise ConfigurationError(f"The store {store.name} is damaged: {trouble}.", hint=hint)
            size = store.size() / 1e6
    except VoicecliError as error:
        return failed("store", error)
    return ok("store", f"It can be read and written; its size is {size:.1f} MB.")


def _check_database(place: StorePlace) -> Iterator[Finding]:
    """Whether it is there, what its user may do, how its clock is set, whether it is our store, and whether
    it tells what is new."""
    try:
        found = examine_database(place)
    except VoicecliError as error:
        first, *others = OF_DATABASE
        yield failed(first, _configuration(error))
        yield from (skipped(check, "The database could not be asked.") for check in others)
        return
    yield ok("database", f"The {found.name} answers: PostgreSQL {found.server}, as user {found.user}.")
    if found.missing:
        grants = "; ".join(f"GRANT {right} TO {found.user}" for right in found.missing)
        words = f"User {found.user} lacks rights that commands need."
        yield failed("grants", ConfigurationError(words, hint=f"As the owner of the tables: {grants};"))
    else:
        yield ok("grants", f"User {found.user} may do what commands need.")
    yield _clock(found.offset)
    yield from _check_tables(place, found.version)
    yield from _check_spool(place)


def _clock(offset: timedelta) -> Finding:
    seconds = abs(offset.total_seconds())
    if seconds <= FINE_OFFSET.total_seconds():
        return ok("store clock", "This machine's clock agrees with the database's.")
    side = "behind" if offset > timedelta(0) else "ahead of"
    words = f"This machine's clock is {seconds:.0f} s {side} the database's."
    return warning(
        "store clock", words, "Correct the one that is wrong: events have the times of their listeners."
    )


def _check_tables(place: StorePlace, version: int | None) -> Iterator[Finding]:
    try:
        with open_store(place) as store:
            if trouble := store.find_damage():
                raise ConfigurationError(
                    f"The store can't be written: {trouble}.", hint="voicecli help team says what it needs."
                )
            size, is_told = store.size() / 1e6, _is_told(store)
    except VoicecliError as error:
        yield failed("store", _configuration(error))
        yield skipped("pooler", "The store could not be opened.")
        return
    words = (
        f"It can be read and written with the team's key; its version is {version}, its size {size:.1f} MB."
    )
    yield ok("store", words)
    if is_told:
        yield ok("pooler", "The database tells at once what is new (LISTEN).")
    else:
        words = "The database does not tell what is new, as behind PgBouncer: it is asked ten times a second."
        yield ok("pooler", words)


def _check_spool(place: StorePlace) -> Iterator[Finding]:
    """Whether a listener of this machine has left events behind."""
    spool_place = spool.place_of_spool(place)
    if not spool.is_there(spool_place):
        return
    try:
        with open_store(spool_place) as store:
            waiting, refused = spool.count_spooled(store), spool.count_set_aside(store)
    except VoicecliError as error:
        yield failed("spool", error)
        return
    if waiting:
        words = f"{counted(waiting, 'event')} of a time when the database was away: only on this machine."
        yield warning("spool", words, "voicecli listen brings them in.")
    if refused:
        words = f"{counted(refused, 'event')} that the database does not take: only in {store.name}."
        yield warning("spool", words, "voicecli listen tries again when it starts, and says why.")


def _is_told(store: Store) -> bool:
    """Whether the database tells what others write."""
    told = threading.Event()
    notifications = store.notifications(told.set)
    if notifications is None:
        return False
    with closing(notifications):
        return told.wait(TRIAL)


def _configuration(error: VoicecliError) -> VoicecliError:
    """What can't be used is a matter of configuration."""
    if not isinstance(error, StoreFailed):
        return error
    failure = ConfigurationError(error.message, hint=error.hint)
    failure.__cause__ = error
    return failure
