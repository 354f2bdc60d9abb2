"""``voicecli demo``: no account, no network, all outcomes, in time."""

import json
import time

import pytest
import quick_waits
from conftest import Program

from voicecli.cli import demo


@pytest.mark.parametrize("hurry", [1, pytest.param(1 / quick_waits.HURRY, marks=pytest.mark.soak)])
def test_it_shows_calls_with_different_outcomes_within_15_seconds(
    run: Program, hurry: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "TIME_SCALE", demo.TIME_SCALE * hurry)
    monkeypatch.setattr(demo, "PAUSE", demo.PAUSE / hurry)
    start = time.monotonic()
    done = run("demo", env={"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"})
    assert time.monotonic() - start < 15
    assert done.code == 0, done
    for words in (
        "dialling",
        "answered",
        "digit 1",
        "completed",
        "no answer",
        "busy",
        "trunk capacity exceeded",
    ):
        assert words in done.out
    assert "no summary arrived" not in done.out
    assert "voicecli call" in done.err.splitlines()[-1]
    assert max(map(len, done.err.splitlines())) <= 100


@pytest.mark.soak
def test_json_is_one_record_a_line_with_an_outcome_for_every_call(run: Program) -> None:
    done = run("demo", "--json")
    records = [json.loads(line) for line in done.out.splitlines()]
    outcomes = {record["call"]: record["outcome"] for record in records if record["record"] == "outcome"}
    assert len(outcomes) == 7
    assert outcomes["busy line"] == "BUSY"
    assert {record["type"] for record in records if record["record"] == "event"} == {"VCS", "VCA", "VSS"}
    placed = [
        record["sessionId"] for record in records if record["record"] == "placed" and record["sessionId"]
    ]
    summaries = [record["sessionId"] for record in records if record.get("type") == "VSS"]
    assert sorted(placed) == sorted(summaries)
    assert [record["record"] for record in records].count("ready") == 1
