"""The other processes that listen with the same store, or rely on one that does: those of this machine and,
where a team shares the store, those of all machines."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from voicecli.account import AccountId
from voicecli.listener.instances import InstanceRecord, running_instances
from voicecli.listener.start_lock import lock_start
from voicecli.listener.team_listeners import Team
from voicecli.store.location import StorePlace
from voicecli.threads import in_daemon_thread


class Neighbours:
    """As a process sees them whose listener, once it has one, is known to the team by ``instance``. All of it
    raises StoreFailed and ConfigurationError."""

    def __init__(self, place: StorePlace, account: AccountId, instance: str) -> None:
        self._folder = place.local_folder
        self._team = Team(place, account) if place.is_shared else None
        self._instance = instance
        self.where = "on this machine" if self._team is None else "of the team"
        """Where they are, in words."""

    async def listeners(self) -> Sequence[object]:
        """Those that run now, to see whether that changes."""
        here = running_instances(self._folder)
        if self._team is None:
            return here
        team = await in_daemon_thread(self._team.listeners)
        return [*here, *(one.id for one in team)]

    async def lock_start(self) -> tuple[ExitStack, bool]:
        """The lock under which a listener starts or ends, and whether it was free at once. Raises InUse."""
        with ExitStack() as stack:
            lock, is_first = await lock_start(self._folder)
            stack.callback(lock.close)
            if self._team is not None:
                of_team, is_first_of_team = await self._team.lock_start()
                stack.callback(of_team.close)
                is_first = is_first and is_first_of_team
            return stack.pop_all(), is_first

    async def refuse_tenants(self, presence: InstanceRecord) -> bool:
        """Let nobody rely on the listener of this process from now on; False where somebody does."""
        if not presence.refuse_tenants():
            return False
        if self._team is None:
            return True
        if await in_daemon_thread(partial(self._team.refuse_tenants, self._instance)):
            return True
        presence.admit_tenants()
        return False

    async def admit_tenants(self, presence: InstanceRecord) -> None:
        """Let others rely on it again."""
        presence.admit_tenants()
        if self._team is not None:
            await in_daemon_thread(partial(self._team.admit_tenants, self._instance))
