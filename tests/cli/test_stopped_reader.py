"""Who does not read what a command writes (``| less``) does not hold up what it does."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from conftest import DEADLINE, NUMBER, RunningSandbox, wait_until
from engine_world import World, number, world_of
from forked import Forked
from lists import people, write
from running_listener import public_access, webhooks

from voicecli.cli.broadcast.view import BroadcastView
from voicecli.cli.context import Context
from voicecli.output import streams

PEOPLE = [
    f"+3319900{number}" for number in range(2_000, 2_060)
]  # their rows are more than a small pipe holds


class Unread:
    """A small pipe that nobody reads; ``full``, or with room for a few lines."""

    def __init__(self, *, full: bool = True) -> None:
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, 4096)
        if full:
            self._fill()

    def _fill(self) -> None:
        os.set_blocking(self.writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self.writing, b"\n")
        os.set_blocking(self.writing, True)

    def close(self) -> None:
        for descriptor in (self.reading, self.writing):
            with suppress(OSError):
                os.close(descriptor)


world = pytest.fixture(world_of)


@pytest.fixture
def unread() -> Iterator[Unread]:
    pipe = Unread()
    yield pipe
    pipe.close()


@pytest.fixture
def small_pipe() -> Iterator[Unread]:
    pipe = Unread(full=False)
    yield pipe
    pipe.close()


@contextmanager
def started(
    sandbox: RunningSandbox, *arguments: str, stdout: int, stderr: int = subprocess.PIPE
) -> Iterator["subprocess.Popen[Any]"]:
    environment = {**os.environ, **sandbox.environment}
    with Forked(arguments, stdout=stdout, stderr=stderr, text=True, env=environment) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.soak
@pytest.mark.process
def test_a_broadcast_goes_on_and_tells_it_when_somebody_reads(
    own_sandbox: RunningSandbox, small_pipe: Unread
) -> None:
    arguments = ("broadcast", "send", write("people.csv", people(*PEOPLE)), "Hi", "--yes", "--json")
    with started(own_sandbox, *arguments, stdout=small_pipe.writing) as process:
        os.close(small_pipe.writing)
        wait_until(lambda: len(own_sandbox.sandbox.sessions) == len(PEOPLE))
        with os.fdopen(small_pipe.reading) as file:
            out = file.read()
        assert process.wait(DEADLINE) == 0
    records = [json.loads(line) for line in out.splitlines()]
    last = {record["destination"]: record["status"] for record in records if record["record"] == "row"}
    assert last == dict.fromkeys(PEOPLE, "accepted")
    assert (records[0]["record"], records[-1]["record"]) == ("broadcast", "summary")


@pytest.mark.soak
@pytest.mark.process
def test_a_broadcast_whose_reader_has_stopped_obeys_ctrl_c(
    own_sandbox: RunningSandbox, small_pipe: Unread
) -> None:
    arguments = ("broadcast", "send", write("people.csv", people(*PEOPLE)), "Hi", "--yes", "--json")
    with started(own_sandbox, *arguments, stdout=small_pipe.writing) as process:
        wait_until(lambda: len(own_sandbox.sandbox.sessions) == len(PEOPLE))
        process.send_signal(signal.SIGINT)
        code = process.wait(DEADLINE)
        assert process.stderr is not None
        err = process.stderr.read()
    assert code == 1
    assert "nobody reads it" in err
    assert "voicecli broadcast resume b" in err


@pytest.mark.soak
@pytest.mark.process
def test_a_call_that_is_waited_for_ends_and_tells_it_when_somebody_reads(
    own_sandbox: RunningSandbox, unread: Unread
) -> None:
    arguments = ("call", NUMBER, "+33199001235", "Hi", "--wait", "--json", *public_access())
    with started(own_sandbox, *arguments, stdout=unread.writing, stderr=unread.writing) as process:
        os.close(unread.writing)
        wait_until(lambda: len(own_sandbox.sandbox.sessions) == 2)
        wait_until(lambda: not webhooks(own_sandbox))  # what was there was put back: it has ended
        with os.fdopen(unread.reading) as file:
            told = [json.loads(line) for line in file.read().split("\n") if line]
        assert process.wait(DEADLINE) == 0
    assert [record["outcome"] for record in told] == ["COMPLETED", "COMPLETED"]


@pytest.mark.soak
@pytest.mark.process
def test_a_call_whose_reader_has_stopped_obeys_ctrl_c(own_sandbox: RunningSandbox, unread: Unread) -> None:
    arguments = ("call", NUMBER, "Hi", "--wait", *public_access())
    with started(own_sandbox, *arguments, stdout=unread.writing, stderr=unread.writing) as process:
        wait_until(lambda: own_sandbox.sandbox.sessions)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) in (1, 130)


@pytest.mark.soak
def test_rows_that_change_while_nobody_reads_are_told_as_they_are_in_the_end(
    world: World, unread: Unread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_BEHIND", 3_000)
    numbers = [number(index) for index in range(200)]
    world.plan(numbers)
    with os.fdopen(unread.writing, "w") as stream, os.fdopen(unread.reading) as reader:
        context = Context(stdout=stream, stderr=None, format="json")
        view, told = BroadcastView(context, world.journal), list[str]()
        reading = threading.Thread(target=lambda: told.extend(reader))
        with context.output.streams.in_background():
            world.run(on_row=view.on_row, on_progress=view.on_progress)
            assert context.output.streams.is_behind
            reading.start()
            asyncio.run(view.report_missed_rows())
        stream.close()
        reading.join()
    rows = [json.loads(line) for line in told if line != "\n"]
    assert {row["destination"]: row["status"] for row in rows} == dict.fromkeys(numbers, "accepted")
    assert len(rows) < 2 * len(numbers)
