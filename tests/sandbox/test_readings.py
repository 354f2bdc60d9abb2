"""The six readings of 8x8's documents on VCAs, each played from its call to its summary."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from sandbox_world import World, world

from voicecli.sandbox.account import SOURCE
from voicecli.sandbox.reading import READINGS, Reading
from voicecli.voice_api.callflow import HANGUP, Action, make_call

NUMBER, OTHER = "+33199007101", "+33199005678"
VOICE = "en-US-BenjaminRUS"
ACTIONS: dict[str, Action] = {
    "m": make_call(SOURCE, NUMBER),
    "b": make_call(SOURCE, OTHER),
    "s": {"action": "say", "params": {"text": "first", "voiceProfile": VOICE}},
    "t": {"action": "say", "params": {"text": "second", "voiceProfile": VOICE}},
    "p": {"action": "playFile", "params": {"fileUrl": "https://example.com/a.mp3"}},
    "q": {"action": "sayAndCapture", "params": {"promptMessage": "Press", "voiceProfile": VOICE}},
    "h": HANGUP,
}


class Case(NamedTuple):
    """A callflow behind its makeCall (m), and the replies to its VCAs in turn, then a hangup. The traces are
    what was played: ``?`` is a VCA, ``!`` that it ended as ERROR -2003. Where the two kinds of reply differ,
    a trace has both: before|instead."""

    flow: str
    replies: tuple[str, ...]
    capture: str
    say: str
    connect: str


CASES = [
    Case("sth", ("", "", ""), "msth", "ms?t?h", "m?sth"),
    Case("ph", ("",), "mph", "mp?h", "m?ph"),
    Case("", ("sh", ""), "m?sh", "m?s?h", "m?sh"),
    Case("s", (), "ms?h", "ms?h", "m?h"),
    Case("s", ("", ""), "ms?!", "ms?!", "m?s?!"),
    Case("s", ("", "t"), "ms?!", "ms?!", "m?s?t?h"),
    Case("q", ("sh", ""), "mq?sh", "mq?s?h", "m?sh"),
    Case("q", ("",), "mq?!", "mq?!", "m?q?h"),
    Case("qth", ("s", "", ""), "mq?sth|mq?s?!", "mq?s?t?h|mq?s?!", "m?sq?th|m?s?!"),
    Case("qth", ("", "", ""), "mq?th", "mq?t?h", "m?q?th"),
    Case("qh", ("",), "mqh", "mqh", "m?qh"),
    Case("q", ("qh",), "mq?qh", "mq?qh", "m?qh"),
    Case("b", ("",), "mb?!", "mb?!", "m?b?h"),
    Case("bs", ("", "", "h"), "mbs?!", "mb?s?!", "m?bs?!"),
    Case("q", ("b", "sh", ""), "mq?b?sh", "mq?b?s?h", "m?bq?sh|m?b?sh"),
    Case("qb", ("b",), "mq?b!|mq?b?h", "mq?b?h", "m?bq?h|m?b?h"),
    Case("q", ("b", "b"), "mq?b?!", "mq?b?!", "m?bq?!|m?b?!"),
]


@pytest.mark.parametrize(
    "reading",
    [pytest.param(one, marks=pytest.mark.soak if number % 4 else ()) for number, one in enumerate(READINGS)],
    ids="-".join,
)
async def test_a_callflow_is_played_as_the_reading_says(reading: Reading) -> None:
    def expected(case: Case) -> str:
        both: str = getattr(case, reading.vca)
        return both.split("|")[reading.reply == "instead" and "|" in both]

    async with world(reading=reading) as here:
        found = {(case.flow, case.replies): await played(here, case) for case in CASES}
    assert found == {(case.flow, case.replies): expected(case) for case in CASES}


async def played(here: World, case: Case) -> str:
    """The trace of one call."""
    asked: list[int] = []  # how many actions had been played at each VCA
    replies = iter(case.replies)

    def reply(event: dict[str, Any]) -> web.Response:
        if event["eventType"] == "CALL_ACTION":
            asked.append(len(here.sandbox.sessions[-1].played))
        return web.json_response({"callflow": [ACTIONS[letter] for letter in next(replies, "h")]})

    here.reply = lambda event: reply(event) if event["eventType"] == "CALL_ACTION" else web.Response()
    session = await here.place(NUMBER, *(ACTIONS[letter] for letter in case.flow))
    summary = await here.summary(session)

    def trace() -> Iterator[str]:
        for count, action in enumerate(here.sandbox.sessions[-1].played, 1):
            yield next(letter for letter, known in ACTIONS.items() if known == action)
            yield "?" * asked.count(count)
        error = summary.get("errorDetails", {}).get("errorCode")
        assert (summary["sessionStatus"], error) in (("COMPLETED", None), ("ERROR", -2003))
        yield "!" if error else ""

    return "".join(trace())


async def test_digits_are_ignored_where_a_hangup_follows_them() -> None:
    """8x8's reference page of sayAndCapture."""
    async with world() as here:
        session = await here.place(NUMBER, ACTIONS["q"], HANGUP)
        assert "DTMF_RECEIVED" not in await here.statuses(session)
        assert (await here.summary(session))["lastAction"] == "HANGUP"


async def test_the_last_action_is_the_one_before_a_reply_that_fails() -> None:
    async with world() as here:
        here.reply = lambda event: web.Response(status=500 if event["eventType"] == "CALL_ACTION" else 200)
        summary = await here.summary(await here.place(NUMBER, ACTIONS["q"]))
        assert (summary["lastAction"], summary["errorDetails"]["errorCode"]) == ("SAY_AND_CAPTURE", -2003)
        assert summary["details"]["callA"]["callStatus"] == "COMPLETED"


async def test_without_a_vca_webhook_a_call_ends_when_its_actions_have_run_out() -> None:
    async with world() as here:
        assert (await here.api("DELETE", "/webhooks/VCA"))[0] == 200
        summary = await here.summary(await here.place(NUMBER, ACTIONS["s"]))
        assert (summary["sessionStatus"], summary["lastAction"]) == ("COMPLETED", "SAY")
