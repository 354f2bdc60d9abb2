"""8x8's codes in words: what a code means and what a person can do about it.

The codes and their meanings are those of 8x8's pages "Voice API status codes", "Session summary" and
"Call status"; SIP codes are RFC 3261's. An unlisted code gets a sentence of its own, never an error.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from voicecli.json_values import whole_number

PORTAL = "8x8 Connect (https://connect.8x8.com)"
SUPPORT = "your 8x8 account manager or cpaas-support@8x8.com"


class Meaning(NamedTuple):
    """``text`` is a clause without a full stop; ``advice`` is a whole sentence, and ``settings`` are the
    variables that it names."""

    text: str
    advice: str
    settings: tuple[str, ...] = ()


_CALLFLOW = "Look at the request with --dry-run."
_CAPTURE = "Correct the sayAndCapture action in the callflow."
_SCENARIO = "Scenarios are made by 8x8: ask them for the right name."
_LATER = f"Try again later; if it stays, ask {SUPPORT}."

STATUS_CODES: dict[int, Meaning] = {
    -1001: Meaning("the request's body is not valid JSON", _CALLFLOW),
    -1002: Meaning(
        "the voice profile or language is not one of 8x8's",
        "Choose another with --voice or VOICE_PROFILE; voicecli voices lists them.",
        settings=("VOICE_PROFILE",),
    ),
    -1003: Meaning("minDigits was given without a valid maxDigits", _CAPTURE),
    -1004: Meaning(
        "digits can't be captured: the subaccount has no VCA webhook to report them to",
        f"Set a VCA webhook for the subaccount in {PORTAL} or with the webhooks operation.",
    ),
    -1005: Meaning("digitTimeout was given without a valid overallTimeout", _CAPTURE),
    -1006: Meaning("overallTimeout is shorter than digitTimeout", _CAPTURE),
    -1007: Meaning("an action of the callflow is of a kind 8x8 does not know", _CALLFLOW),
    -1008: Meaning("completeOnHash is false and there is no valid maxDigits", _CAPTURE),
    -1009: Meaning("an entry of the callflow is missing or not valid", _CALLFLOW),
    -1010: Meaning(
        "an action stands in the callflow more often than 8x8 allows",
        f"What is repeated up to three times is one action: --repeat 3. {_CALLFLOW}",
    ),
    -1011: Meaning("there is more than one destination number", "Place one call for each number."),
    -1012: Meaning(
        "the hangup action is used wrongly", "It takes no parameters, and no action may follow it."
    ),
    -1013: Meaning("the first action of the callflow is not makeCall", _CALLFLOW),
    -1014: Meaning(
        "the caller ID is not allowed for this subaccount",
        "The number in OUTBOUND_PHONE_NUMBER (or --from) must be one of the subaccount's numbers or "
        f"whitelisted as its caller ID: see {PORTAL}, or ask {SUPPORT}.",
        settings=("OUTBOUND_PHONE_NUMBER",),
    ),
    -1015: Meaning(
        "the call's time of validity has passed",
        "Give it more with --valid-for, and check this machine's clock.",
    ),
    -1016: Meaning(
        "the text has special characters that 8x8 can't take",
        "Take emoji, markup, & < > and invisible characters out of the message: --dry-run names them.",
    ),
    -1017: Meaning("8x8 does not take the destination for a phone number", "Check the number's digits."),
    -1018: Meaning("a scenario stands beside other actions", "A scenario must be the only action."),
    -1019: Meaning("scenarioName is empty", _SCENARIO),
    -1020: Meaning("scenarioName is not one 8x8 knows", _SCENARIO),
    -9999: Meaning("8x8 had an unknown error", _LATER),
    400: Meaning("8x8 could not read the request", _CALLFLOW),
    401: Meaning(
        "the API key is missing, wrong or revoked",
        f"Check EIGHT_X_EIGHT_API_KEY; keys are made in {PORTAL} under API keys.",
        settings=("EIGHT_X_EIGHT_API_KEY",),
    ),
    403: Meaning(
        "this API key may not do that",
        f"Check that EIGHT_X_EIGHT_API_KEY belongs to the subaccount and allows Voice in {PORTAL}.",
        settings=("EIGHT_X_EIGHT_API_KEY",),
    ),
    404: Meaning(
        "there is no such subaccount, or no such thing in it",
        "Check EIGHT_X_EIGHT_SUBACCOUNT_ID, and that EIGHT_X_EIGHT_BASE_URL is the Voice API.",
        settings=("EIGHT_X_EIGHT_SUBACCOUNT_ID", "EIGHT_X_EIGHT_BASE_URL"),
    ),
    422: Meaning("8x8 can read the request but not carry it out", _CALLFLOW),
    429: Meaning("too many requests at once", "Nothing was done: try again a little later."),
    500: Meaning("8x8 had an internal error", _LATER),
    4018: Meaning("there is no such export of the log of calls", "Check the job's id, or export again."),
}


def code(value: object) -> int | None:
    """A code as it came: a whole number, which some of 8x8's answers write as text."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value, re.ASCII):
        return int(value)
    number = whole_number(value)
    return number if number is not None and abs(number) < 10**9 else None


def describe_status_code(code: int) -> Meaning:
    """What the ``statusCode`` of an answer means (the API's own, or HTTP's)."""
    unlisted = Meaning("8x8 gave a reason that its documentation does not list", _LATER)
    return STATUS_CODES.get(code, unlisted)


class Outcome(StrEnum):
    """The final sessionStatus of a session summary, as 8x8 spells it."""

    COMPLETED = "COMPLETED"
    NO_ANSWER = "NO_ANSWER"
    BUSY = "BUSY"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    COMPLETED_UNSUBSCRIBED = "COMPLETED_UNSUBSCRIBED"
    COMPLETED_UNSUB_ERROR = "COMPLETED_UNSUB_ERROR"
    UNSUBSCRIBED_CONTACT = "UNSUBSCRIBED_CONTACT"


NOT_REACHED = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.CANCELED)
"""What FAILED may stand for: 8x8's introduction says that it covers busy and no answer."""
UNSUBSCRIBED_PART = "UNSUB"
"""In every outcome that says so: unsubscribed in this call, or before it, or the attempt to went wrong; and
in any other that nobody has listed yet."""
_SAMPLES = frozenset(Outcome) | {"CREATED", "NOT_CREATED"}
_SPELLINGS = {outcome.value: outcome for outcome in Outcome} | {"CANCELLED": Outcome.CANCELED}

OUTCOMES: dict[Outcome, str] = {
    Outcome.COMPLETED: "completed",
    Outcome.NO_ANSWER: "no answer",
    Outcome.BUSY: "busy",
    Outcome.CANCELED: "canceled",
    Outcome.FAILED: "failed",
    Outcome.ERROR: "error",
    Outcome.COMPLETED_UNSUBSCRIBED: "completed, and unsubscribed",
    Outcome.COMPLETED_UNSUB_ERROR: "completed, but unsubscribing went wrong",
    Outcome.UNSUBSCRIBED_CONTACT: "not called: unsubscribed before",
}
COMPLETED_MEANS = "Completed: a person or a mailbox answered. Only a pressed key proves a person."


def canonical(status: str) -> str:
    """One of 8x8's words as its samples write it: its prose has blanks for underscores (``NOT CREATED``)."""
    if status in _SAMPLES:
        return status
    return re.sub(r"[\s_-]+", "_", status.strip()).upper()


def outcome(status: str) -> Outcome | str:
    """The outcome behind a sessionStatus or a leg's callStatus, in any spelling; an unlisted one comes back
    as it is."""
    known = _SPELLINGS.get(status) or _SPELLINGS.get(canonical(status))
    return status if known is None else known


def is_unsubscribed(outcome: str) -> bool:
    """Whether somebody whose session ended so is not to be called again."""
    return UNSUBSCRIBED_PART in outcome.upper()


def describe_outcome(status: str) -> str:
    known = outcome(status)
    if isinstance(known, Outcome):
        return OUTCOMES[known]
    return "unsubscribed" if canonical(known) == "UNSUBSCRIBED" else known


STATUSES: dict[str, tuple[str, ...]] = {
    "VCA": ("ACTION_COMPLETED", "CALL_RECEIVED"),
    "VSS": tuple(Outcome),
    "VCS": (
        "CALL_INITIATED",
        "CALL_RECEIVED",
        "CALL_CONNECTED",
        "CALL_UPDATED",
        "DTMF_RECEIVED",
        "CALL_DISCONNECTED",
    ),
    "VRU": (
        "UPLOAD_COMPLETED",
        "UPLOAD_FAILED",
        "PROCESSING",
        "PROCESSING_FAILED",
        "CALLBACK_COMPLETED",
        "CALLBACK_FAILED",
        "UNKNOWN",
    ),
    "VNU": (),
}
"""What each type of webhook event can report."""

RECORDINGS: dict[str, str] = {
    "PROCESSING": "being processed",
    "PROCESSING_FAILED": "processing failed",
    "UPLOAD_COMPLETED": "uploaded",
    "UPLOAD_FAILED": "upload failed",
    "CALLBACK_COMPLETED": "uploaded and reported",
    "CALLBACK_FAILED": "uploaded, but not reported",
    "UNKNOWN": "unknown",
}
"""The status of a recording; it is reported by a VRU webhook."""

SESSION_ERRORS: dict[int, Meaning] = {
    -2001: Meaning("internal error at 8x8", _LATER),
    -2002: Meaning("internal connectivity error at 8x8", _LATER),
    -2003: Meaning("the callflow provided is invalid", "Check what the VCA webhook was answered."),
    -2004: Meaning("no coverage for the requested area", f"Ask {SUPPORT} which countries are open."),
    -2005: Meaning("the speech could not be synthesised", "Try another voice profile or a plainer text."),
    -2006: Meaning("the audio file could not be downloaded", "Check its URL, its kind and its size."),
    -2007: Meaning("the time of validity had passed", "Give the call more time with --valid-for."),
    -2008: Meaning("the caller ID is not whitelisted", STATUS_CODES[-1014].advice),
    -2009: Meaning("the scenario's parameters are invalid", _SCENARIO),
    -2010: Meaning("trunk capacity exceeded", "Place fewer calls at once."),
    -9999: Meaning("unknown error", _LATER),
}

SIP_CODES: dict[int, str] = {
    200: "answered",
    404: "number not found",
    408: "timed out",
    480: "unavailable",
    486: "busy",
    487: "canceled",
    503: "service unavailable",
    600: "busy everywhere",
    603: "declined",
    604: "does not exist anywhere",
    606: "not acceptable",
}


def describe_session_error(code: int) -> Meaning:
    """What the ``errorCode`` of a session summary means."""
    return SESSION_ERRORS.get(code, Meaning(f"error {code}", _LATER))


def describe_sip_code(code: int) -> str:
    return SIP_CODES.get(code, f"SIP {code}")


def describe_quality(mos: float) -> str:
    """A mean opinion score (1 to 5) as 8x8's page "Call quality" names its ranges."""
    for least, word in ((4.3, "excellent"), (4.0, "good"), (3.6, "fair"), (3.1, "poor")):
        if mos >= least:
            return word
    return "bad"
