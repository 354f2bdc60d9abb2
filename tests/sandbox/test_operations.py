"""The sandbox's HTTP side beyond what the OpenAPI file says: limits, exports, and the way it says no."""

import asyncio
import csv
import io
import unittest
from contextlib import suppress
from urllib.parse import urlsplit

import aiohttp
import pytest
from conftest import DEADLINE
from sandbox_world import World, world

from voicecli.sandbox.account import API_KEY, SOURCE
from voicecli.sandbox.resources import Resources
from voicecli.voice_api.callflow import HANGUP, make_call

NUMBER = "+33199001234"
CALL = make_call(SOURCE, NUMBER)


async def refusal(here: World, body: object) -> tuple[int, int]:
    status, answer = await here.api("POST", "/callflows", body)
    assert answer["sessionStatus"] == "NOT_CREATED"
    return status, answer["statusCode"]


def say(**params: object) -> dict[str, object]:
    return {"action": "say", "params": {"text": "hi", "voiceProfile": "en-US-BenjaminRUS", **params}}


ASK = {"action": "sayAndCapture", "params": {"promptMessage": "?", "voiceProfile": "en-GB-Emma"}}


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        ((400, -1001), "text"),
        ((400, -1001), []),
        ((422, -1002), {"callflow": [CALL, say(voiceProfile="nobody")]}),
        ((422, -1003), {"callflow": [CALL, {**ASK, "params": {**ASK["params"], "minDigits": 2}}]}),  # type: ignore[dict-item]
        ((400, -1007), {"callflow": [{"action": "dance"}]}),
        ((400, -1009), {"callflow": [CALL, {"action": "say", "params": {}}]}),
        ((400, -1009), {}),
        ((422, -1010), {"callflow": [CALL, CALL, CALL]}),
        ((422, -1011), {"callflow": [make_call(SOURCE, f"{NUMBER},{NUMBER}")]}),
        ((422, -1012), {"callflow": [CALL, HANGUP, HANGUP]}),
        ((422, -1013), {"callflow": [say()]}),
        ((422, -1014), {"callflow": [make_call(SOURCE, "+33199001014")]}),
        ((422, -1015), {"callflow": [CALL], "validUntil": "2001-01-01T00:00:00.000Z"}),
        ((422, -1016), {"callflow": [CALL, say(text="a\0b")]}),
        ((422, -1017), {"callflow": [make_call(SOURCE, "12")]}),
        ((422, -1018), {"callflow": [CALL, {"action": "executeScenario", "params": {"scenarioName": "x"}}]}),
        ((422, -1019), {"callflow": [{"action": "executeScenario", "params": {"scenarioName": ""}}]}),
        ((422, -1020), {"callflow": [{"action": "executeScenario", "params": {"scenarioName": "x"}}]}),
    ],
)
async def test_every_rule_with_a_status_code_is_checked(expected: tuple[int, int], body: object) -> None:
    async with world() as here:
        assert await refusal(here, body) == expected
        assert not here.sandbox.requested


async def test_digits_need_a_vca_webhook() -> None:
    async with world() as here:
        assert (await here.api("POST", "/callflows", {"callflow": [CALL, ASK]}))[0] == 200
        assert (await here.api("DELETE", "/webhooks/VCA"))[0] == 200
        assert await refusal(here, {"callflow": [CALL, ASK]}) == (422, -1004)


async def test_a_rate_is_kept_with_429_and_retry_after() -> None:
    async with world(rate=6) as here:
        answers = [await here.api("GET", "/webhooks") for _ in range(30)]
        assert [status for status, _ in answers].count(429) > 10
        url = f"{here.sandbox.url}/api/v1/subaccounts/voicecli_sandbox/webhooks"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
            pauses = []
            while not pauses:  # a busy machine may take so long that there is a token again
                async with http.get(url) as response:
                    pauses += response.headers.getall("Retry-After", [])
        assert (response.status, pauses) == (429, ["1"])


async def test_an_export_becomes_a_csv_with_a_row_for_each_leg() -> None:
    async with world() as here:
        sessions = [
            await here.place(NUMBER, say(), HANGUP),
            await here.place(NUMBER, make_call(SOURCE, "+33199005678")),
            await here.place("+33199000486", say()),
        ]
        for session in sessions:
            await here.summary(session)
        rows = await _export(here, {})
        assert sorted(row["SessionId"] for row in rows) == sorted([*sessions, sessions[1]])
        busy = next(row for row in rows if row["SessionId"] == sessions[2])
        assert (busy["SessionStatus"], busy["SipStatus"], busy["TotalPriceOfCall"]) == ("BUSY", "486", "0.0")
        assert len(await _export(here, {"limit": 1})) == 1
        job = await _finished(here, {"from": "2001-01-01", "to": "2001-02-01"})
        assert job["status"] == "empty"


async def _export(here: World, body: object) -> list[dict[str, str]]:
    job = await _finished(here, body)
    assert job["status"] == "succeeded"
    [link] = job["data"]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        async with http.get(link) as response:
            return list(csv.DictReader(io.StringIO(await response.text())))


async def _finished(here: World, body: object) -> dict[str, object]:
    status, answer = await here.api("POST", "/messages/exports", body)
    assert status == 202
    async with asyncio.timeout(DEADLINE):
        while True:
            _, job = await here.api("GET", f"/messages/exports/{answer['jobId']}")
            if job["status"] not in ("queued", "running"):
                return job  # type: ignore[no-any-return]


async def test_a_setting_replaces_the_one_before_and_keeps_its_secret() -> None:
    async with world() as here:
        body = {"type": "VSS", "url": "http://127.0.0.1:9/new", "httpAuthHeader": "hush", "active": False}
        _, answer = await here.api("POST", "/webhooks", body)
        shown = {"type": "VSS", "url": body["url"], "enabled": False, "httpAuthHeaderAvailable": True}
        assert shown in answer["webhooks"]
        assert answer["count"] == 4
        assert "hush" not in str(answer)


async def test_an_unknown_path_or_method_is_refused_as_json() -> None:
    async with world() as here:
        assert (await here.api("GET", "/nonsense"))[0] == 404
        assert (await here.api("PUT", "/callflows", {}))[0] == 405
        url = f"{here.sandbox.url}/api/v1/subaccounts/voicecli_sandbox/callflows"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
            async with http.post(url, data=io.BytesIO(b" " * 2_000_000)) as response:
                assert (response.status, response.content_type) == (413, "application/json")


async def test_a_disabled_vca_webhook_is_none() -> None:
    async with world() as here:
        body = {"type": "VCA", "url": "http://127.0.0.1:9/", "enabled": False}
        assert (await here.api("POST", "/webhooks", body))[0] == 200
        assert await refusal(here, {"callflow": [CALL, ASK]}) == (422, -1004)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [({"Content-Encoding": "gzip"}, b"no gzip", 400), ({"Host": "[::zz"}, b"{", 403), ({}, b"\xff", 400)],
)
async def test_a_broken_request_is_refused_and_nothing_else(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    with unittest.TestCase().assertNoLogs(level="WARNING"):
        async with world() as here:
            url = f"{here.sandbox.url}/api/v1/subaccounts/voicecli_sandbox/callflows"
            key = {"Authorization": f"Bearer {API_KEY}"}
            async with (
                aiohttp.ClientSession() as http,
                http.post(url, data=body, headers=key | headers) as response,
            ):
                assert response.status == status


async def test_what_is_no_http_is_not_logged() -> None:
    with unittest.TestCase().assertNoLogs(level="WARNING"):
        async with world() as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(here.sandbox.url).port)
            writer.write(b"\x16\x03\x01 no HTTP\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.0 400")
            writer.close()


async def test_a_fault_of_the_sandbox_is_answered_500(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Resources, "numbers", fail)
    async with world() as here:
        status, answer = await here.api("GET", "/numbers")
    assert (status, answer["statusMessage"]) == (500, "Internal server error")


async def test_every_callflow_request_is_counted_when_asked() -> None:
    async with world(count=True) as here:
        for last in ("1234", "1234", "1014", "4291", "4291", "5000"):
            body = {"callflow": [make_call(SOURCE, f"+3319900{last}")], "clientRequestId": f"row {last}"}
            await here.api("POST", "/callflows", body)
        await here.api("POST", "/callflows", "unreadable")
        with suppress(aiohttp.ClientError):
            await here.place("+33199005051")
        arrivals, refusals = here.sandbox.arrivals, here.sandbox.refusals
    assert arrivals == {
        ("+33199001234", "row 1234"): 2,
        ("+33199001014", "row 1014"): 1,
        ("+33199004291", "row 4291"): 2,
        ("+33199005000", "row 5000"): 1,
        ("+33199005051", ""): 1,
    }
    assert +refusals == {
        ("+33199001014", "row 1014"): 1,
        ("+33199004291", "row 4291"): 1,
        ("+33199005000", "row 5000"): 1,
    }


async def test_nothing_is_counted_unless_asked() -> None:
    async with world() as here:
        await here.place(NUMBER)
        assert not here.sandbox.arrivals


async def test_one_say_refuses_a_message_of_several() -> None:
    async with world(one_say=True) as here:
        play = {"action": "playFile", "params": {"fileUrl": "https://example.com/a.mp3"}}
        for action in (say(), play):
            assert await refusal(here, {"callflow": [CALL, action, action]}) == (422, -1010)
        assert (await here.api("POST", "/callflows", {"callflow": [CALL, say(), play]}))[0] == 200


async def test_a_webhook_may_have_to_be_deleted_before_it_is_set_anew() -> None:
    """One page says so; a 422 of webhooks has its statusCode as a text; VNU has no DELETE in 8x8's file."""
    async with world(delete_first=True) as here:
        for kind, deleted in (("VSS", 200), ("VNU", 404)):
            body = {"type": kind, "url": "http://127.0.0.1:9/new"}
            if kind == "VNU":
                assert (await here.api("POST", "/webhooks", body))[0] == 200
            status, answer = await here.api("POST", "/webhooks", body)
            assert (status, answer["statusCode"]) == (422, "1001")
            status, answer = await here.api("DELETE", f"/webhooks/{kind}")
            assert (status, answer["statusCode"]) == (deleted, 0 if deleted == 200 else 404)
        status, answer = await here.api("POST", "/webhooks", {"type": "VSS", "url": "http://127.0.0.1:9/new"})
        assert (status, answer["statusCode"]) == (200, 0)


async def test_chaos_writes_refusals_with_a_blank_as_8x8s_prose_does() -> None:
    async with world(chaos=True) as here:
        words = {(await here.api("GET", "/nonsense"))[1]["sessionStatus"] for _ in range(20)}
    assert words == {"NOT CREATED", "NOT_CREATED"}
