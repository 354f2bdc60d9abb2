"""A request that placed a call, as the store keeps it."""

from enum import StrEnum
from typing import NamedTuple


class AttemptState(StrEnum):
    """What is known of a request. One that 8x8 refused, or that never left, is not kept."""

    SENDING = "sending"  # it may leave at any moment; if it still says so later, nobody knows
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"  # it left, and no answer came


class Attempt(NamedTuple):
    """A call that was placed from here. ``session_id`` is None until 8x8 has told it. ``asks`` is None for
    a call that asks nothing, "" for one that asks for a code, else the keys that confirm ("1,2")."""

    id: int
    placed: int  # microseconds since 1970, UTC
    state: AttemptState
    session_id: str | None
    client_request_id: str
    source: str
    destination: str
    asks: str | None = None
