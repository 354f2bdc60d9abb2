"""Keeps a listener's events in the store that a team shares. While that is away they are kept in a spool, and
brought in, in the order in which they came, when it is back."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from voicecli.errors import StoreFailed, ValueRefused, VoicecliError, as_voicecli_error
from voicecli.listener.event_keeper import Answer, FileKeeper, NumberedNote, SpooledNote, SpoolState
from voicecli.platforms.locks import Lock
from voicecli.store import spool as spools
from voicecli.store.engine import Store
from voicecli.store.event_recording import KeptEvent, record_replies
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.spool import Note

WRITE_LIMIT = 1.5  # seconds for a commit in the shared store: a VCA waits for twice as long
START_LIMIT = 3.0  # seconds for the first connection: after that, events go to the spool
LOOK_EVERY = 0.25  # seconds
END_LIMIT = 2.0  # seconds at the end for what is being brought in
BATCH = 500  # events that are brought in by one commit
MAX_NOTES = 10_000  # replies that are remembered for when the shared store is back


class SpoolingKeeper:
    """An ``EventKeeper``. ``report`` gets each change of the spool's state, in any thread.

    While the spool has something in it, new events go there, too: so the events of a session are brought in
    in order. Several listeners of this machine may share one spool; one of them at a time brings in what is
    there, whoever put it in and may be dead by now. A commit that failed may have taken place all the same:
    its events are known by their identity, so they are not kept twice.
    """

    def __init__(self, place: StorePlace, report: Callable[[SpoolState], None]) -> None:
        self._place = place
        self._spool_place = spools.place_of_spool(place)
        self._report = report
        self._state = SpoolState(0, None, 0)
        self._is_told = False
        self._telling = threading.Lock()
        self._lock = threading.Lock()  # for all that follows
        self._store: Store | None = None  # where events go at once; without it they go to the spool
        self._spool: FileKeeper | None = None  # made when it is needed first
        self._notes = _Notes()
        self._empty: object = None  # the stamp of the spool when nothing was in it
        self._writing_since: float | None = None  # monotonic
        self._over, self._woken, self._tried = threading.Event(), threading.Event(), threading.Event()
        self._bringing = threading.Thread(target=self._bring_in_regularly, daemon=True)
        self._bringing.start()
        threading.Thread(target=self._limit_writes, daemon=True).start()
        self._tried.wait(START_LIMIT)

    # -- for the process that writes -----------------------------------------------------------------

    def keep(self, events: Sequence[KeptEvent]) -> list[Answer]:
        with self._lock:
            if self._store is not None:
                with self._writing() as store:
                    failure = f"{store.name[:1].upper()}{store.name[1:]} can't be written"
                    return [(*kept,) for kept in store.insert_events(events, failure=failure, advice="")]
            try:
                if self._spool is None:
                    self._spool = FileKeeper(self._spool_place)
            except VoicecliError as error:
                return [error.message] * len(events)
            answers = self._spool.keep(events)
            self._empty = None
        self._woken.set()
        return [answer if isinstance(answer, str) else (0, answer[1]) for answer in answers]

    def note(self, numbered: Sequence[NumberedNote], spooled: Sequence[SpooledNote]) -> None:
        with self._lock:
            notes = [*map(Note._make, spooled)]
            if notes and self._spool is not None:
                with suppress(StoreFailed):
                    notes = spools.note_in_spool(self._spool.store, notes)
            self._notes.add(numbered, notes)
            if self._store is not None and self._notes:
                with self._writing() as store:
                    self._notes.write(store)

    def close(self) -> None:
        self._over.set()
        self._woken.set()
        self._bringing.join(END_LIMIT)
        with self._lock:
            for one in (self._store, self._spool):
                if one is not None:
                    one.close()

    @contextmanager
    def _writing(self) -> Iterator[Store]:
        """The shared store, which has WRITE_LIMIT. If it fails, or takes longer, it is given up, and what
        follows goes to the spool."""
        store = self._store
        if store is None:
            raise RuntimeError("there is no shared store")
        self._writing_since = time.monotonic()
        try:
            yield store
        except VoicecliError as error:
            self._store = None
            store.close()
            self._tell(reason=error.message)
        finally:
            self._writing_since = None

    def _limit_writes(self) -> None:
        while not self._over.wait(WRITE_LIMIT / 6):
            since, store = self._writing_since, self._store
            if since is not None and store is not None and time.monotonic() - since > WRITE_LIMIT:
                store.cut()

    def _tell(self, **changes: object) -> None:
        with self._telling:
            before, self._state = self._state, self._state._replace(**changes)  # type: ignore[arg-type]
            if self._state != before or not self._is_told:
                self._is_told = True
                self._report(self._state)

    # -- for the thread that brings in ---------------------------------------------------------------

    def _bring_in_regularly(self) -> None:
        store: Store | None = None  # of this thread
        with suppress(VoicecliError):
            spools.try_again(self._spool_place)
        while not self._over.is_set():
            try:
                if self._store is None or self._count():
                    store = open_store(self._place, accept_newer=True) if store is None else store
                    if self._bring_in(store) and self._hand_over(store):
                        store = None
            except Exception as error:  # noqa: BLE001 - also after a fault of ours it is to go on
                if store is not None:
                    store.close()
                    store = None
                if self._store is None:
                    self._tell(reason=as_voicecli_error(error).message, waiting=self._count())
            self._tried.set()
            self._woken.wait(LOOK_EVERY)
            self._woken.clear()
        if store is not None:
            store.close()

    def _count(self) -> int:
        """How many events wait, by whichever listener they were spooled."""
        stamp = spools.stamp(self._spool_place)
        if stamp is None or stamp == self._empty:
            return 0
        with suppress(VoicecliError), open_store(self._spool_place, accept_newer=True) as spool:
            waiting = spools.count_spooled(spool)
            self._empty = None if waiting else stamp
            return waiting
        return 0

    def _bring_in(self, store: Store) -> bool:
        """Copy what is in the spool into the shared store; False where another listener does that just now.
        Raises StoreFailed, and ConfigurationError."""
        if not self._count():
            return True
        lock = Lock.take(self._spool_place.folder / "bring-in.lock")
        if lock is None:
            return False
        try:
            with open_store(self._spool_place, accept_newer=True) as spool:
                spool.overwrite_deleted()
                size = BATCH
                while not self._over.is_set() and (events := spools.oldest_spooled(spool, size)):
                    try:
                        spools.copy_spooled(store, events)
                    except ValueRefused as error:
                        if len(events) == 1:
                            spools.set_aside(spool, events[0])
                            self._tell(refused=error.message)
                        size = max(1, len(events) // 2)
                        continue
                    size = BATCH
                    with self._lock:
                        self._notes.add((), spools.remove_spooled(spool, events))
                    waiting = spools.count_spooled(spool)
                    self._tell(waiting=waiting, brought_in=self._state.brought_in + len(events))
                spool.empty_log()
        finally:
            lock.close()
        return True

    def _hand_over(self, store: Store) -> bool:
        """Have events kept in the shared store at once from now on, by this connection, if none has come to
        the spool meanwhile. Raises StoreFailed."""
        while True:
            with self._lock:
                if not self._notes:
                    if self._store is not None or self._count():
                        return False
                    self._store = store
                    break
                notes, self._notes = self._notes, _Notes()
            try:
                notes.write(store)
            finally:
                with self._lock:
                    self._notes.add(notes.numbered, notes.spooled)
        self._tell(waiting=0, reason=None)
        return True


class _Notes:
    """Replies for when the shared store is back; of too many the oldest are forgotten."""

    def __init__(self) -> None:
        self.numbered: list[NumberedNote] = []
        self.spooled: list[Note] = []

    def __bool__(self) -> bool:
        return bool(self.numbered or self.spooled)

    def add(self, numbered: Sequence[NumberedNote], spooled: Sequence[Note]) -> None:
        self.numbered += numbered
        self.spooled += spooled
        del self.numbered[:-MAX_NOTES], self.spooled[:-MAX_NOTES]

    def write(self, store: Store) -> None:
        """Raises StoreFailed, and then those that are not written are still here."""
        if self.numbered:
            last = {note[2]: note for note in self.numbered}
            record_replies(store, list(last.values()))
            self.numbered.clear()
        if self.spooled:
            spools.note_in_store(store, self.spooled)
            self.spooled.clear()
