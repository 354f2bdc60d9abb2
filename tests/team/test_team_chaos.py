"""A team's broadcast while its workers, its listeners and its server are killed, and connections to the
server are cut: nobody is called twice, nobody is left out, and no acknowledged event is lost."""

import csv
import random
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from broadcast_machine import LIMITED, SILENT, numbers
from conftest import DEADLINE
from cutting_proxy import cutting
from killed_team import TeamWorld, WatchedDelivery, watched_sandbox
from postgresql_server import SOCKET, Server, pooling
from soak import FULL

from voicecli.listener import server as listener_server
from voicecli.voice_api import webhook_events
from voicecli.voice_api.webhook_events import Event

pytestmark = [pytest.mark.process, pytest.mark.soak]
KILLS, ROWS, CONCURRENCY = (300, 2_000, 32) if FULL else (5, 200, 8)
KILLS_OF_A_LIST = 15
LONGEST = 1.5  # seconds between two kills


@pytest.mark.long
@pytest.mark.parametrize("seed", range(-(-KILLS // KILLS_OF_A_LIST)))
def test_nobody_is_called_twice_or_left_out_whoever_of_a_team_is_killed(
    tmp_path: Path, own_server: Server, seed: int
) -> None:
    work(tmp_path, own_server, seed=seed, kills=min(KILLS_OF_A_LIST, KILLS - seed * KILLS_OF_A_LIST))


def work(folder: Path, server: Server, *, seed: int, kills: int) -> None:
    """One list from its beginning to its end."""
    dice = random.Random(seed)
    options = {"time_scale": 1000, "seed": seed, "chaos": True, "count": True, "request_ids": True}
    with watched_sandbox(**options) as (sandbox, delivery), ExitStack() as stack:
        cut = stack.enter_context(cutting(server.folder / SOCKET, share=0.01, seed=seed))
        pool = stack.enter_context(pooling(server)).folder
        workers, listeners = [server.folder, cut, pool], [server.folder, cut]
        world = TeamWorld(
            folder,
            server,
            sandbox,
            workers=workers,
            listeners=listeners,
            concurrency=CONCURRENCY,
            stack=stack,
        )
        people = numbers(ROWS, dice, SILENT + LIMITED)
        world.machine.write_list(people)
        world.begin()
        for _ in range(kills):
            disturb(world, dice)
        go_on_to_the_end(world)
        assert all("Traceback" not in said for said in world.said())
        check_calls(world, people)
        check_events(world, delivery)
        check_results(world, people)


def disturb(world: TeamWorld, dice: random.Random) -> None:
    """Kill somebody, or the server, and start it again."""
    time.sleep(dice.uniform(0, LONGEST))  # the moment is the input
    world.start_listeners()
    match dice.choice(("worker", "worker", "worker", "listener", "server")):
        case "worker":
            worker = dice.choice(world.workers)
            world.forget_pace()
            worker.kill()
            worker.start()
        case "listener":
            listener = dice.choice(world.listeners)
            listener.kill(with_children=dice.random() < 0.5)
            listener.start()
        case _:
            world.server.stop("immediate")
            time.sleep(dice.choice((0, 0.5)))  # in the latter, events come meanwhile
            world.server.start()


def go_on_to_the_end(world: TeamWorld) -> None:
    """Until no row is left: what a worker had that was killed is free once its lease has run out."""
    end = time.monotonic() + 8 * DEADLINE
    while {row.state for row in world.rows()} & {"planned", "sending", "retry"} or world.is_working:
        states = Counter(row.state for row in world.rows())
        assert time.monotonic() < end, (states, [said[-2000:] for said in world.said()])
        if not world.is_working:
            world.workers[0].start()
        world.forget_pace()
        time.sleep(0.5)
    codes = {worker.process.returncode for worker in world.workers if worker.process is not None}
    # 1 or 3: cut off as it began, or silent for too long; 2: it joined when all was done
    assert codes <= {0, 1, 2, 3, 7}, (codes, [said[-2000:] for said in world.said()])


def check_calls(world: TeamWorld, people: list[str]) -> None:
    world.machine.check_never_twice()
    rows = world.rows()
    assert [row.destination for row in rows] == people, "a row is missing, or there twice"
    assert {row.state for row in rows} <= {"accepted", "refused", "unknown"}
    asked_for = {destination for destination, _ in world.sandbox.sandbox.arrivals}
    sessions = world.machine.sessions()
    unknown = {row.destination: row.reason or "" for row in rows if row.state == "unknown"}
    assert asked_for | {*unknown} == {*people}
    reasons = Counter(unknown.values())  # answers are lost, and late ones count as lost
    of_ended = sum(count for reason, count in reasons.items() if reason.endswith(", which ended"))
    ended = 1 + sum(worker.starts for worker in world.workers)  # the first machine is one of them
    assert of_ended <= ended * CONCURRENCY, reasons
    assert all("may have been placed" in reason or "which ended" in reason for reason in reasons), reasons
    for row in rows:
        if row.state == "accepted":
            assert sessions[row.session or ""] == row.destination, row


def check_events(world: TeamWorld, delivery: WatchedDelivery) -> None:
    """What was acknowledged is in the database, as soon as a listener has brought what it kept elsewhere."""
    acknowledged = {}
    for body in delivery.acknowledged:
        event = webhook_events.parse(body)
        assert event is not None
        acknowledged[event.session_id, event.identity(partial(listener_server._content, event, body))] = body
    assert acknowledged

    def missing() -> list[bytes]:
        kept = {
            (session, bytes(key)) for session, key in world.query("SELECT session, key FROM voicecli.events")
        }
        return [body for event, body in acknowledged.items() if event not in kept]

    end = time.monotonic() + DEADLINE
    while missing() and time.monotonic() < end:
        world.start_listeners()
        time.sleep(0.05)
    assert missing() == []


def check_results(world: TeamWorld, people: list[str]) -> None:
    """Another machine has the results of all, and of each call that a summary in the database is about the
    outcome, also where its answer was lost."""
    output = world.machine.home.parent / "results.csv"
    environment = world.environment(world.server.folder)
    end = time.monotonic() + DEADLINE
    while True:  # what a listener kept elsewhere may come in meanwhile
        expected = outcomes(world)
        done = world.machine.run("results", world.broadcast_id(), "-o", str(output), env=environment)
        assert done.code == 0, done.err
        with output.open(newline="") as file:
            rows = {row["destination"]: row for row in csv.DictReader(file)}
        wrong = [(row, rows[to]) for to, row in expected.items() if row.items() - rows[to].items()]
        if not wrong or time.monotonic() > end:
            break
    assert [*rows] == people
    assert expected
    assert not wrong


def outcomes(world: TeamWorld) -> dict[str, dict[str, str]]:
    """Session and outcome by the number called, from the summaries in the database: of two about one call
    that one counts which ends later, and the other may be all that arrived."""
    summaries: dict[str, Event] = {}
    for (body,) in world.query("SELECT body FROM voicecli.events WHERE type = 'VSS'"):
        event = webhook_events.parse(bytes(body))
        assert event is not None
        known = summaries.get(event.session_id, event)
        summaries[event.session_id] = max(known, event, key=lambda summary: summary.end_time or 0)
    return {
        session.destination: {"session": session.session_id, "outcome": summary.outcome or ""}
        for session in world.sandbox.sandbox.sessions
        if (summary := summaries.get(session.session_id)) is not None
    }
