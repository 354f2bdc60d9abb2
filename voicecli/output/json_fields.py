"""The names that fields of JSON documents had in earlier versions. A thing has one name in all documents:
8x8's own where it has one."""

from collections.abc import Mapping

FORMER_NAMES: Mapping[str, Mapping[str, str]] = {
    "error": {"broadcast": "broadcastId", "number": "destination"},
    "lost answer": {"state": "status"},
    "broadcast": {"id": "broadcastId", "begun": "startTime"},
    "row": {"session": "sessionId", "duration": "callDuration"},
    "errors": {"error": "errorMsg"},
    "preview": {
        "everybody": "total",
        "bad": "invalid",
        "asleep": "outsideHours",
        "asleepUntil": "outsideHoursUntil",
    },
    "talk": {"text": "words"},
    "live call": {"first": "startTime", "last": "lastEventTime"},
    "check": {"advice": "hint"},
    "session": {"start": "startTime", "durationSeconds": "callDuration", "error": "errorMsg"},
    "stats": {"durationSeconds": "callDuration"},
    "answer": {"to": "url", "status": "statusCode"},
}
"""By kind of object: names that fields had in earlier versions, and what they are called now. They stand
beside these in this version."""


def with_former_names(kind: str, document: Mapping[str, object]) -> dict[str, object]:
    """An object of this kind, with the former names of its fields added."""
    former = {old: document[new] for old, new in FORMER_NAMES[kind].items() if new in document}
    return {**document, **former}
