"""8x8's webhook events, as they arrive and as we show them.

An event is known by its ``eventType``. Nothing in it is trusted to be there or of its documented type:
what is missing or strange is left out of the words, never an error.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import urlsplit

from voicecli import json_values
from voicecli.voice_api import codes
from voicecli.voice_api.event_fields import MAX_TEXT, Json, number_field, object_field, parse_time, text_field
from voicecli.voice_api.legs import Leg, describe_mos, legs_of

WEBHOOK_TYPES = ("VCA", "VSS", "VCS", "VRU", "VNU")
UNDELETABLE_WEBHOOKS = frozenset({"VNU"})
"""Types that 8x8's OpenAPI file has no DELETE for; it may be refused, or may work all the same."""

MAX_SESSION_ID = 500  # characters that are read: PostgreSQL's indices take 2,704 bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook. ``type`` is VCA, VSS, VCS, VRU or VNU, or the eventType of an unlisted one.

    ``outcome`` is how a VSS says that it ended for the person who was called, in one spelling, and None for
    any other event; ``legs`` are its calls, first leg first. ``source`` and ``destination`` are those of its
    first leg. ``words`` say what happened: ``no answer after 30 s``, ``digit 1``.
    """

    type: str
    payload: Json
    session_id: str = field(init=False, repr=False, compare=False)
    legs: "Sequence[Leg]" = field(init=False, repr=False, compare=False)
    outcome: str | None = field(init=False, repr=False, compare=False)
    source: str = field(init=False, repr=False, compare=False)
    destination: str = field(init=False, repr=False, compare=False)
    words: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Works out at once what is asked for again and again: thousands can come in a second."""
        keep, payload, outcome = object.__setattr__, self.payload, None
        legs = legs_of(payload) if self.type == "VSS" else ()
        if self.type == "VSS" and (status := text_field(payload, "sessionStatus")):
            outcome = _outcome(str(codes.outcome(status)), legs)
        parties = legs[0].payload if legs else payload
        keep(self, "session_id", text_field(payload, "sessionId")[:MAX_SESSION_ID])
        keep(self, "legs", legs)
        keep(self, "outcome", outcome)
        keep(self, "source", text_field(parties, "source"))
        keep(self, "destination", text_field(parties, "destination"))
        keep(self, "words", _WORDS.get(self.type, _unknown_words)(self))

    @property
    def digits(self) -> str | None:
        """The DTMF digits of a VCA or VCS: 8x8 has sent them in an object, bare, as null, and (pages of 2025)
        beside eventData."""
        data = self.payload.get("eventData")
        digits = text_field(data, "dtmf") if isinstance(data, dict) else text_field(self.payload, "eventData")
        return digits or text_field(self.payload, "dtmf") or None

    @property
    def asr_captured(self) -> str | None:
        """What a speech recogniser heard, of a VCA. It is not what somebody pressed."""
        return text_field(object_field(self.payload, "eventData"), "asrCaptured") or None

    @property
    def timestamp(self) -> int | None:
        """When it happened at 8x8, of a VCA or VCS: microseconds since 1970."""
        return parse_time(text_field(self.payload, "timestamp"))

    @property
    def end_time(self) -> int | None:
        """When the session ended, of a VSS: microseconds since 1970."""
        return parse_time(text_field(self.payload, "endTime"))

    @property
    def session_status(self) -> str:
        """The sessionStatus of a VSS as it came, which with two legs is that of the second."""
        return text_field(self.payload, "sessionStatus")

    @property
    def bridge(self) -> str | None:
        """What became of the second leg, of a VSS; None without one."""
        return (self.legs[1].outcome or "UNKNOWN") if len(self.legs) > 1 else None

    @property
    def client_request_id(self) -> str:
        """The id that the call was placed with, of a VSS; nothing where it has none."""
        return text_field(self.payload, "clientRequestId")

    @property
    def error_code(self) -> int | None:
        """The errorCode of a VSS, None where it has none."""
        details = object_field(self.payload, "errorDetails")
        return codes.code(details.get("errorCode")) if details else None

    @property
    def error(self) -> str:
        """The error of a VSS in words and with its code; nothing where it has none."""
        if "errorDetails" not in self.payload:
            return ""
        code = self.error_code
        if code is None:
            return text_field(object_field(self.payload, "errorDetails"), "errorMsg")
        return f"{codes.describe_session_error(code).text} ({code})"

    @property
    def sip_words(self) -> str:
        """The telephone network's code (SIP) in words, of a VCS; nothing for a leg that was answered."""
        code = codes.code(self.payload.get("sipCode"))
        return "" if code is None or code == 200 else codes.describe_sip_code(code)

    @property
    def status(self) -> str:
        """8x8's word for its state: the outcome of a VSS, else callStatus or status, or nothing."""
        return self.outcome or text_field(self.payload, "callStatus") or text_field(self.payload, "status")

    def identity(self, content: Callable[[], bytes]) -> bytes:
        """16 bytes that are the same when the event comes again (a duplicate): made of its type, its session
        and its eventId, or of ``content`` where it has none."""
        event_id = self.payload.get("eventId")
        fit = isinstance(event_id, str) and 0 < len(event_id) <= MAX_TEXT
        of = f"{self.type} {self.session_id} {event_id if fit else ''}".encode(errors="replace")
        return blake2b(of if fit else of + content(), digest_size=16).digest()


class Received(NamedTuple):
    """An event that is on disk under the number ``id``; 0 is for a VCA that can't be kept yet. ``times``
    is how often it came, ``again`` whether it was shown before; ``remarks`` say what was unusual about it."""

    id: int
    received: int  # microseconds since 1970, UTC
    event: Event
    body: bytes
    times: int = 1
    again: bool = False
    reply: str | None = None  # to a VCA: its actions by name
    remarks: tuple[str, ...] = ()


def parse(body: bytes, loads: Callable[[bytes], object] = json.loads) -> Event | None:
    """Read a webhook's body, or None where it is no event: not JSON, not an object, or without payload.
    ``loads`` is the reader to use."""
    document = json_values.json_object(body, loads)
    payload = None if document is None else document.get("payload")
    if document is None or not isinstance(payload, dict):
        return None
    event_type = text_field(document, "eventType")
    kind, _ = _TYPES.get(event_type, (event_type, None))
    return Event(kind, payload)


def webhook_url(listener: str, kind: str) -> str:
    """Where a listener of voicecli's takes this type of event."""
    return f"{listener.rstrip('/')}/api/webhooks/{kind.lower()}"


def receiver_url(url: str, kind: str) -> str:
    """Where any receiver takes it: at its URL, or, where that has no path at all, where a listener would."""
    parts = urlsplit(url)
    return url if parts.path else parts._replace(path=webhook_url("", kind)).geturl()


def _outcome(status: str, legs: Sequence[Leg]) -> str:
    """How a session with this sessionStatus ended for the person who was called.

    By 8x8's table the sessionStatus of two legs is that of the second (page "Session summary"), and FAILED
    covers busy and no answer (API introduction). ERROR that no leg explains is of the session: its callflow
    was not valid, say, whatever became of its legs.
    """
    theirs = legs[0].outcome if legs else status
    if theirs == status or legs[0].inbound or codes.is_unsubscribed(status):
        return status
    if status in (codes.Outcome.FAILED, codes.Outcome.ERROR) and theirs in codes.NOT_REACHED:
        return theirs
    of_the_bridge = len(legs) > 1 and (status != codes.Outcome.ERROR or legs[1].outcome == status)
    return theirs if of_the_bridge and theirs in codes.OUTCOMES else status


def _action_words(event: Event) -> str:
    match event.payload.get("callStatus"), event.digits:
        case "CALL_RECEIVED", _:
            words = "a call came in"
        case _, None:
            words = "no digits"
        case _, digits:
            words = f"digit{'s' * (len(digits) > 1)} {digits}"
    heard = event.asr_captured
    return words if heard is None else f'{words}, heard "{heard}"'


def _summary_words(event: Event) -> str:
    words = codes.describe_outcome(event.outcome or "")
    if error := event.error:
        words += f": {error}"
    for leg in event.legs[:1]:
        if leg.seconds > 0:
            words += f", {leg.seconds:g} s"
        elif not leg.connected and (ringing := leg.ringing) is not None:
            words += f" after {ringing:.0f} s"
        if (mos := leg.mos) is not None:
            words += f", {describe_mos(mos)}"
    return words if event.bridge is None else f"{words}; bridge: {codes.describe_outcome(event.bridge)}"


def _status_words(event: Event) -> str:
    status = text_field(event.payload, "callStatus")
    words = {
        "CALL_INITIATED": "dialling",
        "RINGING": "ringing",
        "CALL_RECEIVED": "a call came in",
        "CALL_CONNECTED": "answered",
        "ANSWERED": "answered",
        "CALL_DISCONNECTED": "ended",
        "CALL_UPDATED": "bridged or changed",
        "DTMF_RECEIVED": "digits pressed",
    }.get(status, status)
    return ": ".join(filter(None, (words, event.sip_words)))


def _recording_words(event: Event) -> str:
    return f"recording {text_field(event.payload, 'status').replace('_', ' ').lower()}"


def _numbers_words(event: Event) -> str:
    count = number_field(event.payload, "totalNumbers")
    return "virtual numbers changed" if count is None else f"virtual numbers changed: {count:g}"


def _unknown_words(_event: Event) -> str:
    return "an event that voicecli does not know"


_TYPES: dict[str, tuple[str, Callable[[Event], str]]] = {
    "CALL_ACTION": ("VCA", _action_words),
    "SESSION_SUMMARY": ("VSS", _summary_words),
    "CALL_STATUS": ("VCS", _status_words),
    "CALL_RECORDING_STATUS": ("VRU", _recording_words),
    "VIRTUAL_NUMBER_UPDATE": ("VNU", _numbers_words),
}
_WORDS = dict(_TYPES.values())
