"""What happens while calls are waited for."""

from collections.abc import Callable
from typing import NamedTuple

from voicecli.calling.results import Result
from voicecli.errors import OutcomeUnknown, VoicecliError
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.operations.calls import Session


class Accepted(NamedTuple):
    """8x8 accepted a call."""

    words: str
    session: Session


class AnswerLost(NamedTuple):
    """No answer came to a request; its summary is waited for."""

    error: OutcomeUnknown


class Reported(NamedTuple):
    """8x8 reported progress of a call."""

    destination: str
    words: str


class NobodyCanConfirm(NamedTuple):
    """No key could arrive (``why`` is a sentence): this call is placed without its question."""

    request: CallRequest
    why: str


class AllAreTold(NamedTuple):
    """No key could arrive from the beginning: all calls are placed without their question."""

    why: str


class NobodyConfirmed(NamedTuple):
    """All calls are over, and certainly nobody has confirmed."""


class StoreAway(NamedTuple):
    """The database can't be reached: what becomes of the calls is not known until it can."""

    error: VoicecliError


class StoreBack(NamedTuple):
    """It can be reached again."""


class Stopped(NamedTuple):
    """An error ended the waiting."""

    error: VoicecliError


class Progress(NamedTuple):
    """How many calls are open, for how many seconds, and the last report of the first of them."""

    open: int
    seconds: float = 0.0
    destination: str = ""
    words: str = ""


CallEvent = (
    Accepted
    | AnswerLost
    | Reported
    | NobodyCanConfirm
    | AllAreTold
    | NobodyConfirmed
    | StoreAway
    | StoreBack
    | Stopped
    | Progress
    | Result
)
"""Progress comes ten times a second, a Result once for each call."""


def ignore(_: object) -> None:
    """Do nothing: for callbacks that are not given."""


class Notices(NamedTuple):
    """Callbacks for news, warnings, errors after which it goes on, and the reason why a listener stays after
    the last call."""

    notify: Callable[[str], None] = ignore
    warn: Callable[[str], None] = ignore
    failed: Callable[[VoicecliError], None] = ignore
    staying: Callable[[str], None] = ignore
