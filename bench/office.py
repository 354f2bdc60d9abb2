"""How long files of offices take, beside the bare libraries: an .xlsx list of 100,000 people read.

Each figure is a process of its own, and both programs take turns; what counts is the median of the paired
ratios of processor time, and the most memory of each. --rows measures with fewer. Exits 1 if a bar is missed:
a list read, without checking its numbers, in at most 1.5 times openpyxl's time, and with 60 MB more.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROUNDS = 5
ROWS = 100_000
READ_BAR = 1.5  # times the bare library
MEMORY_BAR = 60.0  # MB more than it
HEADING = ("phone", "name", "date", "time", "amount", "code")

# What is measured: each prints its own processor time in seconds, and its most memory in MB.
_FIGURES = """
import json, resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps((used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)))
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


MEASUREMENTS: dict[str, Callable[[Path, int], Comparison]] = {"read": read_xlsx}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--only", choices=MEASUREMENTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen = [one for name, one in MEASUREMENTS.items() if options.only in (None, name)]
        fine = [measure(Path(folder), options.rows).show() for measure in chosen]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
