"""Connections to PostgreSQL: what the URL says, and how values go there and come back."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.bool import BoolBinaryLoader
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader
from psycopg.types.string import StrDumperUnknown

from voicecli.errors import ConfigurationError, VoicecliError
from voicecli.store.postgresql_errors import as_store_failed, is_away, no_answer, without_secrets
from voicecli.store.postgresql_sql import encode
from voicecli.team_store import passwords, problem_of_url, read_url

_DEFAULTS = {
    "connect_timeout": "5",  # seconds
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds that what we have sent may stay unacknowledged
    "fallback_application_name": "voicecli",
}


class Target(NamedTuple):
    """A database and the schema in it. ``parameters`` are libpq's, among them the password; ``secrets`` are
    what no message may have in it."""

    parameters: dict[str, str]
    schema: str
    secrets: tuple[str, ...]

    @classmethod
    def of(cls, url: str) -> Self:
        """Raises ConfigurationError."""
        if (problem := problem_of_url(url)) is not None:
            raise ConfigurationError(f"The store can't be opened: {problem}.")
        try:
            conninfo, schema = read_url(url)
            given = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
        except psycopg.Error:
            # Without what was raised: its words have the whole URL in them, with its password.
            raise ConfigurationError(
                "The URL of the store can't be read.",
                hint="VOICECLI_STORE is postgresql://USER@HOST/DATABASE, with ?schema=NAME where a team has "
                "its own schema.",
            ) from None
        return cls({**_DEFAULTS, **given}, schema, tuple(passwords(url)))

    @property
    def name(self) -> str:
        host = self.parameters.get("host") or self.parameters.get("hostaddr") or "this machine"
        database = self.parameters.get("dbname") or self.parameters.get("user") or "of this user"
        return f"PostgreSQL database {database} at {host}"

    @property
    def quoted_schema(self) -> str:
        return '"' + self.schema.replace('"', '""') + '"'

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Raises psycopg.Error."""
        # PgBouncer gives each transaction another connection: nothing may be prepared in one.
        db = psycopg.connect(**self.parameters, autocommit=True, prepare_threshold=None)  # type: ignore[arg-type]
        db.adapters.register_dumper(int, _IntDumper)
        db.adapters.register_dumper(bool, _IntDumper)
        db.adapters.register_dumper(str, _TextDumper)
        db.adapters.register_loader("bool", _BoolLoader)
        db.adapters.register_loader("numeric", _SumLoader)
        return db


class ServerConnection:
    """One that is made when it is needed, and again after it broke. ``uses`` counts the statements and
    transactions that were begun in it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._db: psycopg.Connection[tuple[Any, ...]] | None = None
        self._is_cut = False
        self.uses = 0

    def get(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Raises psycopg.Error."""
        self.uses += 1
        if self._db is None or self._db.closed:
            self._db, self._is_cut = self._target.connect(), False
            # Through PgBouncer, what others listen for gets here, too, and psycopg would keep it for ever.
            self._db.add_notify_handler(lambda _: None)
        return self._db

    @property
    def was_made(self) -> bool:
        return self._db is not None

    @property
    def is_active(self) -> bool:
        """Whether a statement is under way, for another thread."""
        db = self._db
        return db is not None and db.pgconn.transaction_status == TransactionStatus.ACTIVE

    def cut(self) -> None:
        """Break it, from another thread: a statement that hangs in it raises StoreUnreachable at once."""
        if self._db is None:
            return
        self._is_cut = True
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self._db.fileno())) as ours:
            ours.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._db is not None:
            with suppress(psycopg.Error):
                self._db.close()

    @contextmanager
    def raising_store_failed(self, failure: str, advice: str) -> Iterator[None]:
        """StoreFailed in place of what is raised inside. ``failure`` is a sentence without its end."""
        try:
            yield
        except VoicecliError:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised
            ours = as_store_failed(error, failure, advice, self._target.secrets)
            if self._db is not None and is_away(error):
                self.close()
                if self._is_cut:  # libpq's words are of a connection that broke
                    ours = no_answer(failure)
            raise ours from without_secrets(error, self._target.secrets)


class _IntDumper(Int8BinaryDumper):
    """All our numbers are bigint; what is true is 1, as in SQLite."""

    def dump(self, obj: int) -> Any:
        return super().dump(int(obj))


class _TextDumper(StrDumperUnknown):
    def dump(self, obj: str) -> bytes:
        return encode(obj)


class _BoolLoader(BoolBinaryLoader):
    def load(self, data: Any) -> Any:
        return int(super().load(data))


class _SumLoader(NumericBinaryLoader):
    """The sum of bigints is a numeric."""

    def load(self, data: Any) -> Any:
        return int(super().load(data))
