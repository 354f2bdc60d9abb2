"""Ends statements that hang in PostgreSQL: the server stands still, or the network swallows what is sent."""

import math
import threading
from typing import Self

from voicecli import interrupts
from voicecli.store.postgresql_connection import ServerConnection

PATIENCE = 6  # seconds; requests to 8x8 that are under way have to get their answers in time
LOOK_EVERY = 1.0  # seconds


class HangGuard:
    """Use it in a ``with``: inside, where one statement or transaction takes longer than PATIENCE
    (``at_signals``: or where a signal has come that is to end the program), the connection is cut, and it
    raises StoreUnreachable. ``is_patient``: however long it takes."""

    def __init__(
        self, connection: ServerConnection, *, at_signals: bool = False, is_patient: bool = False
    ) -> None:
        self._connection = connection
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
            uses, is_active = self._connection.uses, self._connection.is_active
            since = since + 1 if is_active and uses == last else 0
            last = uses
            is_interrupted = self._at_signals and interrupts.is_noted()
            if since * LOOK_EVERY >= self._patience or (since and is_interrupted):
                self._connection.cut()
                since = 0
