"""A broadcast in a team's store, and workers on it in this process, each as a machine of its own has it."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from conftest import RunningSandbox
from engine_world import World
from past import event, kept

from voicecli.broadcast.engine import Engine
from voicecli.broadcast.policy import Policy
from voicecli.broadcast.shared_pace import SharedPace
from voicecli.store.broadcast_journal import Journal
from voicecli.store.engine import Store
from voicecli.store.event_recording import record_events
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.shared_journal import SharedJournal


class TeamWorld(World):
    """``journal`` is the first worker's."""

    journal: SharedJournal

    def __init__(self, place: StorePlace, sandbox: RunningSandbox, **options: object) -> None:
        self.place = place
        self.rate: float | None = None
        super().__init__(place.folder, sandbox, open_store(place), **options)

    def report(self, line: int, outcome: str, *, attempt: int = 1) -> None:
        request_id = f"{self.journal.broadcast.id}-{line}-{attempt}"
        number = self.row(line).destination
        document = event("VSS", outcome, f"s-{line}", number=number, clientRequestId=request_id)
        with open_store(self.place) as store:
            record_events(store, [kept(document)])

    def forget_leases(self) -> None:
        """The leases of all workers are over."""
        with self.store.transaction() as transaction:
            transaction("UPDATE workers SET lease_until = 0")

    def pace_of(self, journal: Journal) -> SharedPace:
        return SharedPace(journal.store, journal.broadcast, self.rate)

    @contextmanager
    def joined(self) -> Iterator[SharedJournal]:
        """One more worker, with a connection of its own."""
        with open_store(self.place) as store, closing(self.join(store)) as journal:
            yield journal

    def join(self, store: Store) -> SharedJournal:
        return SharedJournal.join(store, self.journal.broadcast)

    def run_together(self, workers: int, policy: Policy | None = None, **options: Any) -> list[Engine]:
        """So many work on it until all have ended."""
        with ExitStack() as stack:
            journals = [self.journal] + [stack.enter_context(self.joined()) for _ in range(workers - 1)]
            return asyncio.run(self._work(journals, policy, options))

    async def _work(
        self, journals: Sequence[SharedJournal], policy: Policy | None, options: dict[str, Any]
    ) -> list[Engine]:
        return await asyncio.gather(*(self.work(journal, policy, **options) for journal in journals))
