"""What a broadcast ends as that something keeps from going on: 3 promises that nobody was called."""

import errno

import pytest
from conftest import RunningSandbox, failing
from lists import Broadcast, people, write

from voicecli.broadcast.pacing import Pace
from voicecli.errors import ConfigurationError, InUse, StoreFailed
from voicecli.store import broadcasts
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcast_rows import StoredBroadcast

PEOPLE = [f"+3319900{number}" for number in range(2_000, 2_010)]
SEND = ("Hi", "--yes", "--concurrency", "2")


LINK = ConfigurationError("The file is a link that somebody else has put there.")
ANOTHER = InUse("Another process has changed rows.")


@pytest.mark.parametrize(
    ("place", "name", "error", "at", "code", "called"),
    [
        (Pace, "take", LINK, 1, 3, 0),
        (Pace, "take", LINK, 3, 7, 2),
        (Pace, "take", ZeroDivisionError(), 1, 1, 0),
        (Pace, "take", ZeroDivisionError(), 3, 7, 2),
        (Journal, "write", ANOTHER, 1, 3, 0),
        (Journal, "write", ANOTHER, 2, 7, 2),  # what became of them is lost
    ],
    ids=str,
)
def test_the_exit_code_tells_whether_somebody_was_called(
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    place: type,
    name: str,
    error: Exception,
    at: int,
    code: int,
    called: int,
) -> None:
    broadcast = Broadcast(sandbox)
    monkeypatch.setattr(place, name, failing(vars(place)[name], error, at=at))
    done = broadcast("send", write("people.csv", people(*PEOPLE)), *SEND)
    assert (done.code, len(broadcast.called)) == (code, called), done
    assert (str(error) or "Internal error of voicecli") in done.err
    assert ("voicecli broadcast resume b" in done.err) == (called > 0), done.err
    monkeypatch.undo()
    again = broadcast("list", "--json")
    assert bool(again.out) == (called > 0)


UNUSABLE = OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (Pace, "close", UNUSABLE),
        (Pace, "close", LINK),
        (StoredBroadcast, "is_finished", StoreFailed("The store can't be read.")),
        (broadcasts, "forget_content", UNUSABLE),
    ],
    ids=str,
)
def test_what_fails_once_all_were_called_changes_nothing(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, place: type, name: str, error: Exception
) -> None:
    broadcast = Broadcast(sandbox)
    before = vars(place)[name]
    if isinstance(before, property):
        monkeypatch.setattr(place, name, property(failing(before.fget, error, at=1)))  # type: ignore[arg-type]
    else:
        monkeypatch.setattr(place, name, failing(before, error, at=1))
    done = broadcast("send", write("people.csv", people(*PEOPLE)), *SEND)
    assert (done.code, done.err.count("Error")) == (0, 0), done
    assert len(broadcast.called) == len(PEOPLE)
