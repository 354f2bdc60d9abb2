"""What the signals that ask the program to end lead to, wherever it is at that moment.

A signal handler runs between any two instructions of the main thread: in the middle of an import, say, or of
a library's own clean-up, where Python swallows an exception ("Exception ignored in …"). So a signal is only
noted. It takes effect, as KeyboardInterrupt, where the program waits (``waiting``) and where it looks
(``check``): before a request leaves, and for each row of what may take long; while an event loop runs, as
``received_by`` says. Where no handler calls ``note``, in other programs that use this package, none of this
does anything.
"""

# Nothing that takes time to load: until handlers are set, Python's own raises KeyboardInterrupt anywhere.
import time
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue
    from typing import TypeVar

    T = TypeVar("T")

REPEAT_INTERVAL = 1.0  # seconds
STEP = 0.5  # seconds that it waits without looking


class _Signals:
    """``noted`` is the number of a signal that has not taken effect yet."""

    def __init__(self) -> None:
        self.thread = get_ident()  # the main one: it imports this first
        self.noted: int | None = None
        self.last = -REPEAT_INTERVAL  # monotonic seconds, when one was noted or took effect
        self.is_waiting = False
        self.receiver: Callable[[int], None] | None = None
        self.is_over = False  # one has ended an event loop: what is left to do is to tell what happened


_signals = _Signals()


def note(number: int) -> None:
    """For handlers, in the main thread: a signal has come. Raises KeyboardInterrupt where it waits.

    What follows within a second is the same impatient person, and would cut off the message that the first
    signal leads to.
    """
    if _signals.is_over:
        return
    if _signals.receiver is not None:
        _signals.receiver(number)
        return
    now = time.monotonic()
    if _signals.noted is None and now - _signals.last < REPEAT_INTERVAL:
        return
    _signals.noted, _signals.last = number, now
    if _signals.is_waiting:
        check()


def is_noted() -> bool:
    """Whether a signal has come that has not taken effect yet. For all threads."""
    return _signals.noted is not None


def take_noted() -> int | None:
    """The signal that has come and not taken effect yet: from now on that is the caller's affair."""
    number, _signals.noted = _signals.noted, None
    return number


class received_by:  # noqa: N801 - it reads as contextlib's do
    """Inside, in the main thread, each signal is handed to ``receiver``, in the handler. Where one has come,
    those that come after this do nothing any more."""

    def __init__(self, receiver: "Callable[[int], None]") -> None:
        self._receiver = receiver
        self._has_received = False

    def _receive(self, number: int) -> None:
        self._has_received = True
        self._receiver(number)

    def __enter__(self) -> None:
        if _is_main_thread():
            _signals.receiver = self._receive
            if (number := take_noted()) is not None:
                self._receive(number)

    def __exit__(self, *_: object) -> None:
        if _is_main_thread():
            _signals.is_over = self._has_received
            _signals.receiver = None


def postpone(number: int) -> None:
    """A signal that has taken effect is to do so at the next occasion instead."""
    _signals.noted = number


def check() -> None:
    """Raises KeyboardInterrupt, with the signal's number, where one was noted."""
    if _signals.noted is not None and _is_main_thread():
        _signals.is_waiting = False  # the handler may have been called in the midst of ``waiting``
        _signals.last = time.monotonic()
        raise KeyboardInterrupt(take_noted())


class waiting:  # noqa: N801 - it reads as contextlib's do
    """Inside, a signal raises KeyboardInterrupt, and with ``noted`` one that came before does. Nothing may
    stand inside but a call that waits and that loses nothing by it: no code of a library's. Threads other
    than the main one just wait."""

    def __init__(self, *, noted: bool = True) -> None:
        self._noted = noted

    def __enter__(self) -> None:
        if _is_main_thread():
            _signals.is_waiting = True
            if self._noted:
                check()

    def __exit__(self, *_: object) -> None:
        if _is_main_thread():
            _signals.is_waiting = False


def sleep(seconds: float) -> None:
    """In steps: what comes in the instant before the system call does not end that."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        with waiting():
            time.sleep(min(left, STEP))


def take(queue: "SimpleQueue[T]", *, timeout: float | None = None) -> "T":
    """The next item of a queue, waited for in steps, too. Raises Empty after ``timeout`` seconds."""
    from queue import Empty

    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = STEP if end is None else end - time.monotonic()
        with waiting():
            try:
                return queue.get(timeout=max(0.0, min(left, STEP)))
            except Empty:
                if left <= STEP and end is not None:
                    raise


def in_thread(work: "Callable[[], T]", *, timeout: float | None = None) -> "T":
    """Do this in a thread of its own, and give its result. A signal ends the waiting for it, whatever the
    work is at, and so does the ``timeout`` (seconds), with TimeoutError; it goes on by itself then, and keeps
    no process from ending."""
    from queue import Empty, SimpleQueue
    from threading import Thread

    outcome: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((work(), None))
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            outcome.put((None, error))

    Thread(target=run, daemon=True).start()
    try:
        result, error = take(outcome, timeout=timeout)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _is_main_thread() -> bool:
    return get_ident() == _signals.thread
