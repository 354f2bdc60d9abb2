"""What one process of a team has alone: a row that it renews while it lives. A lock of the server's would
have two owners behind PgBouncer, and be free while its owner still works where a connection breaks."""

import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, Self

from voicecli.errors import StoreFailed, VoicecliError
from voicecli.platforms.locks import retry_within
from voicecli.store.engine import StatementResult
from voicecli.store.postgresql_clock import CLOCK

SECONDS = 20.0  # that it lasts unless it is renewed
RENEW_EVERY = 5.0  # seconds


_NOW = f"FROM (SELECT {CLOCK} AS now) AS clock"
_TAKE = f"""
    INSERT INTO leases (name, holder, until) SELECT ?, ?, now + ? {_NOW}
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE leases.until < {CLOCK}
"""
_RENEW = f"UPDATE leases SET until = now + ? {_NOW} WHERE name = ? AND holder = ?"
_FREE = "UPDATE leases SET until = 0, holder = '' WHERE name = ? AND holder = ?"
_REMOVE = "DELETE FROM leases WHERE name = ? AND holder = ?"


class _Database(Protocol):
    """What it needs of PostgresqlStore."""

    def execute_alone(self, statement: str, parameters: Sequence[object]) -> StatementResult: ...

    def another(self) -> Self: ...

    def close(self) -> None: ...


class Lease:
    """Held until ``close``, or SECONDS after its process has ended, stands still or can't reach the
    database."""

    def __init__(self, store: _Database, name: str, holder: str, since: tuple[float, float]) -> None:
        self._store, self._name, self._holder = store, name, holder
        self._since = since
        self._is_lost = False
        self._ending = threading.Event()
        threading.Thread(target=self._keep, name=f"lease {name}", daemon=True).start()

    @classmethod
    def take(cls, store: _Database, name: str, seconds: float) -> Self | None:
        """None where another has had it for so long. Raises StoreFailed."""
        return retry_within(seconds, lambda: cls._try_to_take(store, name))

    @classmethod
    def _try_to_take(cls, store: _Database, name: str) -> Self | None:
        holder, since = secrets.token_hex(8), _clocks()
        taken = store.execute_alone(_TAKE, (name, holder, _lasts()))
        return cls(store, name, holder, since) if taken.changed else None

    def is_there(self) -> bool:
        """Whether nobody else can have it yet. While this machine sleeps, only its wall clock goes on."""
        age = max(now - since for now, since in zip(_clocks(), self._since, strict=True))
        return not self._is_lost and age < SECONDS

    def close(self, *, remove: bool = False) -> None:
        if self._ending.is_set():
            return
        self._ending.set()
        with suppress(StoreFailed):  # then it runs out
            self._store.execute_alone(_REMOVE if remove else _FREE, (self._name, self._holder))

    def _keep(self) -> None:
        """Renew it, through a connection of its own: the store's belongs to another thread, and may be
        waiting."""
        own: _Database | None = None
        while not self._ending.wait(RENEW_EVERY) and not self._is_lost:
            with suppress(VoicecliError):  # it is tried again, as long as the lease lasts
                own = own or self._store.another()
                since = _clocks()
                if own.execute_alone(_RENEW, (_lasts(), self._name, self._holder)).changed:
                    self._since = since
                else:
                    self._is_lost = True
        if own is not None:
            own.close()


def _clocks() -> tuple[float, float]:
    return time.monotonic(), time.time()


def _lasts() -> int:
    return round(SECONDS * 1e6)
