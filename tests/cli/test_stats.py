"""``voicecli stats``: how calls ended, in figures and bars."""

from collections import Counter
from pathlib import Path

import pytest
from conftest import Program
from past import event, keep, place
from rich.cells import cell_len
from test_terminal import on_terminal, plain

from voicecli.output.stats import bars
from voicecli.sessions.attempt import AttemptState
from voicecli.sessions.statistics import Statistics

OVERLOADED = "trunk capacity exceeded (-2010)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def some_calls(home: Path) -> None:
    """Four completed, two busy, one error, one open; and one of the day before yesterday."""
    for number in range(4):
        keep(home, event("VSS", "COMPLETED", f"completed-{number}"), ago=1_000)
    for number in range(2):
        keep(home, event("VSS", "BUSY", f"busy-{number}"), ago=500)
    keep(home, event("VSS", "ERROR", "error", error=-2010), ago=100)
    keep(home, event("VCS", "CALL_INITIATED", "open"), ago=50)
    place(home, AttemptState.UNKNOWN, ago=10)
    keep(home, event("VSS", "FAILED", "old"), ago=180_000)


def test_the_figures_are_drawn(run: Program, some_calls: None) -> None:
    done = run("stats")
    assert (done.code, done.err) == (0, "")
    shown = done.out.splitlines()
    assert shown[:9] == [
        "7 calls ended, 57.1 % answered",
        "1 call without a summary yet",
        "1 call that may or may not have been placed",
        "",
        "Outcomes",
        f"  completed  4   57.1 %  {'█' * 54}",
        f"  busy       2   28.6 %  {'█' * 27}",
        f"  error      1   14.3 %  {'█' * 13}▌",
        "Completed: a person or a mailbox answered. Only a pressed key proves a person.",
    ]
    assert "Duration of answered calls: median 14 s" in shown
    assert any(line.startswith("  10 s to 30 s     4  100.0 %  ████") for line in shown)
    assert "MOS: median 4.4" in shown
    assert any(line.startswith("  excellent  4  100.0 %  ████") for line in shown)
    assert shown[-1].startswith("  trunk capacity exceeded (-2010)  1  100.0 %  ███")


def test_json_has_the_same_figures(run: Program, some_calls: None) -> None:
    done = run("stats", "--json")
    assert (done.code, done.err) == (0, "")
    figures = done.json
    duration = figures.pop("callDuration")
    assert {name: value for name, value in figures.items() if name != "since"} == {
        "ended": 7,
        "open": 1,
        "unknown": 1,
        "answered": 4,
        "answerRate": 4 / 7,
        "outcomes": {"COMPLETED": 4, "BUSY": 2, "ERROR": 1},
        "results": {},
        "durationSeconds": duration,
        "mos": {"median": 4.4, "calls": {"excellent": 4, "good": 0, "fair": 0, "poor": 0, "bad": 0}},
        "errors": [{"errorCode": -2010, "errorMsg": OVERLOADED, "error": OVERLOADED, "calls": 1}],
    }
    assert duration == {
        "median": 14,
        "calls": {
            "under 10 s": 0,
            "10 s to 30 s": 4,
            "30 s to 1 min": 0,
            "1 min to 3 min": 0,
            "3 min to 10 min": 0,
            "10 min or more": 0,
        },
    }


def test_since_looks_further_back(run: Program, some_calls: None) -> None:
    assert run("stats", "--since", "3d", "--json").json["outcomes"]["FAILED"] == 1
    assert run("stats", "--since", "200s", "--json").json["ended"] == 1


def test_where_there_is_nothing_it_says_so(run: Program) -> None:
    done = run("stats")
    assert (done.code, done.err) == (0, "")
    assert done.out == "No calls in that time. To look further back: --since 7d\n"
    nothing = run("stats", "--json").json
    assert (nothing["ended"], nothing["answerRate"], nothing["outcomes"], nothing["errors"]) == (
        0,
        None,
        {},
        [],
    )


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_the_bars_fit_and_are_aligned(home: Path, some_calls: None, columns: int) -> None:
    painted = on_terminal("stats", columns=columns)
    shown = plain(painted)
    if columns >= 80:
        assert max(map(len, shown)) <= columns
        bars = shown[5:8]
        assert len({line.index("█") for line in bars}) == 1
        assert any("\x1b[38;5;29m" in line and "completed" in line for line in painted)
        assert any("\x1b[38;5;131m" in line and "busy" in line for line in painted)
        assert any("\x1b[38;5;163m" in line and "trunk" in line for line in painted)
    assert any("█" in line for line in shown) == (columns >= 80)  # labels come first
    assert any(OVERLOADED in line for line in shown) == (columns > 20)


def test_names_of_keys_in_other_scripts_are_aligned() -> None:
    results = Counter({"はい": 2, "हाँ": 1, "yes": 1, "長" * 30: 1})
    lines = [line for line, _ in bars(Statistics(outcomes=Counter(COMPLETED=5), results=results), 80)]
    shown = lines[lines.index("Results") + 1 :]
    assert len({cell_len(line.partition("█")[0]) for line in shown if "%" in line}) == 1
    assert 76 <= max(map(cell_len, shown)) <= 80


def test_many_kinds_of_errors_are_summed_up(run: Program, home: Path) -> None:
    for number in range(20):
        details = {"errorMsg": f"trouble {number:02} \x1b[2J"}
        keep(home, event("VSS", "ERROR", f"s-{number}", errorDetails=details))
    shown = run("stats").out
    assert shown.count("trouble") == 11
    assert "  others                9   45.0 %" in shown
    assert "\x1b" not in shown
