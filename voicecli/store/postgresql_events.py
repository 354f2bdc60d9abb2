"""How events get into PostgreSQL: all of a batch by one statement, in which they get their numbers from a row
that nobody else has until the commit. So the numbers are in the order of the commits, and no other
transaction of the server holds up who reads by them."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple, Self

from voicecli.store.postgresql_sql import array, encode

_KINDS = ("bigint", "text", "text", "bytea", "text", "bytea", "bigint")
_INSERT = f"""
    WITH counter AS (
        UPDATE counters SET value = value + ? WHERE name = 'events'
        RETURNING value - ? AS start, pg_notify(?, '')
    )
    INSERT INTO events (id, received, type, session, key, reply, body, times)
    SELECT start + place, received, type, session, key, reply, body, often
    FROM counter, unnest({", ".join(f"?::{kind}[]" for kind in _KINDS)}) WITH ORDINALITY
    AS new (received, type, session, key, reply, body, often, place)
    ORDER BY place
    ON CONFLICT (session, key) DO UPDATE SET times = events.times + excluded.times
    RETURNING id, times
"""


class EventInsertion(NamedTuple):
    """The statement that puts in a batch, and at which places of the batch each event of it is: PostgreSQL
    refuses a statement that puts in the same one twice."""

    statement: str
    parameters: tuple[object, ...]
    places: list[list[int]]

    @classmethod
    def of(cls, events: Sequence[tuple[object, ...]], schema: str) -> Self:
        places: dict[tuple[bytes, object], list[int]] = {}
        for place, (_, _, session, key, *_) in enumerate(events):
            places.setdefault((encode(str(session)), key), []).append(place)
        new = [(*events[first], 1 + len(more)) for first, *more in places.values()]
        values = map(array, _KINDS, zip(*new, strict=True))
        return cls(_INSERT, (len(new), len(new), channel(schema), *values), list(places.values()))

    def recorded(self, rows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """The number of each event of the batch and how often it had come then, of what the statement
        returns."""
        found: dict[int, tuple[int, int]] = {}
        for own, (number, times) in zip(self.places, rows, strict=True):
            found |= {place: (number, times - len(own) + nth) for nth, place in enumerate(own, 1)}
        return [found[place] for place in range(len(found))]


def channel(schema: str) -> str:
    """What is notified where an event was kept; names have at most 63 bytes."""
    return f"voicecli_{blake2b(schema.encode(), digest_size=16).hexdigest()}"
