"""What a summary says, as far as it gets: to the words, the JSON and the exit code of a call that waited, and
to ``sessions``. The summaries come straight from a stand-in for 8x8 that answers no webhook."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import NUMBER, Finished, RunningSandbox
from past import event, keep
from test_wait import Caller

SESSION_IDS = ("sessionId", "clientRequestId", "clientActionId", "callFlowRequestId", "validUntil")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def caller() -> Iterator[Caller]:
    """With a sandbox in which calls go on for longer than any test: what is reported, the test says."""
    with RunningSandbox(time_scale=0.001, seed=1) as sandbox:
        yield Caller(sandbox)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def reported(caller: Caller, home: Path, *arguments: str, **summary: object) -> Finished:
    """A call that waited, and whose summary has these fields."""
    with caller.under_way(NUMBER, "Hello", "--json", *arguments) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "accepted" in line or "placed" in line:
                break
        [session] = caller.sandbox.sandbox.sessions
        keep(home, event("VSS", "COMPLETED", session.session_id, **summary))
        out, err = process.communicate(timeout=30)
    return Finished(process.returncode, out, err)


def legs(*statuses: str) -> dict[str, object]:
    return {f"call{'AB'[index]}": {"callStatus": status} for index, status in enumerate(statuses)}


@pytest.mark.parametrize(
    ("status", "statuses", "code", "outcome", "bridge"),
    [
        ("NO ANSWER", ("COMPLETED", "NO ANSWER"), 0, "COMPLETED", "NO_ANSWER"),
        ("FAILED", ("BUSY",), 11, "BUSY", None),
        ("error", ("no_answer",), 10, "NO_ANSWER", None),
        ("ERROR", ("COMPLETED",), 14, "ERROR", None),
        ("Unsubscribed", ("COMPLETED",), 15, "Unsubscribed", None),
    ],
)
def test_it_ends_as_the_person_called_did(
    caller: Caller, home: Path, status: str, statuses: tuple[str, ...], code: int, outcome: str, bridge: str
) -> None:
    done = reported(caller, home, "--wait", sessionStatus=status, details=legs(*statuses))
    assert done.code == code, done
    row = json.loads(done.out)
    assert (row["outcome"], row["sessionStatus"], row.get("bridge")) == (outcome, status, bridge)
    assert ("bridge: no answer" in row["words"]) == (bridge is not None)
