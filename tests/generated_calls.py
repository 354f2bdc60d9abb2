"""Makes up what 8x8 may report of one call: every form of digits, of summaries and of what is missing."""

import json
import random
from collections.abc import Sequence

from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.voice_api import webhook_events
from voicecli.voice_api.codes import Outcome
from voicecli.voice_api.webhook_events import Received

SESSION, SOURCE, NUMBER, BRIDGED = "s-1", "+33199000000", "+33199001234", "+33199005678"
START = 1_764_000_000_000_000  # microseconds since 1970
ASKS = (None, "", "1", "1,2", "0,#", "12")
ENTRIES = ("1", "2", "1#", "2#", "12", "1234#", "1234", "#", "##", "9", "*", "", None, 1, [], True)
OUTCOMES = (
    *Outcome,
    *(
        "NO ANSWER",
        "no answer",
        "CANCELLED",
        "Busy",
        "completed",
        "UNSUBSCRIBED",
        "SOMETHING_NEW",
        "",
        None,
        7,
    ),
)
LEG_STATUSES = ("COMPLETED", "NO_ANSWER", "BUSY", "CANCELED", "FAILED", "ERROR", "NO ANSWER", "odd", "", None)
VCS_STATUSES = (
    *("CALL_INITIATED", "RINGING", "CALL_RECEIVED", "CALL_CONNECTED", "ANSWERED", "CALL_UPDATED"),
    *("DTMF_RECEIVED", "CALL_DISCONNECTED", "SOMETHING_NEW", None),
)
Payload = dict[str, object]


def attempt(random: random.Random) -> Attempt | None:
    """A call from here that asks in some way; or one that was not placed from here."""
    if random.random() < 0.2:
        return None
    state = random.choice(list(AttemptState))
    number = random.choice((NUMBER, NUMBER, NUMBER.lstrip("+"), ""))
    return Attempt(1, START, state, SESSION, "m-1", SOURCE, number, asks=random.choice(ASKS))


def sequence(random: random.Random, session: str = SESSION) -> list[Received]:
    """The events of one call, each once, in the order in which they happened."""
    made = []
    for number in range(random.randint(0, 9)):
        kind = random.choice(("VCA", "VCA", "VCS", "VCS", "VSS", "VSS", "VRU", "SOMETHING_NEW"))
        payload = {"VCA": _action, "VCS": _status, "VSS": _summary}.get(kind, _other)(random)
        payload["sessionId"] = session
        if random.random() < 0.8:
            payload["eventId"] = f"e-{number}"
        names = {"VCA": "CALL_ACTION", "VCS": "CALL_STATUS", "VSS": "SESSION_SUMMARY"}
        names["VRU"] = "CALL_RECORDING_STATUS"
        body = json.dumps({"eventType": names.get(kind, kind), "payload": payload}).encode()
        read = webhook_events.parse(body)
        assert read is not None
        made.append(Received(number + 1, START + number * 100_000, read, body))
    return made


def shuffled(random: random.Random, received: Sequence[Received]) -> list[Received]:
    """The same events as they may arrive: in another order, some of them again."""
    arriving = [*received, *(one for one in received for _ in range(random.choice((0, 0, 1, 2))))]
    random.shuffle(arriving)
    return arriving


def _moment(random: random.Random) -> str | None:
    second, part = random.randint(0, 3), random.choice((".0", ".25", "", ".000001"))
    return random.choice(
        (
            *(f"2026-11-28T04:00:0{second}{part}Z",) * 6,
            f"2026-11-28T06:00:0{second}+02:00",
            f"2026-11-28T04:00:0{second}",
            "soon",
            None,
        )
    )


def _put(payload: Payload, name: str, value: object, random: random.Random) -> None:
    """Most of the time a field is there."""
    if random.random() < 0.85:
        payload[name] = value


def _progress(random: random.Random) -> Payload:
    payload: Payload = {}
    _put(payload, "timestamp", _moment(random), random)
    _put(payload, "source", random.choice((SOURCE, SOURCE.lstrip("+"), None)), random)
    _put(payload, "destination", random.choice((NUMBER, NUMBER, NUMBER.lstrip("+"), BRIDGED, None)), random)
    return payload


def _digits(payload: Payload, random: random.Random) -> None:
    entry = random.choice(ENTRIES)
    match random.randrange(5):
        case 0:
            payload["eventData"] = entry
        case 1:
            payload["eventData"] = {"dtmf": entry, "asrCaptured": random.choice(("one", None))}
        case 2:
            payload["eventData"] = {"dtmf": entry}
        case 3:
            payload |= {"dtmf": entry, "callStatus": "DTMF_RECEIVED"}
        case _:
            payload["eventData"] = None


def _action(random: random.Random) -> Payload:
    payload = _progress(random)
    _put(payload, "callStatus", random.choice(("ACTION_COMPLETED",) * 6 + ("CALL_RECEIVED",)), random)
    _digits(payload, random)
    return payload


def _status(random: random.Random) -> Payload:
    payload = _progress(random)
    _put(payload, "callStatus", random.choice(VCS_STATUSES), random)
    if payload.get("callStatus") == "DTMF_RECEIVED":
        _digits(payload, random)
    return payload


def _summary(random: random.Random) -> Payload:
    payload: Payload = {"sessionStatus": random.choice(OUTCOMES)}
    _put(payload, "endTime", _moment(random), random)
    if random.random() < 0.5:
        payload["clientRequestId"] = "m-1"
    if random.random() < 0.2:
        payload["errorDetails"] = {"errorCode": random.choice((-2003, -2010, "-2004", None)), "errorMsg": "x"}
    legs = [_leg(random) for _ in range(random.choice((0, 1, 1, 2, 2)))]
    letter = random.choice(("call", "Call"))
    payload["details"] = {f"{letter}{'AB'[index]}": leg for index, leg in enumerate(legs)}
    return payload


def _leg(random: random.Random) -> Payload:
    leg: Payload = {"source": SOURCE, "destination": NUMBER}
    _put(leg, "callStatus", random.choice(LEG_STATUSES), random)
    _put(leg, "callDirection", random.choice(("OUTBOUND",) * 9 + ("INBOUND",)), random)
    _put(leg, "callDuration", random.choice((0, 5, 13, None)), random)
    _put(leg, "initiatedTimestamp", "2026-11-28T04:00:00Z", random)
    _put(leg, "disconnectedTimestamp", "2026-11-28T04:00:30Z", random)
    if random.random() < 0.5:
        leg["connectedTimestamp"] = "2026-11-28T04:00:06Z"
        leg["callQuality"] = {"mos": random.choice((4.4, 3.2, None))}
    return leg


def _other(random: random.Random) -> Payload:
    return {"status": "UPLOAD_COMPLETED"}
