"""The claim of a listener of a team: a row of the store that all share, with a lease that a thread renews."""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from voicecli.account import AccountId
from voicecli.errors import InUse, VoicecliError
from voicecli.listener.instances import is_running
from voicecli.platforms.identity import user_at_host
from voicecli.store import keys, listeners
from voicecli.store.engine import Store
from voicecli.store.listeners import LEASE, RENEW_EVERY, TeamListener
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

CHANGE_LIMIT = 60.0  # seconds that another one may take to change webhooks
LOOK_EVERY = 1.0  # seconds
END_LIMIT = 2.0  # seconds at the end for a renewal that is under way


class TeamClaim:
    """A ``RegistrationClaim``. ``pause`` waits for so many seconds, which ``notify`` tells. All listeners
    that register the same public URL with the same token share the webhooks."""

    def __init__(
        self,
        place: StorePlace,
        account: AccountId,
        *,
        pause: Callable[[float], None],
        notify: Callable[[str], None],
    ) -> None:
        self.instance = secrets.token_hex(8)
        self._place = place
        self._account = account
        self._pause = pause
        self._notify = notify
        self._me = TeamListener(self.instance, account, user_at_host(), os.getpid())
        self._types: Callable[[], Sequence[str]] = tuple
        self._writing = threading.Lock()
        self._is_known = False
        self._was_lost = False  # others took it for dead
        self._over = threading.Event()
        self._renewing: threading.Thread | None = None
        self._lock_name = f"registration-{account.digest}"

    @contextmanager
    def changing(
        self, *, public_url: str | None = None, token: str | None = None
    ) -> Iterator[Sequence[TeamListener]]:
        with open_store(self._place, accept_newer=True) as store:
            lock = store.take_lock(self._lock_name, seconds=CHANGE_LIMIT)
            if lock is None:
                words = f"Others of the team have been changing the webhooks for over {CHANGE_LIMIT:.0f} s."
                raise InUse(words, hint="Try again a little later.")
            try:
                if any(one.registered for one in self._dead(store)):
                    self._notify("A listener of the team is not heard of any more: waiting a moment for it.")
                    self._pause(RENEW_EVERY + 1)  # it may live, and not have reached the database
                others = self._others(store)
                if public_url is not None and any(map(self._was_killed, others)):
                    others = self._wait_for_killed(store, others, public_url, token)
                for other in others:
                    if (refusal := self._refusal(store, other, public_url, token)) is not None:
                        raise refusal
                if not lock.is_there():  # others may be changing them by now
                    raise InUse("To change the webhooks took too long.", hint="Try again.")
                yield others
            finally:
                lock.close()

    def _others(self, store: Store) -> list[TeamListener]:
        live = listeners.live_listeners(store, self._account)
        return [one for one in live if one.registered and one.id != self.instance]

    def _wait_for_killed(
        self, store: Store, others: list[TeamListener], public_url: str, token: str | None
    ) -> list[TeamListener]:
        """Where one that was killed on this machine excludes this one, wait for the end of its lease; the
        others that live then."""
        end, told = time.monotonic() + LEASE + 1, False

        def excludes(other: TeamListener) -> bool:
            return self._was_killed(other) and self._refusal(store, other, public_url, token) is not None

        while time.monotonic() < end and any(map(excludes, others)):
            if not told:
                self._notify("A listener was killed here a moment ago: waiting until its lease is over.")
                told = True
            self._pause(LOOK_EVERY)
            others = self._others(store)
        return others

    def _was_killed(self, other: TeamListener) -> bool:
        is_here = other.host == self._me.host
        return is_here and not is_running(self._place.local_folder, other.id)

    def _refusal(
        self, store: Store, other: TeamListener, public_url: str | None, token: str | None
    ) -> InUse | None:
        """Why that one excludes this one."""
        if public_url is None and self._me.registered:
            return None
        who = f"{other.host} (process {other.process})"
        if public_url is None or other.public_url != public_url:
            what = f"has registered for subaccount {self._account.subaccount}, at {other.public_url}"
            return InUse(
                f"voicecli listen of {who} {what}.",
                hint="8x8 reports to one address for each type of event: stop that listener first, or put "
                "both behind the same public URL.",
            )
        if other.token != self._fingerprint(store, token):
            return InUse(
                f"voicecli listen of {who} has registered {public_url} with another token.",
                hint="Set the same WEBHOOK_AUTH_TOKEN for all listeners of the team.",
            )
        return None

    def _dead(self, store: Store) -> list[TeamListener]:
        dead = listeners.dead_listeners(store, self._account)
        return [one for one in dead if one.id != self.instance]

    def take(self, public_url: str, types: Sequence[str], token: str | None) -> None:
        with open_store(self._place, accept_newer=True) as store:
            known = self._fingerprint(store, token)
            self._me = self._me._replace(public_url=public_url, registered=tuple(types), token=known)
            self._write(store)
            self._was_lost = False

    def give_up(self) -> None:
        self._me = self._me._replace(registered=())
        if self._is_known:
            with open_store(self._place, accept_newer=True) as store:
                self._write(store)

    def announce(self, public_url: str | None, types: Callable[[], Sequence[str]]) -> None:
        self._me, self._types = self._me._replace(public_url=public_url), types
        if self._renewing is None:
            self._renewing = threading.Thread(target=self._renew, daemon=True)
            self._renewing.start()

    def renew(self) -> bool:
        return self._was_lost and bool(self._me.registered)

    def has_dead(self) -> bool:
        if not self._me.registered:
            return False
        with open_store(self._place, accept_newer=True) as store:
            return any(one.registered for one in self._dead(store))

    def forget_dead(self) -> bool:
        with open_store(self._place, accept_newer=True) as store:
            dead = self._dead(store)
            for one in dead:
                listeners.forget(store, one.id)
        return bool(dead)

    def close(self) -> None:
        self._over.set()
        if self._renewing is not None:
            self._renewing.join(END_LIMIT)
        if self._is_known:
            with suppress(VoicecliError), open_store(self._place, accept_newer=True) as store:
                listeners.forget(store, self.instance)
                self._is_known = False

    def _renew(self) -> None:
        """Until the end. While the database is away, the lease can run out."""
        while not self._over.is_set():
            with suppress(VoicecliError), open_store(self._place, accept_newer=True) as store:
                while not self._over.is_set():
                    self._write(store)
                    self._over.wait(RENEW_EVERY)
            self._over.wait(RENEW_EVERY)

    def _write(self, store: Store) -> None:
        with self._writing:
            if self._over.is_set():
                return
            was_there = listeners.renew(store, self._me._replace(types=tuple(self._types())))
            self._was_lost |= self._is_known and not was_there
            self._is_known = True

    @staticmethod
    def _fingerprint(store: Store, token: str | None) -> bytes | None:
        return None if token is None else keys.fingerprint(store, f"webhook token\n{token}".encode())
