"""Writes webhook events to the store, byte for byte as they came, once each. The listener's writing process
loads this and no more of the store."""

from collections.abc import Sequence
from typing import NamedTuple

from voicecli.store.engine import Store


class KeptEvent(NamedTuple):
    """An event on its way to disk. ``identity`` (16 bytes, the column ``key``) is equal for two that are the
    same event: see ``Event.identity``."""

    received: int  # microseconds since 1970, UTC
    type: str
    session: str
    identity: bytes
    reply: str | None
    body: bytes


class Recorded(NamedTuple):
    """What became of it: its number in the store, and how often it has come."""

    id: int
    times: int


def record_events(store: Store, events: Sequence[KeptEvent]) -> list[Recorded]:
    """Keep events, all in one commit; when this returns they are on disk. One that is there already is
    counted, whichever process kept it, also where two keep it at once. The numbers of new ones are higher
    than all that anybody has read before. Raises StoreFailed, and then none is kept."""
    failure, advice = "Events can't be kept", f"Check the disk of {store.name}."
    return [Recorded(*kept) for kept in store.insert_events(events, failure=failure, advice=advice)]


def record_replies(store: Store, replies: Sequence[tuple[str, str | None, int]]) -> None:
    """Note what events were answered: in words, with a remark on it, and the event's number; all in one
    commit, the last word of several on one event. An event that was deleted meanwhile is left out. Raises
    StoreFailed, and then none is noted."""
    store.execute_many("UPDATE events SET reply = ?, remark = ? WHERE id = ?", replies)
