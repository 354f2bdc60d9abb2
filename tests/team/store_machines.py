"""Machines that use one store at once: processes that can be killed, each of which writes down, in a file of
its own, what it is about to do and what it was told."""

import faulthandler
import json
import multiprocessing
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

from conftest import DEADLINE, wait_until
from past import event

from voicecli.account import AccountId
from voicecli.clock import now
from voicecli.errors import PlacedBefore, VoicecliError
from voicecli.sessions.attempt import AttemptState
from voicecli.store import attempt_outcomes, event_queries, pruning, read_positions
from voicecli.store.attempts import Attempts
from voicecli.store.engine import Store
from voicecli.store.event_recording import KeptEvent, record_events
from voicecli.store.guards import Guards, Once
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.voice_api.messages import voice_message

ACCOUNT = AccountId("https://voice.8x8.com", "some_sub")
NUMBER, SOURCE = "+33199001234", "+33199000000"
EVENTS, KEYS = 2_000, 10_000
ONCE = Once(timedelta(hours=1), named=True)
HOUR = 3_600_000_000  # microseconds
PAUSE = 0.02  # seconds after the store has failed
Telling = Callable[..., None]


class Role:
    """What a machine does, again and again. ``step`` may be killed, or fail, anywhere; then another one goes
    on from what ``told`` has: the machine's file, read as it starts."""

    def __init__(self, name: str, tell: Telling, told: list[list[Any]], dice: random.Random) -> None:
        self.name, self.tell, self.told, self.dice = name, tell, told, dice
        self.begin()

    def begin(self) -> None: ...

    def step(self, store: Store) -> None:
        raise NotImplementedError


class Recorder(Role):
    """Keeps events, which others keep, too."""

    def step(self, store: Store) -> None:
        numbers = [self.dice.randrange(EVENTS) for _ in range(self.dice.randint(1, 8))]
        self.tell("try", numbers)
        events = [
            KeptEvent(now(), "VCS", f"e-{number}", number.to_bytes(16, "big"), None, b'{"n": %d}' % number)
            for number in numbers
        ]
        pairs = zip(record_events(store, events), numbers, strict=True)
        self.tell("kept", [[one.id, number, one.times] for one, number in pairs])


class Follower(Role):
    """Shows events as they come."""

    def begin(self) -> None:
        self.last = max((line[1] for line in self.told if line[0] == "saw"), default=0)

    def step(self, store: Store) -> None:
        for kept in event_queries.events_after(store, self.last):
            self.tell("saw", kept.id, kept.event.session_id)
            self.last = kept.id
        time.sleep(self.dice.uniform(0, 0.02))


class Caller(Role):
    """Places calls with ``--once``, the same as others; a summary comes before or after its answer."""

    def begin(self) -> None:
        self.key = max((line[1] for line in self.told if line[0] == "next"), default=-1) + 1
        self.owed: list[tuple[int, str]] = []

    def step(self, store: Store) -> None:
        while self.owed:  # as a process goes on that has lost the store while it noted an answer
            self._answer(store, *self.owed[-1])
        if self.key == KEYS:
            return
        request = voice_message(NUMBER, "hi", source=SOURCE, message_id=f"m-{self.key}")
        self.tell("claiming", self.key)
        try:
            number = Guards(store, ACCOUNT).claim(request, ONCE)
        except PlacedBefore:
            self._go_on()
            return
        session = f"s-{self.key}-{self.name}"
        self.tell("requested", self.key, number, session)  # the request leaves
        self.owed.append((number, session))
        self._go_on()

    def _go_on(self) -> None:
        self.tell("next", self.key)
        self.key += 1

    def _answer(self, store: Store, number: int, session: str) -> None:
        if early := self.dice.random() < 0.5:
            self._report(store, session)
        Attempts(store, ACCOUNT).record_answer(number, AttemptState.ACCEPTED, session)
        self.tell("answered", number, session)
        if not early:
            self._report(store, session)
        self.owed.pop()

    def _report(self, store: Store, session: str) -> None:
        """Its summary is kept by this machine's listener."""
        body = json.dumps(event("VSS", "COMPLETED", session)).encode()
        key = blake2b(session.encode(), digest_size=16).digest()
        record_events(store, [KeptEvent(now(), "VSS", session, key, None, body)])
        self.tell("reported", session)


class Outcomes(Role):
    """Reads the outcomes of calls, as whoever looks at them does, and prunes."""

    def step(self, store: Store) -> None:
        attempt_outcomes.update_outcomes(store)
        if self.dice.random() < 0.3:
            key = self.dice.randbytes(16)
            record_events(store, [KeptEvent(1_000, "VCS", "old", key, None, b"{}")])
            for _ in pruning.prune(store, now() - HOUR, rest=lambda _: None):
                pass
        self.tell("position", read_positions.read_position(store, "outcomes"))


ROLES: dict[str, type[Role]] = {
    "recorder": Recorder,
    "follower": Follower,
    "caller": Caller,
    "outcomes": Outcomes,
}


class StoreMachine:
    """A machine with a role, as a process that can be killed and started again."""

    def __init__(self, place: StorePlace, role: str, number: int, folder: Path, seed: int) -> None:
        self.role, self.name = role, f"{role}-{number}"
        self.path = folder / self.name
        self._place, self._seed, self._starts = place, seed, 0
        self._stop = folder / f"{self.name}.stop"
        self._stack = folder / f"{self.name}.stack"
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        self._starts += 1
        seed = f"{self._seed}/{self.name}/{self._starts}"
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=self._run, args=(random.Random(seed),), daemon=True)
        self._process.start()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.join(DEADLINE)

    def stop(self) -> None:
        """Let it come to an end by itself: what it began it ends."""
        self._stop.touch()
        assert self._process is not None
        self._process.join(2 * DEADLINE)
        if self._process.exitcode is None:
            os.kill(self._process.pid or 0, signal.SIGUSR1)
            wait_until(self._stack.read_text)
            raise AssertionError(f"{self.name} does not end: {self._stack.read_text()}")
        assert self._process.exitcode == 0, (self.name, self._process.exitcode)

    def told(self) -> list[list[Any]]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [json.loads(line) for line in lines]

    def _run(self, dice: random.Random) -> None:
        with self.path.open("a") as file, self._stack.open("w") as stack:
            faulthandler.register(signal.SIGUSR1, stack)

            def tell(*words: object) -> None:
                os.write(file.fileno(), json.dumps(words).encode() + b"\n")

            role = ROLES[self.role](self.name, tell, self.told(), dice)
            try:
                while not self._work(role, tell):
                    time.sleep(PAUSE)
            except BaseException:
                tell("fault", traceback.format_exc())
                raise

    def _work(self, role: Role, tell: Telling) -> bool:
        """Until it is to stop, or the store fails; whether it is to stop."""
        try:
            with open_store(self._place) as store:
                while True:
                    is_last = self._stop.exists()
                    role.step(store)
                    if is_last:
                        return True
        except VoicecliError as error:
            tell("failed", type(error).__name__, str(error))
            return False


@contextmanager
def running(machines: list[StoreMachine]) -> Iterator[None]:
    """Killed in the end where they still run."""
    for machine in machines:
        machine.start()
    try:
        yield
    finally:
        for machine in machines:
            machine.kill()
