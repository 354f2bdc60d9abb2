"""What happens while calls are waited for."""

from collections.abc import Callable
from typing import NamedTuple

from voicecli.calling.results import Result
from voicecli.errors import OutcomeUnknown, VoicecliError
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.operations.calls import Session


class Accepted(NamedTuple):
    """8x8 accepted a call."""

    request: CallRequest
    session: Session


class AnswerLost(NamedTuple):
    """No answer came to a request; its summary may tell what became of it."""

    error: OutcomeUnknown


class Reported(NamedTuple):
    """8x8 reported something of a call, in words."""

    destination: str
    words: str


class NotWaitedFor(NamedTuple):
    """A call goes on, but somebody has confirmed an earlier one."""

    destination: str


class NobodyCanConfirm(NamedTuple):
    """No key could arrive now, as the sentence ``why`` says: this is told, without the question."""

    request: CallRequest
    why: str


class AllAreTold(NamedTuple):
    """No key could arrive from the beginning, as the sentence ``why`` says: all are told, without the
    question."""

    why: str


class NobodyConfirmed(NamedTuple):
    """All calls of an alert are over, and it is certain that nobody has confirmed."""


class Stopped(NamedTuple):
    """Nothing more is waited for, since this went wrong."""

    error: VoicecliError


class Progress(NamedTuple):
    """How many calls are open, for how many seconds, and what was last heard of the first of them."""

    open: int
    seconds: float = 0.0
    destination: str = ""
    words: str = ""


CallEvent = (
    Accepted
    | AnswerLost
    | Reported
    | NotWaitedFor
    | NobodyCanConfirm
    | AllAreTold
    | NobodyConfirmed
    | Stopped
    | Progress
    | Result
)
"""Progress comes ten times a second, a Result once for each call."""


def ignore(_: object) -> None:
    """For what nobody wants to know."""


class Notices(NamedTuple):
    """Who gets what people should know while calls are placed and waited for: news, warnings, errors after
    which it goes on, and why a listener stays though all calls are over."""

    notify: Callable[[str], None] = ignore
    warn: Callable[[str], None] = ignore
    failed: Callable[[VoicecliError], None] = ignore
    staying: Callable[[str], None] = ignore
