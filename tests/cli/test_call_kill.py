"""A call that is killed at any moment: nothing is printed as placed that 8x8 did not acknowledge."""

import random
import signal
import time

import pytest
from conftest import DEADLINE, NUMBER, RunningSandbox, start_call
from soak import share_of

LONGEST = 0.4  # seconds after which a call is over on most machines


def kill_at(
    sandbox: RunningSandbox, moment: float, number: signal.Signals, message_id: str
) -> tuple[int, str, str]:
    """Place a call and kill it after ``moment`` seconds; its exit code and what it printed."""
    with start_call(sandbox, NUMBER, "hi", "-q", "--message-id", message_id, forked=False) as process:
        time.sleep(moment)  # the moment is the test's input, not a wait for something
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE)
        return process.returncode, out, err


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize(("runs", "seed"), [(3, 1), (share_of(300), 2)])
def test_a_killed_call_never_leaves_a_lie(sandbox: RunningSandbox, runs: int, seed: int) -> None:
    rng = random.Random(seed)
    killed = 0
    for attempt in range(runs):
        message_id = f"kill-{seed}-{attempt}"
        number = rng.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        code, out, err = kill_at(sandbox, rng.uniform(0, LONGEST), number, message_id)
        killed += code != 0
        requests = sandbox.requested(message_id)
        assert len(requests) <= 1, "a call was placed twice"
        placed = {
            session.session_id
            for session in [*sandbox.sandbox.sessions]
            if session.client_request_id == message_id
        }
        assert out in ("", *(f"{session_id}\n" for session_id in placed)), "a lie was printed"
        assert code != 0 or out, "a call that ended well printed nothing"
        if code == 130 and requests and not out:
            assert "may have been placed" in err or "accepted session" in err, "an interrupt hid a call"
    assert killed > 0, "no run was killed in time"
