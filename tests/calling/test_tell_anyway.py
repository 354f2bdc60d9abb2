"""``--tell-anyway``: an alert goes out even where, from some moment on, nobody can confirm it."""

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import DEADLINE, Finished, RunningSandbox, wait_until
from forked import under_way
from running_listener import (
    InThread,
    interrupted_twice,
    listening,
    public_access,
    registering,
    set_webhook,
    told,
)

from voicecli.listener import shared_listener
from voicecli.sandbox.reading import Reading, ReplyPlace, VcaMoments
from voicecli.sandbox.server import Sandbox
from voicecli.store.sqlite import SqliteStore

NO_ANSWER, PRESSES_1, PRESSES_1_TOO, SILENT = "+33199000480", "+33199007103", "+33199007104", "+33199005040"
NOWHERE = ("--public-url", "http://127.0.0.1:9", "--port", "0")
ASKED, TOLD = ["makeCall", "sayAndCapture"], ["makeCall", "say", "hangup"]
ALERT = ("Fire. Press 1", "--confirm", "1", "--tell-anyway")


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(time_scale=40, seed=1) as sandbox:
        yield sandbox


class UnrulySandbox(Sandbox):
    """Takes as long as it is told to with the second webhook that is set, and deletes none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.is_set = 0
        self.go_on = threading.Event()

    async def _set_webhook(self, request: web.Request) -> web.Response:
        self.is_set += 1
        if self.is_set == 2:
            await asyncio.to_thread(self.go_on.wait, DEADLINE)
        return await super()._set_webhook(request)

    async def _delete_webhook(self, request: web.Request) -> web.Response:
        return web.json_response({"statusCode": 500}, status=500)


def alerting(sandbox: RunningSandbox, *arguments: str, killed: bool = False) -> AbstractContextManager[Any]:
    """In a thread, unless it is to be killed."""
    command, env = ["call", *arguments], {**os.environ, **sandbox.environment}
    return under_way(command, env=env) if killed else InThread(command, env)


def finished(process: Any) -> Finished:
    out, err = process.communicate(timeout=DEADLINE)
    return Finished(process.returncode, out, err)


def sent(sandbox: RunningSandbox) -> list[tuple[str, list[str]]]:
    """Whom each request calls, and its actions."""
    found = []
    for body in sandbox.sandbox.requested:
        actions = body["callflow"]
        assert isinstance(actions, list)
        found.append((actions[0]["params"]["destination"], [action["action"] for action in actions]))
    return found


def placed(sandbox: RunningSandbox, count: int) -> None:
    wait_until(lambda: len(sandbox.sandbox.sessions) == count)


def take_away_vca(sandbox: RunningSandbox, _home: Path) -> None:
    set_webhook(sandbox, "VCA", "https://example.com/vca")


def break_store(_sandbox: RunningSandbox, home: Path) -> None:
    with closing(sqlite3.connect(home / "voicecli.sqlite3")) as database:
        database.execute("ALTER TABLE events RENAME TO gone")


def lock_out_calls(_sandbox: RunningSandbox, home: Path) -> None:
    with closing(sqlite3.connect(home / "voicecli.sqlite3")) as database:
        database.execute("ALTER TABLE calls RENAME TO gone")


def lock_calls(_sandbox: RunningSandbox, home: Path) -> None:
    """They can be read, and not be written."""
    with closing(sqlite3.connect(home / "voicecli.sqlite3")) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON calls BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )


@pytest.mark.parametrize(
    ("happens", "code", "why"),
    [
        pytest.param(take_away_vca, 16, "The VCA webhook points to an application", marks=pytest.mark.soak),
        (break_store, 1, "no such table: events"),
        pytest.param(lock_out_calls, 16, "no such table: calls", marks=pytest.mark.soak),
    ],
)
def test_an_escalation_tells_the_rest_once_nobody_can_confirm(
    sandbox: RunningSandbox, tmp_path: Path, happens: object, code: int, why: str
) -> None:
    assert callable(happens)
    numbers = (NO_ANSWER, PRESSES_1, PRESSES_1_TOO)
    with alerting(sandbox, *numbers, *ALERT, "--until-confirmed", *public_access()) as process:
        placed(sandbox, 1)
        happens(sandbox, tmp_path / "home")
        if happens is take_away_vca:
            done = finished(process)
        else:  # who was asked may still press a key, and nobody knows
            said = told(process, "it stays")
            done = interrupted_twice(process)
            done = Finished(done.code, done.out, said + done.err)
    assert done.code == code, done
    assert sent(sandbox) == [(NO_ANSWER, ASKED), (PRESSES_1, TOLD), (PRESSES_1_TOO, TOLD)]
    assert f"Nobody can confirm. {PRESSES_1} is called without the question." in done.err
    assert why in done.err
    assert [line for line in done.out.splitlines() if "accepted without the question" in line] == [
        f"{number}: accepted without the question: nobody can confirm" for number in numbers[1:]
    ]


@pytest.mark.soak
@pytest.mark.process
def test_who_is_told_hears_all_of_it_and_no_question(tmp_path: Path) -> None:
    """Also where 8x8 sends a VCA upon connecting, which this process still answers."""
    reading = Reading(VcaMoments.CONNECT, ReplyPlace.INSTEAD)
    with RunningSandbox(time_scale=20, seed=1, reading=reading) as sandbox:
        # The first call's answer is lost, so that its question stays open, and the listener here.
        options = ("--until-confirmed", "--request-timeout", "1", "--timeout", "1s", *public_access())
        with alerting(sandbox, SILENT, PRESSES_1, *ALERT, *options, killed=True) as process:
            wait_until(lambda: sent(sandbox))
            lock_calls(sandbox, tmp_path / "home")
            placed(sandbox, 1)
            [told] = sandbox.sandbox.sessions
            wait_until(lambda: told.status is not None)
            process.kill()
    played = [str(action["action"]) for action in told.played]
    assert list(dict.fromkeys(played)) == TOLD, played
    assert played.count("say") <= 2


@pytest.mark.soak
@pytest.mark.process
def test_where_the_listener_is_killed_between_two_calls_the_next_one_is_told(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process can't take its place, since 8x8 would not get through."""
    monkeypatch.setattr(shared_listener, "TAKE_OVER", 0.2)
    slow = ("--request-timeout", "1", "--timeout", "1s")
    with listening(tmp_path / "home", *registering(), env=sandbox.environment) as listener:
        assert listener.url
        with alerting(sandbox, SILENT, PRESSES_1, *ALERT, *slow, *NOWHERE) as process:
            wait_until(lambda: sent(sandbox))
            listener.stop(signal.SIGKILL)
            done = finished(process)
    assert done.code == 7, done
    assert sent(sandbox) == [(SILENT, ASKED), (PRESSES_1, TOLD)]
    assert "where no listener answers" in done.err


@pytest.mark.soak
@pytest.mark.process
def test_where_this_process_becomes_the_listener_the_next_one_is_asked(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    options = ("--until-confirmed", "--timeout", "5s", *public_access())
    with listening(tmp_path / "home", *registering(), env=sandbox.environment) as listener:
        assert listener.url
        with alerting(sandbox, NO_ANSWER, PRESSES_1, *ALERT, *options) as process:
            placed(sandbox, 1)
            listener.stop(signal.SIGKILL)
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
    assert lines[0].startswith(f"{NO_ANSWER}: no ")  # answer, or summary in time: its listener was killed
    assert lines[1].startswith(f"{PRESSES_1}: confirmed with 1")
    assert sent(sandbox) == [(NO_ANSWER, ASKED), (PRESSES_1, ASKED)]


@pytest.mark.soak
def test_an_interrupt_leaves_told_who_was_told(sandbox: RunningSandbox) -> None:
    numbers = (NO_ANSWER, PRESSES_1, SILENT, PRESSES_1_TOO)
    options = ("--until-confirmed", "--message-id", "m-1", *public_access())
    with alerting(sandbox, *numbers, *ALERT, *options) as process:
        placed(sandbox, 1)
        set_webhook(sandbox, "VCA", "https://example.com/vca")
        wait_until(lambda: sandbox.sandbox.requested and sent(sandbox)[-1][0] == SILENT)
        process.send_signal(signal.SIGINT)
        done = finished(process)
    assert done.code == 130, done
    assert [line.partition(":")[0] for line in done.out.splitlines()] == [NO_ANSWER, PRESSES_1]
    assert f"Look for clientRequestId m-1-{SILENT[1:]}" in done.err
    assert sent(sandbox)[-1] == (SILENT, TOLD)


# -- one command is one run ----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(PRESSES_1_TOO, "--until-confirmed"), ()])
def test_a_run_whose_end_can_not_be_written_does_not_keep_its_own_command_from_telling(
    sandbox: RunningSandbox, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with (
        SqliteStore(tmp_path / "home"),
        closing(sqlite3.connect(tmp_path / "home" / "voicecli.sqlite3")) as database,
    ):
        database.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON runs WHEN NEW.lease_until = 0"
            " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    command = (PRESSES_1, *options[:1], *ALERT, "--once", *options[1:], *NOWHERE)
    with alerting(sandbox, *command) as process:
        done = finished(process)
    assert done.code == 16, done
    assert sent(sandbox) == [(number, TOLD) for number in (PRESSES_1, *options[:1])]
    with alerting(sandbox, *command) as process:
        assert finished(process).code == 9, "another one"


def test_who_interrupts_before_anybody_is_called_wants_nobody_to_be_told() -> None:
    """Also where what that interrupts then goes wrong: here, to put the webhooks back."""
    with RunningSandbox(UnrulySandbox, time_scale=20, seed=1) as sandbox:
        unruly = sandbox.sandbox
        assert isinstance(unruly, UnrulySandbox)
        with alerting(sandbox, PRESSES_1, *ALERT, *public_access()) as process:
            wait_until(lambda: unruly.is_set == 2)
            process.send_signal(signal.SIGINT)
            unruly.go_on.set()
            done = finished(process)
        assert sent(sandbox) == []
    assert done.code == 5, done
    assert "The webhooks at 8x8 could not be restored" in done.err
