"""What each test costs: ``pytest -p processor_time --costs=FILE`` writes, for each phase of each test, the
processor time in seconds of its worker and of the processes that ended meanwhile, and how many it started."""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import forked
import pytest

started = 0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--costs", required=True, help="the file, of JSON Lines")


def pytest_configure(config: pytest.Config) -> None:
    def count(event: str, arguments: tuple[object, ...]) -> None:
        global started
        if event == "subprocess.Popen" and "voicecli.listener.writer" not in str(arguments[1]):
            started += 1

    sys.addaudithook(count)


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime + forked.processor_seconds


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    before, began = _spent(), started + forked.started
    result = yield
    line = {
        "test": item.nodeid,
        "seconds": round(_spent() - before, 4),
        "processes": started + forked.started - began,
        "worker": os.environ.get("PYTEST_XDIST_WORKER", ""),
    }
    with Path(item.config.getoption("--costs")).open("a") as file:
        file.write(json.dumps(line) + "\n")
    return result
