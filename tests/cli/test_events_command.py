"""``voicecli events``: what was kept, and what is coming."""

import json
import re
import signal
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from conftest import DEADLINE, Finished, Program, wait_until
from forked import under_way
from past import OTHER, SESSION, event, keep, keep_a_call
from test_terminal import ESCAPE, Terminal, on_terminal, plain


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def lines(done: Finished) -> list[str]:
    assert (done.code, done.err) == (0, ""), done
    return done.out.splitlines()


def following(*arguments: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    """``voicecli events -f``, its output in a pipe."""
    return under_way(
        ["events", "-f", *arguments],
    )


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


# -- what was kept -----------------------------------------------------------------------------------


def test_events_are_one_line_each_with_number_and_day(run: Program, home: Path) -> None:
    keep_a_call(home, ago=100)
    shown = lines(run("events"))
    assert re.fullmatch(
        r"      1  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  VCS   5a3eab76  \+33199000000 → \+33199001234  dialling",
        shown[0],
    )
    assert [line.split()[0] for line in shown] == ["1", "2", "3", "4"]
    assert shown[2].endswith("digit 1; our reply: hangup")


def test_json_is_the_records_of_listen(run: Program, home: Path) -> None:
    keep_a_call(home, ago=100)
    rows = [json.loads(line) for line in lines(run("events", "--json"))]
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    assert rows[2]["record"] == "event"
    assert (rows[2]["digits"], rows[2]["reply"], rows[2]["payload"]["sessionId"]) == ("1", "hangup", SESSION)


def test_events_can_be_chosen(run: Program, home: Path) -> None:
    keep(home, event("VSS", "COMPLETED", "old"), ago=7_200)  # 1
    keep_a_call(home, SESSION, ago=100)  # 2 to 5
    keep_a_call(home, OTHER, ago=50, status="BUSY", number="+33199005678")  # 6 to 9
    for arguments, found in (
        (["--since", "1h", "--only", "vss"], "5 9"),
        (["--only", "vca,vss"], "1 4 5 8 9"),
        (["--only", "vca,vss", "--limit", "9"], "1 4 5 8 9"),
        (["--status", "busy"], "9"),
        (["--to", "+33199005678", "--only", "vcs"], "6 7"),
        (["--session", SESSION], "2 3 4 5"),
        (["--session", SESSION[:10], "--only", "vss"], "5 9"),
        (["--session", SESSION[:10], "--since", "75s"], "6 7 8 9"),
        (["--session", "o"], "1"),
        (["--session", "o", "--since", "1h", "--limit", "3"], ""),
    ):
        done = run("events", "-q", *arguments)
        assert (done.code, done.out.split()) == (0, found.split()), (arguments, done)


def test_without_a_time_the_newest_are_shown_and_that_there_are_more(run: Program, home: Path) -> None:
    for number in range(52):
        keep(home, event("VCS", "CALL_INITIATED"), ago=100 - number)
    done = run("events", "-q")
    assert (done.code, done.out.split()) == (0, [str(number) for number in range(3, 53)])
    assert done.err == ""
    assert run("events").err == "There are more than 50: see --limit and --since.\n"
    assert len(lines(run("events", "-q", "--since", "1h"))) == 52
    assert lines(run("events", "-q", "--since", "1h", "--limit", "60"))[0] == "1"
    assert run("events", "-q", "--since", "1h", "--limit", "1").out == "52\n"


def test_an_empty_store_is_told_kindly(run: Program) -> None:
    done = run("events")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("No such event is stored.")
    assert lines(run("events", "--json")) == []


@pytest.mark.parametrize(
    "arguments",
    [["--only", "vxx"], ["--status", "BUZY"], ["--to", "bob"], ["--session", ""], ["--since", "0s"]],
)
def test_wrong_usage_exits_2(run: Program, arguments: list[str]) -> None:
    done = run("events", *arguments)
    assert (done.code, done.out) == (2, ""), done


def test_numbers_can_be_masked(run: Program, home: Path) -> None:
    keep_a_call(home, ago=10)
    for arguments in ([], ["--json"]):
        assert "99001234" not in run("events", "--mask-numbers", *arguments).out


def test_what_is_no_json_does_not_get_into_json(run: Program, home: Path) -> None:
    keep(home, b'{"eventType":"CALL_STATUS","payload":{"sessionId":"s","x":NaN,"y":1e999}}')
    [line] = lines(run("events", "--json"))
    payload = json.loads(line, parse_constant=pytest.fail)["payload"]
    assert (payload["x"], payload["y"]) == (None, None)


@pytest.mark.parametrize("columns", [80, 200])
def test_it_fits_the_terminal(home: Path, columns: int) -> None:
    keep_a_call(home, ago=100)
    heading, *rows = plain(on_terminal("events", columns=columns))
    assert heading.split()[:3] == ["number", "time", "type"]
    assert ("from" in heading) == (columns == 200)
    numbered = [row for row in rows if row[:8].strip()]
    assert len(numbered) == 4
    assert all("+33199001234" in row for row in numbered)
    assert max(map(len, rows)) <= columns


# -- what is coming ----------------------------------------------------------------------------------


@pytest.mark.process
def test_following_shows_the_last_ten_and_what_comes(home: Path) -> None:
    for number in range(12):
        keep(home, event("VCS", "CALL_INITIATED"), ago=100 - number)
    with following("-q") as process:
        assert [line_of(process) for _ in range(10)] == [str(number) for number in range(3, 13)]
        keep(home, event("VSS", "BUSY"))
        assert line_of(process) == "13"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=DEADLINE) == ("", "")
    assert process.returncode == 0


@pytest.mark.process
def test_following_follows_what_is_chosen(home: Path) -> None:
    keep(home, event("VSS", "BUSY", "old"), ago=7_200)
    keep(home, event("VSS", "BUSY"), ago=100)
    with following("--only", "vss", "--since", "1h", "--json") as process:
        assert json.loads(line_of(process))["id"] == 2
        keep(home, event("VCS", "CALL_INITIATED"))
        keep(home, event("VSS", "COMPLETED"))
        assert json.loads(line_of(process))["id"] == 4


@pytest.mark.process
def test_following_ends_when_nobody_reads_any_more(home: Path) -> None:
    keep(home, event("VSS", "BUSY"))
    with following() as process:
        line_of(process)
        assert process.stdout is not None
        process.stdout.close()  # no further event comes
        assert process.wait(DEADLINE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.process
def test_following_goes_on_when_all_that_was_kept_is_deleted(run: Program, home: Path) -> None:
    keep(home, event("VSS", "BUSY"), ago=100)
    keep(home, event("VSS", "BUSY", OTHER), ago=100)
    with following("-q") as process:
        assert (line_of(process), line_of(process)) == ("1", "2")
        assert run("prune", "--older-than", "50s").code == 0
        keep(home, event("VSS", "COMPLETED"))
        assert line_of(process) == "3"


@pytest.mark.process
def test_following_a_store_that_is_removed_ends(home: Path) -> None:
    keep(home, event("VSS", "BUSY"))
    with following() as process:
        line_of(process)
        (home / "voicecli.sqlite3").unlink()
        _, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert "was removed" in errors


@pytest.mark.process
def test_following_on_a_terminal_has_a_heading_and_ends_by_ctrl_c(home: Path) -> None:
    with Terminal("events", "-f", columns=80) as terminal:
        wait_until((home / "voicecli.sqlite3").exists)
        keep(home, event("VSS", "BUSY"))
        terminal.wait_for("busy after")
        written = ESCAPE.sub("", terminal.end())
    assert written.startswith("number   time")
    assert terminal.process.returncode == 0
