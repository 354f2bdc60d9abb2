"""The README: every command in it is run, and its tables are the program's own."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DEADLINE, RunningSandbox

from voicecli.cli.exit_codes import ExitCode
from voicecli.sandbox.numbers import TABLE
from voicecli.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = [text for language, text in BLOCKS if language == "sh"]
INSTALLS = [text for text in SHELL if "venv" in text]
SERVERS = [text for text in SHELL if text.strip() == "voicecli sandbox"]
COMMANDS = [text for text in SHELL if text not in INSTALLS + SERVERS]


@pytest.fixture
def shell_environment(tmp_path: Path, sandbox: RunningSandbox) -> dict[str, str]:
    """A PATH on which voicecli is this one, its sandbox on a port that the system chose."""
    port = sandbox.sandbox.url.rpartition(":")[2]
    wrapper = tmp_path / "bin" / "voicecli"
    wrapper.parent.mkdir()
    wrapper.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = sandbox ] && set -- "$@" --port "${{PORT_OF_THE_TEST:-{port}}}"\n'
        f'exec {shlex.quote(sys.executable)} -m voicecli "$@"\n'
    )
    wrapper.chmod(0o755)
    return {**os.environ, **sandbox.environment, "PATH": f"{wrapper.parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize("commands", COMMANDS)
def test_every_command_works(commands: str, shell_environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=shell_environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "accepted" in done.stdout


def test_the_sandbox_starts_and_stops_as_described(shell_environment: dict[str, str]) -> None:
    [command] = SERVERS
    environment = {**shell_environment, "PORT_OF_THE_TEST": "0"}
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"export EIGHT_X_EIGHT_BASE_URL=http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 0


def test_ci_runs_the_two_commands_that_install() -> None:
    assert [text.split(" && ")[-1].strip() for text in INSTALLS] == [
        ".venv/bin/voicecli demo",
        ".venv/bin/pytest",
    ]
    script = (ROOT / ".ci" / "run").read_text()
    assert 'readme_command "voicecli demo"' in script
    assert 'readme_command "pytest"' in script


def test_the_library_example_works(sandbox: RunningSandbox, tmp_path: Path) -> None:
    [example] = [text for language, text in BLOCKS if language == "python"]
    done = subprocess.run(
        [sys.executable, "-c", example],
        env={**os.environ, **sandbox.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {session.session_id for session in [*sandbox.sandbox.sessions]}


def test_the_tables_are_the_programs_own() -> None:
    for code in ExitCode:
        assert f"| {code.value} | {code.meaning} |" in README
    for row in TABLE:
        assert f"| {row.digits} | {row.what} |" in README
    assert README.count("| -20") == 0
    for setting in SETTINGS:
        row = next(line for line in README.splitlines() if line.startswith(f"| `{setting.variable}` |"))
        assert all(
            text in row for text in (setting.what, setting.where, setting.flag or "", setting.default or "")
        )


def test_the_example_dotenv_names_every_setting() -> None:
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#? ?([A-Z0-9_]+)=", example, re.MULTILINE)) == {s.variable for s in SETTINGS}
