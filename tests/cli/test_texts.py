"""Texts for the ear, on the command line: what is spelled out, what is warned of, and what is refused."""

import json

import pytest
from conftest import NUMBER, Program, RunningSandbox
from lists import ANN, BOB, CAT, Broadcast, write
from test_terminal import Terminal

from voicecli.voice_api.codes import describe_status_code

PARTY = "emoji party popper (U+1F389)"
ADVICE = "A voice may read that aloud as rubbish or fall silent, and 8x8 refuses some of it (-1016)."


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


def test_a_dry_run_of_a_call_warns_without_the_text_and_sends_it_as_it_is(call: Program) -> None:
    done = call(NUMBER, "Secret 🎉 & <b>more</b>", "--thanks", "🔔 1", "--confirm", "1", "--dry-run")
    assert done.code == 0
    assert done.err == (
        f"Warning: The text has {PARTY}, the character &, HTML, emoji bell (U+1F514). {ADVICE}\n"
    )
    assert "Secret 🎉 & <b>more</b>" in done.out
    assert call(NUMBER, "Plain text", "--dry-run").err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("🎉 … !",), "nothing to say: 5 characters"),
        (("Press 1", "--confirm", "1", "--thanks", "👍"), "--thanks: The message has nothing to say"),
        (("--spell-digits", "1" * 1500), "4,499 characters with its codes spelled out"),
    ],
)
def test_a_text_that_says_nothing_or_too_much_is_refused(
    call: Program, arguments: tuple[str, ...], words: str
) -> None:
    done = call(NUMBER, *arguments)
    assert (done.code, words in done.err) == (2, True), done


def test_a_callflow_that_says_nothing_is_refused(call: Program) -> None:
    say = {"action": "say", "params": {"text": "🎉", "voiceProfile": "en-GB-Emma"}}
    done = call(NUMBER, "--callflow", "-", stdin=json.dumps([say]))
    assert (done.code, "nothing to say" in done.err) == (2, True), done


def test_the_hint_of_a_refusal_for_characters_says_which_are_meant() -> None:
    assert "emoji, markup, & < >" in describe_status_code(-1016).advice


def test_a_column_is_spelled_out_for_each_person(broadcast: Broadcast) -> None:
    write("people.csv", f"phone,name,code\n{ANN},Ann,AB-12\n{BOB},Ben,0042\n")
    message = "{name}: {code:spelled}, or 10:30"
    plan = broadcast("people.csv", message, "--dry-run")
    assert "hears: Ann: A, B, 1, 2; or 10:30\nSpelled out: AB-12 → A, B, 1, 2\n" in plan.out
    assert broadcast("people.csv", message, "--yes").code == 0
    assert broadcast.heard == {ANN: "Ann: A, B, 1, 2; or 10:30", BOB: "Ben: 0, 0, 4, 2; or 10:30"}


def test_codes_of_a_text_and_a_column_are_shown_as_data(broadcast: Broadcast) -> None:
    write("people.csv", f"phone,code\n{ANN},AB12\n")
    message = "{code:spelled} {code} 4711 until 10:30"
    done = broadcast("people.csv", message, "--spell-digits", "--dry-run", "--json")
    assert done.json["first"]["message"] == "A, B, 1, 2; A, B, 1, 2; 4, 7, 1, 1; until 10:30"
    assert done.json["first"]["spelledOut"] == [
        {"code": "AB12", "spoken": "A, B, 1, 2"},
        {"code": "4711", "spoken": "4, 7, 1, 1"},
    ]


def test_a_value_without_anything_to_spell_out_is_a_bad_row(broadcast: Broadcast) -> None:
    write("people.csv", f"phone,code\n{ANN},AB12\n{BOB},--\n")
    done = broadcast("people.csv", "Code {code:spelled}", "--yes")
    assert (done.code, broadcast.called) == (2, [])
    assert "3         code has no letter or digit to spell out.\n" in done.err


def test_a_text_that_nobody_can_be_told_is_no_row_s_fault(broadcast: Broadcast) -> None:
    write("people.csv", f"phone,name\n{ANN},Ann\n{BOB},Ben\n")
    for message in ("🎉", "x" * 3001):
        done = broadcast("people.csv", message, "--skip-invalid", "--yes")
        assert (done.code, broadcast.called, "line" in done.err) == (2, [], False), done
        assert done.err.startswith("Error: The message has "), done


def test_a_plan_names_the_lines_and_characters(broadcast: Broadcast) -> None:
    rows = [f"{ANN},Ann", f"{BOB},Ben 🎉", "nobody,x & y", f"{CAT},Cat <3", "+33199001237,D\u200bd"]
    write("people.csv", "phone,name\n" + "\n".join(rows))
    arguments = ("people.csv", "Hello {name}", "--skip-invalid", "--dry-run")
    done = broadcast(*arguments)
    what = f"{PARTY}, the character <, invisible zero width space (U+200B)"
    assert f"Warning: 3 texts (lines 3, 5, 6) with {what}. {ADVICE}\n" in done.err
    assert broadcast(*arguments, "--json").json["speechProblems"] == {
        "rows": 3,
        "lines": [3, 5, 6],
        "problems": what.split(", "),
    }


def test_a_callflow_and_a_column_of_thanks_are_looked_at(broadcast: Broadcast) -> None:
    say = {"action": "say", "params": {"text": "Hello {name}", "voiceProfile": "en-GB-Emma"}}
    write("flow.json", json.dumps({"callflow": [say]}))
    write("people.csv", f"phone,name\n{ANN},A & B\n{BOB},Ben\n")
    done = broadcast("people.csv", "--callflow", "flow.json", "--dry-run")
    assert "1 text (line 2) with the character &." in done.err
    write("people.csv", f"phone,thanks\n{ANN},Thank you\n{BOB},🎉 1\n")
    done = broadcast("people.csv", "Press 1", "--confirm", "1", "--dry-run")
    assert f"1 text (line 3) with {PARTY}." in done.err


def test_thanks_have_placeholders_too_unless_a_column_has_them(broadcast: Broadcast) -> None:
    options = ("Press 1", "--confirm", "1", "--thanks", "Thank you, {code:spelled}.", "--dry-run", "--json")
    write("people.csv", f"phone,code,thanks\n{ANN},AB12,\n{BOB},CD34,Bye {{code}}\n")
    done = broadcast("people.csv", *options)
    assert done.json["first"]["message"] == "Press 1 Thank you, A, B, 1, 2;"
    assert done.json["first"]["spelledOut"] == [{"code": "AB12", "spoken": "A, B, 1, 2"}]
    write("people.csv", f"phone,code,thanks\n{ANN},AB12,Bye {{code}}\n{BOB},{'1' * 1500},\n")
    done = broadcast("people.csv", *options, "--skip-invalid")
    assert done.json["first"]["message"] == "Press 1 Bye {code}"
    [problem] = done.json["problems"]
    assert problem["problem"].startswith("--thanks: The message has 4,5")


def test_of_many_lines_the_first_are_shown(broadcast: Broadcast) -> None:
    write("people.csv", "phone\n" + "".join(f"+331990012{place:02}\n" for place in range(30)))
    done = broadcast("people.csv", "You & me", "--dry-run", "--json")
    assert "30 texts (lines 2, 3, 4 and 27 more) with the character &." in done.err
    assert done.json["speechProblems"]["lines"] == [*range(2, 22)]


@pytest.mark.process
@pytest.mark.parametrize("columns", [40, 80])
def test_the_question_shows_what_is_spelled_out_and_warned_of(broadcast: Broadcast, columns: int) -> None:
    write("people.csv", f"phone,code\n{ANN},AB12\n{BOB},CD34 🎉\n")
    arguments = ("broadcast", "people.csv", "Code {code:spelled}")
    with Terminal(*arguments, columns=columns, env=broadcast.environment) as terminal:
        terminal.wait_for("Call 2 people")
        shown = " ".join(terminal.end().split())
    assert "Spelled out: AB12 → A, B, 1, 2" in shown
    assert "party popper" in shown
    assert "Interrupted: nobody was called." in shown
