"""``--at-most``: nobody is called more often than that from this store, whatever placed the calls."""

import json
import os
from pathlib import Path

import pytest
from conftest import NUMBER, Program, RunningSandbox, voicecli
from lists import ANN, BOB, CAT, Broadcast, people, write
from past import event, keep
from running_listener import public_access

from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

ONCE = ("--at-most", "1/24h")
PRESSES_1 = "+33199007103"
HELLO = ("Hello", "--yes")


@pytest.fixture
def home() -> Path:
    return Path(os.environ["VOICECLI_HOME"])


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


def change_calls(home: Path, change: str) -> None:
    with open_store(StorePlace(home)) as store, store.transaction() as transaction:
        transaction(f"UPDATE calls SET {change}")


# -- call ------------------------------------------------------------------------------------------------


def test_whoever_was_called_is_not_called_again(call: Program, home: Path) -> None:
    assert call(NUMBER, "Hello").code == 0  # also by a command that knows nothing of it
    done = call("+33 1 99 00 12 34", "Something else", *ONCE, "--json")
    assert (done.code, done.out) == (9, ""), done
    assert done.error["code"] == "called_too_often"
    assert (done.error["destination"], done.error["atMost"]) == (NUMBER, "1/24h")
    assert f"{NUMBER} was called at" in done.error["message"]
    assert "at most once in 24h is allowed: nothing was sent" in done.error["message"]
    assert call(NUMBER, "Hello", "--at-most", "2/24h").code == 0
    change_calls(home, f"placed = placed - {25 * 3_600_000_000}")
    assert call(NUMBER, "Hello", *ONCE).code == 0


@pytest.mark.parametrize("outcome", ["NO_ANSWER", "BUSY", "CANCELED", "FAILED", "ERROR"])
def test_a_call_that_reached_nobody_does_not_count(call: Program, home: Path, outcome: str) -> None:
    session = call(NUMBER, "Hello", *ONCE, "-q").out.strip()
    keep(home, event("VSS", outcome, session, number=NUMBER))
    assert call(NUMBER, "Hello", *ONCE).code == 0
    assert call(NUMBER, "Hello", *ONCE).code == 9


@pytest.mark.parametrize("change", ["state = 'unknown', session = NULL", "state = 'sending', session = NULL"])
def test_a_call_of_which_nobody_knows_counts(call: Program, home: Path, change: str) -> None:
    assert call(NUMBER, "Hello").code == 0
    change_calls(home, change)
    done = call(NUMBER, "Hello", *ONCE)
    assert done.code == 9
    assert "may have been called at" in done.err


def test_what_8x8_refused_does_not_count(call: Program) -> None:
    refused = "+33199001014"
    assert [call(refused, "Hello", *ONCE).code for _ in range(2)] == [4, 4]


def test_of_several_those_are_called_who_may_be(call: Program) -> None:
    assert call(ANN, "Hello", *ONCE).code == 0
    done = call(ANN, BOB, "--message", "Hello", *ONCE, "--json")
    assert done.code == 7, done
    assert call(ANN, BOB, "--message", "Hello", *ONCE).code == 9


def test_an_alert_goes_on_to_the_next(run: Program, own_sandbox: RunningSandbox, home: Path) -> None:
    """Whoever may not be called is passed by."""
    alert = ("call", "--message", "Press 1.", "--confirm", "1", "--until-confirmed", "--once", *ONCE)
    environment = own_sandbox.environment
    assert run("call", ANN, "Hello", env=environment).code == 0
    change_calls(home, "destination = ltrim(destination, '+')")  # as a callflow of one's own may write it
    done = run(*alert, ANN, PRESSES_1, *public_access(), env=environment)
    assert done.code == 0, done
    assert [session.destination for session in own_sandbox.sandbox.sessions] == [ANN, PRESSES_1]
    done = run(*alert, ANN, "--message-id", "other", *public_access(), env=environment)
    assert done.code == 9, done


def test_the_setting_is_the_default_and_none_lifts_it(call: Program) -> None:
    limit = {"VOICECLI_AT_MOST": "1/24h"}
    assert [call(NUMBER, "Hello", env=limit).code for _ in range(2)] == [0, 9]
    assert call(NUMBER, "Hello", "--at-most", "none", env=limit).code == 0
    assert call(NUMBER, "Hello", env={"VOICECLI_AT_MOST": "once a day"}).code == 3
    wrong = call(NUMBER, "Hello", "--at-most", "1/d")
    assert wrong.code == 2
    assert "the limit of calls can't be read" in wrong.err
    assert "such as 1/24h" in wrong.err


def test_a_folder_s_dotenv_lifts_no_limit(call: Program, tmp_path: Path) -> None:
    own = tmp_path / "own.env"
    own.write_text("VOICECLI_AT_MOST=1/24h\n")
    Path(".env").write_text("VOICECLI_AT_MOST=none\n")
    own_first = {"VOICECLI_ENV_FILE": str(own)}
    assert [call(NUMBER, "Hello", env=own_first).code for _ in range(2)] == [0, 9]
    Path(".env").write_text("VOICECLI_AT_MOST=1/24h\n")
    assert call(NUMBER, "Hello").code == 9


def test_without_the_store_nothing_is_sent(call: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = call(NUMBER, "Hello", *ONCE, env={"VOICECLI_HOME": str(tmp_path / "file" / "home")})
    assert done.code == 3, done
    assert call(NUMBER, "Hello", env={"VOICECLI_HOME": str(tmp_path / "file" / "home")}).code == 0


# -- broadcast -------------------------------------------------------------------------------------------


def test_a_list_leaves_out_whom_another_has_called(broadcast: Broadcast, home: Path) -> None:
    first = write("first.csv", people(ANN, BOB))
    second = write("second.csv", people(BOB, CAT))
    assert broadcast(first, *HELLO, *ONCE).code == 0
    plan = broadcast(second, *HELLO, *ONCE, "--dry-run", "--json").json
    assert (plan["calls"], plan["skipped"], plan["calledTooOften"]) == (1, 1, 1)
    done = broadcast(second, *HELLO, *ONCE)
    assert (done.code, broadcast.called) == (0, [ANN, BOB, CAT]), done
    assert "1  called too often: left out for now" in done.out
    assert "Call the 1 whom --at-most left out, once they may be called" in done.out
    lines = map(json.loads, broadcast("list", "--json").out.splitlines())
    [known] = [one["broadcastId"] for one in lines if one["calledTooOften"]]
    table = [*map(json.loads, broadcast("results", known, "--json").out.splitlines())]
    assert [row["status"] for row in table] == ["skipped", "accepted"]
    assert "; at most once in 24h" in table[0]["reason"]
    assert broadcast("resume", known).code == 0  # they still may not be
    assert broadcast.called == [ANN, BOB, CAT]
    change_calls(home, f"placed = placed - {25 * 3_600_000_000}")
    assert broadcast("resume", known).code == 0
    assert broadcast.called == [ANN, BOB, CAT, BOB]
    assert broadcast("resume", known).code == 2  # it is done


def test_where_nobody_may_be_called_it_says_so(broadcast: Broadcast) -> None:
    first, second = write("first.csv", people(ANN)), write("second.csv", f"phone\n{ANN}\n")
    assert broadcast(first, *HELLO, VOICECLI_AT_MOST="1/7d").code == 0
    done = broadcast(second, *HELLO, "--json", VOICECLI_AT_MOST="1/7d")
    assert (done.code, done.error["code"], done.error["calledTooOften"]) == (9, "called_too_often", 1)
    assert broadcast(second, *HELLO, "--at-most", "none", VOICECLI_AT_MOST="1/7d").code == 0


def test_resume_can_lift_the_limit(broadcast: Broadcast) -> None:
    assert voicecli("call", ANN, "Hello", env=broadcast.environment).code == 0
    known = broadcast.identifier(write("people.csv", people(ANN, BOB)), *HELLO, *ONCE)
    assert broadcast.called == [ANN, BOB]
    assert broadcast("resume", known, "--at-most", "none").code == 0
    assert broadcast.called == [ANN, BOB, ANN]


# -- prune -----------------------------------------------------------------------------------------------


def test_prune_keeps_what_the_limit_needs(call: Program, home: Path, run: Program) -> None:
    limit = {"VOICECLI_AT_MOST": "1/7d"}
    assert call(NUMBER, "Hello", env=limit).code == 0
    change_calls(home, f"placed = placed - {2 * 24 * 3_600_000_000}")
    assert run("prune", "--older-than", "1d", env=limit).code == 0
    assert call(NUMBER, "Hello", env=limit).code == 9
    assert run("prune", "--older-than", "1d").code == 0
    assert call(NUMBER, "Hello", env=limit).code == 0
