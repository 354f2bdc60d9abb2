"""Place calls ("Send Callflow")."""

from dataclasses import dataclass, field

from voicecli import json_values
from voicecli.json_values import Json
from voicecli.voice_api import codes
from voicecli.voice_api.callflow import CallRequest, spoken_texts
from voicecli.voice_api.wire import Operation, required_text, session_status


@dataclass(frozen=True, slots=True)
class Session:
    """A call that 8x8 accepted. That is all it says: what becomes of it comes by webhook."""

    session_id: str
    session_status: str
    call_flow_request_id: str | None
    valid_until: str | None
    answer: Json = field(repr=False, compare=False, default_factory=dict)  # all of it, as it came


def send_callflow(request: CallRequest) -> Operation[Session]:
    """Place a call. Sent twice, it calls twice: there is no idempotency key."""

    def session(document: Json) -> Session:
        session_id = required_text(document, "sessionId")
        if not session_id.isprintable() or len(session_id) > 128:
            raise ValueError("sessionId")
        code = codes.code(document.get("statusCode", 1))
        if session_status(document) != "CREATED" or code is None or not 0 <= code < 400:
            raise ValueError("sessionStatus")
        return Session(
            session_id=session_id,
            session_status=required_text(document, "sessionStatus"),
            call_flow_request_id=json_values.text(document.get("callFlowRequestId")),
            valid_until=json_values.text(document.get("validUntil")),
            answer=document,
        )

    return Operation(
        "send callflow",
        "POST",
        "/callflows",
        session,
        body=request.body(),
        changes=True,
        client_request_id=request.client_request_id,
        private=spoken_texts(request.callflow),
    )
