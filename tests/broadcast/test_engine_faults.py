"""Whatever fails while calls are under way: the broadcast ends in an orderly way, what became of those calls
is written down as it was, and who goes on calls nobody twice."""

import errno
from pathlib import Path

import pytest
from conftest import failing
from engine_world import World, number, world_of

from voicecli.broadcast import report_updates
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.policy import Policy
from voicecli.broadcast.progress import Progress
from voicecli.errors import ConfigurationError, VoicecliError
from voicecli.quiet_hours import Hours
from voicecli.sandbox.account import SOURCE
from voicecli.store import sealing, unsubscribed
from voicecli.store.broadcast_rows import StoredBroadcast
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.messages import Capture, voice_message

LOST = "+33199005051"  # the connection breaks once the request is there
PEOPLE = [*(number(index) for index in range(6)), LOST, *(number(index) for index in range(6, 12))]
POLICY = Policy(concurrency=4)
DAY = Hours(None, weekdays=False)

world = pytest.fixture(world_of)

POINTS = {
    "the pace, before a call": (Pace, "take"),
    "the pace, after an answer": (Pace, "answered"),
    "the pace, as it is shown": (Pace, "paused"),
    "the reserve": (Path, "unlink"),
    "what is sealed for an answer": (sealing, "seal"),
    "quiet hours": (Hours, "allow"),
    "the state of the broadcast": (StoredBroadcast, "state"),
    "who has unsubscribed": (unsubscribed, "numbers"),
    "what 8x8 has reported": (report_updates, "reports"),
    "the requests that leave": (Engine, "_send"),
    "the progress": (Progress, "tick"),
}
ERRORS = (ConfigurationError("A link is in the way."), ZeroDivisionError())
AT = 3  # some calls are under way


def fail(patch: pytest.MonkeyPatch, point: str, error: Exception, *, at: int) -> None:
    """From that time on that it is used, it raises this."""
    where, name = POINTS[point]
    before = vars(where)[name]
    if isinstance(before, property):
        assert before.fget is not None
        patch.setattr(where, name, property(failing(before.fget, error, at=at)))
    else:
        patch.setattr(where, name, failing(before, error, at=at))


def question(row: BroadcastRow, request_id: str) -> CallRequest:
    """The last ones are asked something, which 8x8 refuses: it has no VCA webhook."""
    asks = Capture() if row.line > 8 else None
    return voice_message(row.destination, "Hello", source=SOURCE, message_id=request_id, capture=asks)


@pytest.mark.parametrize(
    ("point", "error"),
    [
        pytest.param(
            point,
            error,
            id=f"{point}, {type(error).__name__}",
            marks=[pytest.mark.soak] * (number > 0 and point != "the reserve"),
        )
        for point in POINTS
        for number, error in enumerate([OSError(errno.EIO, "")] if point == "the reserve" else ERRORS)
    ],
)
def test_what_fails_leaves_each_row_as_it_truly_is(world: World, point: str, error: Exception) -> None:
    def on_row(row: BroadcastRow) -> None:
        if row.line == 2 and row.state is RowState.SENDING:
            world.report(2, "COMPLETED")

    world.plan(PEOPLE)
    with pytest.MonkeyPatch.context() as patch:
        fail(patch, point, error, at=AT)
        engine = world.run(POLICY, request=question, hours=DAY, on_row=on_row)
    called = world.calls
    assert called.total() == len(called)
    for row in world.journal.rows():
        true = RowState.REFUSED if row.line > 8 else RowState.ACCEPTED
        true = RowState.UNKNOWN if row.destination == LOST else true
        assert row.state is (true if row.destination in called else RowState.PLANNED), row
    if engine.ended_by is not None:
        assert isinstance(engine.ended_by, VoicecliError)
        assert error in (engine.ended_by, engine.ended_by.__cause__)
    world.run(POLICY, request=question)
    assert world.calls == dict.fromkeys(PEOPLE, 1)
