"""A journal, and an engine that works on it against a sandbox, in this process."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from conftest import DEADLINE, RunningSandbox
from past import event, keep

from voicecli.account import AccountId
from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.in_flight import RequestSender
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.policy import Policy
from voicecli.quiet_hours import Hours
from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT
from voicecli.sessions.counts import Counts
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.engine import Store
from voicecli.store.journals import create_journal
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.async_client import AsyncClient
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.messages import voice_message


def number(index: int) -> str:
    return f"+3319900{2_000 + index}"


class World:
    """A journal and what works on it. ``calls`` counts the requests that reached the sandbox, by number."""

    def __init__(
        self, home: Path, sandbox: RunningSandbox, store: Store | None = None, **options: object
    ) -> None:
        self.home = home
        self.sandbox = sandbox
        self.store = store or SqliteStore(home)
        self.url = sandbox.sandbox.url  # of whom is called
        self.pace = Pace(home / "pace", None)
        self.request_timeout = DEADLINE  # seconds
        self.journal = create_journal(
            self.store,
            account=AccountId(sandbox.sandbox.url, SUBACCOUNT),
            file="",
            fingerprint=b"",
            shard=(1, 1),
            options=options,
            content=b"",
        )

    def pace_of(self, journal: Journal) -> Pace:
        """By which calls of this journal leave."""
        return self.pace

    def plan(self, destinations: Sequence[str]) -> None:
        rows = [BroadcastRow(line, whom, RowState.PLANNED) for line, whom in enumerate(destinations, 1)]
        self.journal.plan(rows, again=True)

    def report(self, line: int, outcome: str, *, attempt: int = 1) -> None:
        """8x8 tells how an attempt ended."""
        row = self.row(line)
        request_id = f"{self.journal.broadcast.id}-{line}-{attempt}"
        keep(
            self.home,
            event("VSS", outcome, f"s-{line}", number=row.destination, clientRequestId=request_id),
        )

    def row(self, line: int) -> BroadcastRow:
        row = self.journal.row(line)
        assert row is not None
        return row

    def run(self, policy: Policy | None = None, **options: Any) -> Engine:
        return asyncio.run(self.work(self.journal, policy, **options))

    async def work(
        self,
        journal: Journal,
        policy: Policy | None = None,
        *,
        request: Callable[[BroadcastRow, str], CallRequest] | None = None,
        hours: Hours | None = None,
        why_wait: Callable[[], str] = lambda: "",
        on_row: Callable[[BroadcastRow], None] = lambda row: None,
        on_progress: Callable[[Counts], None] = lambda counts: None,
    ) -> Engine:
        client = AsyncClient(
            api_key=API_KEY,
            subaccount_id=SUBACCOUNT,
            base_url=self.url,
            request_timeout=self.request_timeout,
        )
        policy, eligibility = policy or Policy(), Eligibility(hours, frozenset(), call_unsubscribed=False)
        make_request = request or call_request
        sender = RequestSender(journal, client, policy, eligibility, make_request, vca_elsewhere=False)
        engine = Engine(
            journal,
            sender,
            self.pace_of(journal),
            policy,
            eligibility,
            why_wait=why_wait,
            on_row=on_row,
            on_progress=on_progress,
        )
        async with asyncio.timeout(DEADLINE), client:
            await engine.run()
        return engine

    @property
    def states(self) -> Counter[RowState]:
        return Counter(row.state for row in self.journal.rows())

    @property
    def calls(self) -> Counter[str]:
        counted: Counter[str] = Counter()
        for (destination, _), count in self.sandbox.sandbox.arrivals.items():
            counted[destination] += count
        return counted


def world_of(tmp_path: Path) -> Iterator[World]:
    """For a fixture. Its sandbox reports nothing: what is reported, the tests say."""
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        world = World(tmp_path / "home", sandbox)
        yield world
        world.journal.close()
        world.store.close()


def call_request(row: BroadcastRow, request_id: str) -> CallRequest:
    return voice_message(row.destination, "Hello", source=SOURCE, message_id=request_id)
