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


class Fault(StrEnum):
    """What goes wrong on the HTTP side of a request."""

    SERVER_ERROR = "answers 500"
    HTML_PAGE = "answers 502 with an HTML page"
    SILENCE = "never answers"
    CUT = "cuts the connection in the middle of the answer"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a call; times are in seconds of the call's own clock."""

    outcome: Outcome = Outcome.COMPLETED
    sip_code: int = 200
    ringing: int | None = None  # None: a few seconds, by chance
    error: int | None = None  # an errorCode of the session summary
    told_as: Outcome | None = None  # sessionStatus of the summary, where the leg's status is more exact
    told_first: Outcome | None = None  # sessionStatus of a summary that a later one corrects
    digits: str = ""  # what the callee presses when asked
    press_after: int = 0
    refusal: int | None = None  # a statusCode of the answer
    too_many: int = 0  # how many requests are answered 429 first
    fault: Fault | None = None
    placed: bool = True  # whether there is a call in spite of the fault


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: how the digits are written, what they do, and how."""

    digits: str
    what: str
    pattern: re.Pattern[str]
    make: Callable[[str], Fate]


def _row(digits: str, what: str, fate: Fate) -> Row:
    return Row(digits, what, re.compile(digits), lambda _found: fate)


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
    ("5000", Fault.SERVER_ERROR, False),
    ("5020", Fault.HTML_PAGE, False),
    ("5021", Fault.HTML_PAGE, True),
    ("5040", Fault.SILENCE, False),
    ("5041", Fault.SILENCE, True),
    ("5050", Fault.CUT, False),
    ("5051", Fault.CUT, True),
)

TABLE: tuple[Row, ...] = (
    *(
        _row(
            digits,
            f"{codes.OUTCOMES[outcome]} after {ringing} s ({codes.sip_words(sip)}, SIP {sip})",
            Fate(outcome, sip_code=sip, ringing=ringing),
        )
        for digits, outcome, sip, ringing in _UNANSWERED
    ),
    *(
        _row(
            digits,
            f"{codes.OUTCOMES[outcome]} after {ringing} s; the summary says FAILED, its leg {outcome}",
            Fate(outcome, sip_code=sip, ringing=ringing, told_as=Outcome.FAILED),
        )
        for digits, outcome, sip, ringing in _TOLD_AS_FAILED
    ),
    _row(
        "6200",
        "answered; a summary says NO_ANSWER, and one a second later COMPLETED",
        Fate(told_first=Outcome.NO_ANSWER),
    ),
    *(_row(digits, codes.OUTCOMES[outcome], Fate(outcome)) for digits, outcome in _UNSUBSCRIBED),
    *(
        _row(
            str(-code),
            f"accepted, then error {code}: {meaning.text}",
            Fate(Outcome.ERROR, ringing=0, error=code),
        )
        for code, meaning in codes.SESSION_ERRORS.items()
    ),
    Row(
        "7DSS",
        "answered; presses the digit D after SS seconds when asked (7105: 1 after 5 s)",
        re.compile(r"7(\d)(\d\d)"),
        lambda found: Fate(digits=found[1], press_after=int(found[2:])),
    ),
    Row(
        "8NNN",
        "answered; types NNN and then # when asked",
        re.compile(r"8\d{3}"),
        lambda found: Fate(digits=f"{found[1:]}#", press_after=2),
    ),
    _row("1014", "refused: the caller ID is not allowed (422, -1014)", Fate(refusal=-1014)),
    _row("4290", "refused: always 429, Retry-After 1 s", Fate(too_many=1_000_000)),
    Row(
        "429N",
        "429 N times with Retry-After 1 s, then answered",
        re.compile(r"429[1-9]"),
        lambda found: Fate(too_many=int(found[3])),
    ),
    *(
        _row(
            digits,
            f"{fault.value}; {'yet the call is placed' if placed else 'no call is placed'}",
            Fate(fault=fault, placed=placed),
        )
        for digits, fault, placed in _FAULTS
    ),
)


def fate(destination: str) -> Fate:
    """What becomes of a call to this number; any number outside the table is answered."""
    return _fate(destination[-4:])


@lru_cache(10_000)
def _fate(last: str) -> Fate:
    for row in TABLE:
        if row.pattern.fullmatch(last):
            return row.make(last)
    return Fate()
