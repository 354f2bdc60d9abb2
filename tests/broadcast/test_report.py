"""What a report says of a broadcast, without its page; and the page, as text."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import RunningSandbox
from lists import ANN, BOB, CAT, REFUSED, Broadcast, people, write
from past import event, keep

from voicecli.broadcast.report import Bar, Figures, describe_standing, placed_calls
from voicecli.output import report_page
from voicecli.sessions.key_names import KeyNames
from voicecli.store.broadcasts import BroadcastRow, LeftOut, RowState

ROW = BroadcastRow(1, "+33199001234", RowState.ACCEPTED, 1)
KEYS = KeyNames.parse("1=confirmed,2=reschedule,9=stop", "confirmed")
HOSTILE = "<script>document.title='no'</script>\u202e&amp;{{ 7 * 7 }}" + "\u0301" * 50


def test_errors_are_counted_by_kind_and_name_nobody() -> None:
    """With --no-people and --mask-numbers, too."""
    figures = Figures(None)
    for line in range(3):
        blocked = f"'+3319900123{line}' is on a blocked range (-1017)."
        called = f"called on 2026-11-28 at 19:3{line}; at most once in 24h"
        figures.add(ROW._replace(line=line, state=RowState.REFUSED, reason=blocked))
        figures.add(ROW._replace(line=line, reason=called, left_out=LeftOut.AT_MOST))
    figures.add_errors([f"No route to 3319900123{line}" for line in range(3)])
    assert {bar.words: bar.number for bar in figures.errors} == {
        "'…' is on a blocked range (-1017).": 3,
        "called too often: --at-most": 3,
        "No route to …": 3,
    }


def test_every_row_is_counted_once_and_in_words() -> None:
    figures = Figures(KEYS)
    rows = [
        ROW._replace(outcome="COMPLETED", digits="1"),
        ROW._replace(outcome="COMPLETED", digits="2", attempts=3),
        ROW._replace(outcome="COMPLETED"),
        ROW._replace(outcome="COMPLETED", digits="5"),
        ROW._replace(outcome="COMPLETED_UNSUBSCRIBED", digits="9"),
        ROW._replace(outcome="NO_ANSWER"),
        ROW._replace(outcome="BUSY", state=RowState.RETRY),
        ROW,
        ROW._replace(state=RowState.REFUSED, attempts=2, reason="no"),
        ROW._replace(state=RowState.UNKNOWN),
        ROW._replace(state=RowState.SKIPPED, attempts=0, reason="invalid"),
        ROW._replace(state=RowState.SKIPPED, attempts=0, reason="listed", left_out=LeftOut.DO_NOT_CALL),
        ROW._replace(state=RowState.PLANNED, attempts=0),
    ]
    for row in rows:
        figures.add(row)
    figures.add(ROW._replace(outcome="NO_ANSWER"), 5, has_unsubscribed=True)
    figures.add_errors(["no coverage"] * 2)
    assert (figures.people, figures.called, figures.calls, figures.reached) == (18, 15, 17, 5)
    assert (figures.confirmed, figures.not_to_call) == (1, 6)
    assert {*figures.outcomes[:2]} == {Bar("completed", 4, "good"), Bar("no answer", 6, "warning")}
    assert sum(bar.number for bar in figures.outcomes) == figures.people
    assert {*figures.to_reach} == {
        Bar("no answer", 1, "warning"),
        Bar("busy, to be called again", 1, "warning"),
        Bar("called, no outcome reported", 1, ""),
        Bar("not called: refused", 1, "bad"),
        Bar("unknown whether called", 1, "warning"),
        Bar("not called: left out", 1, ""),
        Bar("not called yet", 1, ""),
    }
    assert figures.results == [
        Bar("confirmed", 1, "good"),
        Bar("reschedule", 1, "warning"),
        Bar("stop", 1, "warning"),
        Bar("another key", 1),
        Bar("no key", 1),
    ]
    assert figures.errors == [Bar("no coverage", 2, "bad"), Bar("no", 1, "bad")]


def test_a_refused_request_is_no_call_and_an_unlisted_outcome_has_its_own_word() -> None:
    assert placed_calls(ROW._replace(state=RowState.REFUSED)) == 0
    assert placed_calls(ROW._replace(state=RowState.REFUSED, attempts=0)) == 0
    assert placed_calls(ROW._replace(state=RowState.UNKNOWN)) == 1
    assert describe_standing(ROW._replace(outcome="SOMETHING_NEW")) == ("SOMETHING_NEW", "bad")


class Elements(HTMLParser):
    """The tags of a page, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


def report(broadcast: Broadcast, of: str, *options: str) -> Elements:
    done = broadcast("report", of, "-o", "report.html", *options)
    assert (done.code, done.out) == (0, "report.html is written\n"), done
    assert Path("report.html").stat().st_mode & 0o077 == 0
    return Elements(Path("report.html").read_text())


def test_the_page_says_who_was_reached_and_obeys_nothing(broadcast: Broadcast) -> None:
    rows = [{"phone": ANN, "name": HOSTILE}, {"phone": BOB, "name": "محمد"}, {"phone": REFUSED, "name": "C"}]
    write("p.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    of = broadcast.identifier("p.jsonl", "Hi", "--yes", code=7)
    home = Path(broadcast.environment["VOICECLI_HOME"])
    failed = {"errorCode": -2004, "errorMessage": "no"}
    keep(home, event("VSS", "COMPLETED", "s-1", clientRequestId=f"{of}-1-1"))
    keep(home, event("VSS", "ERROR", "s-2", clientRequestId=f"{of}-2-1", errorDetails=failed))
    write("said.txt", "Hello {name} </blockquote>\n<script>")
    page = report(broadcast, of, "--text", "said.txt")
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert not [attrs for _, attrs in page.tags if {"src", "href", "onclick"} & attrs.keys()]
    [policy] = [attrs["content"] for _, attrs in page.tags if "http-equiv" in attrs]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert page.tags[0] == ("html", {"lang": "en"})
    for words in (
        "1 of 3 people reached",
        "of p.jsonl. Begun",
        "<script>document.title='no'</script>\\u202e&amp;{{ 7 * 7 }}" + "\u0301" * 5 + "\\u0301",
        "محمد",
        "Hello {name} </blockquote>\n<script>",
        "not called: refused",
        "8x8 refused: the caller ID is not allowed",
        ANN,
    ):
        assert words in page.text, words
    assert "\u202e" not in page.text
    heads = [attrs.get("scope") for tag, attrs in page.tags if tag == "th"]
    assert {*heads} == {"col", "row"}
    assert [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)][:2] == ["h1", "h2"]


def test_people_can_be_left_out_or_masked(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", f"phone,name\n{ANN},Anna\n{BOB},{CAT}\n"), "Hi", "--yes")
    masked = report(broadcast, of, "--mask-numbers", "--show", "phone,name")
    assert "+33••••1234" in masked.text
    assert not [number for number in (ANN, BOB, CAT) if number in masked.text]
    alone = report(broadcast, of, "--no-people")
    assert not [words for words in (ANN, BOB, "Anna", "1234") if words in alone.text]
    assert "called, no outcome reported" in alone.text


def test_whom_nobody_may_call_is_not_still_to_be_reached(broadcast: Broadcast) -> None:
    """Who has unsubscribed since, until they allow calls again, and who was on the do-not-call list."""
    write("never.txt", BOB)
    write("p.csv", people(ANN, BOB, CAT, ANN))
    of = broadcast.identifier("p.csv", "Hi", "--yes", "--do-not-call", "never.txt", "--skip-invalid")
    home = Path(broadcast.environment["VOICECLI_HOME"])
    keep(home, event("VSS", "BUSY", "s-1", clientRequestId=f"{of}-2-1"))
    keep(home, event("VSS", "COMPLETED_UNSUBSCRIBED", "s-9", number=ANN))

    def listed() -> list[str]:
        written = broadcast("results", of, "--not-reached", "-o", "-").out
        return [row["destination"] for row in csv.DictReader(written.splitlines())]

    assert listed() == [CAT]
    page = report(broadcast, of)
    figures = dict(re.findall(r"<dt>([^<]*)</dt><dd>(\d+)</dd>", Path("report.html").read_text()))
    assert figures["still to be reached"] == "1"
    assert figures["not reached, and not to be called"] == "3"
    to_reach, everybody = page.text.split("Still to be reached")[1].split("All people")
    assert (ANN in to_reach, CAT in to_reach, "it has unsubscribed" in everybody) == (False, True, True)
    assert broadcast("allow", ANN).code == 0
    assert listed() == [ANN, CAT, ANN]


def test_a_failed_call_says_what_the_telephone_network_said(broadcast: Broadcast) -> None:
    of = broadcast.identifier(write("p.csv", people(ANN)), "Hi", "--yes")
    home = Path(broadcast.environment["VOICECLI_HOME"])
    session = broadcast("results", of, "--json").json["sessionId"]
    keep(home, event("VCS", "CALL_DISCONNECTED", session, sipCode=404))
    keep(home, event("VSS", "FAILED", session, clientRequestId=f"{of}-2-1"))
    assert "number not found" in report(broadcast, of).text.split("Still to be reached")[1]
    assert broadcast("results", of, "--json").json["reason"] == "number not found"


def test_of_many_people_all_are_in_a_file_beside_the_page(
    broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_page, "MAX_PEOPLE", 1)
    of = broadcast.identifier(write("p.csv", f"phone,name\n{ANN},A\n{BOB},=B\n{CAT},C\n"), "Hi", "--yes")
    done = broadcast("report", of, "-o", "a.html", "--json")
    assert done.json == {"file": "a.html", "people": 3, "peopleFile": "a-people.csv"}
    page = Elements(Path("a.html").read_text())
    assert "These are the first 1 of 3. All people are in a-people.csv" in page.text
    assert page.text.count(ANN) == 2
    assert CAT not in page.text
    with Path("a-people.csv").open(newline="") as file:
        people = list(csv.DictReader(file))
    assert [(row["name"], row["number"], row["reached"]) for row in people] == [
        ("A", ANN, "no"),
        ("'=B", BOB, "no"),
        ("C", CAT, "no"),
    ]
    assert broadcast("report", of, "-o", "a.html", "--no-people", "--json").json["peopleFile"] is None
    for wrong in (["-o", "a.pdf"], [], ["-o", "nowhere/a.html"]):
        assert broadcast("report", of, *wrong).code == 2
    Path("folder.html").mkdir()
    done = broadcast("report", of, "-o", "folder.html")
    assert (done.code, "-o must name a file" in done.err, "CSV" in done.err) == (2, True, False), done


def test_of_a_list_only_names_are_shown_unasked(sandbox: RunningSandbox) -> None:
    """Another column may have the codes that people were told."""
    broadcast = Broadcast(sandbox)
    write("codes.csv", f"phone,code\n{ANN},XK7Q\n{BOB},ZW9M\n")
    of = broadcast.identifier("codes.csv", "Your code: {code:spelled}", "--yes")
    assert "XK7Q" not in broadcast("results", of).out
    assert broadcast("report", of, "-o", "report.html").code == 0
    assert "XK7Q" not in Path("report.html").read_text(encoding="utf-8")
    assert "XK7Q" in broadcast("results", of, "--show", "code").out
