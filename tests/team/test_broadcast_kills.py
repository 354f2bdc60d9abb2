"""A broadcast that several machines work on, while they are killed, the server stops at once, and commits
lose their answers: nobody is called twice, and nobody left out."""

import base64
import random
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from subprocess import Popen

import psycopg
import pytest
from broadcast_machine import SILENT, JournalRow, Machine, kill, numbers
from conftest import DEADLINE, RunningSandbox, wait_until
from cutting_proxy import cutting
from postgresql_server import SOCKET, Server
from shared_postgresql import KEY
from soak import FULL, share_of

from voicecli.store.location import StorePlace
from voicecli.store.postgresql_migrating import migrate

pytestmark = [pytest.mark.process, pytest.mark.soak]

WORKERS = 3
ROWS = 2_000 if FULL else 400
DISASTERS = share_of(300)  # kills of workers, and stops of the server
CUT = 0.02  # of what goes to the server or comes from there


class TeamMachine(Machine):
    """One of those that work on the same broadcast. ``url`` is how it reaches the team's store."""

    def __init__(self, home: Path, sandbox: RunningSandbox, server: Server, database: str, url: str) -> None:
        super().__init__(home, sandbox)
        self._server, self._database, self._url = server, database, url

    def started(self, *arguments: str, env: Mapping[str, str] = {}) -> AbstractContextManager["Popen[str]"]:
        key = base64.urlsafe_b64encode(KEY).decode().rstrip("=")
        return super().started(
            *arguments, env={"VOICECLI_STORE": self._url, "VOICECLI_STORE_KEY": key, **env}
        )

    def query(self, sql: str) -> list[tuple[object, ...]]:
        url = f"{self._server.url(self._database)}&options=-csearch_path%3Dvoicecli"
        with psycopg.connect(url, autocommit=True) as database:
            cursor = database.execute(sql)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def rows(self) -> list[JournalRow]:
        return [row._replace(destination=str(row.destination)) for row in super().rows()]


class Team:
    """Workers on one list, as processes: always ``WORKERS`` of them until nobody is left to call."""

    def __init__(self, stack: ExitStack, machine: TeamMachine) -> None:
        self._stack = stack
        self.machine = machine
        self._processes: list[Popen[str]] = []

    def begin(self) -> None:
        """Send the list, once more where the connection is cut before it is planned."""
        while not self.machine.broadcasts():
            self._start(*self.machine.sending("--request-timeout", "5"))
            wait_until(lambda: self.machine.broadcasts() or self._processes[0].poll() is not None)
            self._processes = [one for one in self._processes if one.poll() is None]

    def _start(self, *arguments: str) -> None:
        self._processes.append(self._stack.enter_context(self.machine.started(*arguments)))

    def fill_up(self) -> None:
        """Let others join in place of those that have ended."""
        self._processes = [one for one in self._processes if one.poll() is None]
        [known] = self.machine.broadcasts()
        while len(self._processes) < WORKERS:
            self._start("join", known, str(self.machine.people), "--concurrency", "8")

    def kill_one(self, dice: random.Random) -> None:
        """One of them; its lease is over at once."""
        process = dice.choice(self._processes)
        kill(process)
        self.machine.query(f"UPDATE workers SET lease_until = 0 WHERE process = {process.pid}")

    def is_done(self) -> bool:
        left = "SELECT count(*) FROM broadcast_rows WHERE state IN ('planned', 'retry', 'sending')"
        return self.machine.query(left) == [(0,)]

    def wait(self) -> None:
        for process in self._processes:
            process.communicate(timeout=2 * DEADLINE)


@pytest.mark.long
@pytest.mark.parametrize("cut", [0.0, CUT], ids=["whole connections", "cut connections"])
def test_whatever_fails_nobody_is_called_twice_and_nobody_left_out(
    own_server: Server, tmp_path: Path, cut: float
) -> None:
    done = lists = 0
    while done < DISASTERS // 2:
        done += disturbed(own_server, tmp_path / str(lists), DISASTERS // 2 - done, cut=cut, seed=lists)
        lists += 1


def disturbed(server: Server, folder: Path, disasters: int, *, cut: float, seed: int) -> int:
    """Send a list while up to so many things go wrong; how many have."""
    folder.mkdir()
    dice = random.Random(seed)
    done = 0
    database = server.create_database()
    migrate(StorePlace(folder, server.url(database), KEY))
    with (
        RunningSandbox(time_scale=1000, seed=seed, chaos=True, count=True, request_ids=True) as sandbox,
        ExitStack() as stack,
    ):
        url = server.url(database)
        if cut:
            proxy = stack.enter_context(cutting(server.folder / SOCKET, share=cut, seed=seed))
            url = server.url(database, proxy)
        team = Team(stack, TeamMachine(folder / "home", sandbox, server, database, url))
        people = numbers(ROWS, dice, SILENT)
        team.machine.write_list(people)
        team.begin()
        while not team.is_done():
            team.fill_up()
            time.sleep(dice.uniform(0.05, 0.6))  # the moment is the input, not a wait for something
            if done < disasters:
                done += 1
                if dice.random() < 0.2:
                    server.stop("immediate")
                    time.sleep(dice.uniform(0, 0.3))
                    server.start()
                else:
                    team.kill_one(dice)
        team.wait()
        team.machine.check_everybody(people, lambda row: "which ended" in (row.reason or ""))
    return done
