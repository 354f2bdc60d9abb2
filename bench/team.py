"""What many machines do on one PostgreSQL, beside one machine with SQLite: processes as machines.

The server is started in a temporary folder, and a commit is on its disk when it returns. What is compared
takes turns; what counts are medians of paired ratios. Run it on a machine that is otherwise idle: all parts
take about fifteen minutes. Each can be run by itself (--only). Exits 1 if a bar is missed:

waiting   answers after 150 ms: four workers place at least 3 times the calls of one
busy      answers at once: four workers place at least 0.6 of the calls of SQLite's one; processor time a
          call, of workers and server, is at most 1.5 times SQLite's for one worker, 2.0 times for four
pace      four workers with --rate 50: 50 calls a second within 3 %, and in no second more than 55
listen    at least 0.65 of the events a second that SQLite's listener keeps, 99 % of the answers in 50 ms
outcome   another machine knows how a call ended within 100 ms (99 %) of the acknowledgement of its event;
          through PgBouncer, where LISTEN hears nothing, within 100 ms and the command's interval between two
          looks at the database
once      20 processes place the same call with --once at the same moment, 100 times: one call each time
call      `call` takes at most 2.2 times as long as with SQLite; with --before FOLDER (a tree of an earlier
          voicecli) it is at most 1.03 times as long with SQLite as it was
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import listener
from broadcast import MESSAGE, write_list
from team_machines import LocalSandbox, Machine, Team, bar, family, percentile, sandbox, starting
from team_races import busy, pace, waiting

from voicecli.broadcast import engine
from voicecli.cli import events
from voicecli.store import following

ROUNDS = 5
LISTENER_BAR, P99_BAR = 0.65, 50.0  # the latter in milliseconds
WARM_UP = 1_000  # the seed of a run that does not count
OUTCOME_BAR = 0.100  # seconds
LOOKS = {  # seconds between two looks at a store that tells nobody of events
    "events -f": events.POLL,
    "broadcast --wait": engine.LOOK_EVERY,
    "call --wait": following.LOOK_EVERY,
}
OUTCOMES, WAITING_CALLS = 150, 20
ONCE_PROCESSES, ONCE_TIMES = 20, 100
CALLS = 21
CALL_BAR, BEFORE_BAR = 2.2, 1.03
NUMBER, TEXT = "+33199001234", "Your account has been updated"


def listen(folder: Path, team: Team, rounds: int) -> bool:
    """Load on a listener with each store, in turn."""
    runs: dict[str, list[listener.Run]] = defaultdict(list)
    server: list[float] = []  # its processor time, in microseconds an event
    store = team.new_store()
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(listener.serving(folder / name, *listener.LISTEN, variables=variables))
            for name, variables in (("SQLite", {}), ("PostgreSQL", store))
        }
        for one_server in servers.values():
            listener.run(one_server, WARM_UP, seconds=listener.SECONDS)  # its writer has connected
        for number in range(3 * rounds):
            for name in list(servers)[:: 1 if number % 2 else -1]:
                before = family(team.server.pid)
                one = listener.run(servers[name], number, seconds=listener.SECONDS)
                runs[name].append(one)
                if name == "PostgreSQL":
                    server.append((family(team.server.pid) - before) / len(one.answered) * 1e6)
    for name, theirs in runs.items():
        rate, p99, own, writer = (
            statistics.median(getattr(one, what) for one in theirs)
            for what in ("rate", "p99", "own", "children")
        )
        worst = max(one.p99 for one in theirs)
        print(
            f"{name:<10} {rate:6.0f}/s   p99 {p99:3.0f} (worst {worst:3.0f}) ms   processor, µs an event: "
            f"{own:.0f} + writer {writer:.0f} + server {statistics.median(server) * (name != 'SQLite'):.0f}"
        )
    kept = team.events(store)
    lost = {session for one in runs["PostgreSQL"] for session in one.answered} - {*kept}
    pairs = zip(runs["PostgreSQL"], runs["SQLite"], strict=True)
    rate = statistics.median(ours.rate / theirs.rate for ours, theirs in pairs)
    p99 = max(one.p99 for one in runs["PostgreSQL"])
    met = [
        bar("events a second, beside SQLite's listener", rate, at_least=LISTENER_BAR),
        bar("p99 of the worst run, ms", p99, at_most=P99_BAR),
        bar("acknowledged events that are not in the database", len(lost), at_most=0),
        bar("events that are there twice", len(kept) - len({*kept}), at_most=0),
    ]
    return all(met)


# -- how soon another machine knows an outcome -------------------------------------------------------


def outcome(folder: Path, team: Team, _rounds: int) -> bool:
    met = []
    for name, pooled in (("LISTEN", False), ("polling", True)):
        with sandbox(folder, time_scale=10) as local:
            known = outcomes(folder / name, local, team.new_store(pooled=pooled))
            acknowledged = local.acknowledged()
        for who, moments in known.items():
            late = [moment - acknowledged[session] for session, moment in moments.items()]
            most = OUTCOME_BAR + (LOOKS[who] if pooled else 0.0)
            median, worst = statistics.median(late) * 1e3, max(late) * 1e3
            what = f"{name}, {who}: p99 in ms ({len(late)} calls, median {median:.0f}, worst {worst:.0f})"
            met.append(bar(what, percentile(late, 99) * 1e3, at_most=most * 1e3))
    return all(met)


def outcomes(folder: Path, local: LocalSandbox, store: dict[str, str]) -> dict[str, dict[str, float]]:
    """When each of some machines knew the outcomes of calls, by their sessions; a listener on another one
    gets the events."""
    folder.mkdir()
    variables = {**local.variables, **store}
    token = {"WEBHOOK_AUTH_TOKEN": listener.TOKEN}
    known: dict[str, dict[str, float]] = {who: {} for who in LOOKS}
    port = listener.free_port()
    access = ("--port", str(port), "--public-url", f"http://127.0.0.1:{port}")
    with ExitStack() as stack:

        def start(name: str, *arguments: str, **more: str) -> "subprocess.Popen[str]":
            machine = Machine(folder / name, {**variables, **more})
            return stack.enter_context(machine.started(*arguments, stdout=subprocess.PIPE))

        listening = start("listener", "listen", "--json", *access, "--register", **token)
        assert listening.stdout is not None
        while json.loads(listening.stdout.readline())["record"] != "ready":
            pass
        watch(listening, {})
        watch(start("follower", "events", "-f", "--json"), known["events -f"])
        people = write_list(folder, OUTCOMES)
        sending = start(
            "sender", "broadcast", str(people), MESSAGE, "--yes", "--wait", "--json", "--rate", "20/s"
        )
        watch(sending, known["broadcast --wait"]).join()
        for number in range(WAITING_CALLS):
            one = start(f"caller-{number}", "call", NUMBER, TEXT, "--wait", "--json")
            watch(one, known["call --wait"]).join()
    return known


def watch(process: "subprocess.Popen[str]", known: dict[str, float]) -> threading.Thread:
    """Note, in a thread, when it tells of each session how it ended."""

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            moment, told = time.time(), json.loads(line)
            if told.get("outcome") or told.get("type") == "VSS":
                known.setdefault(told["sessionId"], moment)

    thread = threading.Thread(target=read)
    thread.start()
    return thread


# -- whole commands ----------------------------------------------------------------------------------


def once(folder: Path, team: Team, _rounds: int) -> bool:
    """Processes that have loaded voicecli and wait at a gate, which is opened for all at once."""
    from voicecli.cli import app
    from voicecli.cli.context import Context

    store = team.new_store()
    wrong = []
    with sandbox(folder) as local:
        environment = {**os.environ, **local.variables, **store}
        for number in range(ONCE_TIMES):
            command = ["call", NUMBER, TEXT, "--once", "--message-id", f"alert-{number}"]
            gate, opener = os.pipe()
            pids = []
            for process in range(ONCE_PROCESSES):
                if (pid := os.fork()) == 0:
                    os.close(opener)
                    os.read(gate, 1)
                    own = {**environment, "VOICECLI_HOME": f"{folder}/once-{process}"}
                    out, err = io.StringIO(), io.StringIO()
                    os._exit(app.run(command, Context(stdout=out, stderr=err, environment=own)))
                pids.append(pid)
            os.close(gate)
            os.close(opener)
            codes = sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)
            if codes != [0, *[9] * (ONCE_PROCESSES - 1)]:
                wrong.append(codes)
        placed = len(local.calls())
    for codes in wrong:
        print(f"exit codes: {codes}")
    met = [
        bar(f"calls of {ONCE_TIMES} times {ONCE_PROCESSES}", placed, at_least=ONCE_TIMES, at_most=ONCE_TIMES)
    ]
    return all([*met, bar("times that not one said 0 and all others 9", len(wrong), at_most=0)])


def call(folder: Path, team: Team, rounds: int, before: Path | None = None) -> bool:
    """Whole processes, in turn."""
    took: dict[str, list[float]] = defaultdict(list)
    with sandbox(folder) as local:
        stores: dict[str, dict[str, str]] = {"SQLite": {}, "PostgreSQL": team.new_store()}
        if before is not None:
            stores["SQLite, before"] = {"PYTHONPATH": str(before)}
        for _ in range(rounds * CALLS // ROUNDS):
            for name, variables in stores.items():
                machine = Machine(folder / f"call {name}", {**local.variables, **variables})
                start = time.perf_counter()
                with machine.started("call", NUMBER, TEXT) as process:
                    if process.wait() != 0:
                        raise RuntimeError(machine.said.read_text())
                took[name].append(time.perf_counter() - start)
    for name, seconds in took.items():
        print(f"{name:<16} {statistics.median(seconds) * 1000:4.0f} ms")
    ours = paired(took["PostgreSQL"], took["SQLite"])
    met = [bar("`call`, beside SQLite", ours, at_most=CALL_BAR)]
    if before is not None:
        now = paired(took["SQLite"], took["SQLite, before"])
        met.append(bar("`call` with SQLite, beside what it was", now, at_most=BEFORE_BAR))
    return all(met)


def paired(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


PARTS = {part.__name__: part for part in (waiting, busy, pace, listen, outcome, once, call)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--before", type=Path, help="a tree of an earlier voicecli, for the part call")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, starting(Path(name)) as team:
        met = []
        for part in options.only or PARTS:
            folder = Path(name) / part
            folder.mkdir()
            more: dict[str, Any] = {"before": options.before} if part == "call" else {}
            met.append(PARTS[part](folder, team, options.rounds, **more))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
