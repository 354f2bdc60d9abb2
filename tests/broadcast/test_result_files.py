"""The results of a broadcast as files, whatever is in them."""

import csv
import io
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils.escape import unescape

from voicecli.broadcast.result_filter import ResultFilter
from voicecli.broadcast.status import row_data
from voicecli.errors import InvalidInput
from voicecli.output import table_files
from voicecli.output.table_files import Sheet, csv_pieces, write_workbook
from voicecli.sessions.key_names import KeyNames
from voicecli.store.broadcasts import BroadcastRow, LeftOut, RowState

HOSTILE = ("=1+1", "+33199001234", "https://example.com", "{=1}", "0042", "a\x07\u202eb", "_x0041_", " ")


def test_a_large_csv_comes_in_pieces_without_a_gap() -> None:
    rows = [(line, f"+3319900{line:04}", "accepted", f"n-{line}") for line in range(1, 6_000)]
    pieces = list(csv_pieces([("line", "destination", "status", "name"), *rows], raw=True))
    assert len(pieces) > 2
    assert max(map(len, pieces)) < table_files.PIECE + 200
    read = list(csv.reader(io.StringIO(b"".join(pieces).decode())))
    assert read[1:] == [[str(value) for value in row] for row in rows]


def test_a_sheet_has_texts_as_they_are_and_is_ready_to_be_filtered(tmp_path: Path) -> None:
    heading = ("name", *map(str, range(len(HOSTILE))), "attempts", "seconds", "nothing")
    with (tmp_path / "a.xlsx").open("wb") as file:
        rows = [heading, ("漢" * 20, *HOSTILE, 3, 7.5, None)]
        write_workbook(file, [Sheet("Results", rows), Sheet("Summary", [("what", "value"), ("people", 1)])])
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    sheet = book["Results"]
    texts = [unescape(str(cell.value)) for cell in sheet[2][:-3]]
    assert texts == ["漢" * 20, *HOSTILE]
    assert [cell.value for cell in sheet[2][-3:]] == [3, 7.5, None]
    assert [cell.data_type for cell in sheet[2]][1:-3] == ["s"] * len(HOSTILE)
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:L2")
    assert 40 < sheet.column_dimensions["A"].width < 50
    page = (sheet.print_title_rows, sheet.page_setup.orientation, sheet.page_setup.fitToHeight)
    assert page == ("$1:$1", "landscape", 0), "it is printed on A4, one page wide"
    assert [cell.font.b for cell in sheet[1]] == [True] * len(heading)
    assert [[cell.value for cell in row] for row in book["Summary"]] == [["what", "value"], ["people", 1]]


def test_more_rows_than_a_sheet_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "MAX_SHEET_ROWS", 3)
    with (tmp_path / "a.xlsx").open("wb") as file:
        with pytest.raises(InvalidInput, match="room for 2 rows"):
            write_workbook(file, [Sheet("Results", [["name"]] * 4)])
        write_workbook(file, [Sheet("Results", [["name"]] * 3)])


NOBODY = BroadcastRow(1, "+33199001234", RowState.ACCEPTED, 1, outcome="NO_ANSWER")
MAILBOX = NOBODY._replace(outcome="COMPLETED")
PRESSED = NOBODY._replace(outcome=None, digits="1")
STOPPED = NOBODY._replace(outcome="COMPLETED_UNSUBSCRIBED", digits="9")
SKIPPED = NOBODY._replace(state=RowState.SKIPPED, outcome=None)
RESCHEDULE = NOBODY._replace(outcome="COMPLETED", digits="2")
KEYS = KeyNames.parse("1=confirmed,2=reschedule,9=stop", "confirmed")
ALL = (NOBODY, MAILBOX, PRESSED, STOPPED, RESCHEDULE, SKIPPED)


def test_who_may_not_be_called_is_not_still_to_be_reached() -> None:
    """One who had unsubscribed when the broadcast ran, and allows calls again, may be called."""
    left_out = [SKIPPED._replace(left_out=kind) for kind in LeftOut]
    shown = filter(ResultFilter(not_reached=True).shows, left_out)
    assert [row.left_out for row in shown] == [LeftOut.AT_MOST, LeftOut.UNSUBSCRIBED]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (ResultFilter(), ALL),
        (ResultFilter(not_reached=True), (NOBODY, SKIPPED)),
        (ResultFilter(not_reached=True, unsubscribed={NOBODY.destination}), ()),
        (ResultFilter(confirmed=True, keys=KEYS), (PRESSED,)),
        (ResultFilter(confirmed=False, keys=KEYS), (NOBODY, MAILBOX, STOPPED, RESCHEDULE, SKIPPED)),
        (ResultFilter(confirmed=False, keys=KEYS, statuses={"COMPLETED"}), (MAILBOX, RESCHEDULE)),
        (ResultFilter(confirmed=True, keys=KeyNames.parse("1=confirmed,2=other")), (PRESSED,)),
        (ResultFilter(confirmed=True, keys=KeyNames.parse("1=yes,2=later")), (PRESSED, RESCHEDULE)),
        (ResultFilter(confirmed=True), ()),
        (ResultFilter(results={"stop", "reschedule"}, keys=KEYS), (STOPPED, RESCHEDULE)),
        (ResultFilter(results={"stop"}, keys=KEYS, statuses={"COMPLETED"}), ()),
        (ResultFilter(statuses={"skipped", "NO_ANSWER"}, not_reached=True), (NOBODY, SKIPPED)),
        (ResultFilter(confirmed=True, keys=KEYS, not_reached=True), ()),
    ],
)
def test_a_row_is_shown_where_all_that_is_asked_for_holds(
    wanted: ResultFilter, shown: tuple[BroadcastRow, ...]
) -> None:
    assert tuple(filter(wanted.shows, ALL)) == shown


def test_whole_seconds_have_no_decimal_mark_which_excel_may_not_know() -> None:
    for seconds, text in ((12.0, "12"), (12.5, "12.5"), (None, "None")):
        data = row_data(MAILBOX._replace(seconds=seconds), None)
        assert (str(data["callDuration"]), str(data["duration"])) == (text, text)
