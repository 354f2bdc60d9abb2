"""The real ``voicecli listen`` in a process or a thread of its own, read through its JSON Lines."""

import io
import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TextIO

from conftest import DEADLINE, Finished, RunningSandbox, wait_until
from forked import under_way

from voicecli import interrupts
from voicecli.cli import app
from voicecli.cli.context import Context
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import list_webhooks, set_webhook as set_webhook_at_8x8

TOKEN = "token-of-these-tests"


class RunningListener:
    """``records`` are what it printed so far; ``code``, ``errors`` are there when it has ended."""

    def __init__(self, process: "subprocess.Popen[str]", home: Path) -> None:
        self.process = process
        self.home = home
        self.records: list[dict[str, Any]] = []
        self.errors = ""
        self._readers = [threading.Thread(target=read) for read in (self._read_records, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read_records(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):  # one that is killed leaves half a line
                self.records.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read()

    @property
    def url(self) -> str:
        """Where it listens; waits until it does."""
        wait_until(lambda: self.of("ready") or self.process.poll() is not None)
        assert self.of("ready"), self.end_of_it()
        return str(self.of("ready")[0]["url"])

    def of(self, record: str, **fields: object) -> list[dict[str, Any]]:
        """The records of this kind whose fields are so."""
        return [
            one
            for one in list(self.records)
            if one["record"] == record and all(one[name] == value for name, value in fields.items())
        ]

    def end_of_it(self) -> str:
        """What it said, once it has ended."""
        self.process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        return self.errors

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.end_of_it()
        return self.process.returncode


def started(
    home: Path, *arguments: str, env: Mapping[str, str] = {}, token: str | None = TOKEN, forked: bool = True
) -> AbstractContextManager["subprocess.Popen[str]"]:
    """``voicecli listen`` with these arguments, its output in pipes; killed in the end if it still runs."""
    return under_way(
        ["listen", "--port", "0", *arguments],
        forked=forked,
        env=variables(home, env, token),
        cwd=home.parent,
    )


def variables(home: Path, env: Mapping[str, str], token: str | None) -> dict[str, str]:
    own = {"WEBHOOK_AUTH_TOKEN": token} if token else {}
    return {**os.environ, "VOICECLI_HOME": str(home), **own, **env}


_tries = itertools.count()
_receivers: dict[int, Callable[[int], None]] = {}  # of signals, by thread
_received_by_main_thread = interrupts.received_by


@contextmanager
def _received_by(receiver: Callable[[int], None]) -> Iterator[None]:
    """``interrupts.received_by`` for any thread."""
    thread = threading.get_ident()
    _receivers[thread] = receiver
    with _received_by_main_thread(receiver):
        yield
    del _receivers[thread]


interrupts.received_by = _received_by  # type: ignore[misc, assignment]


class InThread:
    """``voicecli`` in a thread of this process: a Popen whose signals are handed to its event loop, and which
    can't be killed."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self.stdout, out = self._pipe()
        self.stderr, err = self._pipe()
        context = Context(stdin=io.StringIO(), stdout=out, stderr=err, environment=env)
        self._thread = threading.Thread(target=self._run, args=[arguments, context, out, err], daemon=True)

    @staticmethod
    def _pipe() -> tuple[TextIO, TextIO]:
        reading, writing = os.pipe()
        return os.fdopen(reading, encoding="utf-8"), os.fdopen(writing, "w", encoding="utf-8")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.stderr.close()

    def _run(self, arguments: Sequence[str], context: Context, out: TextIO, err: TextIO) -> None:
        with out, err:
            self.returncode = app.run(arguments, context)

    def poll(self) -> int | None:
        return None if self._thread.is_alive() else self.returncode

    def wait(self, timeout: float) -> int | None:
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "it does not end"
        return self.returncode

    def communicate(self, timeout: float) -> tuple[str, str]:
        self.wait(timeout)
        return self.stdout.read(), self.stderr.read()

    def send_signal(self, number: int) -> None:
        if number == signal.SIGKILL:
            raise ValueError("a thread can't be killed: it has to be a process")
        if (receiver := _receivers.get(self._thread.ident or 0)) is not None:
            receiver(number)


@contextmanager
def listening(
    home: Path,
    *arguments: str,
    env: Mapping[str, str] = {},
    token: str | None = TOKEN,
    forked: bool = True,
    in_thread: bool = False,
) -> Iterator[RunningListener]:
    """``voicecli listen --json`` with these arguments, and what it prints; ``in_thread`` it takes a third of
    the time, and can't be killed."""
    process: AbstractContextManager[Any] = started(
        home, "--json", *arguments, env=env, token=token, forked=forked
    )
    if in_thread:
        process = InThread(["listen", "--port", "0", "--json", *arguments], variables(home, env, token))
    with process as running:
        listener = RunningListener(running, home)
        try:
            yield listener
        finally:
            if not in_thread and running.poll() is None:
                running.kill()
            while running.poll() is None:
                running.send_signal(signal.SIGINT)
                time.sleep(0.01)
            listener.end_of_it()


def children_of(pid: int) -> list[int]:
    """The processes that it has started and that run."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def webhooks(sandbox: RunningSandbox) -> dict[str, str]:
    with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=sandbox.sandbox.url) as client:
        return {webhook.type: webhook.url for webhook in client.send(list_webhooks())}


def set_webhook(sandbox: RunningSandbox, kind: str, url: str, authorization: str | None = None) -> None:
    with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=sandbox.sandbox.url) as client:
        client.send(set_webhook_at_8x8(kind, url, authorization=authorization))


def free_port() -> int:
    """One that nobody gets unasked until it is used: it lies below those that systems choose, and in a part
    that tests of other processes do not use."""
    part = range(20_000, 32_000)[os.getpid() % 120 :: 120]
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port := part[next(_tries) % len(part)]))
            return port


def registering() -> list[str]:
    """Options for a listener that a sandbox reports to: at a free port, which is told to the sandbox."""
    return [*public_access(), "--register"]


def public_access() -> list[str]:
    """The same options without --register: for a command that registers by itself."""
    port = free_port()
    return ["--port", str(port), "--public-url", f"http://127.0.0.1:{port}"]


def told(process: "subprocess.Popen[str]", words: str) -> str:
    """What it says on stderr, up to the line with these words."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(said)


def interrupted_twice(process: "subprocess.Popen[str]") -> Finished:
    """By Ctrl-C, while it stays because a question is open."""
    process.send_signal(signal.SIGINT)
    said = told(process, "Ctrl-C again ends it")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE)
    return Finished(process.returncode, out, said + err)
