"""``voicecli broadcast FILE MESSAGE``, the real program: what it checks, asks and sends."""

import json
import os
import re
import shlex
import signal
import stat
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from conftest import DEADLINE, RunningSandbox, wait_until
from json_documents import DOCUMENTS
from lists import (
    ANN,
    BOB,
    BUSY,
    CAT,
    LOST,
    MESSAGE,
    REFUSED,
    SILENT,
    Broadcast,
    action,
    bytes_under,
    people,
    write,
)
from raw_server import answering, document, http, server
from running_listener import public_access
from test_terminal import Terminal

from voicecli.output.json_fields import FORMER_NAMES

YES = ("--yes",)


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


@pytest.fixture
def home() -> Path:
    return Path(os.environ["VOICECLI_HOME"])


def listed(*numbers: str) -> str:
    return write("people.csv", people(*numbers))


# -- the list ----------------------------------------------------------------------------------------

CSV = "phone,name\n+33199001234,Ann\n+33199001235,Zoë\n"
JSON_LINES = '{"phone": "+33199001234", "name": "Ann"}\n{"name": "Zoë", "phone": "+33199001235"}\n'


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode(),
        CSV.replace(",", "\t").encode(),
        CSV.replace(",", ";").replace("\n", "\r\n").encode("utf-8-sig"),
        ("sep=;\r\n" + CSV.replace(",", ";")).encode("cp1252"),
        CSV.replace(",", "\t").encode("utf-16"),
        JSON_LINES.encode(),
    ],
    ids=["csv", "tsv", "semicolons", "excel", "utf-16", "json lines"],
)
def test_a_list_is_read_in_whatever_form(broadcast: Broadcast, content: bytes) -> None:
    done = broadcast(write("people", content), MESSAGE, *YES)
    assert (done.code, broadcast.heard) == (0, {ANN: "Hello Ann", BOB: "Hello Zoë"}), done


@pytest.mark.parametrize("arguments", [("plain", "Hello"), ("-", "Hello")])
def test_numbers_on_lines_come_from_a_file_or_a_pipe(broadcast: Broadcast, arguments: tuple[str]) -> None:
    content = f"# who\n{ANN}\n\n{BOB}\n"
    write("plain", content)
    done = broadcast(*arguments, *YES, stdin=content)
    assert (done.code, broadcast.heard) == (0, {ANN: "Hello", BOB: "Hello"}), done


def test_the_message_comes_from_a_pipe_a_file_or_a_column(broadcast: Broadcast) -> None:
    write("people", f"phone,message\n{ANN},To Ann\n")
    write("text", "From {phone}\n")
    assert broadcast("people").code == 0
    assert broadcast("people", "-", "--again", stdin="Piped\n").code == 0
    assert broadcast("people", "--file", "text", "--again").code == 0
    assert [action(request, 1, "text") for request in broadcast.requests] == [
        "To Ann",
        "Piped",
        f"From {ANN}",
    ]


def test_the_numbers_column_can_be_named_and_national(broadcast: Broadcast) -> None:
    write("people", "who;mobile\nAnn;01 99 00 12 34\n")
    assert broadcast("people", "Hi {who}", "--to-column", "mobile", "--region", "FR").code == 0
    assert broadcast.heard == {ANN: "Hi Ann"}


# -- what is checked before the first call -----------------------------------------------------------

BAD = f"""phone,name
{ANN},Ann
0199001234,Bad
+33 1 99 00 12 34,Twin
{BOB},
{CAT}
+33199001237,{"x" * 4000}
+33199001238,Dan
"""
PROBLEMS = {
    3: "'0199001234' has no + and country code.",
    4: f"{ANN} is on the list before, in line 2.",
    5: "name is empty.",
    6: "has 1 of 2 columns",
    7: "The message has 4,006 characters",
}


def test_bad_rows_are_shown_with_their_lines_and_stop_everything(broadcast: Broadcast) -> None:
    done = broadcast(write("people", BAD), MESSAGE, *YES)
    assert (done.code, done.out, broadcast.called) == (2, "", [])
    for line, words in PROBLEMS.items():
        assert re.search(rf"^{line} +{re.escape(words)}", done.err, re.MULTILINE), done
    assert "Error: 5 rows of the list can't be called: nobody was called.\n" in done.err
    assert "--skip-invalid" in done.err
    assert "--region FR" in done.err


def test_programs_get_bad_rows_with_the_error(broadcast: Broadcast) -> None:
    done = broadcast(write("people", BAD), MESSAGE, *YES, "--json")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert {row["line"] for row in done.error["rows"]} == set(PROBLEMS)


def test_skip_invalid_calls_the_others_and_keeps_why(broadcast: Broadcast) -> None:
    done = broadcast(write("people", BAD), MESSAGE, *YES, "--skip-invalid", "--json")
    assert (done.code, sorted(broadcast.called)) == (0, [ANN, "+33199001238"]), done
    summary = json.loads(done.out.splitlines()[-1])
    assert (summary["total"], summary["accepted"], summary["skipped"]) == (7, 2, 5)
    rows = [json.loads(line) for line in broadcast("results", summary["id"], "--json").out.splitlines()]
    assert {row["line"] for row in rows if row["status"] == "skipped"} == set(PROBLEMS)
    assert rows[1]["reason"] == f"invalid: {PROBLEMS[3]}"
    assert rows[1]["input"]["name"] == "Bad"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Hi {nam}"], "no column 'nam'; the nearest is 'name'"),
        (["Hi {name"], "The brace at character 4"),
        ([], "The message is missing"),
        (["Hi", "--to-column", "fone"], "no column 'fone'; the nearest is 'phone'"),
        (["Hi", "--rate", "0"], "--rate takes"),
        (["Hi", "--rate", "-1"], "--rate takes"),
        (["Hi", "--rate", "1e9/s"], "--rate takes"),
        (["Hi", "--shard", "0/8"], "--shard takes"),
        (["Hi", "--shard", "9/8"], "--shard takes"),
        (["Hi", "--not-between", "8-8"], "is the whole day"),
        (["Hi", "--not-between", "8:01-8:00"], "nobody could be called"),
        (["Hi", "--not-between", "25-8"], "is not a time span"),
        (["Hi", "--attempts", "3"], "--attempts has no effect without --retry"),
        (["Hi", "--every", "3m"], "--every has no effect without --retry"),
        (["Hi", "--timeout", "3m"], "--timeout has no effect without"),
        (["Hi", "--port", "5000"], "--port has no effect without"),
        (["Hi", "--public-url", "https://a.example"], "--public-url has no effect without"),
        (["Hi", "--retry", "completed"], "is not a known outcome for --retry"),
        (["Hi", "--play", "https://a.example/b.mp3"], "MESSAGE can't be given together with --play"),
        (["Hi", "--file", "people"], "MESSAGE can't be given together with --file"),
        (["--play", "nowhere"], "must be an http or https URL"),
        (["Hi", "--confirm", "a"], "--confirm takes keys"),
        (["Hi", "--confirm", "1", "--digits", "4"], "--digits can't be given together with --confirm"),
        (["Hi", "--thanks", "Bye"], "--thanks has no effect"),
        (["Hi", "--region", "XX"], "'XX' is not a region"),
        (["Hi", "-q", "--json"], "can't be given together"),
        (["Hi", "-q", "--dry-run"], "no id that --quiet"),
        (["Hi", "--do-not-call", "nowhere"], "nowhere can't be read"),
        (["Hi", "--do-not-call", "empty"], "--do-not-call: The list is empty"),
        (["Hi", "--do-not-call", "wrong"], "--do-not-call: Line 2 can't be read"),
        (["-", "--do-not-call", "-"], "Only one of these can come from standard input"),
    ],
)
def test_what_is_wrong_with_all_of_it_is_one_error(
    broadcast: Broadcast, arguments: list[str], says: str
) -> None:
    write("people", people(ANN, BOB))
    write("empty", "")
    write("wrong", f"{ANN}\nnobody\n")
    done = broadcast("people", *arguments, *YES)
    assert (done.code, done.out, broadcast.called) == (2, "", []), done
    assert says in done.err
    assert "line" not in done.err.splitlines()[0].split()[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The list is empty"),
        (b"phone,name\n", "The list is empty"),
        (b"phone,name\n+33199001234,a\0b\n", "no known text encoding"),
        (b'phone,name\n+33199001234,"' + b"x" * 200_000 + b'"\n', "more than 131,072 characters"),
        (b'phone,name\n+33199001234,"x\n', "Line 2 of the list opens a quote that is never closed"),
        (b"phone,phone\n+33199001234,x\n", "two columns 'phone'"),
        (b"[{}]", "JSON array"),
    ],
    ids=["empty", "heading", "nul", "200 kB cell", "open quote", "column twice", "array"],
)
def test_what_is_no_list_is_one_error(broadcast: Broadcast, content: bytes, says: str) -> None:
    done = broadcast(write("people", content), "Hi", *YES)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert len(done.err) < 500


def test_ten_thousand_columns_and_hostile_cells_are_shown_and_not_obeyed(broadcast: Broadcast) -> None:
    names = ",".join(f"c{number}" for number in range(10_000))
    write("people", f"phone,{names}\n{ANN},{',' * 9_998}\x1b]0;own\x07\u202e\n\x1b[2J+33,=1+1{',' * 9_998}\n")
    done = broadcast("people", "Hi {c9999}", "--dry-run", "--skip-invalid")
    assert (done.code, "\x1b" in done.out + done.err, "\u202e" in done.out + done.err) == (0, False, False)
    done = broadcast("people", "Hi {c10000}", "--dry-run")
    assert (done.code, "the nearest is 'c1000'" in done.err) == (2, True), done.err
    assert len(done.err) < 1000


# -- the dry run -------------------------------------------------------------------------------------


def test_a_dry_run_tells_how_many_how_long_and_what_and_sends_nothing(
    broadcast: Broadcast, home: Path
) -> None:
    write("people", people(*(f"+3319900{number}" for number in range(2000, 2090))))
    done = broadcast(
        "people", "x" * 300, "--rate", "2/s", "--repeat", "3", "--speed", "2", "--dry-run", "--json"
    )
    assert (done.code, done.err, broadcast.called) == (0, "", [])
    figures = done.json
    assert (figures["calls"], figures["seconds"], figures["rate"]) == (90, 45.0, 2.0)
    assert figures["secondsOfSpeech"] == 90 * 300 * 3 / 2 / 15
    assert figures["first"] == {
        "line": 2,
        "destination": "+33199002000",
        "message": "x" * 300,
        "spelledOut": [],
    }
    done = broadcast("people", MESSAGE, "--rate", "2", "--dry-run")
    assert done.out.startswith(
        "Would call 90 people from +33199000000 through the sandbox.\nThat takes 45 s at 2/s."
    )
    assert "+33199002000, hears: Hello N0\n" in done.out
    assert list(home.glob("broadcast-*")) == []


def test_a_dry_run_of_a_shard_tells_the_total(broadcast: Broadcast) -> None:
    write("people", people(*(f"+3319900{number}" for number in range(2000, 2090))) + "bad,x\n")
    figures = [
        broadcast(
            "people", "Hi", "--rate", "2/s", "--shard", f"{part}/3", "--dry-run", "--skip-invalid", "--json"
        ).json
        for part in (1, 2, 3)
    ]
    assert sum(one["calls"] for one in figures) == 90
    assert {(one["everybody"], one["bad"], one["skipped"]) for one in figures} == {(90, 1, 0)}
    done = broadcast("people", "Hi", "--rate", "2/s", "--shard", "1/3", "--dry-run", "--skip-invalid")
    assert (
        "This is shard 1 of 3, of 90 people in all. Together the shards make 6 calls a second.\n" in done.out
    )
    assert "1 row can't be called.\n" in done.out
    assert "do-not-call" not in done.out


def test_placeholders_of_other_programs_and_odd_voices_are_warned_of(broadcast: Broadcast) -> None:
    done = broadcast(listed(ANN), "The secret of $name", "--voice", "en_US-BenjaminRUS", "--dry-run")
    assert done.code == 2
    assert "Warning: $name is no placeholder. Did you mean {name}?\n" in done.err
    assert "Did you mean en-US-BenjaminRUS?" in done.err
    assert "secret" not in done.err


def test_a_dry_run_exits_as_the_run_would(broadcast: Broadcast) -> None:
    write("people", BAD)
    done = broadcast("people", MESSAGE, "--dry-run")
    assert (done.code, done.out.splitlines()[:2]) == (
        2,
        [
            "National numbers need their country: probably --region FR, that of the caller ID.",
            "Nobody would be called without --skip-invalid. With it:",
        ],
    )
    assert broadcast("people", MESSAGE, "--dry-run", "--skip-invalid").code == 0


# -- asking ------------------------------------------------------------------------------------------


def test_without_a_terminal_more_than_one_need_yes(broadcast: Broadcast) -> None:
    done = broadcast(listed(ANN, BOB), MESSAGE)
    assert (done.code, done.out, broadcast.called) == (2, "", [])
    assert "Hint: Give --yes, or look first: --dry-run.\n" in done.err
    assert broadcast(write("one", people(ANN)), MESSAGE).code == 0


@pytest.mark.process
@pytest.mark.parametrize(
    ("answer", "code", "calls"),
    [("y", 0, 2), *(pytest.param(*no, marks=pytest.mark.soak) for no in (("n", 2, 0), (None, 130, 0)))],
)
def test_on_a_terminal_it_asks(broadcast: Broadcast, answer: str | None, code: int, calls: int) -> None:
    listed(ANN, BOB)
    arguments = ("broadcast", "people.csv", MESSAGE)
    with Terminal(*arguments, columns=80, env=broadcast.sandbox.environment) as terminal:
        terminal.wait_for(r"Call 2 people from \+33199000000\?")
        if answer is not None:
            terminal.type(f"{answer}\n")
            terminal.process.wait(DEADLINE)
        written = terminal.end()
    assert (terminal.process.returncode, len(broadcast.called)) == (code, calls), written
    assert "Traceback" not in written
    assert calls or "Nobody was called" in written or code == 130


@pytest.mark.process
@pytest.mark.soak
def test_on_a_terminal_it_fits_into_80_columns(broadcast: Broadcast) -> None:
    listed(ANN, BOB, REFUSED, LOST)
    arguments = ("broadcast", "people.csv", MESSAGE, "--yes")
    with Terminal(*arguments, columns=80, env=broadcast.sandbox.environment) as terminal:
        assert terminal.process.wait(DEADLINE) == 7
        written = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.end())
    assert "\n  2  accepted\n" in written
    assert max(len(line.rpartition("\r")[2]) for line in written.splitlines()) <= 80


# -- what is sent ------------------------------------------------------------------------------------

OPTIONS = {
    "voice": ("en-GB-Emma", lambda flow: flow[1]["params"]["voiceProfile"] == "en-GB-Emma"),
    "repeat": ("5", lambda flow: [one["params"].get("repetition") for one in flow[1:3]] == [3, 2]),
    "Speed": ("1.5", lambda flow: flow[1]["params"]["speed"] == 1.5),
    "spell_digits": ("yes", lambda flow: flow[1]["params"]["text"] == "Code 1, 2, 3, 4;"),
    "play": (
        "https://a.example/b.mp3",
        lambda flow: flow[1]["params"]["fileUrl"] == "https://a.example/b.mp3",
    ),
    "from": ("+33199000009", lambda flow: flow[0]["params"]["source"] == "+33199000009"),
}


@pytest.mark.parametrize("column", OPTIONS)
def test_a_column_decides_its_option_for_its_row(broadcast: Broadcast, column: str) -> None:
    cell, holds = OPTIONS[column]
    write("people", f"phone,{column}\n{ANN},{cell}\n{BOB},\n")
    done = broadcast("people", "Code 1234", *YES)
    assert done.code == 0, done
    assert f"Columns that set options: {column}.\n" in done.err
    flows = {action(request, 0, "destination"): request["callflow"] for request in broadcast.requests}
    assert holds(flows[ANN]), flows[ANN]
    assert flows[BOB][1]["params"].get("text") == "Code 1234"  # type: ignore[index]


def test_the_other_columns_do_so_as_well(broadcast: Broadcast) -> None:
    write("people", f"phone,region,valid-for,message\n01 99 00 12 34,FR,10m,One\n{BOB},,,Two\n")
    assert broadcast("people", *YES).code == 0
    assert broadcast.heard == {ANN: "One", BOB: "Two"}
    until = {action(request, 0, "destination"): str(request["validUntil"]) for request in broadcast.requests}
    assert datetime.fromisoformat(until[ANN]) < datetime.fromisoformat(until[BOB])


def test_a_column_that_is_said_is_no_option(broadcast: Broadcast) -> None:
    write("people", f"phone,from\n{ANN},10:00\n")
    assert broadcast("people", "At {from}").code == 0
    assert broadcast.heard == {ANN: "At 10:00"}


def test_who_calls_a_column_as_an_option_by_accident_finds_out(broadcast: Broadcast) -> None:
    write("people", f"phone,from,Speed\n{ANN},10:00,\n{BOB},11:00,\n")
    done = broadcast("people", "Hi", *YES)
    assert (done.code, broadcast.called) == (2, [])
    assert "Columns with the name of an option set that option: 'from', 'Speed'." in done.err
    assert broadcast("people", "Hi {from}", "--dry-run", "--json").json["optionColumns"] == ["Speed"]


def test_a_file_is_played_in_place_of_a_text(broadcast: Broadcast) -> None:
    assert broadcast(listed(ANN, BOB), "--play", "https://a.example/b.mp3", *YES).code == 0
    assert {action(request, 1, "fileUrl") for request in broadcast.requests} == {"https://a.example/b.mp3"}


def test_where_a_file_is_played_a_column_message_is_left_alone(broadcast: Broadcast) -> None:
    write("people.csv", f"phone,Message,voice\n{ANN},,\n{BOB},x,\n")
    played = ("people.csv", "--play", "https://a.example/b.mp3")
    assert broadcast(*played, "--dry-run", "--json").json["optionColumns"] == ["voice"]
    assert broadcast(*played, *YES).code == 0
    assert {action(request, 1, "fileUrl") for request in broadcast.requests} == {"https://a.example/b.mp3"}


def test_every_request_has_an_id_of_its_own(broadcast: Broadcast) -> None:
    of = broadcast.identifier(listed(ANN, BOB), MESSAGE, *YES)
    assert sorted(str(request["clientRequestId"]) for request in broadcast.requests) == [
        f"{of}-2-1",
        f"{of}-3-1",
    ]


def test_max_calls_is_a_hard_stop_and_resume_calls_the_others(broadcast: Broadcast) -> None:
    done = broadcast(listed(ANN, BOB, CAT), MESSAGE, *YES, "--max-calls", "2")
    assert (done.code, len(broadcast.called)) == (7, 2)
    assert "--max-calls 2 was reached.\n" in done.err
    [command] = re.findall(r"Call the other 1:\n  voicecli broadcast (.*)\n", done.out)
    assert broadcast(*shlex.split(command)).code == 0
    assert sorted(broadcast.called) == [ANN, BOB, CAT]


@pytest.mark.process
def test_an_interruption_does_not_lift_max_calls(broadcast: Broadcast) -> None:
    listed(SILENT, ANN, BOB, CAT)
    with broadcast.under_way(
        "people.csv", MESSAGE, "--yes", "--max-calls", "2", "--concurrency", "1"
    ) as process:
        wait_until(lambda: broadcast.called)
        process.kill()
    [of] = broadcast("list", "-q").out.split()
    assert broadcast("resume", of).code == 7
    assert broadcast.called == [SILENT, ANN]


# -- who is not called -------------------------------------------------------------------------------


def test_who_is_not_to_be_called_is_not(broadcast: Broadcast) -> None:
    write("not", f"name;phone\nBob;+33 1 99 00 12 35\nNobody;{CAT}\n")
    done = broadcast(listed(ANN, BOB), MESSAGE, *YES, "--do-not-call", "not", "--json")
    assert (done.code, broadcast.called) == (0, [ANN])
    [of] = {record["id"] for record in map(json.loads, done.out.splitlines()) if "id" in record}
    shown = broadcast("results", of, "--status", "skipped", "--json").json
    assert (shown["destination"], shown["reason"]) == (BOB, "it is on the do-not-call list")


def test_a_number_is_not_called_in_any_country_that_its_row_or_the_command_may_mean(
    broadcast: Broadcast,
) -> None:
    """National ones of the list are read with the region of their row, and so may those be that are not to be
    called; but their column may also have the names of other regions in it."""
    write("not", "phone,region\n0199001235,fr\n01 99 00 12 36,Bretagne\n+33199001237,Bretagne\n")
    write("people.csv", "phone,region\n0199001234,FR\n0199001235,FR\n+33199001236,\n+33199001237,\n")
    done = broadcast("people.csv", "Hello", *YES, "--region", "FR", "--do-not-call", "not")
    assert (done.code, broadcast.called) == (0, [ANN])
    write("not", "phone,region\n0199001235,FR\n")
    again = ("people.csv", "Hello", *YES, "--again", "--do-not-call", "not", "--max-calls", "2")
    for options in ((), ("--region", "DE")):
        assert broadcast(*again, *options).code == 7
    assert BOB not in broadcast.called


def test_the_do_not_call_list_may_come_from_a_pipe_and_be_gone_later(broadcast: Broadcast) -> None:
    listed(ANN, BOB, CAT)
    done = broadcast(
        "people.csv", MESSAGE, *YES, "--do-not-call", "-", "--max-calls", "1", "-q", stdin=f"{BOB}\n"
    )
    assert done.code == 7
    assert broadcast("resume", done.out.strip()).code == 0
    assert sorted(broadcast.called) == [ANN, CAT]
    write("not", f"{BOB}\n")
    of = broadcast.identifier(
        "people.csv", MESSAGE, *YES, "--again", "--do-not-call", "not", "--max-calls", "1", code=7
    )
    Path("not").unlink()
    done = broadcast("resume", of)
    assert (done.code, "is gone" in done.err) == (0, True)
    assert Counter(broadcast.called) == {ANN: 2, CAT: 2}


def test_who_unsubscribes_is_not_called_again_until_allowed(own_sandbox: RunningSandbox) -> None:
    broadcast = Broadcast(own_sandbox)
    numbers = ["+33199000601", "+33199000602", "+33199000603"]
    access = public_access()
    done = broadcast(listed(*numbers, ANN), MESSAGE, *YES, "--wait", *access)
    assert done.code == 7, done
    again = ("people.csv", MESSAGE, *YES, "--again", "--json")
    assert broadcast(*again, "--dry-run").json["skipped"] == 3
    done = broadcast(*again)
    assert json.loads(done.out.splitlines()[-1])["skipped"] == 3
    assert broadcast.called.count(ANN) == 2
    allowed = broadcast("allow", numbers[0], "+33 1 99 00 12 34")
    assert allowed.out == f"{numbers[0]} can be called again\n{ANN} had not unsubscribed\n"
    assert broadcast(*again).code == 0
    assert Counter(broadcast.called) == {ANN: 3, numbers[0]: 2, numbers[1]: 1, numbers[2]: 1}
    assert broadcast(*again, "--call-unsubscribed").code == 0
    assert broadcast.called.count(numbers[2]) == 2


# Examples of libphonenumber, in places where it is never night at the same time.
PLACES = {
    "Asia/Singapore": "+6561234567",
    "Europe/Paris": ANN,
    "Pacific/Auckland": "+6432345678",
    "Pacific/Honolulu": "+18082345678",
}


@pytest.mark.process
def test_nobody_is_called_at_night(broadcast: Broadcast) -> None:
    """Quiet is, at every moment, the six hours around this one where one of them lives."""
    asleep, others = "Asia/Singapore", [ANN]
    hour = datetime.now(ZoneInfo(asleep)).hour
    quiet = f"{(hour - 2) % 24}-{(hour + 3) % 24}"
    listed(PLACES[asleep], *others)
    figures = broadcast("people.csv", MESSAGE, "--not-between", quiet, "--dry-run")
    assert "1 person can't be called now, by their local time:\n  1 in Asia/Singapore, until " in figures.out
    with broadcast.under_way("people.csv", MESSAGE, "--yes", "--not-between", quiet, "--json") as process:
        wait_until(lambda: broadcast.called == others)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=DEADLINE)
    summary = json.loads(out.splitlines()[-1])
    assert (process.returncode, summary["accepted"], summary["left"]) == (130, 1, 1)
    assert broadcast.called == others


@pytest.mark.parametrize("option", ["--not-between", "--quiet"])
def test_a_dry_run_counts_who_is_asleep(broadcast: Broadcast, option: str) -> None:
    """Quiet is, at every moment, the six hours around this one in Singapore; one there is not called."""
    now = datetime.now(ZoneInfo("Asia/Singapore"))
    quiet = f"{(now.hour - 2) % 24}-{(now.hour + 3) % 24}"
    listed("+6561234567", "+6581234567", "+6531234567", ANN)
    write("not", "+6531234567\n")
    options = (option, quiet, "--do-not-call", "not", "--dry-run", "--json")
    figures = broadcast("people.csv", MESSAGE, *options).json
    assert (figures["calls"], figures["asleep"], figures["skipped"]) == (3, 2, 1)
    until = datetime.fromisoformat(figures["asleepUntil"]).astimezone(now.tzinfo)
    assert (until.hour, until.minute) == ((now.hour + 3) % 24, 0)
    assert now < until < now + timedelta(hours=4)
    awake = broadcast("people.csv", MESSAGE, "--dry-run", "--json").json
    assert (awake["asleep"], awake["asleepUntil"]) == (0, None)


def test_weekdays_are_those_of_whoever_is_called(broadcast: Broadcast) -> None:
    done = broadcast(listed(ANN), MESSAGE, "--weekdays", "--dry-run")
    weekend = datetime.now(ZoneInfo("Europe/Paris")).weekday() >= 5
    assert ("can't be called now" in done.out) == weekend


def test_a_number_whose_zones_leave_no_time_is_a_bad_row(broadcast: Broadcast) -> None:
    done = broadcast(listed(ANN, "+18002345678"), MESSAGE, "--not-between", "18-9", "--dry-run")
    assert done.code == 2
    assert re.search(
        r"^3 +No time is allowed in all time zones of \+18002345678\.", done.err, re.MULTILINE
    ), done


# -- what 8x8 answers --------------------------------------------------------------------------------


def test_what_some_rows_meet_exits_7_and_errors_are_grouped(broadcast: Broadcast) -> None:
    done = broadcast(listed(ANN, REFUSED, "+33199011014", LOST, "+33199004291"), MESSAGE, *YES)
    assert done.code == 7
    assert done.out.startswith(
        "5 of 5 rows done\n  2  accepted\n  2  refused: not called\n  1  unknown: may have been called\n"
    )
    assert "\n  2  8x8 refused: the caller ID is not allowed" in done.out
    for command in re.findall(r"^  voicecli broadcast (.*)$", done.out, re.MULTILINE):
        assert broadcast(*shlex.split(command)).code in (0, 7), command
    assert Path("results.csv").exists()
    assert Counter(broadcast.called)[ANN] == 1


def test_a_wrong_key_is_asked_once_and_keeps_nothing(broadcast: Broadcast, sandbox: RunningSandbox) -> None:
    numbers = [f"+3319900{number}" for number in range(2000, 2100)]
    write("people.csv", people(*numbers))
    done = broadcast(
        "people.csv", MESSAGE, *YES, "--concurrency", "1", EIGHT_X_EIGHT_API_KEY="wrong-key-of-mine"
    )
    assert (done.code, broadcast.called) == (4, [])
    assert "Check EIGHT_X_EIGHT_API_KEY" in done.err
    assert "Nobody was called: the same command can be run again." in done.err
    assert "wrong-key-of-mine" not in done.out + done.err
    assert broadcast("people.csv", MESSAGE, *YES, "--max-calls", "1").code == 7


@pytest.mark.process
def test_where_8x8_can_not_be_reached_it_waits_and_can_be_resumed(broadcast: Broadcast) -> None:
    with RunningSandbox(time_scale=1000) as other:
        first = Broadcast(other)
        of = first.identifier(listed(ANN, BOB, CAT), MESSAGE, *YES, "--max-calls", "1", code=7)
    with first.under_way("resume", of, "--json") as process:
        assert process.stdout is not None
        tried = {process.stdout.readline() for _ in range(5)}
        assert any('"planned"' in line for line in tried), tried
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["left"] == 2
    assert f"voicecli broadcast resume {of}" in err


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (document({"sessionId": "\x1b[2Jx\n", "statusCode": 1, "sessionStatus": "CREATED"}), "unknown"),
        (http("200 OK", b"<html>"), "unknown"),
        (http("200 OK", b"\xff" * 1000), "unknown"),
        (document({"sessionId": ["x"]}), "unknown"),
        (document({"statusCode": 7, "statusMessage": "no: \x1b[2J Hello N0"}, "400 Bad Request"), "refused"),
    ],
    ids=["control characters", "html", "binary", "people", "echo"],
)
def test_a_hostile_answer_is_shown_and_not_obeyed(
    broadcast: Broadcast, home: Path, answer: bytes, status: str
) -> None:
    with server(answering(answer)) as (url, requests):
        done = broadcast(listed(ANN), MESSAGE, EIGHT_X_EIGHT_BASE_URL=url)
    assert len(requests) == 1
    assert (done.code, "\x1b" in done.out + done.err) == (7, False), done
    [of] = broadcast("list", "-q").out.split()
    shown = broadcast("results", of, "--json").json
    assert shown["status"] == status, shown
    assert "\x1b" not in broadcast("results", of).out
    assert not any(b"Hello N0" in content for content in bytes_under(home))


# -- the journal -------------------------------------------------------------------------------------


def test_the_same_list_again_is_refused_unless_again(broadcast: Broadcast) -> None:
    of = broadcast.identifier(listed(ANN, BOB), MESSAGE, *YES)
    write("copy.csv", Path("people.csv").read_bytes())
    done = broadcast("copy.csv", "Another text", *YES)
    assert (done.code, done.out, len(broadcast.called)) == (9, "", 2)
    assert f"as broadcast {of}: nothing was sent." in done.err
    assert broadcast("copy.csv", MESSAGE, *YES, "--json").error["code"] == "placed_before"
    assert broadcast("copy.csv", MESSAGE, *YES, "--again").code == 0
    assert len(broadcast.called) == 4


def test_the_same_list_is_recognised_however_the_address_is_written(broadcast: Broadcast) -> None:
    url = broadcast.environment["EIGHT_X_EIGHT_BASE_URL"]
    of = broadcast.identifier(listed(ANN, BOB), MESSAGE, *YES, "--max-calls", "1", code=7)
    for way in (f"{url}/", url.upper(), url.replace("http:", "HTTP:") + "//"):
        done = broadcast("people.csv", MESSAGE, *YES, EIGHT_X_EIGHT_BASE_URL=way)
        assert (done.code, done.out, len(broadcast.called)) == (9, "", 1), done
        assert f"resume {of} goes on with it" in done.err
    done = broadcast("resume", of, EIGHT_X_EIGHT_BASE_URL=f"{url}/")
    assert (done.code, sorted(broadcast.called)) == (0, [ANN, BOB]), done


def test_join_needs_a_store_that_machines_share(broadcast: Broadcast) -> None:
    of = broadcast.identifier(listed(ANN, BOB), MESSAGE, *YES, "--max-calls", "1", code=7)
    done = broadcast("join", of)
    assert (done.code, len(broadcast.called)) == (3, 1)
    assert "need a store that they share" in done.err


def test_resume_refuses_a_list_that_changed_and_takes_one_that_moved(broadcast: Broadcast) -> None:
    of = broadcast.identifier(listed(ANN, BOB), MESSAGE, *YES, "--max-calls", "1", code=7)
    broadcast("stop", of)
    content = Path("people.csv").read_bytes()
    write("people.csv", content + b"+33199001299,Eve\n")
    done = broadcast("resume", of)
    assert (done.code, "has changed" in done.err, len(broadcast.called)) == (2, True, 1)
    assert broadcast("show", of, "--json").json["state"] == "stopped", "as it was"
    write("a b'c/people.csv", content)
    Path("people.csv").unlink()
    done = broadcast("resume", of)
    assert (done.code, f"broadcast resume {of} FILE" in done.err) == (2, True), done
    assert broadcast("resume", of, "a b'c/people.csv").code == 0
    assert sorted(broadcast.called) == [ANN, BOB]


def test_a_list_from_a_pipe_is_resumed_from_a_pipe(broadcast: Broadcast) -> None:
    content = people(ANN, BOB)
    done = broadcast("-", MESSAGE, *YES, "--max-calls", "1", stdin=content)
    [command] = re.findall(
        r"Call the other 1 \(pipe the list in again\):\n  voicecli broadcast (.*)", done.out
    )
    empty = broadcast(*command.split())
    assert (empty.code, "is needed again" in empty.err) == (2, True)
    assert broadcast(*command.split(), stdin=content).code == 0
    assert sorted(broadcast.called) == [ANN, BOB]


@pytest.mark.process
@pytest.mark.parametrize("killed", [False, True])
def test_nothing_that_people_hear_is_on_the_disk(broadcast: Broadcast, home: Path, killed: bool) -> None:
    last = SILENT if killed else LOST
    write(
        "people",
        f"phone,word,play\n{ANN},Xylophon,\n{BOB},Marimba,https://a.example/geheim.mp3\n{last},Celesta,\n",
    )
    arguments = ("people", "Kennwort {word}", "--yes", "--request-timeout", "20")
    with broadcast.under_way(*arguments) as process:
        wait_until(lambda: len(broadcast.called) == 3)
        if killed:
            process.kill()
        process.wait(DEADLINE)
    assert bytes_under(home)
    for content in bytes_under(home):
        for secret in (b"Kennwort", b"Xylophon", b"Marimba", b"Celesta", b"geheim"):
            assert secret not in content
            assert secret.decode().encode("utf-16-le") not in content
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.soak
@pytest.mark.process
def test_after_a_kill_nobody_is_called_twice(broadcast: Broadcast) -> None:
    listed(ANN, SILENT, BOB, CAT)
    options = ("--yes", "--concurrency", "2", "--request-timeout", "2")
    with broadcast.under_way("people.csv", MESSAGE, *options) as process:
        wait_until(lambda: SILENT in broadcast.called)
        process.kill()
    [of] = broadcast("list", "-q").out.split()
    assert broadcast("show", of, "--json").json["state"] == "interrupted"
    done = broadcast("resume", of)
    assert (done.code, max(Counter(broadcast.called).values())) == (7, 1), done
    assert "it was interrupted" in done.out
    assert "--retry-unknown" in done.out
    shown = broadcast("results", of, "--status", "unknown", "--json").out.splitlines()
    unknown = {json.loads(line)["destination"] for line in shown}
    assert broadcast("resume", of, "--retry-unknown").code == 7
    calls = Counter(broadcast.called)
    assert calls[SILENT] == 2
    assert {number for number, times in calls.items() if times > 1} <= unknown
    assert set(calls) == {ANN, SILENT, BOB, CAT}


# -- shards ------------------------------------------------------------------------------------------


def test_shards_are_disjoint_complete_and_stable(broadcast: Broadcast) -> None:
    numbers = [f"+3319900{number}" for number in range(2000, 2030)]
    write("people.csv", people(*numbers) + "bad,x\n")
    called: list[set[str]] = []
    rows: list[dict[str, object]] = []
    for part in (1, 2, 3):
        before = len(broadcast.called)
        options = ("--skip-invalid", "--shard", f"{part}/3")
        of = broadcast.identifier("people.csv", MESSAGE, *YES, *options)
        called.append(set(broadcast.called[before:]))
        rows += [json.loads(line) for line in broadcast("results", of, "--json").out.splitlines()]
    assert all(called)
    assert sum(map(len, called)) == 30
    assert set.union(*called) == set(numbers)
    write("other.csv", "name,phone\n" + "".join(f"x,{number}\n" for number in reversed(numbers)))
    before = len(broadcast.called)
    assert broadcast("other.csv", MESSAGE, *YES, "--shard", "2/3").code == 0
    assert set(broadcast.called[before:]) == called[1], "a number belongs to the same shard in any list"
    assert broadcast("people.csv", MESSAGE, *YES, "--skip-invalid", "--shard", "2/3").code == 9
    assert broadcast("people.csv", MESSAGE, *YES, "--skip-invalid").code == 9
    assert sorted(row["line"] for row in rows) == list(range(2, 33))
    assert [row["line"] for row in rows if row["status"] == "skipped"] == [32]


# -- what is seen ------------------------------------------------------------------------------------


def test_programs_get_a_line_for_whatever_happens(broadcast: Broadcast) -> None:
    done = broadcast(listed(ANN, REFUSED), MESSAGE, *YES, "--json")
    assert (done.code, done.err) == (7, "")
    first, *rows, last = map(json.loads, done.out.splitlines())
    assert first == {"record": "broadcast", "broadcastId": last["broadcastId"], "id": last["id"]}
    assert [(row["line"], row["status"]) for row in rows if row["line"] == 2] == [
        (2, "sending"),
        (2, "accepted"),
    ]
    fields = {*DOCUMENTS["broadcast send: record row"].split(), *FORMER_NAMES["row"]}
    assert set(rows[0]) == fields
    assert (last["record"], last["accepted"], last["refused"], last["exitCode"]) == ("summary", 1, 1, 7)
    assert last["commands"][-1] == f"voicecli broadcast results {last['id']} -o results.csv"


def test_quiet_prints_the_id_alone(broadcast: Broadcast) -> None:
    done = broadcast(listed(ANN, BOB), MESSAGE, *YES, "-q")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"b[0-9a-f]{10}\n", done.out)


@pytest.mark.soak
@pytest.mark.process
def test_without_a_terminal_there_is_a_line_every_few_seconds(broadcast: Broadcast) -> None:
    write("people.csv", people(*(f"+3319900{number}" for number in range(2000, 2100))))
    with broadcast.under_way("people.csv", MESSAGE, "--yes", "--rate", "2/s") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Broadcast b")
        line = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
    assert re.match(r"\d+ of 100 done: \d+ accepted, 0 refused, 0 unknown; \d\.\d a second, ", line), line
    assert process.returncode == 130
    [command] = re.findall(r"Call the other \d+:\n  (voicecli broadcast resume b\w+)\n", out)
    assert err.splitlines()[-2:] == ["Error: Interrupted.", f"Hint: To go on: {command}"]


# -- outcomes ----------------------------------------------------------------------------------------


def test_confirm_waits_and_the_way_in_outlives_an_interruption(own_sandbox: RunningSandbox) -> None:
    broadcast = Broadcast(own_sandbox)
    yes, no = "+33199007103", "+33199007203"
    access = public_access()
    arguments = ("--confirm", "1", "--thanks", "Geheimdank", *access)
    done = broadcast(listed(yes, no), "Press 1", *YES, *arguments, "--max-calls", "1")
    assert done.code == 7, done
    [of] = broadcast("list", "-q").out.split()
    done = broadcast("resume", of, "--json")
    summary = json.loads(done.out.splitlines()[-1])
    assert (done.code, summary["confirmed"], summary["outcomes"]) == (7, 1, {"COMPLETED": 2}), done
    rows = [json.loads(line) for line in broadcast("results", of, "--json").out.splitlines()]
    assert [row["digits"] for row in rows] == ["1", "2"]
    assert all(row["duration"] is not None for row in rows)
    assert {action(request, 1, "successMessage") for request in broadcast.requests} == {"Geheimdank"}
    home = Path(os.environ["VOICECLI_HOME"])
    for words in (b"Geheimdank", b"Press 1", b"voicecli sealed"):
        assert not any(words in content for content in bytes_under(home)), words


@pytest.mark.usefixtures("short_seconds")
def test_who_is_busy_is_called_again(own_sandbox: RunningSandbox) -> None:
    broadcast = Broadcast(own_sandbox)
    options = ("--retry", "busy", "--attempts", "3", "--every", "1s", *public_access())
    done = broadcast(listed(BUSY, ANN), MESSAGE, *YES, *options, "--json")
    assert (done.code, Counter(broadcast.called)) == (7, {BUSY: 3, ANN: 1}), done
