"""Shared by all tests: a clean environment, a sandbox, and the real program, in the test's own process."""

import asyncio
import gc
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import accepted_connections
import in_process
import left_behind
import postgresql_server
import process_guard
import pytest
import quick_waits
import ready_stores
import shared_postgresql
import soak
import writer_thread
from forked import Forked

from voicecli import durations
from voicecli.listener import recorder
from voicecli.sandbox import delivery
from voicecli.sandbox.account import environment
from voicecli.sandbox.server import Sandbox
from voicecli.store.location import StorePlace

NUMBER = "+33199001234"  # in the range that France keeps for fiction; the sandbox answers it
FOREIGN = re.compile("EIGHT_X_EIGHT|OUTBOUND|VOICE|WEBHOOK|NGROK|.*proxy", re.IGNORECASE)
start_writer = recorder.start_writer
FOLDER = pytest.StashKey[Path]()
NUMBERS = itertools.count()
DEADLINE = 60.0  # seconds that any one thing may take before a test gives up


@dataclass(frozen=True)
class Finished:
    """A run of the program. A failed comparison shows both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error object that --json puts on stderr, whatever talk comes before it."""
        return json.loads(self.err.splitlines()[-1])["error"]


Program = Callable[..., Finished]


class RunningSandbox:
    """A sandbox in a thread, for tests that are not themselves in an event loop."""

    def __init__(self, sandbox: type[Sandbox] = Sandbox, **options: Any) -> None:
        self.sandbox = sandbox(**options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "RunningSandbox":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.sandbox.start(), self._loop).result(DEADLINE)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(DEADLINE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()

    async def _stop(self) -> None:
        await self.sandbox.stop()
        await accepted_connections.end_other_tasks()

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.sandbox.url)

    @contextmanager
    def holding_summaries(self) -> Iterator[threading.Event]:
        """Inside, how calls ended is reported only when the event is set."""
        may_leave, delivery = threading.Event(), self.sandbox._delivery
        deliver = delivery.deliver

        async def wait_and_deliver(kind: str, event: dict[str, object], **options: Any) -> bytes | None:
            if kind == "VSS":
                await asyncio.to_thread(may_leave.wait)
            return await deliver(kind, event, **options)

        delivery.deliver = wait_and_deliver  # type: ignore[method-assign]
        try:
            yield may_leave
        finally:
            may_leave.set()

    def requested(self, client_request_id: str) -> list[dict[str, object]]:
        """The callflow requests with this id that arrived, refused ones left out."""
        requests = list(self.sandbox.requested)
        return [body for body in requests if body.get("clientRequestId") == client_request_id]


def voicecli(*arguments: str, stdin: str | bytes = "", env: Mapping[str, str] = {}) -> Finished:
    """The program with these arguments, in this process, with these variables beside those of the test."""
    code, out, err = in_process.run(
        arguments,
        DEADLINE,
        stdin=stdin.encode() if isinstance(stdin, str) else stdin,
        env={**os.environ, **env},
    )
    return Finished(code, out.decode(), err.decode())


def start_call(
    sandbox: RunningSandbox,
    *arguments: str,
    stdout: int | IO[str] = subprocess.PIPE,
    forked: bool = True,
) -> "subprocess.Popen[str]":
    """``voicecli call`` under way, for whoever wants to meddle with it."""
    return Forked(
        ["call", *arguments],
        forked=forked,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **sandbox.environment},
    )


def failing(call: Callable[..., object], error: Exception, *, at: int) -> Callable[..., object]:
    """From that time on that it is used, it raises this."""
    used = 0

    def wrapped(*arguments: object, **options: object) -> object:
        nonlocal used
        used += 1
        if used >= at:
            raise error
        return call(*arguments, **options)

    return wrapped


def wait_until(condition: Callable[[], object]) -> None:
    """Poll a condition; a test that waits in vain fails."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def wait_until_none(count: Callable[[], int]) -> None:
    """Wait until there are none left; it fails once they have not become fewer for DEADLINE."""
    while left := count():
        wait_until(lambda left=left: count() < left)


if not soak.FULL:
    os.environ.setdefault(
        "CI", "true"
    )  # so hypothesis takes the same examples each time, and any time for them

# Rewriting assertions takes longer than all other collection. What one worker has rewritten is kept for the
# others, so each begins elsewhere.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


class RotatedDir(pytest.Dir):
    """A folder whose collection begins at a worker's own share of it."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        children = [*super().collect()]
        first = len(children) * int(WORKER[2:]) // WORKERS
        return children[first:] + children[:first]


def pytest_configure() -> None:
    ready_stores.install()
    process_guard.install()
    accepted_connections.install()
    left_behind.end_forks_with_us()
    if WORKER:
        gc.disable()  # hardly anything of what is collected is garbage
        sys.dont_write_bytecode = False


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return RotatedDir.from_parent(parent, path=path) if WORKER else None


def pytest_collection_finish() -> None:
    """What is loaded now stays until the end: looking for garbage in it again and again costs a tenth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    gc.enable()
    quick_waits.install()
    recorder.start_writer = writer_thread.start  # unless a test uses ``writer_process``


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """All workers must have the same order, and each begins with an equal part of it. What takes long stands
    first in each part: if it came last, the other workers would have nothing to do meanwhile."""
    providers: Any = sys.modules.get("hypothesis.internal.conjecture.providers")
    if providers is not None and not soak.FULL:
        # It would read all of voicecli for constants to try: 0.3 s of each worker, 1.5 s the first time.
        providers._get_local_constants = lambda: providers._local_constants
    yield
    items.sort(key=lambda item: item.path)
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    ends = [len(short) * worker // WORKERS for worker in range(WORKERS + 1)]
    parts = [long[worker::WORKERS] + short[ends[worker] : ends[worker + 1]] for worker in range(WORKERS)]
    items[:] = itertools.chain.from_iterable(parts)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """No setting of the person who runs the tests reaches them, each has its own folder, and only one that is
    marked can start the program as a process. As fixtures these would cost each test another millisecond."""
    for name in [name for name in os.environ if FOREIGN.match(name)]:
        del os.environ[name]
    name = re.sub(r"\W", "_", item.originalname)[:40]
    item.stash[FOLDER] = folder = item.config._tmp_path_factory.getbasetemp() / f"{name}-{next(NUMBERS)}"
    folder.mkdir()
    own = {"VOICECLI_HOME": f"{folder}/home", "XDG_CONFIG_HOME": f"{folder}/config"}
    os.environ |= {"COLUMNS": "80", **own}
    os.chdir(folder)
    process_guard.is_marked = item.get_closest_marker("process") is not None


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    process_guard.is_marked = True


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest) -> Path:
    """The test's own folder, which is the current one."""
    return request.node.stash[FOLDER]


@pytest.fixture
def writer_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners of this process keep events by a process of their own, as everywhere outside of tests."""
    monkeypatch.setattr(recorder, "start_writer", start_writer)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shared_postgresql.SharedServer]:
    """The server that all tests share; whoever needs it is skipped where there is none."""
    pytest.importorskip("psycopg", exc_type=ImportError)
    if postgresql_server.find_programs() is None:
        pytest.skip("there is no PostgreSQL server")
    folder = tmp_path_factory.getbasetemp()
    with shared_postgresql.shared(folder.parent if WORKER else folder) as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgresql: shared_postgresql.SharedServer) -> Iterator[postgresql_server.Bouncer]:
    """PgBouncer before that server, in transaction mode."""
    if not postgresql_server.Bouncer.is_there():
        pytest.skip("there is no PgBouncer")
    with postgresql_server.pooling(postgresql) as bouncer:
        yield bouncer


@pytest.fixture
def team(postgresql: shared_postgresql.SharedServer, tmp_path: Path) -> StorePlace:
    """The empty store of a team, in a database of its own, as a machine has it whose folder is this."""
    return postgresql.place(tmp_path / "home", postgresql.new_database())


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    """A sandbox that all tests of a worker share; its calls are over as soon as they begin."""
    with RunningSandbox(time_scale=1000, seed=1) as running:
        yield running


@pytest.fixture
def own_sandbox() -> Iterator[RunningSandbox]:
    """A sandbox whose webhooks this test may change."""
    with RunningSandbox(time_scale=1000, seed=1) as running:
        yield running


@pytest.fixture
def patient_sandboxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sandboxes try for a minute at least to deliver an event; else for two of theirs, often a blink of ours,
    in which a busy listener may not take it, or not be there yet."""
    monkeypatch.setattr(delivery, "RETRY_AFTER", (*delivery.RETRY_AFTER, *[100] * 600))


@pytest.fixture
def short_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of an option, as in ``--timeout 1s``, is a fifth of one."""
    parse = durations.parse
    monkeypatch.setattr(durations, "parse", lambda text: parse(text) / 5)


@pytest.fixture
def run() -> Program:
    """Runs ``voicecli`` with arguments, input and variables, in an environment without settings."""

    return voicecli


@pytest.fixture
def call(run: Program, sandbox: RunningSandbox) -> Program:
    """Runs ``voicecli call`` against the sandbox."""

    def program(*arguments: str, stdin: str | bytes = "", env: Mapping[str, str] = {}) -> Finished:
        return run("call", *arguments, stdin=stdin, env={**sandbox.environment, **env})

    return program
