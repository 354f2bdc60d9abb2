"""``voicecli broadcast list | show | stop | resume | results``: what is seen of one, then and later."""

import csv
import json
import os
import signal
import sqlite3
import stat
import subprocess
from pathlib import Path

import openpyxl
import pytest
from conftest import DEADLINE, RunningSandbox, voicecli, wait_until
from in_process import run_on_terminal
from lists import ANN, BOB, BUSY, CAT, LOST, MESSAGE, REFUSED, Broadcast, people, write
from past import event, keep
from rich.cells import cell_len
from running_listener import listening, public_access, registering
from test_terminal import on_terminal, plain

from voicecli.output.table_files import Sheet, write_workbook
from voicecli.platforms.locks import is_held

OWN = "line,destination,status,outcome,bridge,digits,result,answers,duration,attempts,session,reason"
FAR = ("--rate", "1/h")  # the second call is an hour away


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


@pytest.fixture
def home() -> Path:
    return Path(os.environ["VOICECLI_HOME"])


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# -- list and show -----------------------------------------------------------------------------------


def test_without_a_broadcast_there_is_an_empty_list(broadcast: Broadcast) -> None:
    done = broadcast("list")
    assert (done.code, done.out, "There is no broadcast yet" in done.err) == (0, "", True)
    assert broadcast("list", "--json").out == ""


@pytest.mark.process
def test_the_newest_broadcast_is_first(broadcast: Broadcast) -> None:
    first = broadcast.identifier(write("a.csv", people(ANN)), MESSAGE)
    last = broadcast.identifier(
        write("b c.csv", people(ANN, BOB)), MESSAGE, "--yes", "--max-calls", "1", code=7
    )
    assert broadcast("list", "-q").out == f"{last}\n{first}\n"
    newest, oldest = map(json.loads, broadcast("list", "--json").out.splitlines())
    assert (newest["id"], newest["state"], newest["left"]) == (last, "interrupted", 1)
    assert (oldest["state"], oldest["accepted"], oldest["shard"]) == ("done", 1, None)
    lines = plain(on_terminal("broadcast", "list", columns=80))
    assert lines[0].split() == ["id", "begun", "state", "people", "accepted", "list"]
    assert lines[1].split()[:1] == [last]
    assert max(map(len, lines)) <= 80


def test_of_a_workbook_the_results_go_into_a_workbook(broadcast: Broadcast) -> None:
    with Path("people.XLSX").open("wb") as file:
        write_workbook(file, [Sheet("p", [("phone", "name"), (ANN, "A")])])
    of = broadcast.identifier("people.XLSX", MESSAGE, "--yes")
    assert broadcast("show", of).out.endswith(f"\n  voicecli broadcast results {of} -o results.xlsx\n")


def test_show_tells_how_it_stands_and_what_to_do(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN, REFUSED, LOST)), MESSAGE, "--yes", code=7)
    done = broadcast("show", of[:5])
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Broadcast {of} of {Path('p.csv').resolve()}: begun ")
    assert ", done\n3 of 3 rows done\n  1  accepted\n  1  refused: not called\n" in done.out
    assert f":\n  voicecli broadcast resume {of} --retry-unknown\n" in done.out
    shown = broadcast("show", of, "--json").json
    assert (shown["unknown"], shown["options"]["maxCalls"], shown["options"]["source"]) == (
        1,
        None,
        "+33199000000",
    )
    assert shown["commands"][-2:] == [
        f"voicecli broadcast report {of} -o report.html",
        f"voicecli broadcast results {of} -o results.csv",
    ]


@pytest.mark.parametrize("wanted", ["", "*", "%", "b_", "zzz", "../x", "b\udcff", "\x1b[2J"])
def test_what_is_no_id_is_told(broadcast: Broadcast, wanted: str) -> None:
    done = broadcast("show", wanted)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(("Error: There is no broadcast ", "Error: The broadcast's id is missing"))
    assert "\x1b" not in done.err


def test_the_beginning_of_an_id_has_to_mean_one(broadcast: Broadcast) -> None:
    ids = {
        broadcast.identifier(write(name, people(ANN) + f"{CAT},{name}\n"), MESSAGE, "--yes") for name in "xy"
    }
    for command in ("show", "stop", "resume", "results"):
        done = broadcast(command, "b")
        assert (done.code, done.out, "Several broadcasts" in done.err) == (2, "", True)
        assert all(one in done.err for one in ids)


# -- stop and resume ---------------------------------------------------------------------------------


@pytest.mark.process
def test_stop_ends_it_from_another_process_and_resume_goes_on(broadcast: Broadcast) -> None:
    write("p.csv", people(ANN, BOB))
    with broadcast.under_way("p.csv", MESSAGE, "--yes", *FAR) as process:
        wait_until(lambda: broadcast.called)
        of = broadcast("list", "-q").out.strip()
        assert broadcast("show", of, "--json").json["state"] == "running"
        busy = broadcast("resume", of)
        assert (busy.code, "is being worked on by another voicecli" in busy.err) == (3, True)
        stopped = broadcast("stop", of, "--json")
        assert (stopped.code, stopped.json) == (0, {"broadcastId": of, "id": of, "stopped": True})
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert "The broadcast was stopped." in err
    assert f"voicecli broadcast resume {of}\n" in out
    assert broadcast("show", of, "--json").json["state"] == "stopped"
    assert broadcast("resume", of, "--rate", "100/s").code == 0
    assert broadcast.called == [ANN, BOB]
    done = broadcast("stop", of, "--json")
    assert (done.code, done.json["stopped"]) == (0, False)


@pytest.mark.process
def test_one_that_still_waits_for_its_list_can_be_stopped(broadcast: Broadcast, home: Path) -> None:
    listed = people(ANN, BOB)
    of = broadcast("-", MESSAGE, "--yes", "--max-calls", "1", "-q", stdin=listed).out.strip()
    with broadcast.under_way("resume", of, "-", stdin=subprocess.PIPE) as process:
        wait_until(lambda: is_held(home / f"broadcast-{of}.lock"))
        assert broadcast("stop", of).out == f"Broadcast {of} is stopping\n"
        _, err = process.communicate(listed, timeout=DEADLINE)
    assert (process.returncode, len(broadcast.called)) == (130, 1)
    assert "The broadcast was stopped." in err
    assert broadcast("show", of, "--json").json["state"] == "stopped"


@pytest.mark.parametrize("left", [None, b"\0", b"\0" * 32])
def test_where_nobody_knows_what_it_says_it_does_not_pretend_to_be_done(
    broadcast: Broadcast, home: Path, left: bytes | None
) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN, BOB)), MESSAGE, "--yes", "--max-calls", "1", code=7)
    (home / "seal.key").unlink()
    if left is not None:
        (home / "seal.key").write_bytes(left)
    done = broadcast("resume", of)
    assert (done.code, done.out, len(broadcast.called)) == (3, "", 1)
    assert f"The message of broadcast {of} can't be read" in done.err
    assert "It can't be resumed" in done.err


def test_a_list_that_is_called_like_a_command_can_be_sent(broadcast: Broadcast) -> None:
    done = broadcast(write("list", people(ANN)), MESSAGE)
    assert (done.code, "voicecli broadcast send list" in done.err) == (2, True)
    assert broadcast("send", "list", MESSAGE).code == 0
    done = broadcast("reslts", "b123")
    assert (done.code, "No such command 'reslts'" in done.err) == (2, True)


def test_one_that_is_done_calls_nobody(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN)), MESSAGE)
    done = broadcast("resume", of)
    assert (done.code, done.out, len(broadcast.called)) == (2, "", 1)
    assert f"Error: Broadcast {of} is done" in done.err


def test_only_who_is_asked_for_is_tried_again(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN, REFUSED, LOST)), MESSAGE, "--yes", code=7)
    assert broadcast("resume", of).code == 7
    assert len(broadcast.called) == 2, "refused ones are no request that was carried out"
    assert broadcast("resume", of, "--retry-refused").code == 7
    assert sorted(broadcast.called) == sorted([ANN, LOST])
    assert broadcast("resume", of, "--retry-unknown").code == 7
    assert sorted(broadcast.called) == sorted([ANN, LOST, LOST])
    assert [
        row["attempts"] for row in map(json.loads, broadcast("results", of, "--json").out.splitlines())
    ] == [1, 2, 2]


def test_another_account_is_refused(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN, BOB)), MESSAGE, "--yes", "--max-calls", "1", code=7)
    done = broadcast("resume", of, EIGHT_X_EIGHT_SUBACCOUNT_ID="another_one")
    assert (done.code, len(broadcast.called)) == (3, 1)
    assert f"Broadcast {of} is of subaccount voicecli_sandbox" in done.err


def test_settings_come_from_a_dotenv(broadcast: Broadcast, sandbox: RunningSandbox) -> None:
    write(".env", "".join(f'{name}="{value}"  # why\n' for name, value in sandbox.environment.items()))
    write("p.csv", people(ANN))
    broadcast.environment = dict(os.environ)
    assert broadcast("p.csv", MESSAGE).code == 0


# -- results -----------------------------------------------------------------------------------------


def test_results_have_the_list_s_own_columns(broadcast: Broadcast) -> None:
    write("p.csv", f'phone;line;Ort\n{ANN};7;"Köln; =1+1"\n{REFUSED};;\n')
    of = broadcast.identifier("p.csv", "Hi", "--yes", code=7)
    done = broadcast("results", of, "-o", "out dir.csv")
    assert (done.code, done.out, done.err) == (0, "out dir.csv has 2 rows\n", "")
    first, second = table("out dir.csv")
    assert list(first) == [
        *OWN.split(","),
        *("phone", "input_line", "Ort"),
    ]
    assert (first["status"], first["input_line"], first["Ort"], first["attempts"]) == (
        "accepted",
        "7",
        "Köln; =1+1",
        "1",
    )
    assert (second["status"], second["session"]) == ("refused", "")
    assert second["reason"].startswith("8x8 refused: the caller ID is not allowed")
    assert stat.S_IMODE(Path("out dir.csv").stat().st_mode) == 0o600
    assert broadcast("results", of, "-o", "x/y.csv").code == 2


def test_results_have_each_column_once(broadcast: Broadcast) -> None:
    write("p.csv", f"phone;status;input_status\n{ANN};7;8\n")
    of = broadcast.identifier("p.csv", "Hi", "--yes")
    assert broadcast("results", of, "-o", "out.csv").code == 0
    header, row = Path("out.csv").read_text().splitlines()
    assert header == f"{OWN},phone,input_status"
    assert row.endswith(f",{ANN},8")


@pytest.mark.process
def test_results_can_be_chosen_and_a_wrong_word_is_told(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN, REFUSED, LOST)), MESSAGE, "--yes", code=7)
    rows = map(json.loads, broadcast("results", of, "--status", "refused,Unknown", "--json").out.splitlines())
    assert [(row["line"], row["status"], row["input"]["name"]) for row in rows] == [
        (3, "refused", "N1"),
        (4, "unknown", "N2"),
    ]
    assert broadcast("results", of, "--status", "no-answer").out == ""
    done = broadcast("results", of, "--status", "acepted")
    assert (done.code, "the nearest is ACCEPTED" in done.err) == (2, True)
    lines = plain(on_terminal("broadcast", "results", of, columns=80))
    assert max(map(len, lines)) <= 80


def test_results_go_to_standard_output_as_csv(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN, REFUSED)), MESSAGE, "--yes", code=7)
    done = broadcast("results", of, "-o", "-")
    assert broadcast("results", of, "-o", "out.csv").code == 0
    assert (done.code, done.out.encode(), done.err) == (0, Path("out.csv").read_bytes(), "")
    assert [row["name"] for row in csv.DictReader(done.out.splitlines())] == ["N0", "N1"]
    assert not Path("-").exists()


@pytest.mark.process
def test_at_80_columns_a_row_of_the_results_has_few_lines(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN, BOB, REFUSED, LOST)), MESSAGE, "--yes", code=7)
    lines = plain(on_terminal("broadcast", "results", of, columns=80))
    starts = [index for index, line in enumerate(lines) if line[0] != " "]
    assert starts[:4] == [0, 1, 2, 3], "who was called has one line"
    assert len(lines) - starts[4] <= 5, "whoever was not has the reason"
    assert starts[4] - starts[3] <= 5
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["line", "name", "destination", "status", "session"]
    assert lines[-1].startswith("The same in all 4 rows: attempts 1.")


def test_on_a_terminal_what_differs_is_shown_as_far_as_there_is_room(broadcast: Broadcast) -> None:
    names = [
        "李小龍",
        "Zoë 🙂",
        "\u202egnirts",
        "\u0627\u062d\u0645\u062f",
        "A very long name that goes on and on",
    ]
    numbers = [f"+331990012{place:02}" for place in range(len(names))]
    rows = "".join(f"{number},{name},Köln,{name}\n" for number, name in zip(numbers, names, strict=True))
    of = broadcast.identifier(write("p.csv", f"phone,Full name,city,note\n{rows}"), "Hi", "--yes")
    env = {name: value for name, value in broadcast.environment.items() if name != "COLUMNS"}

    def look(columns: int, *options: str) -> list[str]:
        arguments = ["broadcast", "results", of, *options]
        lines = plain(run_on_terminal(arguments, DEADLINE, columns=columns, env=env).decode().splitlines())
        assert [line for line in lines if cell_len(line) > columns and "The same" not in line] == []
        assert all(number in "".join(lines) for number in numbers)
        return lines

    assert look(40)[0].split() == ["line", "Full", "name", "destination"]
    assert look(200)[0].split() == ["line", "Full", "name", "destination", "session"]
    assert look(80, "--show", "city,NOTE")[0].split() == ["line", "note", "destination", "session"]
    assert look(60, "--show", "")[0].split() == ["line", "destination", "session"]
    assert "city Köln" in "".join(look(200, "--show", "city"))
    refused = broadcast("results", of, "--show", "nane")
    assert (refused.code, "The list has no column 'nane'; the nearest is 'note'." in refused.err) == (2, True)


def test_a_pipe_gets_all_columns_and_a_heading_if_asked(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN)), MESSAGE)
    heading, row = broadcast("results", of, "--header").out.splitlines()
    assert heading.split() == [
        *(
            "line",
            "name",
            "destination",
            "status",
            "outcome",
            "result",
            "digits",
            "attempts",
            "session",
            "reason",
        ),
    ]
    assert row == broadcast("results", of).out.rstrip("\n")
    assert [row.index(text) == heading.index(name) for text, name in ((ANN, "dest"), ("N0", "name"))]


def test_the_ending_of_a_file_says_how_it_is_written(broadcast: Broadcast) -> None:
    write("p.csv", f"phone;name;code\n{ANN};Köln;0042\n{REFUSED};=1+1;\n")
    of = broadcast.identifier("p.csv", MESSAGE, "--yes", code=7)
    for name in ("a.csv", "b.JSONL", "c.xlsx", "plain", "e.csv"):
        done = broadcast("results", of, "-o", name, *(["--excel"] if name == "e.csv" else []))
        assert (done.code, done.out) == (0, f"{name} has 2 rows\n")
    assert Path("plain").read_bytes() == Path("a.csv").read_bytes()
    assert Path("b.JSONL").read_text() == broadcast("results", of, "--json").out
    assert Path("e.csv").read_bytes().startswith(b"\xef\xbb\xbfline;destination;")
    with Path("e.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.DictReader(file, delimiter=";")) == table("a.csv")
    sheet = openpyxl.load_workbook("c.xlsx").worksheets[0]
    heading, first, second = sheet.iter_rows(values_only=True)
    assert heading == (*OWN.split(","), "phone", "name", "code")
    assert (first[0], first[1], first[-2:]) == (2, ANN, ("Köln", "0042"))
    assert second[-2:] == ("=1+1", None)
    for name, words in (
        ("a.pdf", "only as .csv, .jsonl or .xlsx"),
        ("a.xls", "Results can't be written as .xls"),
    ):
        done = broadcast("results", of, "-o", name)
        assert (done.code, words in done.err, Path(name).exists()) == (2, True, False)
    assert broadcast("results", of, "-o", "d.xlsx", "--excel").code == 2


def test_rows_of_a_list_that_was_edited_are_found_by_their_numbers(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", f"phone,name\n{ANN},A\n{BOB},B\n{CAT},C\n"), "Hi", "--yes")
    write("p.csv", f"name;phone;note\nB;{BOB};x\nA;{ANN};y\nnew;{BUSY};z\n")
    done = broadcast("results", of, "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["destination"], row["input"]["name"], row["input"]["note"]) for row in rows] == [
        (ANN, "A", "y"),
        (BOB, "B", "x"),
        (CAT, "", ""),
    ]
    assert "2 of 3 rows found by number on other lines, 1 not on it any more." in done.err


def test_a_list_that_excel_saved_again_is_joined_by_number(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", f"phone,name\n{ANN},A\n{BOB},B\n"), "Hi", "--yes")
    with Path("saved.xlsx").open("wb") as file:
        write_workbook(file, [Sheet("p", [("phone", "name", "note"), (BOB, "B", "x"), (ANN, "A", "y")])])
    done = broadcast("results", of, "--list", "saved.xlsx", "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["destination"], row["input"]["note"]) for row in rows] == [(ANN, "y"), (BOB, "x")]
    assert "2 of 2 rows found by number on other lines" in done.err


def test_a_workbook_of_results_can_be_sent_as_a_list(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", f"phone,name\n{ANN},=A\n{BOB},'=B\n"), "Hi {name}", "--yes")
    assert broadcast("results", of, "-o", "again.xlsx").code == 0
    assert broadcast("again.xlsx", "Hi {name}", "--yes").code == 0
    assert [broadcast.heard[number] for number in (ANN, BOB)] == ["Hi =A", "Hi '=B"]


def test_who_confirmed_can_be_asked_only_where_somebody_was_asked(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN)), MESSAGE)
    for options in (
        ["--confirmed"],
        ["--unconfirmed"],
        ["--confirmed", "--unconfirmed"],
        ["--result", "x"],
        ["--status", ","],
    ):
        done = broadcast("results", of, *options)
        assert (done.code, done.out) == (2, "")
    none = broadcast("results", of, "--status", "BUSY")
    assert (none.code, none.out, none.err) == (0, "", "There is no such row in this broadcast.\n")
    assert broadcast("results", of, "--not-reached", "--json").json["destination"] == ANN


def test_results_go_without_a_list_that_is_gone_and_find_one_that_moved(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN)), MESSAGE)
    Path("p.csv").rename("moved.csv")
    done = broadcast("results", of, "--json")
    assert (done.code, done.json["input"], "its own columns are left out" in done.err) == (0, {}, True)
    assert broadcast("results", of, "--json", "--list", "moved.csv").json["input"]["name"] == "N0"
    write("moved.csv", people(BOB))
    assert broadcast("results", of, "--list", "moved.csv").code == 2


# -- what comes later, and from outside --------------------------------------------------------------


def summary(request_id: str, status: str = "COMPLETED", **fields: object) -> dict[str, object]:
    payload = {
        "sessionId": "s-1",
        "sessionStatus": status,
        "clientRequestId": request_id,
        "duration": 7.0,
        **fields,
    }
    return {"eventId": request_id + status, "eventType": "SESSION_SUMMARY", "payload": payload}


@pytest.mark.soak
@pytest.mark.process
def test_outcomes_that_come_later_are_there(own_sandbox: RunningSandbox, home: Path) -> None:
    broadcast = Broadcast(own_sandbox)
    with listening(home, *registering(), env=own_sandbox.environment) as listener:
        assert listener.url
        of = broadcast.identifier(write("p.csv", people(ANN, BUSY, LOST)), MESSAGE, "--yes", code=7)
        wait_until(lambda: len(listener.of("event", type="VSS")) == 3)
    rows = [json.loads(line) for line in broadcast("results", of, "--json").out.splitlines()]
    assert [(row["status"], row["outcome"]) for row in rows] == [
        ("accepted", "COMPLETED"),
        ("accepted", "BUSY"),
        ("accepted", "COMPLETED"),
    ]
    assert broadcast("show", of, "--json").json["unknown"] == 0, "its summary settles a lost answer"
    shown = broadcast("results", of, "--status", "BUSY", "--json").json
    assert (shown["destination"], shown["reason"]) == (BUSY, None)


def test_what_became_of_a_bridge_is_told(broadcast: Broadcast, home: Path) -> None:
    flow = [
        {"action": "say", "params": {"text": "Hello", "voiceProfile": "en-US-BenjaminRUS"}},
        {"action": "makeCall", "params": {"source": "+33199000000", "destination": "+33199005678"}},
    ]
    write("flow.json", json.dumps(flow))
    of = broadcast.identifier(write("p.csv", people(ANN, BOB)), "--callflow", "flow.json", "--yes")
    for number, line, theirs in ((ANN, 2, "NO_ANSWER"), (BOB, 3, "COMPLETED")):
        legs = {
            "CallA": {"destination": number[1:], "callStatus": "COMPLETED", "callDuration": 9},
            "CallB": {"destination": "33199005678", "callStatus": theirs},
        }
        keep(home, event("VSS", theirs, f"s-{line}", clientRequestId=f"{of}-{line}-1", details=legs))
    rows = [json.loads(line) for line in broadcast("results", of, "--json").out.splitlines()]
    assert [(row["outcome"], row["bridge"]) for row in rows] == [
        ("COMPLETED", "NO_ANSWER"),
        ("COMPLETED", "COMPLETED"),
    ]
    assert broadcast("show", of, "--json").json["bridges"] == {"COMPLETED": 1, "NO_ANSWER": 1}
    assert "Bridges: 1 completed, 1 no answer" in broadcast("show", of).out
    assert broadcast("results", of).out.splitlines()[0].endswith("  bridge: no answer")


@pytest.mark.soak
@pytest.mark.process
def test_who_is_to_be_called_again_after_an_interruption_is_left(home: Path) -> None:
    retry = ("--retry", "busy", "--every", "1s", *public_access())
    with RunningSandbox(time_scale=0.1) as slow:  # so that no outcome comes while it is waited for
        broadcast = Broadcast(slow)
        with broadcast.under_way(write("p.csv", people(ANN)), MESSAGE, *retry, "--json") as process:
            wait_until(lambda: "accepted" in read_line(process))
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=DEADLINE)
        of = json.loads(out.splitlines()[-1])["id"]
        assert (process.returncode, len(broadcast.called)) == (130, 1)
        waiting = broadcast("show", of, "--json").json
        assert (waiting["left"], waiting["commands"][0]) == (0, f"voicecli broadcast resume {of}")
        keep(home, event("VSS", "BUSY", "s-1", number=ANN, clientRequestId=f"{of}-2-1"))
        due = broadcast("show", of, "--json").json
        assert (due["state"], due["left"], due["retrying"]) == ("interrupted", 1, 1)
        assert due["commands"][0] == f"voicecli broadcast resume {of}"
        assert "Call the other 1:\n" in broadcast("show", of).out
        with broadcast.under_way("resume", of):
            wait_until(lambda: broadcast.called == [ANN, ANN])


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_reports_of_calls_that_never_were_change_nothing(broadcast: Broadcast, home: Path) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN, BOB)), MESSAGE, "--yes", "--max-calls", "1", code=7)
    wrong = [
        ("3", "1"),
        ("2", "2"),
        ("2", "0"),
        ("99", "1"),
        ("-2", "1"),
        ("2", "1-1"),
        ("٢", "1"),
        ("9" * 15, "1"),
        ("9" * 400, "1"),
        ("2", "9" * 30),
        ("", ""),
        ("2.0", "1"),
    ]
    for line, attempt in wrong:
        keep(home, summary(f"{of}-{line}-{attempt}", "BUSY"))
    keep(home, summary(f"{of}-2-1", "FAILED", details={"callAnchor": {"destination": CAT}}))
    keep(home, summary(f"b{'0' * 10}-2-1"))
    rows = [json.loads(line) for line in broadcast("results", of, "--json").out.splitlines()]
    assert [row["status"] for row in rows] == ["accepted", "planned"]
    assert [row["outcome"] for row in rows] == [None, None]
    assert rows[1]["attempts"] == 0


def test_a_hostile_outcome_is_shown_and_not_obeyed(broadcast: Broadcast, home: Path) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN)), MESSAGE)
    keep(home, summary(f"{of}-2-1", "=cmd|'/c calc'!A1\x1b[2J\u202e[bold]", sessionId="=1+1"))
    for arguments in (["results", of], ["show", of], ["list"]):
        done = broadcast(*arguments)
        assert (done.code, "\x1b" in done.out, "\u202e" in done.out) == (0, False, False), done
    assert broadcast("results", of, "-o", "out.csv").code == 0
    [row] = table("out.csv")
    assert row["outcome"].startswith("'=cmd")
    assert row["session"].startswith("'=1")
    assert broadcast("results", of, "--json").json["outcome"].startswith("=cmd")
    assert broadcast("results", of, "-o", "raw.csv", "--raw").code == 0
    assert table("raw.csv")[0]["outcome"].startswith("=cmd")


def test_formulas_of_the_list_are_guarded_and_the_file_can_be_sent_again(broadcast: Broadcast) -> None:
    content = f"phone,=1+1,name\n{ANN},@SUM(1),-Ann\n{BOB},'=x,+5\n"
    of = broadcast.identifier(write("p.csv", content), "Hello {name}, {=1+1}", "--yes")
    assert broadcast("results", of, "-o", "out.csv").code == 0
    first, second = table("out.csv")
    assert [first["phone"], first["'=1+1"], first["name"]] == [ANN, "'@SUM(1)", "'-Ann"]
    assert [second["phone"], second["'=1+1"], second["name"]] == [BOB, "''=x", "+5"]
    preview = broadcast("send", "out.csv", "Hello {name}, {=1+1}", "--dry-run")
    assert preview.code == 0, preview
    again = broadcast.identifier("out.csv", "Hello {name}, {=1+1}", "--yes")
    texts = [json.loads(line)["input"] for line in broadcast("results", again, "--json").out.splitlines()]
    assert [(cells["=1+1"], cells["name"]) for cells in texts] == [("@SUM(1)", "-Ann"), ("'=x", "+5")]


# -- what is old -------------------------------------------------------------------------------------


def age_broadcasts(home: Path) -> None:
    database = sqlite3.connect(home / "voicecli.sqlite3")
    with database:
        database.execute("UPDATE broadcasts SET created = created - 48 * 3600 * 1000000")
    database.close()


def test_prune_takes_old_broadcasts_along(broadcast: Broadcast, home: Path) -> None:
    old = broadcast.identifier(write("p.csv", people(ANN, BOB)), MESSAGE, "--yes", "--max-calls", "1", code=7)
    age_broadcasts(home)
    new = broadcast.identifier(write("q.csv", people(CAT)), MESSAGE)
    pruned = prune(broadcast, "--dry-run")
    assert (pruned["broadcasts"], pruned["deleted"]) == (1, False)
    assert prune(broadcast)["broadcasts"] == 1
    assert broadcast("list", "-q").out == f"{new}\n"
    assert broadcast("resume", old).code == 2
    assert sorted(path.name for path in home.glob(f"*{old}*")) == []
    assert not any(BOB.encode() in path.read_bytes() for path in home.iterdir()), "deleted for good"


def test_prune_takes_in_what_was_reported_before_it_deletes_that(broadcast: Broadcast, home: Path) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN)), MESSAGE)
    keep(home, event("VSS", "BUSY", "s-1", number=ANN, clientRequestId=f"{of}-2-1"), ago=48 * 3600)
    pruned = prune(broadcast)
    assert (pruned["events"], pruned["broadcasts"]) == (1, 0)
    assert broadcast("results", of, "--json").json["outcome"] == "BUSY"


def prune(broadcast: Broadcast, *arguments: str) -> dict[str, object]:
    done = voicecli("prune", "--older-than", "1d", "--json", *arguments, env=broadcast.environment)
    assert done.code == 0, done
    assert isinstance(done.json, dict)
    return done.json
