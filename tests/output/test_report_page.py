"""The page of a report as a browser shows and prints it, and its colours."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from html import escape
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from contrast import contrast, luminance

from voicecli.broadcast.report import Bar, Person, Report
from voicecli.output import report_page

if TYPE_CHECKING:
    from pypdf import PageObject

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TEMPLATE = Path(report_page.__file__).with_name("templates") / "report.html"
WHEN = datetime(2026, 11, 28, 19, 30, tzinfo=UTC)
NAMES = (
    "Anna Müller",
    "山田 太郎",
    "محمد الأحمد",
    "דוד כהן",
    "👩\u200d🚀 Zoë",
    "<script>parent.document.title='obeyed'</script>",
    "<img src=x onerror=\"parent.document.title='obeyed'\">",
    "\u202egnirts",
    "M" * 150,
    "Z" + "\u0301" * 60,
    "",
)
BARS = (
    Bar("completed", 1_200, "good"),
    Bar("8x8 refused: " + "a_word_without_an_end_" * 8, 3, "bad"),
    Bar("called, no outcome reported", 20),
)
REPORT = Report(
    broadcast="b3f9a1c2d4e",
    source="a list with a long name, saved again and again (copy of copy).xlsx",
    state="interrupted",
    begun=WHEN,
    last_call=WHEN,
    made=WHEN,
    people=5_000,
    called=4_990,
    calls=6_000,
    reached=1_200,
    not_to_call=20,
    confirmed=1_000,
    outcomes=BARS,
    results=BARS,
    to_reach=BARS,
    errors=BARS,
    timeline=[Bar(f"2026-11-28 {hour:02}:00", hour) for hour in range(24)],
    has_answers=True,
    text="Hello {name},\nhttps://example.com/" + "long/" * 40,
)


def person(name: str, columns: int = 2) -> Person:
    values = [name, *islice(cycle(["01.12.2026", "Köln am Rhein"]), columns - 1)]
    why = "8x8 refused: the caller ID is not allowed for this subaccount (-1014)"
    outcome = ("not called: refused", "bad", why, "reschedule", 2)
    return Person(values, "+33199001234", *outcome, is_reached=False, is_to_be_reached=True)


def page(names: Sequence[str] = NAMES * 8, columns: int = 2) -> str:
    people = [person(name, columns) for name in names]
    values = {
        "report": REPORT,
        "columns": ["Full name", *(f"city of birth number {number}" for number in range(1, columns))],
        "with_people": True,
        "people": people,
        "to_reach": people,
        "people_file": "report-people.csv",
        "completed_means": "Completed.",
    }
    return b"".join(report_page.pieces("report.html", values)).decode()


def colours(block: str) -> dict[str, float]:
    """The luminance of each colour of a set."""
    found = re.findall(r"--(\w+): #(\w\w)(\w\w)(\w\w)", block)
    return {name: luminance(*(int(part, 16) for part in parts)) for name, *parts in found}


def test_all_colours_can_be_read_on_the_grounds_of_both_screens() -> None:
    light, dark = map(colours, re.findall(r"^:root \{(.*)\}", TEMPLATE.read_text(), re.MULTILINE))
    assert light.keys() == dark.keys() >= {"text", "muted", "good", "warning", "bad", "plain"}
    for tones in (light, dark):
        for name in tones.keys() - {"ground", "line"}:
            assert contrast(tones["ground"], tones[name]) >= 4.5, name


def chromium(*arguments: str) -> str:
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *arguments]
    for seconds in (60, 120):  # once more where the browser itself hangs, as it does on a busy machine
        with suppress(subprocess.TimeoutExpired):
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
            return done.stdout
    raise AssertionError("Chromium hangs")


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
MEASURE = """<!DOCTYPE html><title>shown</title><iframe width="WIDTH" height="900" srcdoc="PAGE"></iframe>
<script>onload = () => {
  const inner = document.querySelector("iframe").contentDocument, tall = inner.documentElement;
  const outside = [...inner.querySelectorAll("main *")].filter(one => {
    const style = getComputedStyle(one.closest("thead") || one);
    return one.getBoundingClientRect().right > WIDTH + 1 && style.position !== "absolute"; });
  document.body.textContent = JSON.stringify([tall.scrollWidth, tall.clientWidth,
    outside.map(one => one.outerHTML.slice(0, 80)), inner.querySelectorAll("script, img").length]);
}</script>"""


@pytest.mark.soak
@pytest.mark.process
@needs_chromium
@pytest.mark.parametrize(("width", "columns"), [(360, 9), (801, 4), (1280, 2)])
def test_it_fits_a_screen_and_nothing_in_it_is_obeyed(tmp_path: Path, width: int, columns: int) -> None:
    measure = MEASURE.replace("WIDTH", str(width)).replace("PAGE", escape(page(columns=columns)))
    (tmp_path / "measure.html").write_text(measure)
    shown = chromium("--window-size=1600,1000", "--dump-dom", f"file://{tmp_path}/measure.html")
    found = re.search(r"\[(\d+),(\d+),(\[.*?\]),(\d+)\]", shown)
    assert found, shown[-500:]
    needed, there, outside, elements = found.groups()
    assert int(needed) <= int(there) <= width
    assert (outside, elements) == ("[]", "0")
    assert "<title>shown</title>" in shown


def pages_of(printed: Path) -> "Sequence[PageObject]":
    from pypdf import PdfReader

    return PdfReader(printed).pages


@pytest.mark.soak
@pytest.mark.process
@needs_chromium
@pytest.mark.parametrize(("columns", "names"), [(4, NAMES * 8), (9, NAMES * 2)])
def test_it_is_printed_on_a4_with_all_that_it_says(
    tmp_path: Path, columns: int, names: Sequence[str]
) -> None:
    (tmp_path / "report.html").write_text(page(names, columns))
    printed = tmp_path / "report.pdf"
    chromium(f"--print-to-pdf={printed}", "--no-pdf-header-footer", f"file://{tmp_path}/report.html")
    pages = pages_of(printed)
    assert [round(float(side)) for side in (pages[0].mediabox.width, pages[0].mediabox.height)] == [595, 842]
    texts = ["".join(one.extract_text().split()) for one in pages]
    for words in (
        "1,200 of 5,000 people reached",
        "Hello {name},",
        "6,000",
        "2026-11-28 23:00",
        "\\u202egnirts",
    ):
        assert "".join(words.split()) in "".join(texts), words
    assert "".join(texts).count("+33199001234") == 2 * len(names)
    dates = sum(one.extract_text().count("01.12.2026") for one in pages)
    assert dates == columns // 2 * 2 * len(names), "none is cut off, or broken"
    assert all("Phone" in text for text in texts[3:-1]), "the heading of the table is on each page"


@pytest.mark.soak
@pytest.mark.process
@needs_chromium
def test_no_title_of_a_table_stands_alone_at_the_end_of_a_page(tmp_path: Path) -> None:
    """One document of reports on 1 to 12 people: in some of them the title comes to the end of a page."""
    reports = [page(["Anna"] * people).partition("<main>") for people in range(1, 13)]
    head = reports[0][0].replace("</style>", "main { break-before: page }</style>")
    mains = [f"<main>{rest.partition('</main>')[0]}</main>" for _, _, rest in reports]
    (tmp_path / "reports.html").write_text(f"{head}{''.join(mains)}</body></html>")
    printed = tmp_path / "reports.pdf"
    chromium(f"--print-to-pdf={printed}", "--no-pdf-header-footer", f"file://{tmp_path}/reports.html")
    pages = (" ".join(one.extract_text().split()) for one in pages_of(printed))
    found = [text.partition("in the order of the list.") for text in pages]
    behind = [rest for _, title, rest in found if title]
    assert (len(behind), [rest for rest in behind if "+33199001234" not in rest]) == (len(mains), [])
