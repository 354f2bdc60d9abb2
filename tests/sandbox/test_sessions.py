"""How the sandbox plays a session: the webhooks of each kind of number, in and out of order."""

import asyncio
import json
import socket
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import DEADLINE
from sandbox_world import TOKEN, world

from voicecli.sandbox.account import SOURCE
from voicecli.sandbox.numbers import NUMBERS
from voicecli.sandbox.reading import READINGS, Reading
from voicecli.sandbox.server import Sandbox
from voicecli.voice_api import codes, webhook_events
from voicecli.voice_api.callflow import HANGUP, Action, make_call

SAMPLES = Path(__file__).parents[2].parent / "shared" / "8x8" / "payloads"
NUMBER = "+33199001234"
SAY: Action = {"action": "say", "params": {"text": "x" * 150, "voiceProfile": "en-US-BenjaminRUS"}}
ASK: Action = {
    "action": "sayAndCapture",
    "params": {
        "promptMessage": "Press a key",
        "voiceProfile": "en-US-BenjaminRUS",
        "minDigits": 1,
        "maxDigits": 3,
        "successMessage": "Thanks",
    },
}


async def test_an_answered_call_is_reported_from_dialling_to_its_summary() -> None:
    async with world() as here:
        session = await here.place(NUMBER, SAY, HANGUP, clientRequestId="mine")
        assert await here.statuses(session) == ["CALL_INITIATED", "CALL_CONNECTED", "CALL_DISCONNECTED"]
        summary = await here.summary(session)
        assert (summary["sessionStatus"], summary["lastAction"]) == ("COMPLETED", "HANGUP")
        assert (summary["callCount"], summary["clientRequestId"]) == (1, "mine")
        assert here.authorizations == {TOKEN}


async def test_times_increase_and_durations_add_up() -> None:
    async with world() as here:
        summary = await here.summary(session := await here.place(NUMBER, SAY, HANGUP))
        leg = summary["details"]["callA"]
        names = ("initiatedTimestamp", "connectedTimestamp", "disconnectedTimestamp")
        initiated, connected, disconnected = (datetime.fromisoformat(leg[name]) for name in names)
        assert initiated < connected < disconnected
        assert (
            (disconnected - connected).total_seconds() == leg["callDuration"] == 10
        )  # 150 letters at 15 a second
        assert summary["startTime"] == leg["initiatedTimestamp"]
        assert summary["endTime"] == leg["disconnectedTimestamp"]
        stamps = [datetime.fromisoformat(p["timestamp"]) for p in here.of(session, "CALL_STATUS")]
        assert stamps == sorted(stamps)


@pytest.mark.parametrize(
    ("params", "seconds"), [({"repetition": 3}, 30), ({"speed": 2}, 5), ({"repetition": 2, "speed": 0.5}, 40)]
)
async def test_speech_takes_as_long_as_its_text(params: dict[str, object], seconds: int) -> None:
    async with world() as here:
        said = {"action": "say", "params": {**SAY["params"], **params}}  # type: ignore[dict-item]
        summary = await here.summary(await here.place(NUMBER, said, HANGUP))
        assert summary["details"]["callA"]["callDuration"] == seconds


@pytest.mark.parametrize(
    ("digits", "status", "error"),
    [
        ("0480", "NO_ANSWER", None),
        ("0486", "BUSY", None),
        ("0487", "CANCELED", None),
        ("0404", "FAILED", None),
        ("0503", "FAILED", None),
        ("0601", "COMPLETED_UNSUBSCRIBED", None),
        ("0602", "COMPLETED_UNSUB_ERROR", None),
        ("0603", "UNSUBSCRIBED_CONTACT", None),
        *((str(-code), "ERROR", code) for code in codes.SESSION_ERRORS),
        ("1234", "COMPLETED", None),
    ],
)
async def test_the_last_digits_decide_the_outcome(digits: str, status: str, error: int | None) -> None:
    async with world() as here:
        summary = await here.summary(await here.place(f"+3319900{digits}", SAY, HANGUP))
        assert summary["sessionStatus"] == status
        assert summary.get("errorDetails", {}).get("errorCode") == error


async def test_no_answer_takes_its_time_and_tells_the_sip_code() -> None:
    async with world() as here:
        summary = await here.summary(session := await here.place("+33199000480", SAY))
        start, end = (datetime.fromisoformat(summary[name]) for name in ("startTime", "endTime"))
        assert (end - start).total_seconds() == 30
        assert [p["sipCode"] for p in here.of(session, "CALL_STATUS")][-1] == 480


@pytest.mark.parametrize(
    ("number", "digits"),
    [("+33199007105", "1"), ("+33199007900", "9"), ("+33199008123", "123"), (NUMBER, None)],
)
async def test_pressed_digits_arrive_in_a_vca(number: str, digits: str | None) -> None:
    async with world() as here:
        session = await here.place(number, ASK, clientActionId="level-1")
        summary = await here.summary(session)
        [action] = here.of(session, "CALL_ACTION")
        assert action["eventData"] == {"dtmf": digits}
        is_long = summary["details"]["callA"]["callDuration"] > 90  # three times 30 s without a key
        assert is_long == (digits is None)
        assert action["clientActionId"] == "level-1"
        assert ("DTMF_RECEIVED" in await here.statuses(session)) == (digits is not None)


async def test_the_reply_to_a_vca_is_obeyed() -> None:
    async with world() as here:
        again = {"callflow": [ASK], "clientActionId": "level-2"}
        here.reply = lambda event: web.json_response(
            again if event["payload"].get("clientActionId") == "level-1" else {"callflow": [SAY, HANGUP]}
        )
        session = await here.place("+33199007102", ASK, clientActionId="level-1")
        summary = await here.summary(session)
        assert [p["clientActionId"] for p in here.of(session, "CALL_ACTION")] == ["level-1", "level-2"]
        assert (summary["sessionStatus"], summary["lastAction"]) == ("COMPLETED", "HANGUP")


@pytest.mark.parametrize(
    "reply",
    [
        web.Response(text="not json"),
        web.Response(text="[" * 100_000),
        web.Response(),
        web.json_response([]),
        web.json_response({}),
        web.json_response({"callflow": []}),
        web.json_response({"callflow": "hangup"}),
        web.json_response({"callflow": [{"action": "dance"}]}),
        web.json_response({"callflow": [HANGUP, SAY]}),
        web.json_response(
            {"callflow": [{"action": "say", "params": {"text": "x", "voiceProfile": "nobody"}}]}
        ),
        web.Response(status=500),
        web.Response(status=302, headers={"Location": "/elsewhere"}),
    ],
)
async def test_an_invalid_reply_ends_the_session_with_2003(reply: web.Response) -> None:
    async with world() as here:
        here.reply = lambda event: _copy(reply) if event["eventType"] == "CALL_ACTION" else web.Response()
        summary = await here.summary(await here.place("+33199007101", ASK))
        assert summary["sessionStatus"] == "ERROR"
        assert summary["errorDetails"]["errorCode"] == -2003


def _copy(reply: web.Response) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers={"Location": "/elsewhere"})


async def test_a_second_leg_is_bridged_and_reported() -> None:
    async with world() as here:
        summary = await here.summary(session := await here.place(NUMBER, make_call(SOURCE, "+33199005678")))
        assert summary["callCount"] == 2
        legs = [summary["details"][key]["destination"] for key in ("callA", "callB")]
        assert legs == [NUMBER, "+33199005678"]
        assert "CALL_UPDATED" in await here.statuses(session)


@pytest.mark.parametrize(
    ("second", "status", "error"),
    [("0480", "NO_ANSWER", None), ("0486", "BUSY", None), ("0404", "FAILED", None), ("2010", "ERROR", -2010)],
)
async def test_a_session_ends_with_its_second_leg_and_has_its_status(
    second: str, status: str, error: int | None
) -> None:
    """8x8's table of two legs; in its sample both end together where the second is busy."""
    async with world() as here:
        session = await here.place(NUMBER, make_call(SOURCE, f"+3319900{second}"), SAY)
        summary = await here.summary(session)
        legs = summary["details"]
        assert (summary["sessionStatus"], summary["lastAction"]) == (status, "MAKE_CALL")
        assert [legs[key]["callStatus"] for key in ("callA", "callB")] == ["COMPLETED", status]
        assert legs["callA"]["disconnectedTimestamp"] == legs["callB"]["disconnectedTimestamp"]
        assert summary.get("errorDetails", {}).get("errorCode") == error
        assert not here.of(session, "CALL_ACTION")


@pytest.mark.parametrize(
    "params",
    [{"overallTimeout": 10**400}, {"overallTimeout": 10**15, "noOfTries": 10**30}, {"noOfTries": 10**30}],
)
async def test_a_call_that_would_never_end_is_ended(params: dict[str, object]) -> None:
    async with world(time_scale=100_000) as here:
        ask = {"action": "sayAndCapture", "params": {**ASK["params"], **params}}  # type: ignore[dict-item]
        summary = await here.summary(await here.place(NUMBER, ask))
        start, end = (datetime.fromisoformat(summary[name]) for name in ("startTime", "endTime"))
        assert (end - start).total_seconds() <= 4 * 3600


async def test_the_log_tells_who_was_called_and_how_it_ended() -> None:
    lines: list[str] = []
    async with world(log=lines.append) as here:
        await here.summary(await here.place("+33199000486", SAY))
        await here.summary(await here.place("+33199002010", SAY))
    assert any(line.endswith("+33199000486 busy, after 2 s") for line in lines)
    assert any("+33199002010 error: Trunk capacity exceeded (-2010)" in line for line in lines)


async def test_a_recording_is_reported_and_listed() -> None:
    async with world() as here:
        call = {"source": SOURCE, "destination": NUMBER, "callRecording": True}
        body = {"callflow": [{"action": "makeCall", "params": call}, SAY, HANGUP]}
        session = (await here.api("POST", "/callflows", body))[1]["sessionId"]
        await here.until(lambda: here.of(session, "CALL_RECORDING_STATUS"))
        [recording] = (await here.api("GET", f"/recordings/{session}"))[1]["recordings"]
        assert recording["duration"] == here.of(session, "CALL_RECORDING_STATUS")[0]["durationSeconds"] == 10


async def logged(lines: asyncio.Queue[str], part: str) -> list[str]:
    """The lines of the log up to the first that has this in it."""
    read: list[str] = []
    async with asyncio.timeout(DEADLINE):
        while not read or part not in read[-1]:
            read.append(await lines.get())
    return read


async def test_a_webhook_that_does_not_arrive_is_tried_again_and_logged_once() -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    async with world(log=lines.put_nowait) as here:
        failures = iter(range(3))
        here.reply = lambda event: web.Response(status=500 if next(failures, None) is not None else 200)
        session = await here.place("+33199000603")  # its summary is the only event
        await here.until(lambda: len(here.of(session, "SESSION_SUMMARY")) == 4)
        read = await logged(lines, "VSS webhooks are delivered again.")
    [line] = [line for line in read if "not delivered" in line]
    assert line.startswith(f"The VSS webhook of session {session[:8]} is not delivered: http://127.0.0.1:")
    assert line.endswith(" answered HTTP 500.")


async def test_the_log_says_what_to_do_about_a_listener_that_was_killed() -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/hook"
        async with world(log=lines.put_nowait) as here:
            await here.api("POST", "/webhooks", {"type": "VSS", "url": url})
            session = await here.place("+33199000603")
            *_, trouble, advice = await logged(lines, "killed")
    assert trouble == (
        f"The VSS webhook of session {session[:8]} is not delivered: {url} refused the connection."
    )
    assert advice == "Is voicecli listen running? If it was killed: voicecli webhooks restore"


@pytest.mark.soak
async def test_chaos_delivers_late_twice_and_in_all_forms_but_hides_no_outcome() -> None:
    truth = {"0480": "NO_ANSWER", "0487": "CANCELED", "0486": "BUSY"}
    async with world(chaos=True, reading=Reading()) as here:
        numbers = [f"+3319900{last}" for last in ("1234", "0480", "0487", "7101", "0486")] * 14
        sessions = {await here.place(n, ASK, SAY, HANGUP, clientRequestId="x"): n for n in numbers}
        await here.until(lambda: all(here.of(session, "SESSION_SUMMARY") for session in sessions))
        everything = [e["payload"] for e in here.received]
        summaries = {session: here.of(session, "SESSION_SUMMARY") for session in sessions}
        progress = {session: here.of(session, "CALL_STATUS") for session in sessions}
    for session, number in sessions.items():
        last = max(summaries[session], key=lambda payload: str(payload["endTime"]))
        event = webhook_events.Event("VSS", last)
        assert (event.outcome, event.destination) == (truth.get(number[-4:], "COMPLETED"), number)
    ids = [p["eventId"] for p in everything if "eventId" in p]
    assert len(ids) > len(set(ids)), "nothing came twice"
    told = [p for found in summaries.values() for p in found]
    legs = [(key, leg) for p in told for key, leg in p["details"].items()]
    assert {key for key, _ in legs} == {"callA", "CallA"}
    assert {leg.get("SourceRefId", "none") for _, leg in legs} == {"null", "none"}
    assert {"NO ANSWER", "NO_ANSWER", "CANCELLED", "FAILED"} <= {p["sessionStatus"] for p in told}
    assert ("FAILED", "BUSY") in {
        (p["sessionStatus"], leg["callStatus"]) for p in told for leg in p["details"].values()
    }
    assert {p.get("clientRequestId") for p in told} == {"x", None}
    corrected = [found for found in summaries.values() if len({p["endTime"] for p in found}) > 1]
    assert corrected, "no summary was corrected"
    asked = [p for p in everything if "clientActionId" in p]
    assert {type(p.get("eventData")) for p in asked} == {dict, str, type(None)}
    assert any(p["callStatus"] == "DTMF_RECEIVED" and p["dtmf"] == "1" for p in asked)
    assert any("asrCaptured" in (p.get("eventData") or "") for p in asked)
    words = {p["callStatus"] for found in progress.values() for p in found}
    assert {"RINGING", "ANSWERED", "CALL_RECEIVED", "CALL_INITIATED", "CALL_CONNECTED"} <= words
    orders = [[p["timestamp"] for p in found] for found in progress.values()]
    assert any(order != sorted(order) for order in orders), "nothing came out of order"


def test_chaos_chooses_a_reading_by_its_seed() -> None:
    chosen = [Sandbox(chaos=True, seed=seed).reading for seed in [*range(40), *range(40)]]
    assert set(chosen) == set(READINGS)
    assert chosen[:40] == chosen[40:]
    assert Sandbox(chaos=True, seed=1, reading=READINGS[3]).reading == READINGS[3]


@pytest.mark.parametrize(("last", "outcome"), [("6480", "NO_ANSWER"), ("6486", "BUSY"), ("6487", "CANCELED")])
async def test_a_leg_is_more_exact_than_failed(last: str, outcome: str) -> None:
    """8x8's API introduction: FAILED covers busy and no answer."""
    async with world() as here:
        summary = await here.summary(await here.place(f"+3319900{last}", SAY, HANGUP))
        assert (summary["sessionStatus"], summary["details"]["callA"]["callStatus"]) == ("FAILED", outcome)


async def test_a_summary_is_corrected_a_second_later() -> None:
    async with world() as here:
        session = await here.place("+33199006200", SAY, HANGUP)
        await here.until(lambda: len(here.of(session, "SESSION_SUMMARY")) == 2)
        first, second = here.of(session, "SESSION_SUMMARY")
        assert [first["sessionStatus"], second["sessionStatus"]] == ["NO_ANSWER", "COMPLETED"]
        assert first["endTime"] < second["endTime"]


async def test_a_summary_may_have_no_client_request_id() -> None:
    """Neither of 8x8's two samples has one."""
    async with world(request_ids=False) as here:
        summary = await here.summary(await here.place(NUMBER, SAY, HANGUP, clientRequestId="mine"))
        assert "clientRequestId" not in summary


async def test_a_seed_repeats_a_run() -> None:
    runs = []
    for _ in range(2):
        async with world(seed=42, chaos=True) as here:
            session = await here.place("+33199007101", ASK)
            summary = await here.summary(session)
            runs.append(
                (session, summary["details"].keys(), [leg["callId"] for leg in summary["details"].values()])
            )
    assert runs[0] == runs[1]


async def test_a_call_goes_the_same_way_whoever_is_told_of_it() -> None:
    runs = []
    for untold in ((), ("VCS", "VRU")):
        async with world(seed=42) as here:
            for kind in untold:
                assert (await here.api("DELETE", f"/webhooks/{kind}"))[0] == 200
            summary = await here.summary(await here.place(NUMBER, SAY, HANGUP))
            leg = summary["details"]["callA"]
            runs.append((leg["callId"], leg["callDuration"], leg["callQuality"]))
    assert runs[0] == runs[1]


@pytest.mark.skipif(not SAMPLES.exists(), reason="8x8's own samples are not on this machine")
@pytest.mark.parametrize(
    ("sample", "number"),
    [
        ("vca-dtmf", "+33199007101"),
        ("vss-completed", NUMBER),
        ("vss-error-no-coverage", "+33199002004"),
        ("vru-upload-completed", NUMBER),
        ("vcs-call-received", NUMBER),
    ],
)
async def test_payloads_have_all_fields_of_8x8s_samples(sample: str, number: str) -> None:
    theirs = json.loads((SAMPLES / f"{sample}.json").read_text())
    async with world() as here:
        call = {"source": SOURCE, "destination": number, "callRecording": True}
        body = {"callflow": [{"action": "makeCall", "params": call}, ASK], "clientActionId": "x"}
        assert (await here.api("POST", "/callflows", body))[0] == 200
        await here.until(lambda: any(e["eventType"] == theirs["eventType"] for e in here.received))
        ours = next(e for e in here.received if e["eventType"] == theirs["eventType"])
    assert fields(theirs) <= fields(ours)
    assert ours.keys() == theirs.keys()


def fields(document: dict[str, Any], prefix: str = "") -> set[str]:
    """Every path in a document, in lower case: the samples write both CallA and callA."""
    found = set()
    for name, value in document.items():
        found.add(prefix + name.lower())
        if isinstance(value, dict):
            found |= fields(value, f"{prefix}{name.lower()}.")
    return found


EXACT = [int(row.digits) for row in NUMBERS if row.digits.isdigit()]


@pytest.mark.parametrize("numbers", [EXACT, pytest.param(range(10_000), marks=pytest.mark.soak)])
def test_no_two_rows_of_the_table_want_the_same_number(numbers: Sequence[int]) -> None:
    for number in numbers:
        rows = [row.digits for row in NUMBERS if row.pattern.fullmatch(f"{number:04}")]
        assert len(rows) <= 1, (number, rows)
