"""``voicecli sandbox``: what it prints, and that it stops when it is told to."""

import json
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import DEADLINE, NUMBER, Program, RunningSandbox
from forked import Forked

from voicecli.cli import shells
from voicecli.sandbox.numbers import NUMBERS


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = ("sandbox", "--port", "0", *arguments)
    with Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.process
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGHUP, 1)])
def test_it_prints_its_environment_serves_and_stops(run: Program, number: signal.Signals, code: int) -> None:
    with running() as process:
        assert process.stdout is not None
        exports = [process.stdout.readline() for _ in range(4)]
        variables = dict(shlex.split(line)[1].split("=", 1) for line in exports)
        done = run("call", NUMBER, "hi", "-q", env=variables)
        assert done.code == 0, done
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, out) == (code, "")
        assert "The sandbox is ready. In another terminal:\n" in err
        assert 'eval "$(voicecli sandbox --print-env --port' in err
        assert "POST callflows 200" in err


@pytest.mark.process
def test_json_is_one_document_with_the_url_and_a_seed_repeats_the_session_ids(run: Program) -> None:
    with running("--json", "--seed", "5") as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["environment"]["EIGHT_X_EIGHT_BASE_URL"] == ready["url"]
        session = run("call", NUMBER, "hi", "-q", env=ready["environment"]).out
    with RunningSandbox(seed=5) as another:
        assert run("call", NUMBER, "hi", "-q", env=another.environment).out == session


def test_print_env_is_for_eval_and_starts_nothing(run: Program) -> None:
    done = run("sandbox", "--print-env", "--port", "6789")
    shell = subprocess.run(
        ["bash", "-c", f"{done.out} echo $EIGHT_X_EIGHT_BASE_URL"], capture_output=True, text=True, check=True
    )
    assert shell.stdout == "http://127.0.0.1:6789\n"
    assert "EIGHT_X_EIGHT_BASE_URL=http://127.0.0.1:5680\n" in run("sandbox", "--print-env").out


def test_print_env_is_for_powershell_where_that_is_asked_for(run: Program) -> None:
    """There a quote inside quotes is doubled."""
    lines = run("sandbox", "--print-env", "--shell", "powershell").out.splitlines()
    assert lines[0] == "$env:EIGHT_X_EIGHT_BASE_URL = 'http://127.0.0.1:5680'"
    assert shells.set_variables(shells.Shell.POWERSHELL, {"A": "it's"}) == "$env:A = 'it''s'"
    assert shells.use_sandbox(shells.Shell.POWERSHELL, port=6789) == (
        "voicecli sandbox --print-env --port 6789 --shell powershell | Out-String | Invoke-Expression"
    )


def test_print_env_is_right_whatever_the_key_of_the_environment_is(run: Program) -> None:
    for key in ("voicecli", "voicecli-sandbox-key"):
        done = run("sandbox", "--print-env", env={"EIGHT_X_EIGHT_API_KEY": key})
        assert "EIGHT_X_EIGHT_API_KEY=voicecli-sandbox-key" in done.out


def test_a_busy_port_is_told(run: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        done = run("sandbox", "--port", port)
    assert (done.code, done.out) == (3, "")
    assert f"Port {port} can't be used" in done.err
    assert "Traceback" not in done.err


def test_the_numbers_are_printed_as_a_table_and_as_json_lines(run: Program) -> None:
    lines = run("sandbox", "--numbers").out.splitlines()
    assert [line.split()[0] for line in lines] == [row.digits for row in NUMBERS]
    records = [json.loads(line) for line in run("sandbox", "--numbers", "--json").out.splitlines()]
    assert records == [{"digits": row.digits, "what": row.what} for row in NUMBERS]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--time-scale", "0"],
        ["--time-scale", "nan"],
        ["--rate", "0"],
        ["--port", "70000"],
        ["--print-env", "--port", "0"],
        ["--print-env", "--numbers"],
        ["--seed", "x"],
    ],
)
def test_bad_options_are_refused(run: Program, arguments: list[str]) -> None:
    done = run("sandbox", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: ")
