"""``voicecli numbers``: the subaccount's phone numbers."""

import pytest
from conftest import Program, RunningSandbox
from raw_server import answering, document, server
from test_terminal import on_terminal, plain

from voicecli.sandbox.account import environment


def test_numbers_are_listed_with_their_health(run: Program, sandbox: RunningSandbox) -> None:
    done = run("numbers", env=sandbox.environment)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("+33199000000      FR       GEOGRAPHIC  Active      Healthy (20")


def test_json_and_quiet_are_for_scripts(run: Program, sandbox: RunningSandbox) -> None:
    number = run("numbers", "--json", env=sandbox.environment).json
    assert (number["msisdn"], number["numberHealth"]["isHealthy"]) == ("+33199000000", True)
    assert run("numbers", "-q", env=sandbox.environment).out == "+33199000000\n"


def test_a_number_of_the_subaccount_is_one(run: Program, sandbox: RunningSandbox) -> None:
    done = run("numbers", "check", "+33 1 99 00 00 00", env=sandbox.environment)
    assert done.code == 0
    assert done.out == (
        "+33199000000 is a number of this subaccount (country FR, reference SANDBOX-SOURCE)\n"
    )
    done = run("numbers", "check", "33199000000", "--json", env=sandbox.environment)
    assert done.json == {"referenceId": "SANDBOX-SOURCE", "msisdn": "+33199000000", "countryCode": "FR"}


def test_a_number_of_somebody_else_is_not(run: Program, sandbox: RunningSandbox) -> None:
    done = run("numbers", "check", "+33199000001", env=sandbox.environment)
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith("Error: +33199000001 is not a number of this subaccount.\nHint: ")


def test_an_unknown_subaccount_is_not_taken_for_an_unknown_number(
    run: Program, sandbox: RunningSandbox
) -> None:
    env = {**sandbox.environment, "EIGHT_X_EIGHT_SUBACCOUNT_ID": "nobody"}
    done = run("numbers", "check", "+33199000001", env=env)
    assert (done.code, done.out) == (4, "")
    assert "SubAccount not found by Id : nobody" in done.err


def test_what_is_no_number_is_refused(run: Program) -> None:
    done = run("numbers", "check", "12")
    assert (done.code, done.out) == (2, "")
    assert "NUMBER must be a number in international form" in done.err


ODD = [
    {},
    {"msisdn": 33199000002, "operationalStatus": "Expiring", "numberHealth": {"isHealthy": False}},
    {"msisdn": "\x1b]0;x\x07", "countryCode": ["FR"], "numberHealth": {"isHealthy": {}, "status": 1}},
    {"msisdn": "33199000003", "numberHealthCheckEnabled": False, "numberHealth": "?"},
]


def test_odd_answers_are_shown_and_not_obeyed(run: Program) -> None:
    with server(answering(document({"numbers": ODD}))) as (url, _):
        done = run("numbers", env=environment(url))
    assert (done.code, done.err) == (0, "")
    assert [line.split() for line in done.out.splitlines()] == [
        ["not", "checked"],
        ["+33199000002", "Expiring", "Unhealthy"],
        ["\\u001b]0;x\\u0007", "1"],
        ["+33199000003", "not", "checked"],
    ]


def test_no_numbers_at_all_is_said(run: Program) -> None:
    with server(answering(document({"numbers": []}))) as (url, _):
        done = run("numbers", env=environment(url))
    assert (done.code, done.out, done.err) == (0, "", "The subaccount has no numbers.\n")


@pytest.mark.parametrize("answer", [{}, {"payload": {}}, {"payload": {"referenceId": {}, "countryCode": 1}}])
def test_little_can_be_said_of_a_number_that_8x8_says_little_of(run: Program, answer: object) -> None:
    with server(answering(document(answer))) as (url, _):
        done = run("numbers", "check", "+33199000000", env=environment(url))
    assert (done.code, done.out.startswith("+33199000000 is")) == ((0, True) if answer else (5, False))


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_there_is_a_heading(sandbox: RunningSandbox, columns: int) -> None:
    lines = plain(on_terminal("numbers", columns=columns, env=sandbox.environment))
    assert lines[0].split() == ["number", "country", "type", "status", "health"]
    assert max(map(len, lines)) <= columns
