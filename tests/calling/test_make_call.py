"""``POST /api/make-call`` as the example project's users know it, against the sandbox."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NUMBER, RunningSandbox
from past import event, keep

from voicecli.account import Account
from voicecli.at_most import AtMost
from voicecli.calling.caller import Caller
from voicecli.calling.make_call import MakeCallRoute
from voicecli.errors import ConfigurationError
from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT
from voicecli.store.attempts import attempts_where
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore


def route(
    sandbox: RunningSandbox, home: Path, *, base_url: str = "", at_most: AtMost | None = None
) -> MakeCallRoute:
    account = Account(API_KEY, SUBACCOUNT, base_url or sandbox.sandbox.url)
    caller = Caller(account, StorePlace(home), at_most=at_most, retries=0)
    return MakeCallRoute(lambda: caller, source=lambda: SOURCE, voice_profile="en-GB-Emma")


async def test_a_call_is_placed_and_8x8s_answer_is_given_back(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    body = {"messageId": "make-call-1", "customerPhone": NUMBER, "message": "Your code is 1234"}
    status, answer = await route(sandbox, tmp_path)(body)
    assert (status, answer["success"]) == (200, True)
    assert answer["data"]["statusCode"] == 1
    [request] = sandbox.requested("make-call-1")
    say = request["callflow"][1]
    assert say["params"] == {"text": "Your code is 1234", "voiceProfile": "en-GB-Emma", "repetition": 2}
    assert request["clientActionId"].startswith("make-call-1_")
    with SqliteStore(tmp_path) as store:
        [attempt] = attempts_where(store, "")
    assert attempt.session_id == answer["data"]["sessionId"]


async def test_repetitions_are_split_as_8x8_takes_them(sandbox: RunningSandbox, tmp_path: Path) -> None:
    body = {
        "messageId": "make-call-2",
        "customerPhone": NUMBER[1:],
        "message": "hi",
        "repetition": 10,
        "more": 1,
    }
    assert (await route(sandbox, tmp_path)(body))[0] == 200
    [request] = sandbox.requested("make-call-2")
    assert [a["params"]["repetition"] for a in request["callflow"] if a["action"] == "say"] == [3, 3, 3, 1]


async def test_codes_are_spelled_out_where_it_is_asked_for(sandbox: RunningSandbox, tmp_path: Path) -> None:
    body = {"messageId": "make-call-3", "customerPhone": NUMBER, "message": "AB12", "spellDigits": True}
    assert (await route(sandbox, tmp_path)(body))[0] == 200
    [request] = sandbox.requested("make-call-3")
    assert request["callflow"][1]["params"]["text"] == "A, B, 1, 2;"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 422, "must be texts"),
        ({"customerPhone": 33199001234, "message": "hi"}, 422, "must be texts"),
        ({"customerPhone": NUMBER, "message": "hi", "messageId": 1}, 422, "must be texts"),
        ({"customerPhone": "12", "message": "hi"}, 422, "too short"),
        ({"customerPhone": f"00{NUMBER[1:]}", "message": "hi"}, 422, "begins with 00"),
        ({"customerPhone": NUMBER, "message": ""}, 422, "message is empty"),
        ({"customerPhone": NUMBER, "message": "hi", "repetition": 11}, 422, "from 1 to 10"),
        ({"customerPhone": NUMBER, "message": "hi", "repetition": 0}, 422, "from 1 to 10"),
        ({"customerPhone": NUMBER, "message": "hi", "repetition": True}, 422, "from 1 to 10"),
        ({"customerPhone": NUMBER, "message": "hi", "anyNumber": "yes"}, 422, "true or false"),
        ({"customerPhone": NUMBER, "message": "1", "spellDigits": 1}, 422, "spellDigits must be true"),
        ({"customerPhone": "+18615550123", "message": "hi"}, 422, "in no range"),
        ({"customerPhone": NUMBER, "message": "hi", "keys": 1}, 422, "must be texts"),
        ({"customerPhone": NUMBER, "message": "hi", "keys": "1"}, 422, "keys with names"),
        ({"customerPhone": NUMBER, "message": "hi", "keys": "1=yes", "accept": "no"}, 422, "names of --keys"),
        ({"customerPhone": NUMBER, "message": "hi", "accept": "yes"}, 422, "no effect without keys"),
        ({"customerPhone": NUMBER, "message": "hi", "keys": "9=opt-out"}, 422, "is named stop"),
        (
            {"customerPhone": NUMBER, "message": "hi", "keys": "1=yes"},
            503,
            "No key that is pressed could arrive",
        ),
        ({"customerPhone": "+33199001014", "message": "hi"}, 502, "caller ID"),
        ({"customerPhone": "+33199005020", "message": "hi"}, 504, "may have been placed"),
    ],
)
async def test_failures_have_a_fitting_status(
    sandbox: RunningSandbox, tmp_path: Path, body: dict[str, Any], status: int, error: str
) -> None:
    got, answer = await route(sandbox, tmp_path)(body)
    assert (got, answer["success"]) == (status, False)
    assert error in answer["error"]
    assert "hint" in answer["details"]


async def test_an_api_that_is_away_is_502_and_missing_settings_are_503(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    body = {"customerPhone": NUMBER, "message": "hi"}
    assert (await route(sandbox, tmp_path, base_url="http://127.0.0.1:9")(body))[0] == 502

    def missing() -> Caller:
        raise ConfigurationError("A setting is missing.")

    lacking = MakeCallRoute(missing, source=lambda: SOURCE, voice_profile="en-GB-Emma")
    assert (await lacking(body))[0] == 503
    assert (await lacking({**body, "callUnsubscribed": "yes"}))[0] == 422


async def test_who_unsubscribed_is_called_only_where_that_is_asked_for(
    own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    keep(tmp_path, event("VSS", "COMPLETED_UNSUBSCRIBED"))
    place, body = route(own_sandbox, tmp_path), {"customerPhone": NUMBER, "message": "hi"}
    status, answer = await place(body)
    assert (status, answer["error"]) == (409, f"{NUMBER} has unsubscribed: nothing was sent.")
    assert not own_sandbox.sandbox.sessions
    assert (await place({**body, "callUnsubscribed": True}))[0] == 200


async def test_a_person_is_called_at_most_so_often(sandbox: RunningSandbox, tmp_path: Path) -> None:
    place = route(sandbox, tmp_path, at_most=AtMost(1, timedelta(days=1)))
    body = {"customerPhone": NUMBER, "message": "Hello"}
    assert (await place(body))[0] == 200
    status, answer = await place(body)
    assert (status, answer["success"]) == (409, False)
    assert answer["details"]["atMost"] == "1/24h"
    assert (await place({**body, "atMost": "2/7d"}))[0] == 200
    assert (await place({**body, "atMost": "none"}))[0] == 200
    assert (await place({**body, "atMost": 1}))[0] == 422
    assert (await place({**body, "atMost": "often"}))[0] == 422
