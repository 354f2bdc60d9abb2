"""Broadcasts that are worked by one, two and four machines, for ``team.py``."""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from broadcast import MESSAGE, write_list
from team_machines import PATIENCE, LocalSandbox, Machine, Meter, Team, bar, sandbox

SAMPLE_EVERY = 0.05  # seconds between two looks at processor times
COUNTED = (0.3, 0.9)  # the part of a list that is measured: all workers are there
WAITING, WAITING_BAR = 0.150, 3.0
BUSY_BAR = 0.6
COST_BARS = {1: 1.5, 4: 2.0}  # times SQLite's processor time a call, by the number of workers
RATE, RATE_TOLERANCE, RATE_MOST = 50, 0.03, 55


@dataclass(frozen=True)
class Race:
    """``rate`` is in calls a second; ``workers`` and ``server`` are processor time in microseconds a call."""

    moments: list[float]
    rate: float
    workers: float
    server: float

    @property
    def cost(self) -> float:
        return self.workers + self.server


def race(
    folder: Path, local: LocalSandbox, calls: int, *, team: Team | None, workers: int = 1, rate: int = 0
) -> Race:
    """Call a list of so many people; without a team it is one machine with SQLite."""
    people, own = write_list(folder, calls), Path(tempfile.mkdtemp(dir=folder))
    variables = {**local.variables, **({} if team is None else team.new_store())}
    machines = [Machine(own / f"machine-{number}", variables) for number in range(workers)]
    local.forget()
    with ExitStack() as stack:
        options = ["--yes", *(["--rate", f"{rate}/s"] if rate else [])]
        send = machines[0].started("broadcast", str(people), MESSAGE, *options)
        processes = [stack.enter_context(send)]
        if workers > 1:
            broadcast_id = machines[0].told(r"^Broadcast (b\w{10})$")
            for machine in machines[1:]:
                join = machine.started("broadcast", "join", broadcast_id, str(people))
                processes.append(stack.enter_context(join))
        meters = Meter([one.pid for one in processes]), Meter([] if team is None else [team.server.pid])
        end = time.monotonic() + PATIENCE
        while None in [one.poll() for one in processes]:
            if time.monotonic() > end:
                raise RuntimeError(f"the broadcast does not end: see {own}")
            for meter in meters:
                meter.sample()
            time.sleep(SAMPLE_EVERY)
    called = local.calls()
    if len({number for _, number in called}) != len(called) or len(called) != calls:
        raise RuntimeError(f"{len(called):,} of {calls:,} were called, or some twice: see {own}")
    moments = [moment for moment, _ in called]
    first, last = (round(share * (calls - 1)) for share in COUNTED)
    start, stop, counted = moments[first], moments[last], last - first
    costs = [meter.between(start, stop) / counted * 1e6 for meter in meters]
    return Race(moments, counted / (stop - start), *costs)


def races(
    folder: Path, local: LocalSandbox, team: Team, rounds: int, calls: Mapping[int, int]
) -> dict[str, list[Race]]:
    """SQLite's one machine, and 1, 2 and 4 on PostgreSQL, in turn; ``calls`` says how many, by machines."""
    taken: dict[str, list[Race]] = defaultdict(list)
    for _ in range(rounds):
        taken["SQLite, 1"].append(race(folder, local, calls[1], team=None))
        for workers, count in calls.items():
            one = race(folder, local, count, team=team, workers=workers)
            taken[f"PostgreSQL, {workers}"].append(one)
    base = taken["SQLite, 1"]
    print(f"{'':<16}  calls/s  x SQLite's one   processor, µs a call: workers + server  x SQLite's one")
    for name, theirs in taken.items():
        rate, workers, server = (
            statistics.median(getattr(one, what) for one in theirs) for what in ("rate", "workers", "server")
        )
        print(
            f"{name:<16} {rate:8.0f}  {ratio(theirs, base, 'rate'):14.2f}"
            f"   {workers:29.0f} + {server:6.0f}  {ratio(theirs, base, 'cost'):14.2f}"
        )
    return taken


def ratio(ours: Sequence[Race], theirs: Sequence[Race], what: str) -> float:
    """The median of the paired ratios."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(getattr(one, what) / getattr(other, what) for one, other in pairs)


# -- the parts ---------------------------------------------------------------------------------------


def waiting(folder: Path, team: Team, rounds: int) -> bool:
    with sandbox(folder, delay=WAITING) as local:
        taken = races(folder, local, team, rounds, {1: 1_500, 2: 3_000, 4: 6_000})
    four = ratio(taken["PostgreSQL, 4"], taken["PostgreSQL, 1"], "rate")
    return bar("answers after 150 ms: four workers beside one", four, at_least=WAITING_BAR)


def busy(folder: Path, team: Team, rounds: int) -> bool:
    with sandbox(folder) as local:
        taken = races(folder, local, team, rounds, dict.fromkeys((1, 2, 4), 12_000))
    base = taken["SQLite, 1"]
    four = ratio(taken["PostgreSQL, 4"], base, "rate")
    met = [bar("answers at once: four workers beside SQLite's one", four, at_least=BUSY_BAR)]
    for workers, most in COST_BARS.items():
        cost = ratio(taken[f"PostgreSQL, {workers}"], base, "cost")
        met.append(bar(f"processor time a call of {workers}, beside SQLite's one", cost, at_most=most))
    return all(met)


def pace(folder: Path, team: Team, _rounds: int) -> bool:
    with sandbox(folder) as local:
        moments = race(folder, local, RATE * 40, team=team, workers=4, rate=RATE).moments
    moments = moments[len(moments) // 4 :]  # all four are at work
    rate = (len(moments) - 1) / (moments[-1] - moments[0])
    most = max(sum(start <= moment < start + 1 for moment in moments) for start in moments)
    low, high = RATE * (1 - RATE_TOLERANCE), RATE * (1 + RATE_TOLERANCE)
    met = [bar(f"--rate {RATE} by four workers: calls a second", rate, at_least=low, at_most=high)]
    return all([*met, bar("the most in any second", most, at_most=RATE_MOST)])
