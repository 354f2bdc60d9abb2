"""A team's database that can't be reached for a while, by nobody: the others of the server are there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from shared_postgresql import SharedServer

from voicecli.store.location import StorePlace


def database_of(place: StorePlace) -> str:
    return urlsplit(place.url or "").path[1:]


@contextmanager
def away(server: SharedServer, place: StorePlace) -> Iterator[None]:
    name = database_of(place)
    server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
    finally:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def kept(server: SharedServer, place: StorePlace, what: str = "session") -> list[tuple[Any, ...]]:
    return server.execute(f"SELECT {what} FROM voicecli.events ORDER BY id", database_of(place))
