"""How a call ended for the command that placed it: ``ending_of`` an outcome of 8x8's.

``cli.exit_codes`` has the exit code of each; ``results`` what is shown of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from voicecli.sessions.key_names import STOP
from voicecli.voice_api.codes import Outcome, is_unsubscribed

if TYPE_CHECKING:
    from voicecli.sessions.pending import PendingCall


class Ending(StrEnum):
    """How a call ended for the command that placed it."""

    ACCEPTED = "accepted"  # nobody waited for more
    DONE = "done"  # completed; where it asked for digits, with digits that count
    NO_ANSWER = "no answer"
    BUSY = "busy"
    CANCELED = "canceled"
    FAILED = "failed"
    ERROR = "error"  # or an outcome that nobody listed yet
    UNSUBSCRIBED = "unsubscribed"
    NOT_CONFIRMED = "not confirmed"
    OUT_OF_TIME = "out of time"
    NOT_ACCEPTED = "not accepted"  # certainly or perhaps not: the result has the error


_ENDINGS: Mapping[str, Ending] = {
    Outcome.COMPLETED: Ending.DONE,
    Outcome.NO_ANSWER: Ending.NO_ANSWER,
    Outcome.BUSY: Ending.BUSY,
    Outcome.CANCELED: Ending.CANCELED,
    Outcome.FAILED: Ending.FAILED,
    Outcome.ERROR: Ending.ERROR,
}


def ending_of(call: "PendingCall") -> Ending:
    """How a call ended that was waited for. A confirmation counts whatever came after it, and so does the key
    by which somebody says to want no more calls."""
    if call.confirmed:
        return Ending.DONE
    if call.result == STOP:
        return Ending.UNSUBSCRIBED
    if call.outcome is None:
        return Ending.OUT_OF_TIME
    if is_unsubscribed(call.outcome):
        return Ending.UNSUBSCRIBED
    found = _ENDINGS.get(call.outcome, Ending.ERROR)
    return Ending.NOT_CONFIRMED if found is Ending.DONE and call.wants_answer else found
