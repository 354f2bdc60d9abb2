"""Ends statements that hang in PostgreSQL: the server stands still, or the network swallows what is sent."""

import threading
from typing import Self

from voicecli.store.postgresql import PostgresqlStore

PATIENCE = 6  # seconds; requests to 8x8 that are under way have to get their answers in time
LOOK_EVERY = 1.0  # seconds


class HangGuard:
    """Use it in a ``with``: inside, where one statement or transaction of the store takes longer than
    PATIENCE, its connection is cut, and it raises StoreUnreachable."""

    def __init__(self, store: PostgresqlStore) -> None:
        self._store = store
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
            if since * LOOK_EVERY >= PATIENCE:
                self._store.cut()
                since = 0
