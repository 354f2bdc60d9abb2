"""What becomes of a call is decided by the last four digits of the number called.

The examples use +33 1 99 00 xx xx, which France keeps free for fiction.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from voicecli.voice_api import codes
from voicecli.voice_api.codes import Outcome


class HttpFault(StrEnum):
    """What goes wrong on the HTTP side of a request."""

    SERVER_ERROR = "answers 500"
    HTML_PAGE = "answers 502 with an HTML page"
    SILENCE = "never answers"
    CUT = "cuts the connection in the middle of the answer"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What becomes of a call; times are in seconds of the call's own clock."""

    outcome: Outcome = Outcome.COMPLETED
    sip_code: int = 200
    ringing: int | None = None  # None: a few seconds, by chance
    error: int | None = None  # an errorCode of the session summary
    summary_status: Outcome | None = (
        None  # sessionStatus of the summary, where the leg's status is more exact
    )
    first_summary_status: Outcome | None = None  # sessionStatus of a summary that a later one corrects
    digits: str = ""  # what the callee presses when asked
    press_after: int = 0
    refusal: int | None = None  # a statusCode of the answer
    rate_limited: int = 0  # how many requests are answered 429 first
    fault: HttpFault | None = None
    placed: bool = True  # whether there is a call in spite of the fault


@dataclass(frozen=True, slots=True)
class NumberRow:
    """One line of the table: how the digits are written, what they do, and how."""

    digits: str
    what: str
    pattern: re.Pattern[str]
    make: Callable[[str], Behaviour]


def _row(digits: str, what: str, behaviour: Behaviour) -> NumberRow:
    return NumberRow(digits, what, re.compile(digits), lambda _found: behaviour)


_UNANSWERED = (
    ("0480", Outcome.NO_ANSWER, 480, 30),
    ("0486", Outcome.BUSY, 486, 2),
    ("0487", Outcome.CANCELED, 487, 5),
    ("0404", Outcome.FAILED, 404, 1),
    ("0503", Outcome.FAILED, 503, 1),
)
_TOLD_AS_FAILED = (
    ("6480", Outcome.NO_ANSWER, 480, 30),
    ("6486", Outcome.BUSY, 486, 2),
    ("6487", Outcome.CANCELED, 487, 5),
)
_UNSUBSCRIBED = (
    ("0601", Outcome.COMPLETED_UNSUBSCRIBED),
    ("0602", Outcome.COMPLETED_UNSUB_ERROR),
    ("0603", Outcome.UNSUBSCRIBED_CONTACT),
)
_FAULTS = (
    ("5000", HttpFault.SERVER_ERROR, False),
    ("5020", HttpFault.HTML_PAGE, False),
    ("5021", HttpFault.HTML_PAGE, True),
    ("5040", HttpFault.SILENCE, False),
    ("5041", HttpFault.SILENCE, True),
    ("5050", HttpFault.CUT, False),
    ("5051", HttpFault.CUT, True),
)

NUMBERS: tuple[NumberRow, ...] = (
    *(
        _row(
            digits,
            f"{codes.OUTCOMES[outcome]} after {ringing} s ({codes.describe_sip_code(sip)}, SIP {sip})",
            Behaviour(outcome, sip_code=sip, ringing=ringing),
        )
        for digits, outcome, sip, ringing in _UNANSWERED
    ),
    *(
        _row(
            digits,
            f"{codes.OUTCOMES[outcome]} after {ringing} s; the summary says FAILED, its leg {outcome}",
            Behaviour(outcome, sip_code=sip, ringing=ringing, summary_status=Outcome.FAILED),
        )
        for digits, outcome, sip, ringing in _TOLD_AS_FAILED
    ),
    _row(
        "6200",
        "answered; a summary says NO_ANSWER, and one a second later COMPLETED",
        Behaviour(first_summary_status=Outcome.NO_ANSWER),
    ),
    *(_row(digits, codes.OUTCOMES[outcome], Behaviour(outcome)) for digits, outcome in _UNSUBSCRIBED),
    *(
        _row(
            str(-code),
            f"accepted, then error {code}: {meaning.text}",
            Behaviour(Outcome.ERROR, ringing=0, error=code),
        )
        for code, meaning in codes.SESSION_ERRORS.items()
    ),
    NumberRow(
        "7DSS",
        "answered; presses the digit D after SS seconds when asked (7105: 1 after 5 s)",
        re.compile(r"7(\d)(\d\d)"),
        lambda found: Behaviour(digits=found[1], press_after=int(found[2:])),
    ),
    NumberRow(
        "8NNN",
        "answered; types NNN and then # when asked",
        re.compile(r"8\d{3}"),
        lambda found: Behaviour(digits=f"{found[1:]}#", press_after=2),
    ),
    _row("1014", "refused: the caller ID is not allowed (422, -1014)", Behaviour(refusal=-1014)),
    _row("4290", "refused: always 429, Retry-After 1 s", Behaviour(rate_limited=1_000_000)),
    NumberRow(
        "429N",
        "429 N times with Retry-After 1 s, then answered",
        re.compile(r"429[1-9]"),
        lambda found: Behaviour(rate_limited=int(found[3])),
    ),
    *(
        _row(
            digits,
            f"{fault.value}; {'yet the call is placed' if placed else 'no call is placed'}",
            Behaviour(fault=fault, placed=placed),
        )
        for digits, fault, placed in _FAULTS
    ),
)


def behaviour_of(destination: str) -> Behaviour:
    """What becomes of a call to this number; any number outside the table is answered."""
    return _behaviour_of(destination[-4:])


@lru_cache(10_000)
def _behaviour_of(last: str) -> Behaviour:
    for row in NUMBERS:
        if row.pattern.fullmatch(last):
            return row.make(last)
    return Behaviour()
