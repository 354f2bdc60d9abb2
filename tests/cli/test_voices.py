"""``voicecli voices``: what a message can be spoken with."""

import json

import pytest
from conftest import Program, RunningSandbox
from raw_server import answering, document, server
from test_terminal import on_terminal, plain

from voicecli.sandbox.account import environment


def test_the_voices_are_sorted_by_locale_and_name(run: Program, sandbox: RunningSandbox) -> None:
    done = run("voices", env=sandbox.environment)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:3] == [
        "da-DK-Naja         da-DK     F       Danish",
        "en-GB-Brian        en-GB     M       English UK",
        "en-GB-Emma         en-GB     F       English UK",
    ]


@pytest.mark.parametrize(
    ("options", "voices"),
    [
        (["--locale", "FR"], ["fr-FR-Celine"]),
        (["--locale", "en_gb"], ["en-GB-Brian", "en-GB-Emma"]),
        (["--locale", "e"], []),
        (["--locale", "en", "--gender", "m"], ["en-GB-Brian", "en-US-BenjaminRUS"]),
    ],
)
def test_locale_and_gender_choose(
    run: Program, sandbox: RunningSandbox, options: list[str], voices: list[str]
) -> None:
    done = run("voices", *options, "-q", env=sandbox.environment)
    assert (done.code, done.out.split()) == (0, voices)
    assert done.err == ""


def test_json_has_8x8s_own_fields(run: Program, sandbox: RunningSandbox) -> None:
    done = run("voices", "--locale", "fr", "--json", env=sandbox.environment)
    assert done.json == {
        "speechProfileCode": "fr-FR-Celine",
        "localeCode": "fr-FR",
        "localeDescription": "French",
        "gender": "F",
    }


def test_a_gender_that_there_is_not_is_told(run: Program) -> None:
    done = run("voices", "--gender", "X")
    assert (done.code, done.out) == (2, "")
    assert "'X' is not a known gender" in done.err


ODD = [
    {},
    {"speechProfileCode": 5, "localeCode": None, "gender": ["F"], "localeDescription": {}},
    {"speechProfileCode": "\x1b[31mred", "localeCode": "en-US", "gender": True, "localeDescription": "[b]"},
]


def test_odd_answers_are_shown_and_not_obeyed(run: Program) -> None:
    with server(answering(document({"speechProfiles": ODD}))) as (url, _):
        done = run("voices", env=environment(url))
        lines = run("voices", "--json", env=environment(url)).out.splitlines()
        on_screen = on_terminal("voices", columns=80, env=environment(url))
    assert (done.code, done.err) == (0, "")
    assert "\\u001b[31mred" in done.out
    assert [json.loads(line) for line in lines] == ODD
    assert "\x1b[31m" not in "".join(on_screen)


def test_no_voices_at_all_is_said(run: Program) -> None:
    with server(answering(document({"speechProfiles": []}))) as (url, _):
        done = run("voices", env=environment(url))
    assert (done.code, done.out, done.err) == (0, "", "8x8 lists no voices.\n")


@pytest.mark.parametrize("answer", [{}, {"speechProfiles": "none"}, {"speechProfiles": [1]}])
def test_an_answer_without_a_list_is_no_answer(run: Program, answer: object) -> None:
    with server(answering(document(answer))) as (url, _):
        done = run("voices", env=environment(url))
    assert (done.code, done.out) == (5, "")
    assert "without what was asked for" in done.err


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_there_is_a_heading(sandbox: RunningSandbox, columns: int) -> None:
    lines = plain(on_terminal("voices", columns=columns, env=sandbox.environment))
    assert lines[0].split() == ["voice", "locale", "gender", "language"]
    assert max(map(len, lines)) <= columns
