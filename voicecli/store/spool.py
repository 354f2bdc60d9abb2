"""The spool of a listener: a SQLite store of this machine's own, in which events wait while the store that a
team shares is away. Every function raises StoreFailed."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from voicecli.store.engine import Store
from voicecli.store.event_recording import KeptEvent, record_events, record_replies
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.sqlite import FILE

LARGEST_BATCH = 16 << 20  # bytes


class Note(NamedTuple):
    """What an event was answered, in words, with a remark on it. An event that came to the spool has no
    number yet: it is known by its session and its identity."""

    reply: str
    remark: str | None
    session: str
    identity: bytes


class SpooledEvent(NamedTuple):
    """``id`` is its number in the spool only; that of one which was set aside is below zero."""

    id: int
    event: KeptEvent
    remark: str | None

    @property
    def note(self) -> Note | None:
        reply = self.event.reply
        return None if reply is None else Note(reply, self.remark, self.event.session, self.event.identity)


def place_of_spool(place: StorePlace) -> StorePlace:
    """Where the spool is of a shared store: each has one of its own on a machine."""
    return StorePlace(place.local_folder / "spool")


def is_there(place: StorePlace) -> bool:
    """Whether there is a store in this place's folder, without making one."""
    return (place.folder / FILE).exists()


def stamp(place: StorePlace) -> object:
    """What is another one after each write to the spool in this place; None where there is no spool."""
    if not is_there(place):
        return None
    found = []
    for name in (FILE, f"{FILE}-wal"):
        with suppress(OSError):
            status = (place.folder / name).stat()
            found.append((name, status.st_ino, status.st_size, status.st_mtime_ns))
    return found


def count_spooled(spool: Store) -> int:
    """How many wait."""
    return spool.read_number("SELECT count(*) FROM events WHERE id > 0")


def count_set_aside(spool: Store) -> int:
    """How many the shared store has refused."""
    return spool.read_number("SELECT count(*) FROM events WHERE id < 0")


def set_aside(spool: Store, event: SpooledEvent) -> None:
    """It waits no more, since the shared store refuses it, but is kept here."""
    spool.execute_many("UPDATE events SET id = -id WHERE id = ?", [(event.id,)])


def try_again(place: StorePlace) -> None:
    """Those that were set aside wait again, if there is a spool in this place."""
    if is_there(place):
        with open_store(place, accept_newer=True) as spool:
            spool.execute_many("UPDATE events SET id = -id WHERE id < ?", [(0,)])


def oldest_spooled(spool: Store, limit: int) -> list[SpooledEvent]:
    """The first of those that wait, in the order in which they came; fewer where they are large, since
    PostgreSQL takes no statement of 1 GB."""
    query = (
        "SELECT id, received, type, session, key, reply, body, remark FROM events WHERE id > 0"
        " ORDER BY id LIMIT ?"
    )

    def read(number: int, *columns: object) -> SpooledEvent:
        *event, remark = columns
        return SpooledEvent(number, KeptEvent._make(event), None if remark is None else str(remark))

    found, size = [], 0
    for one in spool.read(read, query, (limit,)):
        found.append(one)
        size += len(one.event.body)
        if size > LARGEST_BATCH:
            break
    return found


def copy_spooled(store: Store, events: Sequence[SpooledEvent]) -> None:
    """Keep them in the shared store, with their replies. Those that are there already are not put in again:
    whoever copied them before may have been killed before he took them out of the spool."""
    recorded = record_events(store, [one.event for one in events])
    replies = [
        (one.event.reply, one.remark, number)
        for one, (number, _) in zip(events, recorded, strict=True)
        if one.event.reply is not None
    ]
    if replies:
        record_replies(store, replies)


def remove_spooled(spool: Store, events: Sequence[SpooledEvent]) -> list[Note]:
    """Take them out, since they are in the shared store: what has been noted of them since they were read."""
    between = (events[0].id, events[-1].id)
    noted = "SELECT session, key, reply, remark FROM events WHERE id BETWEEN ? AND ? AND reply IS NOT NULL"
    with spool.transaction() as transaction:
        rows = transaction(noted, between).rows
        transaction("DELETE FROM events WHERE id BETWEEN ? AND ?", between)
    known = {one.note for one in events}
    notes = [Note(reply, remark, session, identity) for session, identity, reply, remark in rows]
    return [note for note in notes if note not in known]


def note_in_spool(spool: Store, notes: Iterable[Note]) -> list[Note]:
    """Note what was answered; those whose event is not in the spool any more are given back."""
    with spool.transaction() as transaction:
        return [note for note in notes if not transaction(_NOTE, note).changed]


def note_in_store(store: Store, notes: Iterable[Note]) -> None:
    """The same in the shared store, of events that were in the spool; of several on one event the last."""
    last = {(note.session, note.identity): note for note in notes}
    store.execute_many(_NOTE, list(last.values()))


_NOTE = "UPDATE events SET reply = ?, remark = ? WHERE session = ? AND key = ?"
