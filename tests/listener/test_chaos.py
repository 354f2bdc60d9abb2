"""The sandbox's worst weather: webhooks twice, late, in any order, oddly spelled. Every outcome is right."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import RunningSandbox, wait_until
from running_listener import TOKEN, RunningListener, listening
from soak import share_of

from voicecli.errors import OutcomeUnknown
from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT
from voicecli.sandbox.numbers import NUMBERS, behaviour_of
from voicecli.voice_api.callflow import call_request, make_call
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import set_webhook
from voicecli.voice_api.webhook_events import WEBHOOK_TYPES

PREFIX = "+3319900"
EXAMPLES = {"7DSS": "7105", "8NNN": "8123", "429N": "4291"}
PATIENCE = 2.0  # seconds for the answer to a request: some numbers never give one
ASK = {
    "action": "sayAndCapture",
    "params": {
        "promptMessage": "Press a key",
        "voiceProfile": "en-US-BenjaminRUS",
        "minDigits": 1,
        "maxDigits": 3,
        "digitTimeout": 10_000,
        "overallTimeout": 30_000,
        "completeOnHash": True,
        "noOfTries": 1,
        "successMessage": "Thanks",
        "failureMessage": "Goodbye",
    },
}


def placed() -> Iterator[str]:
    """A number for every row of the sandbox's table whose call takes place, and one outside it."""
    yield f"{PREFIX}1234"
    for row in NUMBERS:
        digits = EXAMPLES.get(row.digits, row.digits)
        behaviour = behaviour_of(digits)
        is_corrected = behaviour.first_summary_status is not None  # what is shown first is wrong
        if (
            behaviour.placed
            and behaviour.refusal is None
            and behaviour.rate_limited <= 1
            and not is_corrected
        ):
            yield PREFIX + digits


def client(sandbox: RunningSandbox) -> Client:
    return Client(
        api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=sandbox.sandbox.url, request_timeout=PATIENCE
    )


def place(sandbox: RunningSandbox, number: str) -> None:
    with client(sandbox) as calling, suppress(OutcomeUnknown):  # no answer, but there is a call
        calling.call(call_request([make_call(SOURCE, number), ASK]))


def report_to(listener: RunningListener, sandbox: RunningSandbox) -> None:
    with client(sandbox) as calling:
        for kind in WEBHOOK_TYPES:
            url = f"{listener.url}/api/webhooks/{kind.lower()}"
            calling.send(set_webhook(kind, url, authorization=TOKEN))


def storm(home: Path, sandbox: RunningSandbox, *arguments: str) -> RunningListener:
    """A listener that has seen all of it."""
    numbers = [*placed()]
    with listening(home, "--no-tunnel", *arguments) as listener:
        report_to(listener, sandbox)
        with ThreadPoolExecutor(8) as threads:
            for _ in threads.map(lambda number: place(sandbox, number), numbers):
                pass
        sessions = sandbox.sandbox.sessions
        wait_until(lambda: len(sessions) == len(numbers) and not sandbox.sandbox._delivery._tasks)
        assert listener.stop() == 0
    return listener


def outcomes(sandbox: RunningSandbox) -> dict[str, str]:
    return {session.session_id: str(session.status) for session in sandbox.sandbox.sessions}


def check_events(home: Path, seed: int) -> None:
    with RunningSandbox(chaos=True, seed=seed, time_scale=1000) as sandbox:
        listener = storm(home, sandbox)
        expected = outcomes(sandbox)
    summaries = listener.of("event", type="VSS")
    # A wrong summary comes behind the right one here.
    assert {one["sessionId"]: one["outcome"] for one in reversed(summaries)} == expected
    assert len({(one["sessionId"], one["outcome"]) for one in summaries}) == len(summaries), "shown twice"
    again = listener.of("duplicate", type="VSS")
    assert {one["sessionId"] for one in again} <= expected.keys()
    assert again, "this storm repeated nothing"
    assert len({*expected.values()}) > 7
    [stopped] = listener.of("stopped")
    assert stopped["open"] == 0
    assert sum(stopped["outcomes"].values()) == len(expected)


def check_calls(home: Path, seed: int) -> None:
    with RunningSandbox(chaos=True, seed=seed, time_scale=1000) as sandbox:
        listener = storm(home, sandbox, "--view", "calls")
        expected = outcomes(sandbox)
    calls = [(one["sessionId"], one["outcome"]) for one in listener.of("call")]
    assert sorted(calls) == sorted(expected.items())


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize("seed", range(1, 1 + share_of(11)))
def test_every_outcome_is_right_in_any_chaos(tmp_path: Path, seed: int) -> None:
    check_events(tmp_path / "events", seed)
    check_calls(tmp_path / "calls", seed)
