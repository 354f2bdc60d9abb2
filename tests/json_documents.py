"""The fields of all JSON documents that commands print, in one table."""

from collections.abc import Mapping

_CALL = (
    "sessionId sessionStatus destination clientRequestId clientActionId callFlowRequestId validUntil outcome "
    "bridge words secondsWithoutReports digits result answers confirmed exitCode error"
)
_COUNTS = (
    "total accepted refused unknown skipped calledTooOften inFlight retrying left outcomes results "
    "confirmed errors.errorMsg errors.calls"
)
_BROADCAST = "broadcastId startTime state list shard"
_ROW = "line destination status attempts sessionId outcome bridge digits result answers callDuration reason"
_EVENT = (
    "record id received type sessionId source destination outcome bridge digits asrCaptured words reply "
    "remarks times payload"
)
_SESSION = (
    "record sessionId clientRequestId placedBy startTime source destination status sessionStatus outcome "
    "bridge callDuration mos digits result answers captures errorCode errorMsg words"
)
_ANSWER = "url tokenSent statusCode milliseconds reply problem"

DOCUMENTS: Mapping[str, str] = {
    "error": "code message hint retryable statusCode sessionId clientRequestId destination broadcastId jobId "
    "rows.line rows.problem rows.destination rows.status rows.sessionId accepted ended unknown earlier at "
    "placedBy process lastSeen guardUntil leaseUntil atMost calledTooOften",
    "call": _CALL,
    "call --dry-run": "method url headers body reply",
    "broadcast send --dry-run": "calls total shard sentBefore skipped skippedReasons.reason "
    "skippedReasons.people calledTooOften invalid problems.line problems.problem secondsOfSpeech rate "
    "seconds startAt outsideHours outsideHoursUntil outsideHoursZones.timeZones outsideHoursZones.people "
    "outsideHoursZones.until optionColumns speechProblems.rows speechProblems.lines "
    "speechProblems.problems first.line first.destination first.message first.spelledOut.code "
    "first.spelledOut.spoken",
    "broadcast send: record broadcast": "record broadcastId",
    "broadcast send: record row": f"record {_ROW}",
    "broadcast send: record summary": f"record broadcastId {_COUNTS} commands exitCode",
    "broadcast list": f"{_BROADCAST} {_COUNTS}",
    "broadcast show": f"{_BROADCAST} {_COUNTS} bridges options commands",
    "broadcast stop": "broadcastId stopped",
    "broadcast allow": "destination allowed",
    "broadcast results": f"{_ROW} input",
    "broadcast results -o": "file rows",
    "broadcast report": "file people peopleFile",
    "listen: record ready": "record url publicUrl inspector registered",
    "listen: record tunnel": "record up publicUrl reason",
    "listen: record webhook": "record type state url setAgain words",
    "listen: record event, duplicate": _EVENT,
    "listen: record call": "record sessionId source destination startTime lastEventTime sessionStatus "
    "outcome bridge digits words",
    "listen: record note": "record words",
    "listen: record lost": "record rows",
    "listen: record spool": "record waiting broughtIn reason refused",
    "listen: record staying": "record questions until",
    "listen: record stopped": "record events open outcomes refused",
    "POST /api/make-call": "success data error details",
    "webhooks list": "type url enabled hasAuthorization",
    "webhooks set": "type url hasAuthorization",
    "webhooks delete": "type deleted disabled",
    "webhooks restore": "restored",
    "config": "settings.variable settings.value settings.origin settings.file settings.problem files.origin "
    "files.file files.read",
    "store key": "key",
    "store migrate": "store formerVersion version",
    "store copy": "store copied.kind copied.rows copied.added copied.updated copied.different unfinished",
    "doctor": "ok exitCode checks.check checks.state checks.words checks.hint",
    "sessions": _SESSION,
    "sessions ID": f"{_SESSION} legs events",
    "events": _EVENT,
    "stats": "since ended open unknown answered answerRate outcomes results callDuration.median "
    "callDuration.calls mos.median mos.calls errors.errorCode errors.errorMsg errors.calls",
    "replay": f"id type sessionId body error {_ANSWER}",
    "trigger": f"event {_ANSWER}",
    "prune": "before events calls broadcasts deleted",
    "logs export": "jobId status file rows parts",
    "logs cancel": "jobId cancelled",
    "sandbox": "url environment",
    "sandbox --numbers": "digits what",
    "help": "topic summary",
    "help TOPIC": "topic text",
    "demo: record placed": "record call destination sessionId words",
    "demo: record outcome": "record call destination outcome words",
}
"""Of each document its fields; a dot leads to those of an object, or of each object in a list. Documents of
8x8's own (``api``, ``numbers``, ``recordings``, ``voices``) and the parts that come from 8x8 (``data``,
``payload``, ``legs``, ``event``) have 8x8's fields."""
