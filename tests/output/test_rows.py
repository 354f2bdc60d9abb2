"""Events and calls as rows, and how a terminal gets them: widths, colours, a footer that moves."""

import io
import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import wait_until
from contrast import contrast, luminance
from rich.console import Console
from screen import screen

import voicecli
from voicecli.errors import OutputFailed
from voicecli.output import Column, Output, TableRow
from voicecli.output.colours import READABLE, styles
from voicecli.output.event_rows import CallRow, EventRow, session_style
from voicecli.output.rows import Cell, Painter
from voicecli.output.stream import JsonStream, LiveStream, Stream
from voicecli.sessions.session import Session
from voicecli.voice_api.webhook_events import Event, Received

SIZE = os.terminal_size((80, 24))
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def console(colours: str | None = "256") -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=colours, width=80)


def of_256(colour: int) -> tuple[int, int, int]:
    cube = (0, 95, 135, 175, 215, 255)
    if colour >= 232:
        return (8 + 10 * (colour - 232),) * 3
    index = colour - 16
    return cube[index // 36], cube[index // 6 % 6], cube[index % 6]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("system", ["256", "truecolor"])
def test_what_is_painted_can_be_read_on_a_white_and_on_a_black_ground(system: str) -> None:
    painted = styles(system)
    sources = "".join(path.read_text() for path in Path(voicecli.__file__).parent.rglob("*.py"))
    used = {*re.findall('"(dim|white|black|red|green|yellow|blue|magenta|cyan)"', sources)}
    assert used == painted.keys()
    for style in (*painted.values(), *map("color({})".format, READABLE)):
        parts = [int(style[place : place + 2], 16) for place in (1, 3, 5)] if style[0] == "#" else None
        light = luminance(*(parts or of_256(int(style[6:-1]))))
        assert contrast(light, 1) >= 4.5, style
        assert contrast(light, 0) >= 4.5, style


def test_a_terminal_gets_these_colours_and_an_old_one_its_own() -> None:
    for term, more, sequence in (
        ("xterm-256color", {}, "38;5;29m"),
        ("xterm-256color", {"COLORTERM": "truecolor"}, "38;5;29m"),
        ("xterm", {}, "[32m"),
    ):
        screen = Terminal()
        Output(screen, None, environment={"TERM": term, **more}).row(
            TableRow((Column("a", 0),), ("text",), {}, style="green")
        )
        assert sequence in screen.getvalue()


def test_an_answer_is_broken_between_words_on_a_terminal_only() -> None:
    answer = "+33199007103: confirmed with 1; completed, 4 s, MOS 4.2 good"
    for out, shown in (
        (Terminal(), answer.replace("1; ", "1;\n")),
        (io.StringIO(), answer),
    ):
        Output(out, None, environment={"COLUMNS": "40"}).result(answer, {})
        assert out.getvalue() == f"{shown}\n"


def test_a_session_has_the_same_colour_everywhere() -> None:
    assert session_style("5a3eab76") == session_style("5a3eab76")
    assert len({session_style(f"s-{number}") for number in range(200)}) == len(READABLE)


def test_a_path_that_does_not_fit_beside_the_other_cells_stands_whole_below_them() -> None:
    path = "/home/somebody/.local/share/voicecli"
    cells = [(Column("a", 20), "VOICECLI_HOME", ""), (Column("b", 0), f"key in {path}", "")]
    painted = Painter(console(colours=None)).row(cells, 40)
    assert [line.rstrip() for line in painted.split("\n")] == ["VOICECLI_HOME", "  key in", f"  {path}"]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("last", ["short", "words that go on " * 20, "漢字" * 60, ""])
def test_a_painted_row_fits_and_wraps_inside_its_last_column(width: int, last: str) -> None:
    from rich.cells import cell_len

    columns = (Column("a", 4), Column("b", 6), Column("c", 0))
    cells = [*zip(columns, ("abc", "much too long", last), ("dim", "bold", "red"), strict=True)]
    painted = Painter(console()).row(cells, width)
    lines = [ESCAPE.sub("", line) for line in painted.split("\n")]
    assert all(cell_len(line) <= max(width, 15) for line in lines)
    assert lines[0].startswith("abc   much …  " if last else "abc   much …")
    assert not lines[0].endswith(" ") or last
    assert all(line.startswith(" " * 14) for line in lines[1:])
    assert "".join("".join(line[14:] for line in lines).split()) == "".join(last.split())


def test_without_colours_there_are_no_escapes() -> None:
    plain = Painter(console(colours=None)).row([(Column("a", 3), "x", ""), (Column("b", 0), "y", "red")], 80)
    assert plain == "x    y"


def received(times: int = 1, **payload: object) -> Received:
    content = {
        "sessionId": "5a3eab76-2940",
        "source": "+33199000000",
        "destination": "+33199001234",
        **payload,
    }
    return Received(1, 1_700_000_000_000_000, Event("VCS", content), b"", times, again=times > 1)


def texts(row: EventRow, *, narrow: bool) -> tuple[str, ...]:
    return tuple(text for column, text, _ in row.cells() if column.narrow in (None, narrow))


def test_an_event_row_says_it_all_wide_and_less_when_narrow() -> None:
    row = EventRow(received(callStatus="CALL_CONNECTED"))
    assert texts(row, narrow=False)[1:] == ("VCS", "5a3eab76", "+33199000000 → +33199001234", "answered")
    assert texts(row, narrow=True)[1:] == ("VCS", "5a3eab76", "+33199001234", "answered")
    again = EventRow(received(times=3, callStatus="CALL_CONNECTED"))
    assert again.cells()[-1][1] == "duplicate, ×3"
    assert again.data()["record"] == "duplicate"


def test_a_call_row_marks_what_is_overdue() -> None:
    call = Session()
    call.see(received(callStatus="CALL_DISCONNECTED")._replace(received=10_000_000))
    assert CallRow(call, 20).cells()[-1][1] == "ended"
    assert CallRow(call, 100).cells()[-1][1:] == ("ended; no summary for 90 s", "red")


@dataclass
class Line:
    text: str
    more: Mapping[str, object] = field(default_factory=dict)

    def cells(self) -> Sequence[Cell]:
        return ((Column("text", 0), self.text, ""),)

    def data(self) -> Mapping[str, object]:
        return {"text": self.text, **self.more}


def test_every_row_stays_and_the_footer_is_drawn_over_itself() -> None:
    written: list[str] = []
    stream = LiveStream(
        written.append, lambda error: None, painter=Painter(console(colours=None)), size=lambda: SIZE
    )
    for number in range(500):
        stream.add(Line(f"row {number}"))
        stream.picture((), [(f"footer {number}", "")])
    stream.note("a note")
    stream.picture((), [("the last footer", "")])
    wait_until(lambda: "the last footer" in "".join(written))
    stream.close()
    lines = [line for line in screen("".join(written)) if line]
    assert [line for line in lines if line.startswith("row ")] == [f"row {number}" for number in range(500)]
    assert lines[-1] == "a note"
    assert "footer" not in "".join(lines)


def test_a_screen_that_stands_still_stops_nobody_and_says_what_it_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("voicecli.output.stream.MAX_WAITING", 1_000)
    go, written, talk = threading.Event(), list[str](), list[str]()

    def write(text: str) -> None:
        go.wait()
        written.append(text)

    stream = Stream(write, lambda error: None, talk=talk.append)
    for number in range(1_000):
        stream.add(Line(f"row {number:06}"))
    go.set()
    stream.close()
    shown = "".join(written).splitlines()
    assert shown[-100:] == [f"row {number:06}" for number in range(900, 1_000)]
    lost = sum(int(re.sub(r"\D", "", text)) for text in talk)
    assert lost + len(shown) == 1_000


def test_what_can_not_be_written_is_told_once() -> None:
    def write(text: str) -> None:
        raise OutputFailed("full")

    failures: list[OutputFailed] = []
    stream = Stream(write, failures.append)
    stream.add(Line("a"))
    wait_until(lambda: failures)
    stream.add(Line("b"))
    stream.close()
    assert len(failures) == 1


def test_programs_are_told_what_they_have_missed_and_miss_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicecli.output.stream.MAX_WAITING", 1_000)
    go, written = threading.Event(), list[str]()

    def write(text: str) -> None:
        go.wait()
        written.append(text)

    stream = JsonStream(write, lambda error: None)
    stream.note("It is up", {"record": "ready"})
    for number in range(1_000):
        stream.add(Line(f"{number}"))
    stream.note("It is down", {"record": "stopped"})
    stream.note("Nobody knows why")
    go.set()
    stream.close()
    records = [json.loads(line) for line in "".join(written).splitlines()]
    rows = [record for record in records if "text" in record and "record" not in record]
    assert sum(record["rows"] for record in records if record.get("record") == "lost") == 1_000 - len(rows)
    assert rows[-1] == {"text": "999"}
    told = [record for record in records if record.get("record") in ("ready", "stopped", "note")]
    assert told == [
        {"record": "ready"},
        {"record": "stopped"},
        {"record": "note", "words": "Nobody knows why", "text": "Nobody knows why"},
    ]


@pytest.mark.parametrize("text", ["a", "é", "\ud800"])
def test_a_record_is_json_whatever_is_in_it(text: str) -> None:
    written: list[str] = []
    stream = JsonStream(written.append, lambda error: None)
    stream.add(Line(text, {"a": float("nan"), "b": [float("inf")], "c": 10**30}))
    stream.close()

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    assert "".join(written).isascii()
    record = json.loads("".join(written), parse_constant=refuse)
    assert record == {"text": text, "a": None, "b": [None], "c": 10**30}


@pytest.mark.parametrize(
    ("rows", "room", "shown"),
    [
        (["a", "b"], 2, ["a", "b"]),
        (["a", "b", "c"], 2, ["… and 2 more", "c"]),
        (["a" * 30, "b" * 30, "c"], 4, ["… and 1 more", "b" * 20, "b" * 10, "c"]),
        (["a" * 30, "b" * 30, "c"], 3, ["… and 2 more", "c"]),
        (["a" * 30], 1, ["… and 1 more"]),
        (["a"], 0, []),
    ],
)
def test_what_does_not_fit_below_is_counted(rows: list[str], room: int, shown: list[str]) -> None:
    stream = LiveStream(
        lambda text: None, lambda error: None, painter=Painter(console(colours=None)), size=lambda: SIZE
    )
    lines = stream._newest([Line(row) for row in rows], room, width=20)
    stream.close()
    assert lines == shown
