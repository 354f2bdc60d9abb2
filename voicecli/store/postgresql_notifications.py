"""Tells of events as they are committed to a PostgreSQL database: LISTEN, on a connection of its own.

A pooler in transaction mode (PgBouncer) accepts LISTEN, and nothing ever arrives. So it is tried with a
notification to oneself, from another connection: one from the same would arrive through a pooler, too, as
part of its own answer.
"""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import closing

import psycopg
from psycopg import sql

from voicecli.errors import VoicecliError

TRIAL_TAKES = 2.0  # seconds for the notification to oneself
CONNECT_EVERY = 1.0  # seconds between two attempts, where the database is away
LOOK_EVERY = 0.5  # seconds between two looks at whether it is over


class Notifications:
    """Calls ``on_news``, in a thread of its own, whenever somebody has committed events, and when some may
    have been missed. ``work`` is whether it does: not before its trial has succeeded, and not while its
    connection is cut. ``close`` it."""

    def __init__(
        self, connect: Callable[[], "psycopg.Connection[object]"], channel: str, on_news: Callable[[], None]
    ) -> None:
        self.work = False
        self._connect = connect
        self._channel = channel
        self._on_news = on_news
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with closing(self._connect()) as connection:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
                    if not self._arrive(connection):
                        return
                    self._follow(connection)
            except (psycopg.Error, VoicecliError):
                pass
            if self.work:
                self.work = False
                self._on_news()
            self._over.wait(CONNECT_EVERY)

    def _arrive(self, connection: "psycopg.Connection[object]") -> bool:
        """Whether notifications of others get to this connection."""
        token, end = secrets.token_hex(), time.monotonic() + TRIAL_TAKES
        with closing(self._connect()) as other:
            other.execute("SELECT pg_notify(%s, %s)", (self._channel, token))
        while (left := end - time.monotonic()) > 0 and not self._over.is_set():
            if any(
                token == one.payload
                for one in connection.notifies(timeout=min(left, LOOK_EVERY), stop_after=1)
            ):
                return True
        connection.execute("UNLISTEN *")
        return False

    def _follow(self, connection: "psycopg.Connection[object]") -> None:
        """Until it is over; raises psycopg.Error once the connection is cut."""
        self.work = True
        self._on_news()  # what came before LISTEN was in place
        while not self._over.is_set():
            for _ in connection.notifies(timeout=LOOK_EVERY, stop_after=1):
                self._on_news()
