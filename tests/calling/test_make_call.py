"""``POST /api/make-call`` as the example project's users know it, against the sandbox."""

from typing import Any

import pytest
from conftest import NUMBER, RunningSandbox

from voicecli.calling.make_call import CallPlacer
from voicecli.client import Client
from voicecli.errors import ConfigurationError
from voicecli.sandbox import API_KEY, SOURCE, SUBACCOUNT


def placer(sandbox: RunningSandbox, **options: Any) -> CallPlacer:
    def client() -> Client:
        settings = {"api_key": API_KEY, "subaccount_id": SUBACCOUNT, "base_url": sandbox.sandbox.url}
        return Client(**{**settings, "retries": 0, **options})

    return CallPlacer(client, source=lambda: SOURCE, voice_profile="en-GB-Emma")


async def test_a_call_is_placed_and_8x8s_answer_is_given_back(sandbox: RunningSandbox) -> None:
    body = {"messageId": "make-call-1", "customerPhone": NUMBER, "message": "Your code is 1234"}
    status, answer = await placer(sandbox)(body)
    assert (status, answer["success"]) == (200, True)
    assert answer["data"]["statusCode"] == 1
    [request] = sandbox.requested("make-call-1")
    say = request["callflow"][1]
    assert say["params"] == {"text": "Your code is 1234", "voiceProfile": "en-GB-Emma", "repetition": 2}
    assert request["clientActionId"].startswith("make-call-1_")


async def test_repetitions_are_split_as_8x8_takes_them(sandbox: RunningSandbox) -> None:
    body = {
        "messageId": "make-call-2",
        "customerPhone": NUMBER[1:],
        "message": "hi",
        "repetition": 10,
        "more": 1,
    }
    assert (await placer(sandbox)(body))[0] == 200
    [request] = sandbox.requested("make-call-2")
    assert [a["params"]["repetition"] for a in request["callflow"] if a["action"] == "say"] == [3, 3, 3, 1]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 422, "must be texts"),
        ({"customerPhone": 33199001234, "message": "hi"}, 422, "must be texts"),
        ({"customerPhone": NUMBER, "message": "hi", "messageId": 1}, 422, "must be texts"),
        ({"customerPhone": "12", "message": "hi"}, 422, "too short"),
        ({"customerPhone": NUMBER, "message": ""}, 422, "message is empty"),
        ({"customerPhone": NUMBER, "message": "hi", "repetition": 11}, 422, "from 1 to 10"),
        ({"customerPhone": NUMBER, "message": "hi", "repetition": 0}, 422, "from 1 to 10"),
        ({"customerPhone": NUMBER, "message": "hi", "repetition": True}, 422, "from 1 to 10"),
        ({"customerPhone": "+33199001014", "message": "hi"}, 502, "caller ID"),
        ({"customerPhone": "+33199005020", "message": "hi"}, 504, "may have been placed"),
    ],
)
async def test_failures_have_a_fitting_status(
    sandbox: RunningSandbox, body: dict[str, Any], status: int, error: str
) -> None:
    got, answer = await placer(sandbox)(body)
    assert (got, answer["success"]) == (status, False)
    assert error in answer["error"]
    assert "hint" in answer["details"]


async def test_an_api_that_is_away_is_502_and_missing_settings_are_503(sandbox: RunningSandbox) -> None:
    body = {"customerPhone": NUMBER, "message": "hi"}
    assert (await placer(sandbox, base_url="http://127.0.0.1:9")(body))[0] == 502

    def missing() -> Client:
        raise ConfigurationError("A setting is missing.")

    lacking = CallPlacer(missing, source=lambda: SOURCE, voice_profile="en-GB-Emma")
    assert (await lacking(body))[0] == 503
