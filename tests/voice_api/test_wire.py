"""Reading 8x8's answers: what each says of the call, without any socket."""

import json

import pytest

from voicecli.errors import OutcomeUnknown, RateLimited, Refused, Unreachable
from voicecli.voice_api import codes
from voicecli.voice_api.messages import voice_message
from voicecli.voice_api.operations.calls import Session, send_callflow
from voicecli.voice_api.operations.logs import start_log_export
from voicecli.voice_api.operations.webhooks import list_webhooks, set_webhook
from voicecli.voice_api.wire import MAX_RESPONSE, HttpResponse

PLACE = send_callflow(voice_message("+33199001234", "hi", source="+33199000000", message_id="m-1"))
CREATED = {"sessionId": "s-1", "sessionStatus": "CREATED", "callFlowRequestId": "r-1", "statusCode": 1}


def answer(status: int, body: object, *, complete: bool = True, **headers: str) -> HttpResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, complete
    )


def refusal(code: int | str, message: str = "in its own words") -> dict[str, object]:
    return {
        "sessionStatus": "NOT_CREATED",
        "callFlowRequestId": "r",
        "statusCode": code,
        "statusMessage": message,
    }


def test_a_created_session_is_read() -> None:
    assert PLACE.read(answer(200, CREATED)) == Session("s-1", "CREATED", "r-1", None)


@pytest.mark.parametrize("code", codes.STATUS_CODES.keys() - {429})
def test_every_refusal_is_told_in_words_with_advice(code: int) -> None:
    with pytest.raises(Refused) as caught:
        PLACE.read(answer(422 if code < 0 else code, refusal(code)))
    assert codes.STATUS_CODES[code].text in caught.value.message
    assert "in its own words" in caught.value.message
    assert caught.value.hint == codes.STATUS_CODES[code].advice
    assert caught.value.status_code == code


def test_the_advice_names_the_setting() -> None:
    assert "EIGHT_X_EIGHT_API_KEY" in codes.describe_status_code(401).advice
    assert "whitelisted" in codes.describe_status_code(-1014).advice
    assert "8x8 Connect" in codes.describe_status_code(-1014).advice


@pytest.mark.parametrize(
    ("received", "status_code"),
    [
        (answer(200, refusal(-1014)), -1014),
        (answer(400, refusal("-1007")), -1007),
        (answer(404, {"code": 4018, "message": "Invalid jobId"}), 4018),
        (answer(404, {"errorId": "x", "statusCode": "1001", "statusMessage": "m"}), 1001),
        (answer(403, b"<html>Forbidden</html>"), 403),
        (answer(404, b""), 404),
        (answer(422, b"[1, 2]"), 422),
        (answer(500, refusal(500)), 500),
        (answer(307, b"", location="https://elsewhere.example"), 307),
        (answer(422, refusal(-4242)), -4242),
    ],
)
def test_what_says_no_is_a_refusal(received: HttpResponse, status_code: int) -> None:
    with pytest.raises(Refused) as caught:
        PLACE.read(received)
    assert caught.value.status_code == status_code


@pytest.mark.parametrize(
    "received",
    [
        answer(200, b""),
        answer(200, b"<!DOCTYPE html><html></html>"),
        answer(200, b'{"sessionId": "s-1"', complete=False),
        answer(200, b'{"sessionId": "s-1"'),
        answer(200, b"x" * MAX_RESPONSE, complete=False),
        answer(200, b"\xff\xfe"),
        answer(200, b"[" * 100_000),
        answer(200, b"null"),
        answer(200, {**CREATED, "sessionId": ""}),
        answer(200, {**CREATED, "sessionId": 5}),
        answer(200, {**CREATED, "sessionId": "a\nb"}),
        answer(200, {"statusCode": 1}),
        answer(202, {}),
        answer(204, b""),
        answer(408, b""),
        answer(409, b""),
        answer(499, b""),
        answer(418, b"teapot"),
        answer(300, b""),
        answer(301, b""),
        answer(302, b""),
        answer(303, b""),
        answer(400, CREATED),
        answer(429, CREATED),
        answer(307, CREATED),
        answer(304, b""),
        answer(100, b""),
        answer(504, {"code": -1, "message": "upstream timed out"}),
        answer(500, {"statusCode": -9999}),
        answer(200, {**CREATED, "statusCode": -9999, "sessionStatus": "PENDING"}),
        answer(200, {**CREATED, "sessionStatus": "REJECTED"}),
        answer(200, {"statusCode": -1014}),
        answer(500, b"oops"),
        answer(500, {"error": "oops"}),
        answer(502, b"<html>Bad Gateway</html>"),
        answer(503, b""),
        answer(504, b"<html>Gateway Timeout</html>"),
    ],
)
def test_what_cannot_be_read_leaves_the_outcome_unknown(received: HttpResponse) -> None:
    with pytest.raises(OutcomeUnknown, match="the call may have been placed") as caught:
        PLACE.read(received)
    assert caught.value.client_request_id == "m-1"
    assert "m-1" in caught.value.hint


def test_of_all_statuses_these_say_that_nothing_was_carried_out() -> None:
    refused = set()
    for status in range(300, 600):
        try:
            PLACE.read(answer(status, b""))
        except Refused:
            refused.add(status)
        except OutcomeUnknown:
            pass
    assert refused == {
        *(307, 308, 400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 417),
        *(421, 422, 426, 429, 431, 451),
    }


def test_an_unreadable_answer_is_called_what_it_is() -> None:
    for body, nature in ((b"", "nothing in it"), (b"<html>", "an HTML page"), (b"?", "not JSON")):
        with pytest.raises(OutcomeUnknown, match=nature):
            PLACE.read(answer(502, body))


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("3", 3.0),
        ("1.5", 1.5),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1e9", None),
        ("٣", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_too_many_requests_says_how_long_to_wait(retry_after: str, seconds: float | None) -> None:
    with pytest.raises(RateLimited) as caught:
        PLACE.read(answer(429, b"<html>", retry_after=retry_after))
    assert caught.value.retry_after == seconds
    assert caught.value.retryable


def test_a_question_can_be_asked_again_but_a_change_may_have_been_made() -> None:
    with pytest.raises(Unreachable):
        list_webhooks().read(answer(502, b""))
    with pytest.raises(OutcomeUnknown, match="the change may have been made"):
        set_webhook("VSS", "https://example.com/vss").read(answer(502, b""))


def test_8x8s_words_are_not_quoted_where_they_give_the_message_away() -> None:
    place = send_callflow(voice_message("+33199001234", "Your code is 482913", source="+33199000000"))
    for words in ("bad text: Your code is 482913", "invalid: 482913"):
        with pytest.raises(Refused) as caught:
            place.read(answer(422, refusal(-1016, words)))
        assert "482913" not in caught.value.message
    with pytest.raises(Refused, match=r"callflow\[0\]"):
        place.read(answer(400, refusal(-1009, "$.callflow[0].params.text: is missing")))


def test_a_long_word_of_8x8_is_left_out_whole() -> None:
    with pytest.raises(Refused) as caught:
        PLACE.read(answer(422, refusal(-1016, "x" * 301)))
    assert "xxx" not in caught.value.message


@pytest.mark.parametrize("word", ["NOT CREATED", "NOT_CREATED", "not created", " Not_Created "])
def test_a_refusal_is_one_in_every_spelling(word: str) -> None:
    for status in (200, 422, 500):
        with pytest.raises(Refused) as caught:
            PLACE.read(answer(status, {**refusal(-1014), "sessionStatus": word}))
        assert caught.value.status_code == -1014


@pytest.mark.parametrize("word", ["CREATED", "created"])
def test_a_call_that_was_created_is_never_a_refusal(word: str) -> None:
    assert PLACE.read(answer(200, {**CREATED, "sessionStatus": word})).session_id == "s-1"
    with pytest.raises(OutcomeUnknown):
        PLACE.read(answer(429, {**CREATED, "sessionStatus": word}))


def test_the_codes_of_webhooks_are_zero_for_success_and_a_text_in_a_refusal() -> None:
    """Where a callflow has 1, and a number."""
    setting = set_webhook("VCA", "https://example.com/webhooks/VCA")
    hook = {"type": "VCA", "url": "https://example.com/webhooks/VCA", "enabled": True}
    [read] = setting.read(answer(200, {"statusCode": 0, "statusMessage": "OK", "webhooks": [hook]}))
    assert (read.type, read.url) == ("VCA", hook["url"])
    with pytest.raises(Refused) as caught:
        setting.read(answer(422, {"statusCode": "1001", "statusMessage": "Invalid url"}))
    assert caught.value.status_code == 1001


def test_the_whole_log_is_asked_for_with_limit_0_and_8x8s_own_times() -> None:
    """``from`` is seven days ago and ``to`` now where they are not sent."""
    assert start_log_export().body == {"limit": 0}
