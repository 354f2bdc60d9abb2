"""The state of a pace that machines share (``broadcast.shared_pace``): a few bytes by name. PostgreSQL only.

Nobody holds it while deciding: who wants to change it says what it was. Every function raises StoreFailed.
"""

from typing import cast

from voicecli.store.engine import Store
from voicecli.store.postgresql import PostgresqlStore
from voicecli.store.postgresql_clock import CLOCK


def read(store: Store, name: str) -> tuple[bytes, float]:
    """What it is, empty where there is none, and the database's clock (seconds since 1970)."""
    query = f"SELECT {CLOCK}, (SELECT state FROM pace WHERE name = ?) AS pace"
    [(clock, state)] = store.rows(query, (name,))
    return bytes(state or b""), clock / 1e6


def replace(store: Store, name: str, before: bytes, state: bytes) -> bool:
    """False, and nothing is done, where it is not what it was any more."""
    database = cast("PostgresqlStore", store)
    if not before:
        insert = "INSERT INTO pace VALUES (?, ?) ON CONFLICT DO NOTHING"
        return database.execute_alone(insert, (name, state)).changed == 1
    update = "UPDATE pace SET state = ? WHERE name = ? AND state = ?"
    return database.execute_alone(update, (state, name, before)).changed == 1
