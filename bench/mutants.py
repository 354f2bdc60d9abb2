"""How many small faults in voicecli the tests notice: 200 of them, drawn once, each in a copy of the tree.

    python bench/mutants.py find                          where each is in this tree, and which are gone
    python bench/mutants.py map --map FILE [--jobs 2]     run all tests once; write down what runs which line
    python bench/mutants.py run --map FILE --results FILE [--jobs 2]        goes on where it was stopped
    python bench/mutants.py report --results FILE         the share that is noticed, and what is not
    python bench/mutants.py sample                        draw anew; bench/mutants.json is the frozen sample

A mutant is a comparison turned round, ``and`` for ``or``, a dropped ``not``, True for False, a number plus
one, or a dropped statement that is only a call. It is noticed if a test that runs its lines fails
and passes on the untouched code. One that takes too long is not, and neither is one that no test runs.
--tree takes another checkout than this one, such as an older commit's; --sample the same mutants as they were
tracked from commit to commit, where this tree is too far from the frozen sample's. Nothing outside of a
temporary folder and the two files is written.
"""

import argparse
import ast
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import venv
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, TypedDict

import mutants_trace
from mutants_sample import ROOT, SAMPLE, Mutant, Place, Statement, draw, find, frozen, places, statements

HERE = Path(__file__).resolve().parent
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
PYTEST = ["-m", "pytest", "-p", "mutants_trace", "-p", "no:cacheprovider", "-q", "--hypothesis-seed=0"]
LOADING = 120.0  # seconds at most until the tests begin
FIRST = 12  # tests that are tried alone: most mutants are noticed by one of them
SECONDS_TO_LOAD = 0.5  # a file of tests
GUARDS = {"tests/test_house.py::test_values_are_frozen"}  # they look at every class, and run no line of it
CHANCES = 3  # tests of a mutant that may fail without it, too


class Row(TypedDict):
    """What became of a mutant: noticed, survived, timeout, uncovered, unsure or gone."""

    number: int  # in the sample
    mutant: str
    status: str
    test: str  # that noticed it, or under way when time was up
    tests: int  # that were run
    of: int  # that run its lines
    seconds: float


# -- which tests run a place -----------------------------------------------------------------------------


class Test(NamedTuple):
    seconds: float
    name: str

    @property
    def file(self) -> str:
        return self.name.partition("::")[0]


class Tests:
    """Which tests run which lines of a tree."""

    def __init__(self, file: Path, tree: Path) -> None:
        known = json.loads(file.read_text())
        self._tests = [Test(seconds, name) for name, seconds in known["tests"]]
        self._lines: dict[str, list[int]] = known["lines"]
        self._heads: dict[str, set[int]] = {}  # of each file: the first lines of its functions
        self._mentions: dict[str, list[tuple[str, Statement]]] = {}  # of a name, with their files
        for path in sorted((tree / "voicecli").rglob("*.py")):
            name = path.relative_to(tree).as_posix()
            self._heads[name] = set()
            for statement in statements(ast.parse(path.read_bytes())):
                if isinstance(statement.node, FUNCTION):
                    self._heads[name] |= _lines(statement.node)
                for word in _words(statement.node):
                    self._mentions.setdefault(word, []).append((name, statement))

    def of(self, place: Place) -> list[Test]:
        """The tests that run a place, the quickest first.

        What is run when a module is loaded is run for every test. There, those tests count that run a line
        that mentions what the statement gives a value to (or something made of that); those of the module's
        own file of tests, and then those that run a function of the same module, come first.
        """
        name, statement = place.mutant.file, place.statement
        nearby = self._running(name, self._heads[name])
        if statement.in_function:
            of_place = range(place.node.lineno, (place.node.end_lineno or 0) + 1)
            found = self._running(name, of_place) or self._running(name, _lines(statement.node))
        elif isinstance(statement.node, FUNCTION):
            found = self._running(name, _lines(statement.node))
        else:
            found = self._mentioning(statement) or nearby
        guards = set[int]()
        if isinstance(statement.node, ast.ClassDef):
            guards = {number for number, test in enumerate(self._tests) if test.name in GUARDS}
        own = f"test_{Path(name).name}"  # the file of tests that has the name of the module

        def order(number: int) -> tuple[bool, bool, bool, Test]:
            test = self._tests[number]
            is_own = not statement.in_function and Path(test.file).name == own
            return number not in guards, not is_own, number not in nearby, test

        return [self._tests[number] for number in sorted(found | guards, key=order)]

    def _running(self, name: str, lines: Iterable[int]) -> set[int]:
        return {number for line in lines for number in self._lines.get(f"{name}:{line}", ())}

    def _mentioning(self, first: Statement) -> set[int]:
        names = [*_given(first.node), *first.scope.split(".")]
        found: set[int] = set()
        for word in names:  # grows
            for name, statement in self._mentions.get(word, ()):
                if statement.in_function or isinstance(statement.node, FUNCTION):
                    found |= self._running(name, _lines(statement.node))
                else:
                    names += [given for given in _given(statement.node) if given not in names]
        return found


def _lines(statement: ast.stmt) -> set[int]:
    """The lines of a statement, not of those inside it. Of a function, the one that is run with its call."""
    if isinstance(statement, FUNCTION):
        return {min([statement.lineno, *(one.lineno for one in statement.decorator_list)])}
    inside = [node.lineno for node in ast.walk(statement) if isinstance(node, ast.stmt) and node != statement]
    return set(range(statement.lineno, min([(statement.end_lineno or 0) + 1, *inside]))) or {statement.lineno}


def _words(statement: ast.stmt) -> set[str]:
    """The names that a statement mentions, not those inside it."""
    words, todo = set(), list(ast.iter_child_nodes(statement))
    for node in todo:  # grows
        if not isinstance(node, ast.stmt):
            words.add(node.id if isinstance(node, ast.Name) else getattr(node, "attr", ""))
            todo += ast.iter_child_nodes(node)
    return words - {""}


def _given(statement: ast.stmt) -> list[str]:
    """What a statement gives a value to."""
    match statement:
        case ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


# -- a copy of the tree ----------------------------------------------------------------------------------


class Copy:
    """A copy of a tree, with a virtual environment of its own in which the copy is what is installed."""

    def __init__(self, tree: Path, folder: Path, lines: Path | None = None) -> None:
        self.folder, self.tree = folder, folder / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(tree, self.tree, ignore=ignored)
        if (shared := tree.parent / "shared").exists():  # 8x8's own files, for some tests
            (folder / "shared").symlink_to(shared.resolve())
        environment = folder / "venv"
        venv.create(environment)
        self.python = environment / "bin" / "python"
        [packages] = environment.glob("lib/python*/site-packages")
        path = [str(self.tree), sysconfig.get_path("purelib"), str(HERE)]
        trace = f"import mutants_trace; mutants_trace.start({str(self.tree)!r}, {str(lines)!r})"
        (packages / "mutants.pth").write_text("\n".join([*path, trace if lines else ""]))
        script = (Path(sys.executable).parent / "voicecli").read_text().splitlines(keepends=True)
        (self.python.parent / "voicecli").write_text("".join([f"#!{self.python}\n", *script[1:]]))
        (self.python.parent / "voicecli").chmod(0o755)

    def pytest(
        self, *arguments: str, tests: Sequence[Test] = (), limit: float = math.inf
    ) -> tuple[int | None, float]:
        """Its exit code, and how long the tests took: at most ``limit`` seconds. It is 0, too, if the time
        was up and no test had failed; None if the last one had taken half of the time and more by then.
        """
        wanted = self.folder / "tests.json"
        wanted.write_text(json.dumps([test.name for test in tests]))
        self.report_file.write_text("")
        variables = {"MUTANTS_TESTS": str(wanted) if tests else "", "MUTANTS_REPORT": str(self.report_file)}
        variables |= {"MUTANTS_COPY": str(self.folder), "TMPDIR": str(self.folder)}
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
        files = sorted({test.file for test in tests})
        command = [self.python, *PYTEST, f"--basetemp={self.folder / 't'}", *arguments, *files]
        with (self.folder / "output").open("w") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=self.tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                return self._wait(process, limit)
            finally:
                self._kill(process)

    def _wait(self, process: "subprocess.Popen[bytes]", limit: float) -> tuple[int | None, float]:
        start = begun = time.monotonic()
        while (code := process.poll()) is None:
            loading = not self.report_file.stat().st_size
            if loading and time.monotonic() - start < LOADING:
                begun = time.monotonic()
            elif time.monotonic() - begun > limit:
                hangs = time.time() - self.report_file.stat().st_mtime > limit / 2
                return (None if hangs else 0), limit
            time.sleep(0.1)
        return code, time.monotonic() - begun

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        """End what a run has left: the processes that still have its folder in their environment."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"MUTANTS_COPY={self.folder}\0".encode() in (folder / "environ").read_bytes():
                    os.kill(int(folder.name), signal.SIGKILL)

    @property
    def report_file(self) -> Path:
        return self.folder / "report"

    def notes(self) -> list[mutants_trace.Note]:
        """The parts of tests that are done."""
        notes: list[mutants_trace.Note] = [
            json.loads(line) for line in self.report_file.read_text().splitlines()
        ]
        return [note for note in notes if note["test"]]

    def failed(self) -> set[str]:
        return {note["test"] for note in self.notes() if note["failed"]}

    def under_way(self) -> str:
        notes = self.notes()
        return f"after {notes[-1]['test']}" if notes else ""

    def change(self, place: Place) -> None:
        path = self.tree / place.mutant.file
        source = path.read_bytes()
        path.write_bytes(source[: place.start] + place.new.encode() + source[place.end :])

    def restore(self, place: Place, tree: Path) -> None:
        shutil.copy2(tree / place.mutant.file, self.tree / place.mutant.file)


def make_map(tree: Path, file: Path, jobs: int, only: Sequence[str]) -> None:
    """Run all tests, each line traced."""
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as name:
        lines = Path(name, "lines")
        lines.mkdir()
        copy = Copy(tree, Path(name).resolve(), lines)
        code, _ = copy.pytest(f"-n{jobs}", *only)
        seconds: dict[str, float] = {}
        for note in copy.notes():
            seconds[note["test"]] = seconds.get(note["test"], 0) + note["seconds"]
        print("exit code", code, (copy.folder / "output").read_text()[-3000:])
        found: dict[str, list[int]] = {}
        for number, test in enumerate(seconds):
            if (hit := lines / mutants_trace.name(test)).exists():
                for line in set(hit.read_text().split()):
                    found.setdefault(line, []).append(number)
        if (unnamed := lines / mutants_trace.name("")).exists():
            print(len(set(unnamed.read_text().split())), "lines also ran while no test was named")
        tests = [(test, round(time, 3)) for test, time in seconds.items()]
        file.write_text(json.dumps({"tests": tests, "lines": found}))


# -- one mutant after the other --------------------------------------------------------------------------


class Limits(NamedTuple):
    tests: int  # for each mutant
    seconds: float  # of these tests together, by the map
    timeout: float  # seconds for each mutant


def pick(covering: Sequence[Test], limits: Limits) -> list[Test]:
    """The quickest, as far as the limits allow; one in any case."""
    picked: list[Test] = []
    files: set[str] = set()
    cost = 0.0
    for test in covering:
        cost += test.seconds + (0 if test.file in files else SECONDS_TO_LOAD)
        if len(picked) == limits.tests or (picked and cost > limits.seconds):
            break
        picked.append(test)
        files.add(test.file)
    return picked


class Verdict(NamedTuple):
    status: str
    test: str
    done: int  # tests


def judge(copy: Copy, tree: Path, place: Place, tests: Sequence[Test], limits: Limits) -> Verdict:
    """What becomes of a mutant."""
    left, unconfirmed, done = limits.timeout, 0, 0
    parts = [tests[:FIRST], tests[FIRST:]]
    while left > 0 and parts:
        if not (part := parts.pop(0)):
            continue
        copy.change(place)
        try:
            code, seconds = copy.pytest("-n0", "-x", tests=part, limit=left)
        finally:
            copy.restore(place, tree)
        left -= seconds
        done += len({note["test"] for note in copy.notes()})
        if code is None:
            return Verdict("timeout", copy.under_way(), done)
        failed = [test for test in part if test.name in copy.failed()]
        if code == 0 and not failed:
            continue
        if copy.pytest("-n0", "-x", tests=failed or part, limit=limits.timeout)[0] == 0:
            return Verdict("noticed", failed[0].name if failed else f"loading {part[0].file}", done)
        unconfirmed += 1
        if unconfirmed == CHANCES or not failed:
            return Verdict("unsure", failed[0].name if failed else "", done)
        parts.insert(0, part[part.index(failed[0]) + 1 :])
    return Verdict("survived", "", done)


def run(
    mutants: Sequence[Mutant],
    tree: Path,
    known: Tests,
    results: Path,
    jobs: int,
    again: Sequence[str],
    limits: Limits,
) -> None:
    """Judge every mutant that has no result yet (or one of these, ``again``)."""
    rows = read(results)
    among = places(tree)
    lock, copies = threading.Lock(), SimpleQueue[Copy]()
    stop = threading.Event()

    def one(number: int) -> None:
        if stop.is_set():
            return
        place, began = find(mutants[number], among), time.monotonic()
        covering = known.of(place) if place else []
        tests = pick(covering, limits)
        verdict = Verdict("uncovered" if place else "gone", "", 0)
        if place and tests:
            copy = copies.get()
            try:
                verdict = judge(copy, tree, place, tests, limits)
            finally:
                copies.put(copy)
        row = Row(
            number=number,
            mutant=str(place.mutant if place else mutants[number]),
            status=verdict.status,
            test=verdict.test,
            tests=verdict.done,
            of=len(covering),
            seconds=round(time.monotonic() - began, 1),
        )
        with lock, results.open("a") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as name:
        for number in range(jobs):
            copies.put(Copy(tree, Path(name).resolve() / str(number)))
        with ThreadPoolExecutor(jobs) as pool:
            try:
                todo = [n for n in range(len(mutants)) if n not in rows or rows[n]["status"] in again]
                list(pool.map(one, todo))
            finally:
                stop.set()


def read(results: Path) -> dict[int, Row]:
    """The last result of each mutant."""
    lines = results.read_text().splitlines() if results.exists() else []
    rows: list[Row] = [json.loads(line) for line in lines]
    return {row["number"]: row for row in rows}


def report(rows: dict[int, Row]) -> None:
    """The figures, and all mutants that were not noticed."""
    counts = Counter(row["status"] for row in rows.values())
    judged = len(rows) - counts["gone"]
    for _, row in sorted(rows.items()):
        if row["status"] != "noticed":
            print(f"{row['status']:9} {row['mutant']}  ({row['tests']} of {row['of']} tests) {row['test']}")
    share = counts["noticed"] / judged if judged else 0
    print(f"{share:.1%} noticed: {counts['noticed']} of {judged}", dict(counts))
    partly = sum(row["status"] == "survived" and row["tests"] < row["of"] for row in rows.values())
    print(f"{partly} that survived were not tried with all tests that run them")


def compared(mutant: Mutant, place: Place | None) -> str:
    """In a word, what has become of the place of a mutant."""
    if place is None:
        return "gone "
    if place.mutant.statement != mutant.statement:
        return "alike"  # with other names in it
    same = (place.mutant.file, place.mutant.scope) == (mutant.file, mutant.scope)
    return "here " if same else "moved"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["sample", "find", "map", "run", "report"])
    parser.add_argument("--tree", type=Path, default=ROOT)
    parser.add_argument("--sample", type=Path, default=SAMPLE, help="the same mutants as they are later")
    parser.add_argument("--map", type=Path)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--again", nargs="*", default=[], metavar="STATUS", help="judge those anew, too")
    parser.add_argument("--tests", type=int, default=200, help="at most, for each mutant")
    parser.add_argument("--seconds", type=float, default=25.0, help="of these tests together, at most")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for each mutant")
    parser.add_argument("--only", nargs="*", default=[], help="map: these tests only")
    asked = parser.parse_args()
    tree: Path = asked.tree.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clears up, too
    match asked.command:
        case "sample":
            draw()
        case "find":
            among = places(tree)
            for mutant in frozen(asked.sample):
                place = find(mutant, among)
                print(compared(mutant, place), place.mutant if place else mutant)
        case "map":
            make_map(tree, asked.map, asked.jobs, asked.only)
        case "run":
            limits = Limits(asked.tests, asked.seconds, asked.timeout)
            mutants, tests = frozen(asked.sample), Tests(asked.map, tree)
            run(mutants, tree, tests, asked.results, asked.jobs, asked.again, limits)
            report(read(asked.results))
        case "report":
            report(read(asked.results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
