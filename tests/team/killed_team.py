"""A team: machines with one store that work on one broadcast and listen behind a load balancer, and which are
killed; what they have done is counted at the sandbox."""

import asyncio
import json
import os
import random
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import web
from balancer import Balancer
from broadcast_machine import JournalRow, Machine
from conftest import DEADLINE, RunningSandbox, wait_until
from forked import Forked
from postgresql_server import Server
from running_listener import TOKEN, children_of, free_port

from voicecli import team_store
from voicecli.sandbox import server as sandbox_server
from voicecli.sandbox.delivery import Target, WebhookDelivery
from voicecli.sandbox.server import Sandbox
from voicecli.store.location import StorePlace
from voicecli.store.postgresql_migrating import migrate

SLOWEST = 1.0  # seconds until a request is answered


class WatchedDelivery(WebhookDelivery):
    """Knows what was acknowledged."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.acknowledged: list[bytes] = []

    async def _attempt(self, target: Target, event: dict[str, object]) -> bytes | None:
        reply = await super()._attempt(target, event)
        if reply is not None:
            self.acknowledged.append(json.dumps(event).encode())
        return reply


class SlowSandbox(Sandbox):
    """Takes its time, before it places a call and before it answers."""

    async def _send_callflow(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(random.uniform(0, SLOWEST / 2))
        response = await super()._send_callflow(request)
        await asyncio.sleep(random.uniform(0, SLOWEST / 2))
        return response


@contextmanager
def watched_sandbox(**options: Any) -> Iterator[tuple[RunningSandbox, WatchedDelivery]]:
    """A slow sandbox whose deliveries are known."""
    delivery: list[WatchedDelivery] = []

    def make(**of_delivery: Any) -> WatchedDelivery:
        delivery.append(WatchedDelivery(**of_delivery))
        return delivery[0]

    usual, sandbox_server.WebhookDelivery = sandbox_server.WebhookDelivery, make  # type: ignore
    try:
        running = RunningSandbox(SlowSandbox, **options)
    finally:
        sandbox_server.WebhookDelivery = usual  # type: ignore
    with running:
        yield running, delivery[0]


class Member:
    """A machine of the team whose one command is started again after each kill."""

    def __init__(self, home: Path, environment: Mapping[str, str], arguments: Sequence[str]) -> None:
        self._home, self._arguments = home, arguments
        self._environment = {**os.environ, **environment, "VOICECLI_HOME": str(home)}
        home.mkdir()
        self.said = home.with_suffix(".said")
        self.process: subprocess.Popen[str] | None = None
        self.starts = 0

    def start(self) -> None:
        self.starts += 1
        with self.said.open("a") as said:
            self.process = Forked(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=self._environment,
                cwd=self._home,
            )

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self, *, with_children: bool = False) -> None:
        """At once; its children notice that, unless they are killed, too."""
        if not self.is_alive or self.process is None:
            return
        children = children_of(self.process.pid) if with_children else []
        for pid in [self.process.pid, *children]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(DEADLINE)


class TeamWorld:
    """A broadcast of a team's, from its first machine to its end. ``worker_folders`` and ``listener_folders``
    say where each machine reaches the database's socket."""

    def __init__(
        self,
        folder: Path,
        server: Server,
        sandbox: RunningSandbox,
        *,
        workers: Sequence[Path],
        concurrency: int,
        listeners: Sequence[Path],
        stack: ExitStack,
    ) -> None:
        self.server, self.sandbox = server, sandbox
        self.database = server.create_database()
        self._key = team_store.new_key()
        migrate(StorePlace(folder, server.url(self.database), team_store.read_key(self._key)))
        self.machine = Machine(folder / "first", sandbox)  # its list, and what is known at the sandbox
        self._folder = folder
        ports = [free_port() for _ in listeners]
        public = stack.enter_context(Balancer(ports)).url
        self.listeners = [
            self._member(
                f"listener-{number}",
                path,
                ["listen", "--json", "--port", str(port), "--public-url", public, "--register"],
            )
            for number, (path, port) in enumerate(zip(listeners, ports, strict=True))
        ]
        self._worker_paths, self._concurrency = workers, concurrency
        self.workers: list[Member] = []
        stack.callback(self._kill_all)

    def _member(self, name: str, path: Path, arguments: Sequence[str]) -> Member:
        environment = {**self.environment(path), "WEBHOOK_AUTH_TOKEN": TOKEN}
        return Member(self._folder / name, environment, arguments)

    def environment(self, path: Path) -> dict[str, str]:
        """That of a machine that reaches the database there."""
        store = self.server.url(self.database, path)
        return {**self.sandbox.environment, "VOICECLI_STORE": store, "VOICECLI_STORE_KEY": self._key}

    def begin(self) -> None:
        """Start all; a first machine plans the list, and dies."""
        self.start_listeners()
        send = ["broadcast", *self.machine.sending("--request-timeout", "5")]
        first = self._member("planner", self.server.folder, send)
        first.start()
        wait_until(lambda: self.broadcast_id() or not first.is_alive)
        first.kill()
        join = ["broadcast", "join", self.broadcast_id(), str(self.machine.people)]
        join += ["--concurrency", str(self._concurrency)]
        for number, path in enumerate(self._worker_paths):
            self.workers.append(self._member(f"worker-{number}", path, join))
            self.workers[-1].start()

    def start_listeners(self) -> None:
        """Those that have ended, as the system does: one that can't reach the database does not begin."""
        for listener in self.listeners:
            if not listener.is_alive:
                listener.start()

    @property
    def is_working(self) -> bool:
        return any(worker.is_alive for worker in self.workers)

    def forget_pace(self) -> None:
        """What a 429 has taught: it makes them slow."""
        self.query("DELETE FROM voicecli.pace")

    def said(self) -> list[str]:
        """What each has said."""
        return [member.said.read_text() for member in [*self.workers, *self.listeners]]

    def _kill_all(self) -> None:
        for member in [*self.workers, *self.listeners]:
            member.kill(with_children=True)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.server.execute(sql, self.database)

    def broadcast_id(self) -> str:
        found = self.query("SELECT id FROM voicecli.broadcasts WHERE state != 'planning'")
        return str(found[0][0]) if found else ""

    def rows(self) -> list[JournalRow]:
        columns = ", ".join(JournalRow._fields)
        return [
            JournalRow(*row)
            for row in self.query(f"SELECT {columns} FROM voicecli.broadcast_rows ORDER BY line")
        ]
