"""The webhooks' bodies, with the fields of 8x8's own samples."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from uuid import UUID

import phonenumbers

Json = dict[str, object]


def fresh_id(dice: Random) -> str:
    """A UUID that a seeded run gives again."""
    return str(UUID(int=dice.getrandbits(128), version=4))


@dataclass(slots=True)
class Leg:
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

    def duration(self, until: datetime | None = None) -> int:
        """Whole seconds since it was answered."""
        end = self.disconnected or until
        return 0 if self.connected is None or end is None else int((end - self.connected).total_seconds())

    def parties(self) -> Json:
        return {
            "callDirection": "OUTBOUND",
            "callType": "PSTN",
            "source": self.source,
            "destination": self.destination,
            "sourceFormat": "MSISDN",
            "destinationFormat": "MSISDN",
            "sourceCountryCode": _country(self.source),
            "destinationCountryCode": _country(self.destination),
        }


def call_status(leg: Leg, status: str, now: datetime, *, event_id: str, session: Json) -> Json:
    """VCS: progress of one leg."""
    payload = {
        "eventId": event_id,
        "callId": leg.call_id,
        **session,
        "callStatus": status,
        **leg.parties(),
        "callDuration": leg.duration(now),
        "sipCode": leg.sip_code,
        "timestamp": _milliseconds(now),
    }
    return _envelope("CALL_STATUS", "Status update of a call", payload)


def call_action(leg: Leg, event_data: object, now: datetime, *, event_id: str, session: Json) -> Json:
    """VCA: an action is done, and 8x8 asks what comes next. ``session`` has the clientActionId, too."""
    payload = {
        "eventId": event_id,
        "callId": leg.call_id,
        "sessionId": session["sessionId"],
        "subAccountId": session["subAccountId"],
        "callStatus": "ACTION_COMPLETED",
        **leg.parties(),
        "sourceRefId": "SANDBOX-SOURCE",
        "destinationRefId": "SANDBOX-DESTINATION",
        "callDuration": leg.duration(now),
        "eventData": event_data,
        "sipCode": 200,
        "timestamp": _milliseconds(now),
        "clientActionId": session["clientActionId"],
    }
    return _envelope("CALL_ACTION", "Action request of a call", payload)


def session_summary(
    legs: list[Leg],
    *,
    session: Json,
    status: str,
    start: datetime,
    end: datetime,
    last_action: str,
    client_request_id: str | None,
    error: Json | None,
    leg_prefix: str,
) -> Json:
    """VSS: the session is over; this is its outcome. ``leg_prefix`` is call or Call: 8x8 writes both."""
    payload: Json = {
        **session,
        "sessionStatus": status,
        "startTime": stamp(start),
        "endTime": stamp(end),
        "lastAction": last_action,
        "callCount": len(legs),
    }
    if client_request_id is not None:
        payload["clientRequestId"] = client_request_id
    if error is not None:
        payload["errorDetails"] = error
    payload["details"] = {f"{leg_prefix}{'AB'[index]}": _leg(leg) for index, leg in enumerate(legs)}
    return _envelope("SESSION_SUMMARY", "Summary of a completed call session", payload)


def recording_uploaded(session_id: str, recording_id: str, start: datetime, seconds: int) -> Json:
    """VRU: a recording reached the customer's storage."""
    payload: Json = {
        "sessionId": session_id,
        "recordingId": recording_id,
        "durationSeconds": seconds,
        "filePath": f"recordings/{start:%Y-%m-%d}/{session_id}/{recording_id}_{_milliseconds(start)}.mp3",
        "status": "UPLOAD_COMPLETED",
    }
    return _envelope("CALL_RECORDING_STATUS", "Call recording status updated", payload)


def _leg(leg: Leg) -> Json:
    detail: Json = {"callId": leg.call_id, **leg.parties()}
    for name, moment in (
        ("initiatedTimestamp", leg.initiated),
        ("connectedTimestamp", leg.connected),
        ("disconnectedTimestamp", leg.disconnected),
    ):
        if moment is not None:
            detail[name] = stamp(moment)
    detail |= {"sourceRefId": "SANDBOX-SOURCE", "callStatus": leg.status, "callDuration": leg.duration()}
    if leg.quality:
        detail["callQuality"] = leg.quality
    return detail


def _envelope(event_type: str, description: str, payload: Json) -> Json:
    return {"namespace": "VOICE", "eventType": event_type, "description": description, "payload": payload}


def _country(msisdn: str) -> str:
    try:
        number = phonenumbers.parse(f"+{msisdn.lstrip('+')}")
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""


def _milliseconds(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def stamp(moment: datetime) -> str:
    """A moment as 8x8 writes it, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
