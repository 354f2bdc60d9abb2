"""How long files of offices take, beside the bare libraries: an .xlsx list of 100,000 people read, results of
as many written as .xlsx, and the report on them.

Each figure is a process of its own, and both programs take turns; what counts is the median of the paired
ratios of processor time, and the most memory of each. --rows measures with fewer. Exits 1 if a bar is missed:
a list read, without checking its numbers, in at most 1.5 times openpyxl's time, and with 60 MB more; results
written in twice XlsxWriter's, and with 60 MB more; a report within 15 s, its page under 3 MB.
"""

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from broadcast import sandbox

ROUNDS = 5
ROWS = 100_000
READ_BAR = 1.5  # times the bare library
MEMORY_BAR = 60.0  # MB more than it
WRITE_BAR = 2.0  # times the bare library
REPORT_BAR, PAGE_BAR = 15.0, 3.0  # seconds of processor time; MB
OUTCOMES = ("COMPLETED",) * 7 + ("NO_ANSWER", "BUSY", "FAILED")
HEADING = ("phone", "name", "date", "time", "amount", "code")

# What is measured: each prints its own processor time in seconds, and its most memory in MB.
_FIGURES = """
import json, resource
used = resource.getrusage(resource.RUSAGE_SELF)
status = open("/proc/self/status").read()  # ru_maxrss would count the process that started this one
print(json.dumps((used.ru_utime + used.ru_stime, int(status.split("VmHWM:")[1].split()[0]) / 1024)))
"""
READ_BARE = """
import sys, openpyxl
book = openpyxl.load_workbook(sys.argv[1], read_only=True, data_only=True)
for row in book.worksheets[0].iter_rows():
    for cell in row:
        cell.value, cell.number_format
"""
READ = """
import sys
from pathlib import Path
from voicecli.broadcast.lists import recipients
for record in recipients.read(Path(sys.argv[1]).read_bytes()):
    pass
"""
WRITE_BARE = """
import csv
from xlsxwriter import Workbook
book = Workbook("BOOK", {"constant_memory": True})
sheet = book.add_worksheet()
with open("TABLE", newline="", encoding="utf-8") as file:
    for row, cells in enumerate(csv.reader(file)):
        for column, text in enumerate(cells):
            if text:
                sheet.write_string(row, column, text)
book.close()
"""
VOICECLI = """
import os, sys
os.environ["VOICECLI_HOME"] = sys.argv[1]
from voicecli.__main__ import main
sys.argv[:2] = ["voicecli", "broadcast"]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
"""


class Run(NamedTuple):
    seconds: float
    memory: float


@dataclass(frozen=True)
class Comparison:
    """Of what was measured with the bare library, by the median of the pairs."""

    name: str
    times: float
    more_memory: float
    times_bar: float

    def show(self) -> bool:
        """Whether it is within its bars."""
        print(
            f"{self.name}: {self.times:.2f} times the bare library's processor time (bar: {self.times_bar:g})"
        )
        print(f"{self.name}: {self.more_memory:+.0f} MB of memory (bar: {MEMORY_BAR:+.0f})")
        return self.times <= self.times_bar and self.more_memory <= MEMORY_BAR


@dataclass(frozen=True)
class Page:
    """What a report came to. ``size`` is its page's, in MB; ``people`` are in the file beside it."""

    runs: Sequence[Run]
    size: float
    people: int
    expected: int

    def show(self) -> bool:
        """Whether it is within its bars."""
        seconds = statistics.median(one.seconds for one in self.runs)
        memory = max(one.memory for one in self.runs)
        print(f"report: {seconds:.1f} s of processor time (bar: {REPORT_BAR:g}), {memory:.0f} MB of memory")
        print(f"report: a page of {self.size:.2f} MB (bar: {PAGE_BAR:g}), {self.people:,} people beside it")
        return seconds <= REPORT_BAR and self.size <= PAGE_BAR and self.people == self.expected


def run(program: str, *arguments: str) -> Run:
    command = [sys.executable, "-c", program + _FIGURES, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return Run(*json.loads(done.stdout.splitlines()[-1]))


def compare(name: str, bare: str, ours: str, *arguments: str, times_bar: float) -> Comparison:
    """Both programs with these arguments, in turns."""
    pairs = [(run(bare, *arguments), run(ours, *arguments)) for _ in range(ROUNDS)]
    return Comparison(
        name,
        statistics.median(mine.seconds / other.seconds for other, mine in pairs),
        statistics.median(mine.memory - other.memory for other, mine in pairs),
        times_bar,
    )


def make_list(path: Path, rows: int) -> None:
    """A list as offices have it: texts, and dates, times and amounts with formats."""
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("People")
    date, time, amount = (
        book.add_format({"num_format": code}) for code in ("dd.mm.yyyy", "hh:mm", "#,##0.00")
    )
    sheet.write_row(0, 0, HEADING)
    for row in range(1, rows + 1):
        sheet.write_string(row, 0, f"+33199{row:06}")
        sheet.write_string(row, 1, f"Name {row}")
        sheet.write_number(row, 2, 46_000 + row % 300, date)
        sheet.write_number(row, 3, row % 96 / 96, time)
        sheet.write_number(row, 4, row / 7, amount)
        sheet.write_string(row, 5, f"{row:05}")
    book.close()


def read_xlsx(folder: Path, rows: int) -> Comparison:
    path = folder / "list.xlsx"
    make_list(path, rows)
    return compare("read", READ_BARE, READ, str(path), times_bar=READ_BAR)


def make_broadcast(folder: Path, rows: int) -> str:
    """A broadcast to so many people that is over; its id."""
    with (folder / "people.csv").open("w", encoding="utf-8") as file:
        file.write("phone;name;city;time;code\n")
        for place in range(rows):
            file.write(f"+33199{place:06};Person {place};Köln;half past {place % 12};{place:04}\n")
    with sandbox(folder) as local:
        environment = {**os.environ, **local.variables, "VOICECLI_HOME": str(folder / "home")}
        send = ["broadcast", "people.csv", "Hello {name}", "--max-calls", "1", "--yes", "-q"]
        done = subprocess.run(
            [sys.executable, "-m", "voicecli", *send],
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


def write_xlsx(folder: Path, rows: int) -> Comparison:
    home, results = str(folder / "home"), ("results", make_broadcast(folder, rows), "-o")
    table, workbook = str(folder / "results.csv"), str(folder / "results.xlsx")
    run(VOICECLI, home, *results, table)
    bare = WRITE_BARE.replace("TABLE", table).replace("BOOK", str(folder / "bare.xlsx"))
    return compare("write", bare, VOICECLI, home, *results, workbook, times_bar=WRITE_BAR)


def write_report(folder: Path, rows: int) -> Page:
    page = folder / "report.html"
    command = (str(folder / "home"), "report", make_broadcast(folder, rows), "-o", str(page))
    runs = [run(VOICECLI, *command) for _ in range(ROUNDS)]
    beside = page.with_name("report-people.csv")
    people = beside.read_text("utf-8").count("\n") - 1 if beside.exists() else rows
    return Page(runs, page.stat().st_size / 1e6, people, rows)


MEASUREMENTS: dict[str, Callable[[Path, int], Comparison | Page]] = {
    "read": read_xlsx,
    "write": write_xlsx,
    "report": write_report,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--only", choices=MEASUREMENTS)
    options = parser.parse_args()
    fine = []
    for name, measure in MEASUREMENTS.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                fine.append(measure(Path(folder), options.rows).show())
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
