"""What an office does with a long list: how long its files take, and how much memory.

Plans a broadcast to 100,000 people against a sandbox, with one call, and notes outcomes for all. Then it
measures whole processes in turns, by their processor time, and prints medians. Exits 1 if a bar is missed:
results as .xlsx in twice the time of a bare XlsxWriter (constant_memory) for the same cells, with 60 MB more
at most; a report within 15 s, in a page under 3 MB.
"""

import csv
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from broadcast import VOICECLI, sandbox

PEOPLE = 100_000
ROUNDS = 3
TIMES_BAR, MEMORY_BAR = 2.0, 60.0  # of the bare library; MB more
REPORT_BAR, PAGE_BAR = 15.0, 3.0  # seconds; MB
OUTCOMES = ("COMPLETED",) * 7 + ("NO_ANSWER", "BUSY", "FAILED")
BARE = """
import csv, sys
from xlsxwriter import Workbook
book = Workbook(sys.argv[2], {"constant_memory": True})
sheet = book.add_worksheet()
with open(sys.argv[1], newline="") as file:
    for row, cells in enumerate(csv.reader(file)):
        for column, text in enumerate(cells):
            if text:
                sheet.write_string(row, column, text)
book.close()
"""


class Run(NamedTuple):
    """Of a process: processor time and time in seconds, and its memory in MB."""

    processor: float
    seconds: float
    memory: float


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="voicecli-bench-") as name:
        folder = Path(name)
        broadcast = build(folder)
        return 0 if all([measure_workbook(folder, broadcast), measure_report(folder, broadcast)]) else 1


def measure_workbook(folder: Path, broadcast: str) -> bool:
    """Whether the bars of writing for Excel are met."""
    results = [*VOICECLI, "broadcast", "results", broadcast, "-o"]
    run(folder, [*results, "results.csv"])
    ours, bare = in_turns(
        lambda: run(folder, [*results, "results.xlsx"]),
        lambda: run(folder, [sys.executable, "-c", BARE, "results.csv", "bare.xlsx"]),
    )
    times = statistics.median(one.processor / other.processor for one, other in zip(ours, bare, strict=True))
    more = max(one.memory for one in ours) - min(one.memory for one in bare)
    print(
        f"results.xlsx: {times:.2f} times bare XlsxWriter (bar: {TIMES_BAR:g}), {more:.0f} MB more "
        f"(bar: {MEMORY_BAR:g}); {median(ours, 'processor'):.1f} s of processor time"
    )
    return times <= TIMES_BAR and more <= MEMORY_BAR


def measure_report(folder: Path, broadcast: str) -> bool:
    """Whether the bars of the report are met."""
    command = [*VOICECLI, "broadcast", "report", broadcast, "-o", "report.html"]
    [runs] = in_turns(lambda: run(folder, command))
    size = (folder / "report.html").stat().st_size / 1e6
    with (folder / "report-people.csv").open(newline="") as file:
        people = sum(1 for _ in csv.DictReader(file))
    seconds = median(runs, "seconds")
    print(
        f"report.html: {seconds:.1f} s (bar: {REPORT_BAR:g}), {median(runs, 'processor'):.1f} s of processor "
        f"time, {max(one.memory for one in runs):.0f} MB; {size:.2f} MB (bar: {PAGE_BAR:g}); "
        f"{people:,} people beside it"
    )
    return seconds <= REPORT_BAR and size <= PAGE_BAR and people == PEOPLE


def in_turns(*measures: Callable[[], Run]) -> Sequence[Sequence[Run]]:
    """Of each its runs, one after the other, so that a noisy moment meets them all."""
    rounds = [[measure() for measure in measures] for _ in range(ROUNDS)]
    return [*zip(*rounds, strict=True)]


def median(runs: Sequence[Run], figure: str) -> float:
    return statistics.median(getattr(one, figure) for one in runs)


def run(folder: Path, command: Sequence[str]) -> Run:
    """Run a process that must not fail."""
    environment = {**os.environ, "VOICECLI_HOME": str(folder / "home")}
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Run(used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 1024)


def build(folder: Path) -> str:
    """A broadcast whose people have outcomes; its id."""
    with (folder / "people.csv").open("w", encoding="utf-8") as file:
        file.write("phone;name;city;time;code\n")
        for place in range(PEOPLE):
            file.write(f"+33199{place:06};Person {place};Köln;half past {place % 12};{place:04}\n")
    with sandbox(folder) as local:
        environment = {**os.environ, **local.variables, "VOICECLI_HOME": str(folder / "home")}
        send = [
            "broadcast",
            "people.csv",
            "Hello {name}",
            "--confirm",
            "1",
            "--max-calls",
            "1",
            "--yes",
            "-q",
        ]
        done = subprocess.run(
            [*VOICECLI, *send],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    broadcast = done.stdout.strip()
    assert broadcast, done.stderr
    with closing(sqlite3.connect(folder / "home" / "voicecli.sqlite3")) as database, database:
        database.create_function("outcome", 1, lambda line: OUTCOMES[line % len(OUTCOMES)])
        database.execute(
            "UPDATE broadcast_rows SET state = 'accepted', attempts = 1, outcome = outcome(line),"
            " seconds = 7.5, digits = CASE WHEN line % 2 THEN '1' END, changed = 1,"
            " session = 'session-' || line"
        )
        database.execute("UPDATE broadcasts SET options = json_set(options, '$.confirm', '1')")
        database.execute(
            "INSERT INTO calls (placed, base_url, subaccount, state, client_request_id, source, destination,"
            " guarded, broadcast, line) SELECT created + line * 10000, base_url, subaccount, 'accepted', 'r',"
            " '', destination, 0, number, line FROM broadcast_rows JOIN broadcasts ON number = broadcast"
        )
    return broadcast


if __name__ == "__main__":
    sys.exit(main())
