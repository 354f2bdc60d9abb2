"""``voicecli call --once``: the same call is placed once, however many ask for it at the same instant."""

import os
import random
import signal
import sqlite3
import stat
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import DEADLINE, NUMBER, Program, RunningSandbox, wait_until
from forked import Forked, under_way
from running_listener import public_access
from soak import share_of

BUSY, PRESSES_1 = "+33199000486", "+33199007103"
REFUSED, CUT, SILENT = "+33199001014", "+33199005050", "+33199005040"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def spellings(url: str) -> list[str]:
    """As many ways to write the base URL of one account."""
    port = url.rpartition(":")[2]
    hosts = ("127.0.0.1", "localhost", "LocalHost")
    schemes = ("http", "HTTP", "Http")
    ends = ("", "/", "//")
    return [f"{scheme}://{host}:{port}{end}" for scheme in schemes for host in hosts for end in ends][:20]


def together(sandbox: RunningSandbox, count: int, *arguments: str) -> list[int]:
    """The exit codes of so many calls, started together, each with another spelling of the base URL."""
    processes = [
        Forked(
            ["call", NUMBER, "Hello", "--once", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **sandbox.environment, "EIGHT_X_EIGHT_BASE_URL": url},
        )
        for url in spellings(sandbox.sandbox.url)[:count]
    ]
    for process in processes:
        process.communicate(timeout=DEADLINE)
    return sorted(process.returncode for process in processes)


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize(("rounds", "count"), [(1, 4), (share_of(50), 20)])
def test_twenty_at_the_same_instant_place_one_call(
    own_sandbox: RunningSandbox, rounds: int, count: int
) -> None:
    """By their id, and by what they say."""
    for number in range(rounds):
        for arguments in (("--message-id", f"round-{number}"), ("--from", f"+33199{number:06}")):
            before = len(own_sandbox.sandbox.sessions)
            with pytest.MonkeyPatch.context() as own:
                own.setenv("VOICECLI_HOME", f"{os.environ['VOICECLI_HOME']}-{number}-{arguments[0]}")
                assert together(own_sandbox, count, *arguments) == [0] + [9] * (count - 1)
            assert len(own_sandbox.sandbox.sessions) == before + 1


@pytest.mark.soak
@pytest.mark.process
def test_many_of_an_alert_at_the_same_instant_are_one(own_sandbox: RunningSandbox) -> None:
    """The same alert 20 times and more, its numbers in any order: one of them goes out."""
    count = max(20, share_of(200))
    alert = ("Press 1", "--confirm", "1", "--until-confirmed", "--once", "--message-id", "disk-full")
    started = []
    for number in range(count):
        numbers = [BUSY, PRESSES_1, f"+3319900{7200 + number % 2}"]
        access = public_access()
        started.append(
            Forked(
                ["call", *numbers[number % 2 :], *alert, *access],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, **own_sandbox.environment},
            )
        )
    for process in started:
        process.communicate(timeout=4 * DEADLINE)
    assert sorted(process.returncode for process in started) == [0] + [9] * (count - 1)
    called = [session.destination for session in own_sandbox.sandbox.sessions]
    assert called in ([BUSY, PRESSES_1], [PRESSES_1])


@pytest.mark.process
@pytest.mark.parametrize("runs", [1, pytest.param(20, marks=pytest.mark.soak)])
def test_an_interrupt_takes_the_claim_back_unless_the_request_has_left(
    call: Program, own_sandbox: RunningSandbox, runs: int
) -> None:
    rng = random.Random(15)
    names = [f"interrupted-{number}" for number in range(runs)]
    certain = set[str]()
    for name in names:
        command = (NUMBER, "Hello", "--once", "--message-id", name)
        with under_way(["call", *command], env={**os.environ, **own_sandbox.environment}) as process:
            time.sleep(rng.uniform(0, 0.3))  # the moment is the test's input, not a wait for something
            process.send_signal(signal.SIGINT)
            said = "".join(process.communicate(timeout=DEADLINE))
        in_doubt = "may have been placed" in said  # on its way to the sandbox, or just about to leave
        again = call(*command, env=own_sandbox.environment)
        assert again.code == (9 if in_doubt or "accepted session" in said else 0), (said, again)
        if not in_doubt:
            certain.add(name)
    requested = Counter(body["clientRequestId"] for body in own_sandbox.sandbox.requested)
    assert requested.keys() >= certain
    assert set(requested.values()) == {1}


def test_without_an_id_the_same_text_to_the_same_number_is_the_same_call(
    call: Program, own_sandbox: RunningSandbox
) -> None:
    assert call(NUMBER, "Hello", "--once").code == 0
    again = call(NUMBER, "Hello", "--once", "--repeat", "2")
    assert (again.code, again.out) == (9, "")
    assert "The same call was placed" in again.err
    assert call(NUMBER, "Hello!", "--once").code == 0
    assert call("+33199001235", "Hello", "--once").code == 0
    assert call(NUMBER, "Hello").code == 0, "without --once it is placed again"


def test_the_window_ends(call: Program) -> None:
    assert call(NUMBER, "Hello", "--once", "--message-id", "m-1").code == 0
    assert call(NUMBER, "Hello", "--once", "--message-id", "m-1", "--within", "1h").code == 9
    database = sqlite3.connect(Path(os.environ["VOICECLI_HOME"]) / "voicecli.sqlite3")
    with database:
        database.execute("UPDATE calls SET placed = placed - 2 * 3600 * 1000000")
    database.close()
    assert call(NUMBER, "Hello", "--once", "--message-id", "m-1", "--within", "1h").code == 0


def test_an_id_that_was_used_without_once_counts_too(call: Program) -> None:
    assert call(NUMBER, "Hello", "--message-id", "m-2").code == 0
    assert call(NUMBER, "Hello", "--once", "--message-id", "m-2").code == 9


def test_what_was_refused_can_be_tried_again(call: Program) -> None:
    for _ in range(2):
        assert call(REFUSED, "Hello", "--once").code == 4


def test_what_could_not_be_sent_can_be_tried_again(call: Program) -> None:
    nowhere = {"EIGHT_X_EIGHT_BASE_URL": "http://127.0.0.1:9"}
    for _ in range(2):
        assert call(NUMBER, "Hello", "--once", "--retries", "0", env=nowhere).code == 5
    assert call(NUMBER, "Hello", "--once").code == 0


def test_what_may_have_been_placed_is_not_tried_again(call: Program) -> None:
    assert call(CUT, "Hello", "--once").code == 6
    again = call(CUT, "Hello", "--once", "--json")
    assert again.code == 9
    assert again.error["code"] == "placed_before"
    assert "may have been placed" in again.error["message"]


@pytest.mark.process
def test_killed_while_it_asks_it_is_not_tried_again(call: Program, sandbox: RunningSandbox) -> None:
    with Forked(
        ["call", SILENT, "Hello", "--once", "--message-id", "killed"],
        stdin=subprocess.DEVNULL,
        env={**os.environ, **sandbox.environment},
    ) as process:
        wait_until(lambda: sandbox.requested("killed"))
        process.kill()
    assert call(SILENT, "Hello", "--once", "--message-id", "killed").code == 9


def test_deleting_what_is_old_spares_what_is_guarded(call: Program, run: Program) -> None:
    assert call(NUMBER, "Hello", "--once", "--within", "1h").code == 0
    assert run("prune", "--older-than", "1s").code == 0
    assert call(NUMBER, "Hello", "--once", "--within", "1h").code == 9


def test_a_key_that_is_damaged_is_not_used(call: Program, home: Path) -> None:
    assert call(NUMBER, "Hello", "--once").code == 0
    (home / "once.key").write_bytes(b"")
    done = call(NUMBER, "Hello", "--once")
    assert done.code == 3
    assert "once.key is damaged" in done.err


def test_no_text_is_on_disk(call: Program, home: Path) -> None:
    assert call(NUMBER, "The code is 482913", "--once").code == 0
    for path in home.iterdir():
        content = path.read_bytes()
        assert b"482913" not in content
        assert b"The code" not in content
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (home / "once.key").stat().st_size == 32


def test_where_it_can_t_be_kept_nothing_is_sent(call: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = call(NUMBER, "Hello", "--once", env={"VOICECLI_HOME": str(tmp_path / "file" / "home")})
    assert done.code == 3


def test_a_call_that_can_t_be_noted_was_placed_all_the_same(call: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = call(NUMBER, "Hello", env={"VOICECLI_HOME": str(tmp_path / "file" / "home")})
    assert done.code == 0
    assert "accepted session" in done.out
    assert "and voicecli sessions will not know this call. The store" in done.err
