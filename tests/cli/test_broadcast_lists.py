"""``voicecli broadcast`` with the lists of offices: workbooks, faults, voices, lists saved anew."""

import io
import json
import os
from datetime import date
from pathlib import Path

import pytest
from conftest import RunningSandbox
from lists import ANN, BOB, CAT, MESSAGE, Broadcast, people, write
from openpyxl import Workbook
from test_terminal import on_terminal, plain

from voicecli.broadcast.same_list import LINES
from voicecli.store.keys import fingerprint
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

YES = ("--yes",)


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


def workbook(*numbers: str, hidden: int | None = None, sheet: str = "People") -> bytes:
    """The list of ``people``, as Excel has it, below another sheet."""
    book = Workbook()
    assert book.active is not None
    book.active.append(["nobody"])
    page = book.create_sheet(sheet)
    for row in people(*numbers).splitlines():
        page.append(row.split(","))
    if hidden is not None:
        page.row_dimensions[hidden].hidden = True
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_a_sheet_is_sent_and_resumed_with_its_options_and_its_rows_have_excels_numbers(
    broadcast: Broadcast,
) -> None:
    path = write("list.xlsx", workbook(ANN, BOB, CAT, hidden=3))
    of_sheet = (path, MESSAGE, *YES, "--sheet", "people")
    refused = broadcast(*of_sheet)
    assert (refused.code, "--hidden" in refused.err, broadcast.called) == (2, True, [])
    of = broadcast.identifier(*of_sheet, "--hidden", "--max-calls", "1", code=7)
    assert broadcast("resume", of).code == 0
    assert sorted(broadcast.called) == [ANN, BOB, CAT]
    results = [json.loads(line) for line in broadcast("results", of, "--json").out.splitlines()]
    assert [(row["line"], row["input"]["name"]) for row in results] == [(2, "N0"), (3, "N1"), (4, "N2")]


def test_what_no_voice_reads_well_is_told_with_excels_rows(broadcast: Broadcast) -> None:
    path = write("list.xlsx", workbook(ANN, BOB))
    done = broadcast(path, "You & me", "--dry-run", "--sheet", "people")
    assert "Warning: 2 texts (rows 2, 3) with the character &." in done.err


def test_a_list_that_was_saved_anew_is_known_and_goes_on(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("list.csv", people(ANN, BOB)), MESSAGE, *YES, "--max-calls", "1", code=7)
    saved = people(ANN, BOB).replace(",", ";").replace("\n", "\r\n").encode("utf-8-sig")
    assert broadcast(write("saved.csv", saved), MESSAGE, *YES).code == 9
    sheet = ("--sheet", "People")
    assert broadcast(write("saved.xlsx", workbook(ANN, BOB)), MESSAGE, *YES, *sheet).code == 9
    moved = broadcast("resume", of, write("moved.csv", b"sep=;\r\n" + saved.removeprefix(b"\xef\xbb\xbf")))
    assert (moved.code, "has changed" in moved.err) == (2, True), "its lines are others"
    assert broadcast("resume", of, "saved.csv").code == 0
    assert sorted(broadcast.called) == [ANN, BOB]


def test_a_broadcast_of_an_earlier_version_is_known_by_the_bytes_of_its_list(broadcast: Broadcast) -> None:
    path = write("list.csv", people(ANN, BOB))
    of = broadcast.identifier(path, MESSAGE, *YES, "--max-calls", "1", code=7)
    with open_store(StorePlace(Path(os.environ["VOICECLI_HOME"]))) as store:
        former = fingerprint(store, Path(path).read_bytes())
        [[options]] = store.rows("SELECT options FROM broadcasts")
        kept = {name: value for name, value in json.loads(options).items() if name != LINES}
        with store.transaction() as transaction:
            transaction("UPDATE broadcasts SET fingerprint = ?, options = ?", (former, json.dumps(kept)))
    assert broadcast(path, MESSAGE, *YES).code == 9
    assert broadcast("resume", of).code == 0
    assert sorted(broadcast.called) == [ANN, BOB]


def test_on_a_terminal_faults_are_broken_between_words_beside_their_rows(broadcast: Broadcast) -> None:
    book = Workbook()
    assert book.active is not None
    for row in ("phone", "day"), *((f"+331990012{place}", date(2026, 11, 30)) for place in range(34, 38)):
        book.active.append(row)
    for row in range(2, 6):
        book.active.cell(row, 2).number_format = "mm-dd-yy"
    book.save("list.xlsx")
    environment = {**broadcast.environment, "COLUMNS": "60"}
    shown = on_terminal("broadcast", "list.xlsx", "On {day}", "--dry-run", columns=60, env=environment)
    lines = plain(shown)[1:9]
    assert [line[:8].strip() for line in lines] == ["2", "", "3", "", "4", "", "", ""]
    assert max(map(len, lines)) <= 60
    words = (
        "and 1 row more: B… is a date in the format of the computer's region, which the list doesn't tell."
    )
    assert " ".join("".join(f"{line} " for line in lines[6:]).split()) == words


def test_faults_are_shown_by_kind_with_the_first_three_of_each_or_all(broadcast: Broadcast) -> None:
    rows = [f"01990012{digit:02}," for digit in range(12)] + [f"{ANN},Ann", f"{ANN},Ann", "+3319900,Bob"]
    path = write("list.csv", "phone,name\n" + "\n".join(rows) + "\n")
    done = broadcast(path, "Hello", *YES)
    assert done.code == 2
    shown = done.err.splitlines()
    assert [line.split()[0] for line in shown[1:4]] == ["2", "3", "4"]
    assert shown[4].strip() == "and 9 rows more: … has no + and country code."
    assert [line.split()[0] for line in shown[5:7]] == ["15", "16"]
    assert shown[7] == "--all-faults shows each of them."
    assert "probably --region FR, that of the caller ID" in done.err
    every = broadcast(path, "Hello", *YES, "--all-faults").err.splitlines()
    assert [line.split()[0] for line in every[1:15]] == [*map(str, range(2, 14)), "15", "16"]
    problems = broadcast(path, "Hello", "--dry-run", "--json").json["problems"]
    assert isinstance(problems, list)
    assert len(problems) == 14


def test_rows_of_a_do_not_call_workbook_count_though_they_are_hidden(broadcast: Broadcast) -> None:
    book = Workbook()
    assert book.active is not None
    for value in ("phone", BOB):
        book.active.append([value])
    book.active.row_dimensions[2].hidden = True
    book.save("never.xlsx")
    assert (
        broadcast(write("list.csv", people(ANN, BOB)), MESSAGE, *YES, "--do-not-call", "never.xlsx").code == 0
    )
    assert broadcast.called == [ANN]


def test_a_voice_that_the_account_lacks_is_refused_before_the_first_call(broadcast: Broadcast) -> None:
    path = write("list.csv", f"phone,name,voice\n{ANN},Ann,en-GB-Emma\n{BOB},Bob,en-GB-Ema\n")
    done = broadcast(path, MESSAGE, *YES)
    assert (done.code, broadcast.called) == (2, [])
    assert "8x8 has no voice 'en-GB-Ema': nobody was called" in done.err
    assert "The nearest is en-GB-Emma." in done.err
    assert broadcast(path, MESSAGE, "--dry-run").code == 2
    away = {"EIGHT_X_EIGHT_BASE_URL": "http://127.0.0.1:9"}
    assert broadcast(path, MESSAGE, "--dry-run", **away).code == 0, "it can't be asked"
    write("list.csv", f"phone,name,voice\n{ANN},Ann,en-GB-Emma\n{BOB},Bob,\n")
    assert broadcast(path, MESSAGE, *YES).code == 0
    assert sorted(broadcast.called) == [ANN, BOB]


def test_the_voices_of_a_callflow_are_looked_up_too(broadcast: Broadcast) -> None:
    say = {"action": "say", "params": {"text": "Hello {name}", "voiceProfile": "{voice}"}}
    ask = {"action": "sayAndCapture", "params": {"promptMessage": "1?", "voiceProfile": "en-GB-Emma"}}
    write("flow.json", json.dumps([say, ask, {"action": "hangup"}]))
    path = write("list.csv", f"phone,name,voice\n{ANN},Ann,en-GB-Emma\n{BOB},Bob,fr-FR-Celin\n")
    done = broadcast(path, "--callflow", "flow.json", "--dry-run")
    assert (done.code, broadcast.called) == (2, [])
    assert "8x8 has no voice 'fr-FR-Celin'" in done.err
    write("list.csv", f"phone,name,voice\n{ANN},Ann,en-GB-Emma\n")
    assert broadcast(path, "--callflow", "flow.json", "--dry-run").code == 0
