"""How fast: one limit for all broadcasts of this machine, in a small file that they share.

A call takes its slot in one queue of moments (GCRA), which are as far apart as the fastest broadcast wants
them, and in one of its own broadcast. When 8x8 says "too many requests" (429), everybody
waits, and then a learned limit holds: it is lowered at once, rises slowly while answers come (AIMD), and is
forgotten when it lies far above what was ever reached.

Nothing here blocks: it is called by event loops. A process that is stopped (Ctrl-Z) while it has the file's
lock keeps that, so the others go on with a copy of the file.
"""

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple
from zlib import crc32

from voicecli.errors import StoreFailed
from voicecli.platforms import private_files
from voicecli.platforms.locks import Lock, try_lock, unlock

CATCH_UP = 0.05  # seconds that a caller who slept too long may make up for: sleeps are that coarse
DEFAULT_PAUSE = 1.0  # seconds, where a 429 names no time
LONGEST = 3600.0  # seconds; nothing in the file may be further ahead
ONE_CUT = 1.0  # seconds in which several 429s are one: they answer requests that left together
CUT = 0.7  # of what was too many
GROWTH = 1.07  # times faster every second
CAREFUL = 10.0  # seconds after a 429; whoever hears of none for longer was too slow
RECOVERY = 1.25  # times faster every second, from then on
LONGEST_GROWTH = 10.0  # seconds of it at once, where answers are rare
FIRST = 30.0  # calls per second that are taken to have been too many, where hardly any were measured
LEAST = 1 / 60  # calls per second
AT_WORK = 2.0  # seconds after a call that its broadcast is taken to go on
FORGOTTEN = 60.0  # seconds without any call, after which a learned limit is no longer true
WINDOW = 2.0  # seconds; answers are counted over one to two of these
NOTE_EVERY = 0.02  # seconds between two writings of the answers
ASK_EVERY = 0.005  # seconds between two readings, where nothing holds calls up
BUSY = 0.002  # seconds until it is worth asking again for a file that somebody else has
TRIES = (0.00002, 0.0001, 0.0003)  # seconds between tries to get it at once; one has it for less than 0.0001
STOPPED_AFTER = CATCH_UP  # seconds after which who has it is taken to have been stopped


class _State(NamedTuple):
    """What the file holds; moments are those of the clock, in seconds, rates are calls per second."""

    written: float = 0.0
    last: float = -LONGEST  # the slot of the last call, where there is a limit
    paused: float = 0.0  # until when everybody waits
    limit: float = 0.0  # learned from 429s; 0 for none
    cut: float = -LONGEST  # when it was last lowered
    grown: float = 0.0  # until when its growth has been reckoned
    fastest: float = 0.0  # the most that was measured since there has been one
    window: float = 0.0  # when counting began
    answers: float = 0.0  # since then
    window_before: float = 0.0
    answers_before: float = 0.0
    rate: float = 0.0  # of the fastest broadcast that has one
    rate_until: float = 0.0  # until when that is taken to be at work

    @property
    def interval(self) -> float:
        """The learned limit, as the seconds from one call to the next; 0.0 for none."""
        return 1 / self.limit if self.limit else 0.0

    def interval_for(self, rate: float, now: float) -> float:
        """The same for all calls while a broadcast with this rate (0.0 for none) is among those at work."""
        fastest = max(rate, self.rate if now < self.rate_until else 0.0) if rate else 0.0
        return min(LONGEST, max(1 / fastest if fastest else 0.0, self.interval))

    def taken(self, slot: float, rate: float, now: float) -> "_State":
        """After a call in this slot, of a broadcast with this rate."""
        if not rate or (rate < self.rate and now < self.rate_until):
            return self._replace(last=slot)
        return self._replace(last=slot, rate=rate, rate_until=now + max(AT_WORK, 2 / rate))

    def measured(self, now: float) -> float:
        """Calls per second that 8x8 took of late."""
        return (self.answers_before + self.answers) / max(1.0, now - self.window_before)

    def counted(self, answers: int, now: float) -> "_State":
        """After more answers: counted, and faster, until there is no limit."""
        state = self
        if now - self.window >= WINDOW:
            before = (self.window, self.answers) if now - self.window < 2 * WINDOW else (now, 0.0)
            state = self._replace(window=now, answers=0.0, window_before=before[0], answers_before=before[1])
        state = state._replace(answers=state.answers + answers)
        if not state.limit or not answers:
            return state
        fastest = max(state.fastest, state.measured(now))
        growth = GROWTH if now < max(state.cut, state.paused) + CAREFUL else RECOVERY
        limit = state.limit * growth ** min(max(0.0, now - state.grown), LONGEST_GROWTH)
        if limit > 2 * fastest:
            return state._replace(limit=0.0)
        return state._replace(limit=limit, fastest=fastest, grown=max(now, state.grown))

    def refused(self, pause: float, now: float, rate: float) -> "_State":
        """After a 429 to somebody with this limit: paused, and slower; once for those that come together."""
        state = self._replace(paused=max(self.paused, now + pause))
        if now >= self.paused and now >= self.cut + ONE_CUT:
            fastest = self.fastest if self.limit else max(FIRST, self.measured(now), rate)
            limit = max(LEAST, CUT * (self.limit or fastest))
            state = state._replace(limit=limit, fastest=fastest, cut=now)
        return state._replace(grown=max(state.grown, state.paused))


_BODY = struct.Struct(f"<16s{len(_State._fields)}d")
_WHOLE = struct.Struct(_BODY.format + "I")  # with a check sum
_MAGIC = b"voicecli pace 2\n"
_MARK = b"replaced"  # behind what a file holds that has been replaced by a copy


class Pace:
    """How fast the calls of this process may leave, together with those of all others that have the file.

    ``rate`` is its own limit in calls per second, None for none; the clock must be the same for all
    processes. What goes wrong with the file is StoreFailed, or ConfigurationError where somebody else has put
    a link in its place. Not for several threads.
    """

    def __init__(
        self, path: Path, rate: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate or 0.0
        self._interval = 1 / rate if rate else 0.0
        self._last = -LONGEST  # the slot of the last call of our own
        self._clock = clock
        self._answers = 0  # that are not in the file yet
        self._refused_until: float | None = None  # when the pause of 429s ends that are not there yet
        self._free_until = -LONGEST  # when nothing held calls up, the file need not be asked again so soon
        self._noted = clock() - NOTE_EVERY
        self._file = _File(path)

    def take(self) -> float | None:
        """A call may leave now: None. Else the seconds until it is worth asking again; nothing is taken."""
        if self._clock() < self._free_until:
            return None
        with self._file as file:
            if file is None:
                return BUSY
            now = self._clock()
            state = file.read(now)
            if self._refused_until is not None:
                state = self._with_news(state, now)
                file.write(state, now)
            interval = state.interval_for(self._rate, now)
            slot = _after(state.last + interval, now, state.paused)
            own = _after(self._last + self._interval, now, state.paused)
            due = max(state.paused, slot if interval else 0.0, own if self._interval else 0.0)
            if due > now:
                return due - now
            if interval:
                file.write(state.taken(slot, self._rate, now), now)
            elif not self._interval:
                self._free_until = now + ASK_EVERY
            if file.was_left_behind():  # who was stopped just here has taken a slot of nobody's
                return BUSY
            self._last = own
            return None

    def too_many(self, retry_after: float | None) -> None:
        """8x8 said 429: everybody waits for so many seconds, and goes slower then."""
        self._free_until = -LONGEST
        pause = DEFAULT_PAUSE if retry_after is None else min(max(0.0, retry_after), LONGEST)
        self._refused_until = max(self._clock() + pause, self._refused_until or -LONGEST)
        self._note()

    def answered(self) -> None:
        """8x8 took a call: after a while of these everybody may go faster."""
        self._answers += 1
        if self._clock() >= self._noted + NOTE_EVERY:
            self._note()

    def _note(self) -> None:
        """Write down what 8x8 has answered; where somebody else has the file, with what comes next."""
        with self._file as file:
            now = self._noted = self._clock()
            if file is not None:
                file.write(self._with_news(file.read(now), now), now)

    def _with_news(self, state: _State, now: float) -> _State:
        state, self._answers = state.counted(self._answers, now), 0
        if self._refused_until is not None:
            state = state.refused(max(0.0, self._refused_until - now), now, self._rate)
            self._refused_until = None
        return state

    @property
    def limit(self) -> float | None:
        """What holds now, in calls per second over all broadcasts; None for no limit."""
        now = self._clock()
        interval = self._file.glance(now).interval_for(self._rate, now)
        return 1 / interval if interval else None

    @property
    def paused(self) -> float:
        """Seconds that everybody still waits because of a 429, 0.0 for none."""
        now = self._clock()
        return max(0.0, self._file.glance(now).paused - now, (self._refused_until or 0.0) - now)

    def close(self) -> None:
        try:
            if self._answers:
                self._note()
        finally:
            self._file.close()


def _after(slot: float, now: float, paused: float) -> float:
    """The slot that a call takes: the one that is due, or now where it was idle, when nothing is made up
    for."""
    return now if slot <= max(now - CATCH_UP, paused) else slot


class _File:
    """The file, to be read and written in a ``with``, which gives None where somebody else has it. Raises
    StoreFailed and ConfigurationError.

    It is never synced, since it need not outlive the machine's run, and it is written at one stroke, so that
    whoever is killed leaves it whole. Where the lock stays with a process that was stopped, a copy takes its
    place, and the old file gets a mark for those who have it open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = b""
        self._busy = (0.0, 0.0)  # since when others had it at each try, and the last of these (monotonic)
        self._since = 0.0  # when the lock was got (monotonic)
        try:
            private_files.make_folder(path.parent)
            private_files.create(path)
            self._file = self._open()
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> "_File | None":
        try:
            if not self._lock():
                return None
            self._since = time.monotonic()
            self._data = os.pread(self._file, _WHOLE.size + len(_MARK), 0)
            if self._data.endswith(_MARK) and not self._is_current():
                self._reopen()  # which lets go of the lock
                return None
        except OSError as error:
            raise self._failed(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unlock(self._file)
        if isinstance(error, OSError):
            raise self._failed(error) from error

    def read(self, now: float) -> _State:
        """What it holds since the ``with`` began."""
        return _state(self._data, now)

    def glance(self, now: float) -> _State:
        """What it holds, also while somebody else has it."""
        try:
            data = os.pread(self._file, _WHOLE.size, 0)
        except OSError as error:
            raise self._failed(error) from error
        return _state(data, now)

    def write(self, state: _State, now: float) -> None:
        body = _BODY.pack(_MAGIC, *state._replace(written=now))
        os.pwrite(self._file, body + crc32(body).to_bytes(4, "little"), 0)

    def was_left_behind(self) -> bool:
        """Whether the others have meanwhile gone on with a copy."""
        return time.monotonic() - self._since > STOPPED_AFTER / 2 and not self._is_current()

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _reopen(self) -> None:
        os.close(self._file)
        self._file = self._open()

    def _is_current(self) -> bool:
        """Whether it is the file that others find."""
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False

    def _lock(self) -> bool:
        """Without waiting for longer than a process takes that runs."""
        for pause in (*TRIES, 0.0):
            if try_lock(self._file):
                self._busy = (0.0, 0.0)
                return True
            time.sleep(pause)
        now, (since, last) = time.monotonic(), self._busy
        self._busy = (since if now - last < 10 * STOPPED_AFTER else now, now)
        if now - self._busy[0] > STOPPED_AFTER:
            self._go_on_with_a_copy()
        return False

    def _go_on_with_a_copy(self) -> None:
        """Unless another process does so now, or has done so."""
        lock = Lock.take(self._path.with_name(f"{self._path.name}.lock"))
        if lock is None:
            return
        try:
            if self._is_current():
                copy = self._path.with_name(f"{self._path.name}.copy")
                copy.write_bytes(os.pread(self._file, _WHOLE.size, 0))
                copy.chmod(0o600)
                copy.replace(self._path)
                os.pwrite(self._file, _MARK, _WHOLE.size)
            self._reopen()
            self._busy = (0.0, 0.0)
        finally:
            lock.close()

    def _failed(self, error: OSError) -> StoreFailed:
        return StoreFailed(f"The file {self._path} can't be used: {error.strerror}.", hint="Check its disk.")


def _state(data: bytes, now: float) -> _State:
    """A new state where the file has none: it is new, damaged, or from before the machine was started."""
    data = data[: _WHOLE.size]
    if len(data) < _WHOLE.size:
        return _State()
    magic, *values, check = _WHOLE.unpack(data)
    if magic != _MAGIC or check != crc32(data[: _BODY.size]):
        return _State()
    state = _State(*values)
    latest = now + LONGEST
    if state.written > now or state.last > latest or state.paused > latest:
        return _State()
    idle = now - max(state.written, state.paused) > FORGOTTEN + state.interval
    return _State(last=state.last, paused=state.paused) if idle else state
