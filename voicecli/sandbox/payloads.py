"""The webhooks' bodies, with the fields of 8x8's own samples."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import uuid4

import phonenumbers

from voicecli.sandbox.numbers import NUMBERS, Behaviour, behaviour_of
from voicecli.sandbox.seeded_random import SeededRandom
from voicecli.voice_api import codes
from voicecli.voice_api.codes import Outcome

Json = dict[str, object]

SAMPLE_RINGING, SAMPLE_TALKING = (
    timedelta(seconds=6),
    timedelta(seconds=14),
)  # of a session that was not played
ERRORS_AFTER_ANSWER = {-2005: ("say", "SAY"), -2006: ("playFile", "PLAY_FILE")}
"""The errors that strike once a call is answered: the action, and the summary's name for it."""


def fresh_id(random: SeededRandom) -> str:
    """A UUID that a seeded run gives again."""
    bits = f"{random.bits():032x}"
    variant = "89ab"[int(bits[16], 16) & 3]  # UUID(version=4) writes the same, in ten times the time
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{variant}{bits[17:20]}-{bits[20:]}"


@dataclass(slots=True)
class PlayedLeg:
    """One call of a session. ``status`` is the leg's callStatus in the summary."""

    call_id: str
    source: str
    destination: str
    initiated: datetime
    connected: datetime | None = None
    disconnected: datetime | None = None
    status: str = "COMPLETED"
    sip_code: int = 200
    quality: Json = field(default_factory=dict)
    direction: str = "OUTBOUND"

    def duration(self, until: datetime | None = None) -> int:
        """Whole seconds since it was answered."""
        end = self.disconnected or until
        return 0 if self.connected is None or end is None else int((end - self.connected).total_seconds())

    def parties(self) -> Json:
        return {
            "callDirection": self.direction,
            "callType": "PSTN",
            "source": self.source,
            "destination": self.destination,
            "sourceFormat": "MSISDN",
            "destinationFormat": "MSISDN",
            "sourceCountryCode": _country(self.source),
            "destinationCountryCode": _country(self.destination),
        }


def call_status(
    leg: PlayedLeg,
    status: str,
    now: datetime,
    *,
    event_id: str,
    session: Json,
    event_data: object = None,
    direction: str | None = None,
) -> Json:
    """VCS: progress of one leg. ``event_data`` is for DTMF_RECEIVED: 8x8 shows no sample of it, and says
    that a VCS has the structure of a VCA. ``direction`` is the leg's unless given."""
    payload = _progress(leg, status, now, event_id, session) | {"sipCode": leg.sip_code}
    if direction is not None:
        payload["callDirection"] = direction
    if event_data is not None:
        payload["eventData"] = event_data
    return _envelope("CALL_STATUS", "Status update of a call", payload)


def call_action(
    leg: PlayedLeg,
    digits: Json,
    now: datetime,
    *,
    event_id: str,
    session: Json,
    status: str = "ACTION_COMPLETED",
) -> Json:
    """VCA: an action is done, or a call came in (CALL_RECEIVED), and 8x8 asks what comes next. ``session``
    has the clientActionId, too; ``digits`` are the fields that hold them: eventData, as a rule."""
    refs = {"sourceRefId": "SANDBOX-SOURCE", "destinationRefId": "SANDBOX-DESTINATION"}
    payload = _progress(leg, status, now, event_id, session) | refs | digits | {"sipCode": 200}
    return _envelope("CALL_ACTION", "Action request of a call", payload)


def _progress(leg: PlayedLeg, status: str, now: datetime, event_id: str, session: Json) -> Json:
    """What a VCS and a VCA have in common."""
    return {
        "eventId": event_id,
        "callId": leg.call_id,
        **session,
        "callStatus": status,
        **leg.parties(),
        "callDuration": leg.duration(now),
        "timestamp": _milliseconds(now),
    }


def session_summary(
    legs: list[PlayedLeg],
    *,
    session: Json,
    status: str,
    start: datetime,
    end: datetime,
    last_action: str,
    client_request_id: str | None,
    error: Json | None,
    leg_prefix: str,
    source_ref: tuple[str, str] = ("sourceRefId", "SANDBOX-SOURCE"),
) -> Json:
    """VSS: the session is over; this is its outcome. ``leg_prefix`` is call or Call, ``source_ref`` name and
    value of a leg's field: 8x8 writes both of each."""
    payload: Json = {
        **session,
        "sessionStatus": status,
        "startTime": timestamp(start),
        "endTime": timestamp(end),
        "lastAction": last_action,
        "callCount": len(legs),
    }
    if client_request_id is not None:
        payload["clientRequestId"] = client_request_id
    if error is not None:
        payload["errorDetails"] = error
    payload["details"] = {
        f"{leg_prefix}{letter}": _leg(leg, source_ref) for letter, leg in zip("AB", legs, strict=False)
    }
    return _envelope("SESSION_SUMMARY", "Summary of a completed call session", payload)


def error_details(code: int, request_id: str) -> Json:
    """The errorDetails of a summary whose status is ERROR."""
    return {
        "errorMsg": codes.describe_session_error(code).text.capitalize(),
        "errorCode": code,
        "callFlowRequestId": request_id,
    }


def recording_uploaded(
    session_id: str, recording_id: str, start: datetime, seconds: int, *, status: str = "UPLOAD_COMPLETED"
) -> Json:
    """VRU: a recording reached the customer's storage."""
    payload: Json = {
        "sessionId": session_id,
        "recordingId": recording_id,
        "durationSeconds": seconds,
        "filePath": f"recordings/{start:%Y-%m-%d}/{session_id}/{recording_id}_{_milliseconds(start)}.mp3",
        "status": status,
    }
    return _envelope("CALL_RECORDING_STATUS", "Call recording status updated", payload)


def number_updated(msisdn: str, now: datetime, *, subaccount_id: str) -> Json:
    """VNU: a number of the customer's changed."""
    number = {
        "msisdn": msisdn,
        "updatedTimestamp": _milliseconds(now),
        "countryCode": _country(msisdn),
        "operationalStatus": "Active",
        "referenceId": "SANDBOX-SOURCE",
        "rentalPrice": 5.0,
        "incomingRate": 0.05,
        "billingUnit": 60,
        "billingCurrency": "USD",
        "numberHealthCheckEnabled": True,
        "updateStatus": "UPDATED",
    }
    payload: Json = {
        "subAccountId": subaccount_id,
        "totalNumbers": 1,
        "updateEventType": "UPDATES",
        "virtualNumbers": [number],
    }
    return _envelope("VIRTUAL_NUMBER_UPDATE", "Status of account virtual number(s) updated", payload)


def sample_event(
    kind: str,
    status: str,
    *,
    source: str,
    number: str,
    event_data: object,
    error: int,
    session: Json,
    now: datetime,
) -> Json:
    """An event of any type about a session that was not played; it ends, or has come to this, ``now``.

    ``error`` is the errorCode of a VSS whose status is ERROR; ``number`` is the one that a VNU is about.
    """
    inbound = status == "CALL_RECEIVED"
    leg = PlayedLeg(str(uuid4()), source, number, now - SAMPLE_TALKING - SAMPLE_RINGING, now - SAMPLE_TALKING)
    leg.direction = "INBOUND" if inbound else "OUTBOUND"
    if inbound or status == "CALL_INITIATED":
        leg.initiated, leg.connected = now, None
    elif status == "CALL_CONNECTED":
        leg.initiated, leg.connected = now - SAMPLE_RINGING, now
    event_id = str(uuid4())
    match kind:
        case "VCA":
            ids = {**session, "clientActionId": None if inbound else "voicecli-trigger"}
            digits: Json = {"eventData": event_data}
            return call_action(leg, digits, now, event_id=event_id, session=ids, status=status)
        case "VCS":
            return call_status(leg, status, now, event_id=event_id, session=session, event_data=event_data)
        case "VSS":
            return _sample_summary(leg, Outcome(status), error, session, now)
        case "VRU":
            start, seconds = now - SAMPLE_TALKING, leg.duration(now)
            return recording_uploaded(str(session["sessionId"]), event_id, start, seconds, status=status)
        case _:
            return number_updated(number, now, subaccount_id=str(session["subAccountId"]))


def _sample_summary(leg: PlayedLeg, outcome: Outcome, error: int, session: Json, now: datetime) -> Json:
    """The two talked until now, unless the outcome says otherwise: then it goes as the sandbox plays it."""
    code = error if outcome is Outcome.ERROR else None
    fates = (behaviour_of(row.digits) for row in NUMBERS)
    behaviour = next((one for one in fates if (one.outcome, one.error) == (outcome, code)), Behaviour())
    action, last_action = ERRORS_AFTER_ANSWER.get(code or 0, ("", "SAY"))
    leg.disconnected = now
    if outcome is Outcome.UNSUBSCRIBED_CONTACT or behaviour.sip_code != 200 or not (code is None or action):
        leg.initiated, leg.connected = now - timedelta(seconds=behaviour.ringing or 0), None
        leg.status, last_action = outcome, "MAKE_CALL"
    else:
        leg.quality = {"mos": 4.4, "packetLossRate": 0, "jitter": 12}
        leg.status = "COMPLETED" if code is None else outcome
    details = None if code is None else error_details(code, str(uuid4()))
    return session_summary(
        [] if outcome is Outcome.UNSUBSCRIBED_CONTACT else [leg],
        session=session,
        status=outcome,
        start=leg.initiated,
        end=now,
        last_action=last_action,
        client_request_id=None,
        error=details | {"action": action} if details and action else details,
        leg_prefix="call",
    )


def _leg(leg: PlayedLeg, source_ref: tuple[str, str]) -> Json:
    detail: Json = {"callId": leg.call_id, **leg.parties()}
    for name, moment in (
        ("initiatedTimestamp", leg.initiated),
        ("connectedTimestamp", leg.connected),
        ("disconnectedTimestamp", leg.disconnected),
    ):
        if moment is not None:
            detail[name] = timestamp(moment)
    name, value = source_ref
    detail |= {name: value, "callStatus": leg.status, "callDuration": leg.duration()}
    if leg.quality:
        detail["callQuality"] = leg.quality
    return detail


def _envelope(event_type: str, description: str, payload: Json) -> Json:
    return {"namespace": "VOICE", "eventType": event_type, "description": description, "payload": payload}


@lru_cache(4096)  # one call's events all ask for the same two numbers
def _country(msisdn: str) -> str:
    try:
        number = phonenumbers.parse(f"+{msisdn.lstrip('+')}")
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""


def _milliseconds(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def timestamp(moment: datetime) -> str:
    """A moment as 8x8 writes it, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
