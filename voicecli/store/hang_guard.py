"""Ends statements that hang in PostgreSQL: the server stands still, or the network swallows what is sent."""

import math
import threading
from typing import Protocol, Self

from voicecli import interrupts

PATIENCE = 6  # seconds; requests to 8x8 that are under way have to get their answers in time
LOOK_EVERY = 1.0  # seconds


class Cuttable(Protocol):
    """A store with a connection: ``uses`` says how many statements and transactions were begun in it."""

    uses: int

    @property
    def is_active(self) -> bool: ...

    def cut(self) -> None: ...


class HangGuard:
    """Use it in a ``with``: inside, where one statement or transaction of the store takes longer than
    PATIENCE (``at_signals``: or where a signal has come that is to end the program), its connection is cut,
    and it raises StoreUnreachable. ``is_patient``: however long it takes."""

    def __init__(self, store: Cuttable, *, at_signals: bool = False, is_patient: bool = False) -> None:
        self._store = store
        self._at_signals = at_signals
        self._patience = math.inf if is_patient else PATIENCE
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        last, since = 0, 0
        while not self._over.wait(LOOK_EVERY):
            uses, is_active = self._store.uses, self._store.is_active
            since = since + 1 if is_active and uses == last else 0
            last = uses
            is_interrupted = self._at_signals and interrupts.is_noted()
            if since * LOOK_EVERY >= self._patience or (since and is_interrupted):
                self._store.cut()
                since = 0
