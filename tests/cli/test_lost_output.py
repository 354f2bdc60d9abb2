"""An answer that can't be written is no success; a reader who has seen enough of a list or a help is none."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest
from conftest import NUMBER, RunningSandbox

from voicecli.cli.app import run
from voicecli.cli.context import Context

CALL = ["call", NUMBER, "hi"]
ONE_ANSWER = [
    CALL,
    [*CALL, "-q"],
    [*CALL, "--json"],
    [*CALL, "--dry-run"],
    ["api", "GET", "/numbers", "--dry-run"],
    ["stats"],
    ["stats", "--json"],
    ["sandbox", "--print-env"],
    ["trigger", "vss", "--dry-run"],
    ["prune", "--older-than", "30d"],
]
LISTS = [["sandbox", "--numbers"], ["sandbox", "--numbers", "--json"], ["voices"], ["numbers"]]
HELP = [["--help"], ["call", "--help"], ["broadcast", "resume", "-h"], []]


def written(arguments: list[str], out: TextIO | None, sandbox: RunningSandbox) -> tuple[int, str]:
    """The exit code with this standard output, and what is on standard error."""
    err = io.StringIO()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "stdout", out)
        code = run(arguments, Context(None, out, err, environment={**os.environ, **sandbox.environment}))
    return code, err.getvalue()


@pytest.mark.parametrize("arguments", [*ONE_ANSWER, *LISTS, *HELP], ids=" ".join)
@pytest.mark.parametrize("place", [None, "/dev/full"])
def test_what_can_t_be_written_is_told(
    sandbox: RunningSandbox, arguments: list[str], place: str | None
) -> None:
    if place is None:
        code, err = written(arguments, None, sandbox)
    else:
        with Path(place).open("w") as full:
            code, err = written(arguments, full, sandbox)
    assert code == 1
    assert "can't be written" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [*((each, 1) for each in ONE_ANSWER[:3]), *((each, 0) for each in [*LISTS, *HELP[:3]]), ([], 2)],
)
def test_who_has_gone_has_seen_enough_but_not_of_what_was_done(
    sandbox: RunningSandbox, arguments: list[str], code: int
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        found, err = written(arguments, pipe, sandbox)
    assert found == code
    assert ("accepted session" in err) == (code == 1), err
    assert code == 1 or not err


@pytest.mark.soak
@pytest.mark.process
def test_a_call_whose_output_is_closed_is_told_on_standard_error(sandbox: RunningSandbox) -> None:
    """What is opened first, such as the store, gets the number of the closed stream."""
    shell = f"{sys.executable} -m voicecli call {NUMBER} hi -q --once >&-"
    environment = {**os.environ, **sandbox.environment}
    done = subprocess.run(
        ["bash", "-c", shell], env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 1
    assert "accepted session" in done.stderr


@pytest.mark.process
@pytest.mark.parametrize(
    ("shell", "code", "err"),
    [
        ("call --help | head -1", 0, ""),
        pytest.param("--help | head -3", 0, "", marks=pytest.mark.soak),
        ("--version >&-", 1, "Error: Standard output can't be written (it is closed).\n"),
    ],
)
def test_help_and_version_in_a_shell(shell: str, code: int, err: str) -> None:
    command = f"{sys.executable} -m voicecli {shell}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, err)
