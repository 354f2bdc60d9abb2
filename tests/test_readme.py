"""The README: every command in it is run, and its tables are the program's own."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import forked
import pytest
from conftest import DEADLINE, RunningSandbox
from past import keep_a_call
from running_listener import TOKEN, listening
from stand_in_agent import write_agent

from voicecli.cli.exit_codes import ExitCode
from voicecli.sandbox.numbers import NUMBERS
from voicecli.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = [text for language, text in BLOCKS if language == "sh"]
INSTALLS = [text for text in SHELL if "venv" in text]
SERVERS = [text for text in SHELL if re.match(r"voicecli (sandbox|listen)", text) and "&" not in text]
COMMANDS = [text for text in SHELL if text not in INSTALLS + SERVERS]
WAITS = ("--wait", "--confirm", "--digits", "broadcast")  # these tell on stderr how it goes on
LONG = (
    "--until",
    "--spell",
    "$code",
    "--retry",
    "parallel",
    "jq",
    "replay",
    "resume",
    "--digits 3",
    "--wait",
    "--confirm",
)
"""Such ones run in the complete run only."""
PEOPLE = re.findall(r"^cat > people.csv <<END\n(.*?)^END$", README, re.MULTILINE | re.DOTALL)
STAND_INS = {  # other hosts are folders of this one
    "ssh": 'host=$1; shift; cd "$HOSTS/$host"; VOICECLI_HOME=$PWD/home exec sh -c "$*"',
    "scp": 'file=${2#*:}; exec cp "$HOSTS/${2%%:*}/$file" "$3"',
}
SAYS = {  # what a command prints, by what is in it
    "webhooks set": "VSS   enabled   token",
    "doctor": "A call with --wait would work.",
    "--until-confirmed": "+33199007103: confirmed with 1; completed",
    "--spell-digits": "+33199007103: confirmed with 1; completed",
    "case $code": "try again in an hour",
    "--shard": "1  accepted",
    "--retry": "results.csv has 2 rows",
    "broadcast resume": "2 of 2 rows done",
    "--quiet 21": "That takes 1 s at 5/s",
    "broadcast": "2  accepted",
    "jq -r": "+33199000486\tBUSY",
    "replay": "answered 200",
    "--digits 3-6": "customer 123",
    '"Your account has been updated" --wait': "+33199001234: completed",
    "trigger": "answered 200",
    "voicecli stats": "1 call ended, 0.0 % answered",
    "voicecli prune": "Deleted 0 events and 0 calls",
    "curl": '"success": true',
    "voices": "en-GB-Emma",
    "logs export": '"file": "calls.csv"',
    "api GET": '"webhooks": [',
    "": "accepted",
}


@pytest.fixture
def port() -> str:
    """A port for a listener, in place of 5678."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(params=["forked", pytest.param("started", marks=pytest.mark.soak)])
def shell_environment(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """A PATH on which voicecli is this one and ngrok a stand-in, a sandbox, and the settings of a .env."""
    wrapper = tmp_path / "bin" / "voicecli"
    wrapper.parent.mkdir()
    agent = write_agent(tmp_path / "agent")
    with ExitStack() as stack:
        program = f"{shlex.quote(sys.executable)} -m voicecli"
        if request.param == "forked":
            program = str(stack.enter_context(forked.program(tmp_path / "forked")))
        sandbox = stack.enter_context(RunningSandbox(time_scale=1000, seed=1))
        of_sandbox = sandbox.sandbox.url.rpartition(":")[2]
        wrapper.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = sandbox ] && set -- "$@" --port "${{PORT_OF_THE_TEST:-{of_sandbox}}}"\n'
            f'exec {program} "$@"\n'
        )
        wrapper.chmod(0o755)
        for name, does in STAND_INS.items():
            (wrapper.parent / name).write_text(f"#!/bin/sh\n{does}\n")
            (wrapper.parent / name).chmod(0o755)
        for folder in (tmp_path, *(tmp_path / "hosts" / f"host-{letter}" for letter in "abc")):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "people.csv").write_text(PEOPLE[0])
            (folder / "message.txt").write_text("Hello {name}, we are open again.")
        yield {
            "HOSTS": str(tmp_path / "hosts"),
            **os.environ,
            **sandbox.environment,
            "WEBHOOK_AUTH_TOKEN": TOKEN,
            "VOICECLI_HOME": str(tmp_path / "home"),
            "PATH": f"{wrapper.parent}:{agent.parent}:{os.environ['PATH']}",
        }


@pytest.fixture
def application() -> Iterator[str]:
    """The port of somebody's own application, in place of 8000."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"callflow": []}')

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


@pytest.mark.process
@pytest.mark.parametrize(
    "commands",
    [pytest.param(text, marks=[pytest.mark.soak] * any(sign in text for sign in LONG)) for text in COMMANDS],
)
def test_every_command_works(
    commands: str, shell_environment: dict[str, str], tmp_path: Path, port: str, application: str
) -> None:
    for program in ("jq", "parallel"):
        if re.search(rf"(^|\| ){program} ", commands, re.MULTILINE) and shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    ours = commands.replace(":8000", f":{application}")
    with ExitStack() as stack:
        if "curl" in commands:
            listener = stack.enter_context(listening(tmp_path / "home", "--no-tunnel", env=shell_environment))
            ours = ours.replace("http://127.0.0.1:5678", listener.url)
        if "voicecli stats" in commands:
            keep_a_call(tmp_path / "home", status="BUSY")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", ours.replace(":5678", f":{port}")],
            env={**shell_environment, "PORT": port},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert done.returncode == 0, done
    if not any(waits in commands for waits in WAITS):
        assert done.stderr == ""
    assert not re.search("^(Error|Warning|Hint):", done.stderr, re.MULTILINE), done
    says = next(says for sign, says in SAYS.items() if sign in commands)
    assert says in done.stdout, done


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize("command", SERVERS)
def test_every_server_starts_and_stops_as_described(
    command: str, shell_environment: dict[str, str], port: str
) -> None:
    with subprocess.Popen(
        ["bash", "-c", f"exec {command.strip().replace(':5678', f':{port}')}"],
        env={**shell_environment, "PORT": port, "PORT_OF_THE_TEST": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = ""
        while "ready" not in said.lower():
            line = process.stderr.readline()
            assert line, said
            said += line
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


@pytest.mark.process
def test_the_library_example_works(sandbox: RunningSandbox, tmp_path: Path) -> None:
    [example] = [text for language, text in BLOCKS if language == "python"]
    variables = {**os.environ, **sandbox.environment}
    done = forked.run(["-c", example], DEADLINE, env=variables, cwd=tmp_path, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {session.session_id for session in [*sandbox.sandbox.sessions]}


def test_the_tables_are_the_programs_own() -> None:
    for code in ExitCode:
        assert f"| {code.value} | {code.meaning} |" in README
    for row in NUMBERS:
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
