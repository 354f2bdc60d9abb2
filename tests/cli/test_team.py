"""Commands of machines that share a database."""

import re
from pathlib import Path

import pytest
from conftest import NUMBER, Finished, Program, RunningSandbox
from shared_postgresql import KEY

from voicecli.platforms.identity import user_at_host
from voicecli.store.location import StorePlace
from voicecli.team_store import new_key, read_key

ME = user_at_host()


def key_of_the_team() -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(KEY).decode().rstrip("=")


class Machines:
    """Two of them, each with a folder of its own."""

    def __init__(self, run: Program, team: StorePlace, sandbox: RunningSandbox, folder: Path) -> None:
        self._run = run
        self._folder = folder
        assert team.url is not None
        self.environment = {
            **sandbox.environment,
            "VOICECLI_STORE": team.url,
            "VOICECLI_STORE_KEY": key_of_the_team(),
        }

    def __call__(self, machine: str, *arguments: str, **env: str) -> Finished:
        own = {"VOICECLI_HOME": str(self._folder / machine)}
        return self._run(*arguments, env={**own, **self.environment, **env})


@pytest.fixture
def machines(run: Program, team: StorePlace, sandbox: RunningSandbox, tmp_path: Path) -> Machines:
    return Machines(run, team, sandbox, tmp_path)


def test_what_one_machine_does_the_other_knows(machines: Machines, tmp_path: Path) -> None:
    placed = machines("one", "call", NUMBER, "Hello", "--once", "-q")
    assert placed.code == 0
    [session] = placed.out.split()
    again = machines("two", "call", NUMBER, "Hello", "--once", "--json")
    assert (again.code, again.error["sessionId"], again.error["placedBy"]) == (9, session, ME)
    assert f" by {ME} as session {session}" in again.error["message"]
    assert f"\nPlaced by {ME}\n" in machines("two", "sessions", session).out
    (tmp_path / "people.csv").write_text(f"phone\n{NUMBER}\n")
    assert machines("one", "broadcast", "people.csv", "Hello", "--yes").code == 0
    sent = machines("two", "broadcast", "people.csv", "Hello", "--yes")
    assert (sent.code, "This list was sent before" in sent.err) == (9, True)
    assert not list(tmp_path.glob("*/voicecli.sqlite3"))


WRONG = (
    (("host=", "host=/nowhere"), "No such file or directory", "Is the server running"),
    (
        ("@/[^?]*", "@/no_such_database"),
        'database "no_such_database" does not exist',
        "check user and database",
    ),
    ((r"\?", "?schema=other&"), "no store of voicecli in its schema other", "voicecli store migrate"),
    ((r"\?", "?sslmode=verify&"), "invalid sslmode value", "what VOICECLI_STORE asks for"),
    ((r"\?", "?colour=red&"), "The URL of the store can't be read", "VOICECLI_STORE is postgresql://"),
)


def test_a_database_that_can_not_be_used_is_told_with_what_to_do(machines: Machines) -> None:
    right = machines.environment["VOICECLI_STORE"].replace("@", ":pass-word@")
    for change, message, hint in WRONG:
        url = re.sub(*change, right, count=1)
        for command in (("sessions",), ("call", NUMBER, "Hello", "--once", "--debug")):
            done = machines("one", *command, VOICECLI_STORE=url)
            assert (done.code, done.out) == (3, "")
            assert message in done.err
            assert hint in done.err
            assert "pass-word" not in done.err


def test_another_key_is_refused_wherever_the_store_is_opened(machines: Machines) -> None:
    other = new_key()
    assert read_key(other) != KEY
    for command in (("sessions",), ("call", NUMBER, "Hello", "--once"), ("prune", "--older-than", "1d")):
        done = machines("one", *command, VOICECLI_STORE_KEY=other)
        assert done.code == 3
        assert "VOICECLI_STORE_KEY must be what the store was made with" in done.err


def test_a_plain_call_goes_on_without_the_database_and_says_so(run: Program, sandbox: RunningSandbox) -> None:
    url, key = "postgresql://127.0.0.1:1/voicecli", key_of_the_team()
    done = run(
        "call", NUMBER, "Hello", "--store", url, env={**sandbox.environment, "VOICECLI_STORE_KEY": key}
    )
    assert done.code == 0
    assert "it is not known whether" in done.err
    assert "Connection refused. Is the server running, and can this machine reach it?\n" in done.err
