"""``--quiet`` once took the hours in which nobody is called: they must never be said to anybody."""

import json
import os
import sqlite3
from itertools import product
from pathlib import Path

import pytest
from conftest import Program, RunningSandbox
from lists import ANN, BOB, CAT, MESSAGE, Broadcast, people, write

from voicecli.broadcast.options import BroadcastOptions
from voicecli.cli.broadcast.former_hours import WARNING, with_present_name
from voicecli.quiet_hours import _RANGE, looks_like_hours

DAN = "+33199001237"
HOURS = ["21:00-08:00", "21-8", " 21 - 8 ", "21:30 – 7", "22-24"]
WRONG_HOURS = [
    "9pm-8am",
    "9 p.m. to 8 a.m.",
    "25-8",
    "21:00",
    "21-",
    "2100-0800",
    "21h30-8h",
    "21 bis 8 Uhr",
    "٢١-٨",
]


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


@pytest.mark.parametrize("hours", [*HOURS, *WRONG_HOURS])
def test_hours_behind_quiet_go_to_the_option_that_takes_them(hours: str) -> None:
    for before in ([], ["list.csv"], ["list.csv", "Hello {name}"], ["list.csv", "--yes"]):
        for after in ([], ["--yes"], ["Hello"]):
            separate = [*before, "--not-between", hours, *after]
            assert with_present_name([*before, "--quiet", hours, *after]) == separate
            joined = [*before, f"--not-between={hours}", *after]
            assert with_present_name([*before, f"--quiet={hours}", *after]) == joined


def test_whatever_the_option_took_looks_like_hours() -> None:
    times = [f"{hour}{minute}" for hour, minute in product(("0", "9", "09", "24"), ("", ":00", ":59"))]
    for start, dash, end in product(times, ("-", "–", " - ", "\t–\r\n"), times):
        assert _RANGE.fullmatch(hours := f" {start}{dash}{end}\v")
        assert looks_like_hours(hours), hours


def test_hours_with_a_full_stop_are_hours() -> None:
    assert looks_like_hours("21:00 – 08:00. ")
    assert looks_like_hours("9 p.m. to 8 a.m.!")
    assert not looks_like_hours("Open from 21:00 to 08:00.")


@pytest.mark.parametrize("after", ["people.csv", "Hello", "--yes", "", "-", "1234", ANN, "At 10:30"])
def test_what_else_is_behind_quiet_is_left_there(after: str) -> None:
    assert not looks_like_hours(after)
    assert with_present_name(["--quiet", after]) == ["--quiet", after]
    assert with_present_name(["a.csv", "--", "--quiet", "21-8"]) == ["a.csv", "--", "--quiet", "21-8"]


@pytest.mark.parametrize("text", ["21:00-" * 5_000, "- " * 10_000, "1" * 100_000])
def test_a_long_text_takes_no_time(text: str) -> None:
    looks_like_hours(text)


LIST_WITH_TEXTS = f"phone,message\n{ANN},Hello Ann\n{BOB},Hello Bob\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("people", MESSAGE, "--quiet", "0-23:59"),
        ("--quiet=0-23:59", "people", MESSAGE),
        ("texts", "--quiet", "0-23:59"),
    ],
)
def test_the_old_line_calls_nobody_in_its_hours(broadcast: Broadcast, arguments: tuple[str, ...]) -> None:
    write("people", people(ANN, BOB))
    write("texts", LIST_WITH_TEXTS)
    done = broadcast(*arguments, "--yes", "--json")
    assert (done.code, done.out, broadcast.called) == (2, "", []), done
    warning, error = done.err.splitlines()
    assert json.loads(warning)["warning"]["message"] == WARNING
    assert "is the whole day" in json.loads(error)["error"]["message"]


def test_the_old_line_still_calls_by_day_and_quiet_means_the_id_alone(broadcast: Broadcast) -> None:
    write("texts", LIST_WITH_TEXTS)
    figures = broadcast("texts", "--quiet", "21:00-08:00", "--dry-run", "--json").json
    assert (figures["calls"], figures["first"]["message"]) == (2, "Hello Ann")
    of = broadcast("texts", "--quiet", "--yes").out.strip()
    assert broadcast.heard == {ANN: "Hello Ann", BOB: "Hello Bob"}
    assert broadcast("resume", of, "--quiet").code == 2
    assert broadcast("show", of, "--json").json["options"]["notBetween"] is None


@pytest.mark.parametrize("hours", [HOURS[0], WRONG_HOURS[0]])
def test_a_message_that_is_only_hours_is_refused(broadcast: Broadcast, hours: str) -> None:
    write("people", people(ANN, BOB))
    write("text", f"{hours}\n")
    ways = [("people", hours), ("people", "-"), ("people", "--file", "text"), ("people", "-q", hours)]
    for way in ways:
        done = broadcast(*way, "--yes", stdin=hours)
        assert (done.code, done.out, "nothing but hours" in done.err) == (2, "", True), done
    assert broadcast.called == []


def test_a_row_that_says_nothing_but_hours_is_a_bad_row(broadcast: Broadcast) -> None:
    """By the column message, or by a placeholder. Without a colon it may be a code; a time is no span."""
    rows = {ANN: HOURS[0], BOB: "21-08", CAT: HOURS[3], DAN: "21:00"}
    write("texts", "phone,message\n" + "".join(f"{number},{text}\n" for number, text in rows.items()))
    for way in (("texts",), ("texts", "{message}")):
        done = broadcast(*way, "--yes")
        assert (done.code, broadcast.called) == (2, []), done
        shown = [line.split(maxsplit=1) for line in done.err.splitlines()[1:3]]
        assert shown == [[line, "The message is nothing but hours."] for line in ("2", "4")]
    broadcast("texts", "--yes", "--skip-invalid")
    assert broadcast.heard == {BOB: "21-08", DAN: "21:00"}


def test_a_call_says_no_hours_either_but_a_code_that_looks_like_some(
    run: Program, sandbox: RunningSandbox
) -> None:
    before = len(sandbox.sandbox.requested)
    Path("text").write_text("21:00-08:00")
    for way in (("21:00-08:00",), ("--quiet", "21:00-08:00"), ("--file", "text"), ("-",)):
        done = run("call", ANN, *way, stdin="21:00-08:00\n", env=sandbox.environment)
        assert (done.code, "nothing but hours" in done.err) == (2, True), done
    assert len(sandbox.sandbox.requested) == before
    assert run("call", ANN, "12-08", "--dry-run", env=sandbox.environment).code == 0


def test_a_broadcast_of_an_earlier_version_keeps_its_hours(broadcast: Broadcast) -> None:
    write("people", people(ANN, BOB))
    of = broadcast.identifier("people", MESSAGE, "--yes", "--max-calls", "1", code=7)
    database = sqlite3.connect(Path(os.environ["VOICECLI_HOME"]) / "voicecli.sqlite3")
    with database:
        [text] = database.execute("SELECT options FROM broadcasts").fetchone()
        options = json.loads(text)
        del options["not_between"]
        former = json.dumps({**options, "quiet": "0-23:59"})
        database.execute("UPDATE broadcasts SET options = ?", (former,))
    database.close()
    done = broadcast("resume", of)
    assert (done.code, "is the whole day" in done.err, len(broadcast.called)) == (2, True, 1), done


def test_an_earlier_version_of_the_team_finds_the_hours_under_their_former_name() -> None:
    kept = BroadcastOptions(not_between="21-8").kept()
    assert (kept["quiet"], kept["not_between"]) == ("21-8", "21-8")
    assert BroadcastOptions.from_mapping(kept).not_between == "21-8"
    assert BroadcastOptions.from_mapping({"quiet": "21-8"}).not_between == "21-8"
    assert BroadcastOptions.from_mapping({"quiet": "21-8", "not_between": "22-7"}).not_between == "22-7"
