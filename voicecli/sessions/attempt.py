"""A request that places a call, as the store keeps it."""

from enum import StrEnum
from typing import NamedTuple


class AttemptState(StrEnum):
    """What is known of a request. One that 8x8 refused, or that never left, is not kept."""

    SENDING = "sending"  # it may leave at any moment; if it still says so later, nobody knows
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"  # it left, and no answer came


class Attempt(NamedTuple):
    """A call that was placed from here. ``session_id`` is None until 8x8 has told it.

    ``asks`` is None for a call that asks nothing, empty where the answer is a code or somebody's own, else
    the keys that confirm, with commas between them (- for none); ``key_names`` is what keys mean, if they
    have names: 1=confirmed,9=stop. ``broadcast`` is the number of the broadcast it is of, and ``line`` is
    where its row begins in the list. ``outcome`` is how it ended for the person who was
    called, known from ``outcome_source`` (vss: the summary); ``seconds`` is how long that one talked.
    ``price`` is a decimal number. ``answer_until`` is when its last question can be answered no more, at the
    latest. ``run`` is the number of the run (store.runs) that placed it and waits for it, ``placed_by``
    who did so and where (anna@web1). Moments are in microseconds since 1970, UTC."""

    id: int
    placed: int
    state: AttemptState
    session_id: str | None
    client_request_id: str
    source: str
    destination: str
    client_action_id: str | None = None
    asks: str | None = None
    broadcast: int | None = None
    line: int | None = None
    valid_until: int | None = None
    outcome: str | None = None
    outcome_source: str | None = None
    seconds: float | None = None
    price: str | None = None
    currency: str | None = None
    answer_until: int | None = None
    run: int | None = None
    placed_by: str | None = None
    key_names: str | None = None
