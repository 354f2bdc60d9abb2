"""For bench/mutants.py: which test runs which line of voicecli, in whatever process; and a plugin of pytest.

``start`` is called in every Python of a copy of the tree, by a .pth file in the copy's virtual environment.
A line is written down the moment it first runs, under the test that PYTEST_CURRENT_TEST names: a process that
is killed has lost nothing, and one that was forked before its test began names the right one.
PYTEST_DONT_REWRITE, since it is loaded before pytest.
"""

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import pytest

_open, _write, _close, _environ = os.open, os.write, os.close, os.environ  # tests replace some of them
_report = _environ.get("MUTANTS_REPORT", "")
_wanted = _environ.get("MUTANTS_TESTS", "")
_seen: set[tuple[str, int]] = set()
Local = Callable[[FrameType, str, object], object]


class Note(TypedDict):
    """A part of a test that is done."""

    test: str
    seconds: float
    failed: bool


def start(tree: str, folder: str) -> None:
    """Trace this process: lines of voicecli in ``tree`` go to ``folder``, one file for each test."""
    ours: dict[str, str | None] = {}

    def call(frame: FrameType, _event: str, _argument: object) -> Local | None:
        path = frame.f_code.co_filename
        if path not in ours:
            ours[path] = path[len(tree) + 1 :] if path.startswith(f"{tree}/voicecli/") else None
        return line(frame, "line", None) if ours[path] else None

    def line(frame: FrameType, event: str, _argument: object) -> Local:
        if event == "line" and (place := (frame.f_code.co_filename, frame.f_lineno)) not in _seen:
            _seen.add(place)
            test = _environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
            try:
                file = _open(f"{folder}/{name(test)}", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
                _write(file, f"{ours[place[0]]}:{place[1]}\n".encode())
                _close(file)
            except OSError:
                pass  # a test of a full disk, or of too few open files
        return line

    os.register_at_fork(after_in_child=_seen.clear)
    threading.settrace(call)  # type: ignore[arg-type]
    sys.settrace(call)  # type: ignore[arg-type]


def name(test: str) -> str:
    """The name of the file with the lines of a test."""
    return hashlib.sha256(test.encode()).hexdigest()[:24]


# -- the plugin of pytest --------------------------------------------------------------------------------


def pytest_runtest_logstart() -> None:
    """While lines are traced: a new test has seen none."""
    _seen.clear()


def pytest_runtest_logreport(report: "pytest.TestReport") -> None:
    """Note how it went; with xdist, its controller does."""
    if "PYTEST_XDIST_WORKER" not in _environ:
        note = Note(test=report.nodeid, seconds=report.duration, failed=report.failed)
        with Path(_report).open("a") as file:
            file.write(json.dumps(note) + "\n")


def pytest_collection_modifyitems(items: "list[pytest.Item]") -> None:
    """Only the tests that are asked for, in that order."""
    if _wanted:
        order = {test: number for number, test in enumerate(json.loads(Path(_wanted).read_text()))}
        wanted = [item for item in items if item.nodeid in order]
        items[:] = sorted(wanted, key=lambda item: order[item.nodeid])
