"""Who may point the webhooks of an account at listeners: with a store that is a file one process of this
machine at a time, with a shared store all listeners of the team that have the same public URL."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from voicecli.account import AccountId
from voicecli.errors import InUse, VoicecliError
from voicecli.platforms.locks import Lock
from voicecli.store.listeners import TeamListener
from voicecli.store.location import StorePlace


class RegistrationClaim(Protocol):
    """Everything raises InUse, StoreFailed and ConfigurationError."""

    instance: str
    """By which the listener's /health can be told to be its."""

    def changing(
        self, *, public_url: str | None = None, token: str | None = None
    ) -> AbstractContextManager[Sequence[TeamListener]]:
        """Inside, no other process changes webhooks of the account. It gives the other listeners that have
        taken some. Raises InUse where these exclude one with this public URL and token; without a URL, where
        there are any and this listener is none of them."""
        ...

    def take(self, public_url: str, types: Sequence[str], token: str | None) -> None:
        """Inside ``changing``: this listener has taken the webhooks of these types."""
        ...

    def give_up(self) -> None:
        """Inside ``changing``: it has taken none any more."""
        ...

    def announce(self, public_url: str | None, types: Callable[[], Sequence[str]]) -> None:
        """A listener is up; ``types`` are those that lead to it now. Until ``close`` others know of it, where
        the store is shared."""
        ...

    def renew(self) -> bool:
        """Whether the claim was lost, so that webhooks have to be taken again."""
        ...

    def has_dead(self) -> bool:
        """Whether listeners have died with which this one shares webhooks."""
        ...

    def forget_dead(self) -> bool:
        """Inside ``changing``: forget those; whether there were any."""
        ...

    def close(self) -> None: ...


class FileClaim:
    """From the first change until ``close`` a lock beside the store's file keeps out every other process of
    this machine."""

    def __init__(self, place: StorePlace, account: AccountId) -> None:
        self.instance = secrets.token_hex(8)
        self._path = place.folder / f"registered-{account.digest}.lock"
        self._account = account
        self._lock: Lock | None = None

    @contextmanager
    def changing(
        self, *, public_url: str | None = None, token: str | None = None
    ) -> Iterator[Sequence[TeamListener]]:
        self._take_lock()
        yield ()

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        self._lock = Lock.take(self._path)
        if self._lock is None:
            raise InUse(
                "Another voicecli listen on this machine has registered for subaccount "
                f"{self._account.subaccount}.",
                hint="Stop it first: 8x8 reports to one address for each type of event.",
            )

    def take(self, public_url: str, types: Sequence[str], token: str | None) -> None:
        """The lock says so."""

    def give_up(self) -> None:
        self.close()

    def announce(self, public_url: str | None, types: Callable[[], Sequence[str]]) -> None:
        """Others of this machine find it by its ``InstanceRecord``."""

    def renew(self) -> bool:
        """Lock others out again where the folder was removed meanwhile, as soon as none is in the way."""
        if self._lock is None or self._lock.is_there():
            return False
        removed, self._lock = self._lock, None
        try:
            self._take_lock()
        except VoicecliError:
            self._lock = removed
            return False
        removed.close()
        return True

    def has_dead(self) -> bool:
        return False

    def forget_dead(self) -> bool:
        return False

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
