"""The program as a whole: version, completion, wrong usage."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Program

from voicecli.cli.app import run as run_here
from voicecli.cli.context import Context
from voicecli.version import __version__

soak = pytest.mark.soak


def test_the_version_is_the_packages(run: Program) -> None:
    for arguments in (["--version"], ["--version", "--help"]):
        assert run(*arguments).out == f"voicecli {__version__}\n"


@pytest.mark.process
@pytest.mark.parametrize(
    "arguments",
    [["--version"], *(pytest.param(a, marks=soak) for a in (["sandbox", "--numbers"], ["--help"], []))],
)
def test_a_full_disk_is_told_in_one_sentence(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "voicecli", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert re.fullmatch(r"Error: [^\n]*No space left on device[^\n]*\n", done.stderr), done.stderr


@pytest.mark.soak
@pytest.mark.process
def test_a_reader_that_has_seen_enough_of_a_list_is_no_error() -> None:
    shell = f"{sys.executable} -m voicecli sandbox --numbers | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_while_starting_leaves_no_traceback(number: signal.Signals) -> None:
    """The program interrupts itself when it comes to import httpx."""
    program = f"""
import os, sys
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "httpx":
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Interrupting())
from voicecli.__main__ import main
main()
"""
    settings = {
        "EIGHT_X_EIGHT_API_KEY": "some-key",
        "EIGHT_X_EIGHT_SUBACCOUNT_ID": "some_sub",
        "OUTBOUND_PHONE_NUMBER": "+33199000000",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, "call", "+33199001234", "hi"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Error: Interrupted.\n")


def test_a_mistake_before_the_parser_came_to_json_is_told_in_json(run: Program) -> None:
    done = run("--json", "call", "+33199001234", "hi there")
    assert (done.code, done.out, done.error["message"]) == (2, "", "No such option: --json.")
    assert done.error["hint"] == "Options go after the command: voicecli call … --json."


@pytest.mark.process
def test_the_installed_command_and_python_m_are_the_same_program(run: Program) -> None:
    installed = Path(sys.executable).parent / "voicecli"
    done = subprocess.run([installed, "sandbox", "--numbers"], capture_output=True, text=True, check=True)
    assert done.stdout == run("sandbox", "--numbers").out


@pytest.mark.soak
@pytest.mark.process
def test_a_thread_that_is_left_at_work_is_not_cleared_up_beneath() -> None:
    """All that was printed is out, what was to be done at the end is done, and the code is right."""
    program = """
import atexit, sys, threading
from concurrent.futures import ThreadPoolExecutor
from voicecli import __main__
from voicecli.cli import app

class Remains:
    def __del__(self): print("cleared up")

def run(_):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    ThreadPoolExecutor(1).submit(int)
    atexit.register(print, "at the end")
    sys.modules["remains"] = Remains()
    print("the answer")
    return 16

app.run = run
__main__.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (16, "the answer\nat the end\n")


def test_a_signal_in_the_last_message_leaves_the_exit_code() -> None:
    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            raise KeyboardInterrupt(signal.SIGINT)

    assert run_here(["call", "nobody", "hi"], Context(stdout=io.StringIO(), stderr=Interrupted())) == 2
