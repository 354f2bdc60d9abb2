"""``voicecli prune`` and ``voicecli listen --keep``: personal data does not pile up."""

from pathlib import Path

import pytest
from conftest import Program, wait_until
from past import OTHER, SESSION, event, keep, keep_a_call, place
from running_listener import TOKEN, listening

from voicecli.sessions.attempt import AttemptState
from voicecli.store import pruning

DAY = 86_400.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    keep_a_call(home, OTHER, ago=31 * DAY)
    place(home, AttemptState.ACCEPTED, OTHER, ago=31 * DAY)
    keep_a_call(home, SESSION, ago=29 * DAY)
    return home


def test_what_is_older_is_deleted(run: Program, home: Path) -> None:
    done = run("prune", "--older-than", "30d")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Deleted 4 events and 1 call from before 20")
    assert run("sessions", "-q").out == f"{SESSION}\n"
    assert run("prune", "--older-than", "30d").out.startswith("Deleted 0 events and 0 calls")


def test_a_dry_run_deletes_nothing(run: Program, home: Path) -> None:
    done = run("prune", "--older-than", "30d", "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Would delete 4 events and 1 call from before 20")
    data = run("prune", "--older-than", "30d", "--dry-run", "--json").json
    assert (data["events"], data["calls"], data["deleted"]) == (4, 1, False)
    assert run("sessions", "-q").out.split() == [SESSION, OTHER]


def test_json_is_one_document(run: Program, home: Path) -> None:
    data = run("prune", "--older-than", "28d", "--json").json
    assert (data["events"], data["calls"], data["deleted"]) == (8, 1, True)
    assert data["before"].endswith("Z")


@pytest.mark.parametrize("arguments", [[], ["--older-than", "0d"], ["--older-than", "soon"]])
def test_how_old_must_be_said(run: Program, home: Path, arguments: list[str]) -> None:
    assert run("prune", *arguments).code == 2
    assert len(run("sessions", "-q").out.split()) == 2


@pytest.mark.process
def test_it_deletes_beside_a_listener_that_goes_on(
    run: Program, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "STEP", 10)
    for number in range(24):  # three steps
        keep(home, event("VCS", "CALL_INITIATED", f"s-{number}"), ago=40 * DAY)
    with listening(home, "--no-tunnel") as listener:
        done = run("prune", "--older-than", "30d")
        assert done.out.startswith("Deleted 28 events and 1 call")
        sent = run("trigger", "vss", "--to", listener.url, env={"WEBHOOK_AUTH_TOKEN": TOKEN})
        assert sent.code == 0
        assert listener.of("note") == []  # without --keep it deletes nothing itself
    assert run("events", "--only", "vss", "-q").out.count("\n") == 2


@pytest.mark.soak
@pytest.mark.process
def test_a_listener_that_keeps_30_days_deletes_what_is_older(run: Program, home: Path) -> None:
    with listening(home, "--no-tunnel", "--keep", "30d") as listener:
        wait_until(lambda: any("Deleted" in note["text"] for note in listener.of("note")))
        [note] = [note["text"] for note in listener.of("note") if "Deleted" in note["text"]]
        assert note.startswith("Deleted what came before 20")
        assert note.endswith(": 4 events and 1 call.")
        assert listener.stop() == 0
    assert run("sessions", "-q").out == f"{SESSION}\n"
