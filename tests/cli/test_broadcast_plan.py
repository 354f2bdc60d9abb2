"""What ``voicecli broadcast`` shows before the first call: the dry run, and what a person is asked."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from conftest import DEADLINE, RunningSandbox
from lists import ANN, BOB, CAT, MESSAGE, Broadcast, people, write
from rich.cells import cell_len
from test_terminal import Terminal

SINGAPORE, HONOLULU = "+6561234567", "+18082345678"


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


def hours_around_now(zone: str) -> tuple[str, int]:
    """Six hours around this one there, and the hour at which they end."""
    hour = datetime.now(ZoneInfo(zone)).hour
    return f"{(hour - 2) % 24}-{(hour + 3) % 24}", (hour + 3) % 24


# -- a list that was sent before ---------------------------------------------------------------------


def test_a_dry_run_of_a_list_that_was_sent_before_shows_the_plan_and_warns(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("people.csv", people(ANN, BOB)), MESSAGE, "--yes")
    done = broadcast("people.csv", "Good evening {name}", "--dry-run")
    assert (done.code, len(broadcast.called)) == (0, 2)
    assert done.err == f"Warning: This list was sent before, as broadcast {of}: --again sends it again.\n"
    assert "Would call 2 people" in done.out
    assert "hears: Good evening N0" in done.out
    assert broadcast("people.csv", MESSAGE, "--dry-run", "--json").json["sentBefore"] == of
    again = broadcast("people.csv", MESSAGE, "--dry-run", "--json", "--again")
    assert (again.json["sentBefore"], again.err) == (None, "")
    done = broadcast("people.csv", MESSAGE, "--yes", "--json")
    assert (done.code, done.error["broadcastId"], len(broadcast.called)) == (9, of, 2)
    assert done.error["hint"] == f"See voicecli broadcast show {of}; --again calls everybody again."


def test_a_list_that_was_sent_before_is_refused_for_that_and_not_for_its_rows(broadcast: Broadcast) -> None:
    write("people.csv", people(ANN, BOB) + "nobody,Nob\n")
    broadcast.identifier("people.csv", MESSAGE, "--yes", "--skip-invalid")
    done = broadcast("people.csv", MESSAGE, "--yes")
    assert (done.code, "line" in done.err, len(broadcast.called)) == (9, False, 2), done
    done = broadcast("people.csv", MESSAGE, "--dry-run")
    assert (done.code, done.err.count("'nobody'")) == (2, 1), done


# -- who is not called, and for whom it is night -----------------------------------------------------


def test_the_plan_says_how_many_are_left_out_for_each_reason(broadcast: Broadcast) -> None:
    write("people.csv", people(ANN, BOB, CAT) + "nobody,Nob\n")
    write("not", f"{BOB}\n{CAT}\n")
    options = ("--do-not-call", "not", "--skip-invalid", "--dry-run")
    done = broadcast("people.csv", MESSAGE, *options)
    assert "1 row can't be called.\nNot called: 2 on the do-not-call list.\n" in done.out
    figures = broadcast("people.csv", MESSAGE, *options, "--json").json
    assert figures["skippedReasons"] == [{"reason": "it is on the do-not-call list", "people": 2}]


def test_the_plan_says_where_it_is_night_and_until_when(broadcast: Broadcast) -> None:
    hours, end = hours_around_now("Asia/Singapore")
    write("people.csv", people(SINGAPORE, "+6561234568", ANN, HONOLULU))
    options = ("--not-between", hours, "--dry-run")
    there = f"  2 in Asia/Singapore, until {{day}} {end:02}:00"
    done = broadcast("people.csv", MESSAGE, *options)
    figures = broadcast("people.csv", MESSAGE, *options, "--json").json
    [zone] = figures["outsideHoursZones"]
    until = datetime.fromisoformat(zone["until"]).astimezone(ZoneInfo("Asia/Singapore"))
    assert (zone["timeZones"], zone["people"], until.hour) == (["Asia/Singapore"], 2, end)
    assert there.format(day=f"{until:%a}") in done.out, done
    assert figures["outsideHoursUntil"] == zone["until"]


@pytest.mark.soak
def test_of_many_zones_those_with_most_people_are_shown(broadcast: Broadcast) -> None:
    """Quiet is everywhere but for ten minutes, so that each zone has another time at which they begin."""
    numbers = [SINGAPORE, "+6561234568", ANN, HONOLULU, "+6432345678", "+61212345678", "+551123456789"]
    write("people.csv", people(*numbers, "+81312345678"))
    done = broadcast("people.csv", MESSAGE, "--not-between", "3:10-3:00", "--dry-run", "--json")
    shown = broadcast("people.csv", MESSAGE, "--not-between", "3:10-3:00", "--dry-run").out
    closed = done.json["outsideHoursZones"]
    assert [zone["people"] for zone in closed] == sorted((zone["people"] for zone in closed), reverse=True)
    assert sum(zone["people"] for zone in closed) == done.json["outsideHours"]
    assert len([line for line in shown.splitlines() if line.startswith("  ")]) == 6, shown
    assert f"  {sum(zone['people'] for zone in closed[5:])} elsewhere\n" in shown


def test_max_calls_is_part_of_the_plan(broadcast: Broadcast) -> None:
    write("people.csv", people(ANN, BOB, CAT))
    done = broadcast("people.csv", MESSAGE, "--rate", "1/m", "--max-calls", "2", "--dry-run")
    assert "--max-calls ends it after 2 calls.\nThat takes 2 min at 1/m." in done.out


# -- the question ------------------------------------------------------------------------------------


def asked(arguments: list[str], columns: int, env: Mapping[str, str]) -> str:
    """What is on the screen when it is asked, and answered with no."""
    with Terminal("broadcast", *arguments, columns=columns, env=env) as terminal:
        terminal.wait_for(r"from\s+\+33199000000\?")
        terminal.type("n\n")
        assert terminal.process.wait(DEADLINE) == 2
        return terminal.end()


LONG = "Hello {name}, your appointment is at {time}; please bring your card and the letter of your doctor."


@pytest.mark.process
@pytest.mark.parametrize(
    "columns", [80, *(pytest.param(columns, marks=pytest.mark.soak) for columns in (40, 60, 200))]
)
def test_the_question_says_what_happens_in_lines_that_fit(broadcast: Broadcast, columns: int) -> None:
    hours, _ = hours_around_now("Asia/Singapore")
    write("not", f"{CAT}\n")
    rows = [(ANN, "田中太郎", "正午"), (BOB, "Ben", "noon"), (CAT, "Cat", "one"), (SINGAPORE, "Wei", "two")]
    write("people.csv", "phone,name,time\n" + "".join(f"{','.join(row)}\n" for row in rows))
    options = ["--not-between", hours, "--rate", "90/m", "--do-not-call", "not"]
    seen = asked(["people.csv", LONG, *options], columns, broadcast.sandbox.environment)
    lines = seen.split("Call 3 people")[0].splitlines()
    text = " ".join(map(str.strip, lines))
    assert max(map(cell_len, lines)) <= columns, seen
    assert "Not called: 1 on the do-not-call list." in text
    assert "That takes 2 s at 90/m" in text
    assert "1 in Asia/Singapore, until " in text
    spoken = LONG.format(name="田中太郎", time="正午")
    assert f"The first of them, {ANN}, hears: {spoken}" in text
    assert broadcast.called == []


@pytest.mark.parametrize("options", [(), ("--yes",), ("--yes", "-q"), ("--yes", "--json")])
def test_without_a_question_nobody_reads_the_text(broadcast: Broadcast, options: tuple[str, ...]) -> None:
    write("people.csv", people(ANN, BOB))
    done = broadcast("people.csv", "Kennwort {name}", *options)
    assert done.code == (0 if options else 2)
    assert "Kennwort" not in done.out + done.err
