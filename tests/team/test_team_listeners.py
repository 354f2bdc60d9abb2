"""Two listeners of a team behind nginx, which are killed, as PostgreSQL is: what was acknowledged is there,
once, and the account's webhooks are put back by the last to go."""

import os
import random
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from conftest import NUMBER, Program, RunningSandbox, wait_until
from load import answered, generating
from load_balancer import balancing, find_nginx
from postgresql_server import Server, running
from running_listener import (
    TOKEN,
    RunningListener,
    children_of,
    free_port,
    listening,
    set_webhook,
    webhooks,
)
from shared_postgresql import KEY, environment
from soak import share_of

from voicecli.listener.health import ask_health
from voicecli.store.location import StorePlace
from voicecli.store.opening import migrate_store

pytestmark = [pytest.mark.soak, pytest.mark.process]
BEFORE = "https://example.com/before"
LOAD = 2.0  # seconds


class Team:
    """Machines with listeners, in front of which nginx is; a server of PostgreSQL of their own."""

    def __init__(self, server: Server, folder: Path, sandbox: RunningSandbox | None) -> None:
        self.server = server
        self.database = server.create_database()
        self.ports = [free_port(), free_port()]
        self.url = ""
        self._folder = folder
        self._sandbox = sandbox
        migrate_store(self.place(0))

    def place(self, machine: int) -> StorePlace:
        return StorePlace(self._folder / f"machine-{machine}", self.server.url(self.database), KEY)

    def env(self, machine: int) -> Mapping[str, str]:
        own = {} if self._sandbox is None else self._sandbox.environment
        return {**own, **environment(self.place(machine))}

    @contextmanager
    def listener(self, machine: int) -> Iterator[RunningListener]:
        public = ["--public-url", self.url, *(["--register"] if self._sandbox is not None else [])]
        options = ["--port", str(self.ports[machine]), *public]
        with listening(self.place(machine).folder, *options, env=self.env(machine)) as listener:
            yield listener

    def wait_until_both_are_reached(self) -> None:
        """nginx leaves out, for two seconds, whoever did not listen yet when the other one was probed."""
        answered: set[str | None] = set()
        wait_until(lambda: answered.add(ask_health(self.url).instance) or len(answered - {None}) == 2)

    def times(self) -> Mapping[str, int]:
        """The sessions in the database; there is one event of each."""
        rows = self.server.execute("SELECT session, times FROM voicecli.events", self.database)
        assert len(rows) == len(dict(rows)), "an event is in the store twice"
        return dict(rows)

    def is_at(self, moment: int, loading: "subprocess.Popen[str]") -> bool:
        """Whether so many events are in the database, or no more come."""
        return len(self.times()) >= moment or loading.poll() is not None

    def waiting(self, listener: RunningListener) -> bool:
        """Whether it keeps events on its machine, as it told last."""
        told = listener.of("spool")
        return bool(told and told[-1]["reason"])


@contextmanager
def a_team(folder: Path, sandbox: RunningSandbox | None = None) -> Iterator[Team]:
    if find_nginx() is None:
        pytest.skip("there is no nginx")
    with running() as server:
        team = Team(server, folder, sandbox)
        with balancing(folder / "nginx", team.ports) as team.url:
            yield team


def test_events_come_to_both_and_the_last_to_go_puts_back(
    tmp_path: Path, own_sandbox: RunningSandbox, run: Program
) -> None:
    set_webhook(own_sandbox, "VSS", BEFORE)
    with a_team(tmp_path, own_sandbox) as team, team.listener(0) as first, team.listener(1) as second:
        assert first.url
        assert second.url
        team.wait_until_both_are_reached()
        assert {*webhooks(own_sandbox).values()} == {
            f"{team.url}/api/webhooks/{kind}" for kind in ("vca", "vss", "vcs")
        }
        calls = 6
        for _ in range(calls):
            assert run("call", NUMBER, "Hello", env=team.env(0)).code == 0
        wait_until(lambda: len(first.of("event", type="VSS") + second.of("event", type="VSS")) >= calls)
        wait_until(lambda: first.of("event") and second.of("event"))
        numbers = [one["id"] for one in first.of("event") + second.of("event")]
        assert len(numbers) == len({*numbers}), "an event came to both"
        assert first.stop() == 0
        assert webhooks(own_sandbox)["VSS"].startswith(team.url)
        assert run("call", NUMBER, "Hello", env=team.env(1)).code == 0
        wait_until(lambda: len(second.of("event", type="VSS")) > 0)
        assert second.stop() == 0
        assert webhooks(own_sandbox) == {"VSS": BEFORE}


def kill_a_listener(listener: RunningListener) -> None:
    listener.process.send_signal(signal.SIGKILL)
    listener.process.wait()


def kill_its_writer(listener: RunningListener) -> None:
    """Wait for one first: after one that was killed, the next is started a second later."""

    def is_killed() -> bool:
        with suppress(IndexError, ProcessLookupError):
            os.kill(children_of(listener.process.pid)[-1], signal.SIGKILL)
            return True
        return False

    wait_until(is_killed)


def kill_something(team: Team, listeners: list[RunningListener], dice: random.Random) -> str:
    victim = dice.choice(("a listener", "a listener and its writer", "a writer", "the server", "the server"))
    listener = dice.choice(listeners)
    match victim:
        case "the server":
            team.server.stop("immediate")
        case "a writer":
            kill_its_writer(listener)
        case "a listener and its writer":
            kill_its_writer(listener)
            kill_a_listener(listener)
        case _:
            kill_a_listener(listener)
    return victim


@pytest.mark.parametrize("seed", range(share_of(40)))
def test_what_was_acknowledged_is_kept_once_after_kills(tmp_path: Path, seed: int) -> None:
    """Of listeners, of what writes for them, and of PostgreSQL, one after the other under load."""
    dice = random.Random(seed)
    acknowledged: set[str] = set()
    with a_team(tmp_path) as team, ExitStack() as stack:
        listeners = [stack.enter_context(team.listener(machine)) for machine in (0, 1)]
        assert all(listener.url for listener in listeners)
        for attempt in range(3):
            number = seed * 100 + attempt
            with generating(team.url, token=TOKEN, seed=number, seconds=LOAD) as generator:
                moment, loading = len(team.times()) + dice.randint(50, 800), generator._process
                wait_until(partial(team.is_at, moment, loading))
                if kill_something(team, listeners, dice) == "the server":
                    with generating(team.url, token=TOKEN, seed=number + 50, count=100) as more:
                        acknowledged |= answered(more.summary())
                    wait_until(lambda: any(map(team.waiting, listeners)))
                    machine = dice.randrange(2)
                    match dice.choice(("", "a listener", "a listener that comes back", "a writer")):
                        case "a writer":
                            kill_its_writer(listeners[machine])
                        case "a listener":
                            kill_a_listener(listeners[machine])
                        case "a listener that comes back":
                            kill_a_listener(listeners[machine])
                            listeners[machine] = stack.enter_context(team.listener(machine))
                            assert listeners[machine].url
                    team.server.start()
                summary = generator.summary()
            acknowledged |= answered(summary)
            for machine, listener in enumerate(listeners):
                if listener.process.poll() is not None:
                    listeners[machine] = stack.enter_context(team.listener(machine))
                    assert listeners[machine].url
        wait_until(lambda: acknowledged <= team.times().keys())
        for listener in listeners:
            assert listener.stop() == 0
        assert acknowledged
