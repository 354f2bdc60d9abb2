"""The README and the manual: every command in them is run, and their tables are the program's own."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import forked
import in_process
import postgresql_server
import pytest
import shared_postgresql
from conftest import DEADLINE, RunningSandbox
from json_documents import DOCUMENTS
from past import keep_a_call
from running_listener import TOKEN, listening
from stand_in_agent import write_agent

from voicecli import manual
from voicecli.calling.endings import ending_of
from voicecli.calling.results import Result
from voicecli.cli import app
from voicecli.cli.exit_codes import ExitCode, result_code
from voicecli.output.json_fields import FORMER_NAMES
from voicecli.sandbox.numbers import NUMBERS
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.key_names import KeyNames
from voicecli.sessions.pending import PendingCall
from voicecli.settings import SETTINGS
from voicecli.voice_api.webhook_events import Event, Received

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = ("README", *manual.TOPICS)
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVER = re.compile(r"voicecli (sandbox|listen)\b(?!.*(&|--dry-run|--print-env|--numbers))")
FILE = re.compile(r"^cat > (\S+) <<END\n(.*?)^END\n", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"[$`|&;<>()*]")
"""In a line outside of its quotes: it takes a shell to run it."""
TALK = re.compile("^(Error|Warning|Hint):", re.MULTILINE)
PEOPLE = "phone,name,time\n+33199001234,Anna,ten\n+33199005678,Ben,half past ten\n"
MESSAGE = "Hello {name}, we are open again."
ANSWERS = {  # part of what a block prints, by what is in it
    "webhooks list": "VSS   ",
    "call +33199007203": "+33199007203: reschedule with 2; completed",
    "until-confirmed": "+33199007103: confirmed with 1; completed",
    "--spell-digits --repeat 2 --confirm": "+33199007103: confirmed with 1; completed",
    "try again in an hour": "try again in an hour",
    "--shard {2}/3": "1  accepted",
    "--retry no-answer": "results.csv has 2 rows",
    'resume "$id"': "2 of 2 rows done",
    "--rate 5/s --not-between": "That takes 1 s at 5/s",
    "9=stop --yes": "report.html is written",
    "jq -r '[.received": "+33199000486\tBUSY",
    "voicecli replay --session": "answered 200",
    "trigger vca --digits 1 --to": "answered 200",
    "--digits 3-6": "customer 123",
    'been updated" --wait': "+33199001234: completed",
    "voicecli stats": "1 call ended, 0.0 % answered",
    "voicecli prune --older-than 30d\n": "Deleted 0 events and 0 calls",
    "curl -sS": '"success": true',
    "voicecli voices": "en-GB-Emma",
    "logs export": '"file": "calls.csv"',
    "api GET": '"webhooks": [',
    "voicecli doctor": "A call with --wait would work.",
    "voicecli store migrate": "The store was made: PostgreSQL database ",
    "voicecli store copy": "All rows were compared",
}


def text_of(page: str) -> str:
    return README if page == "README" else manual.page(page)


def blocks(page: str) -> list[str]:
    found = [text.replace("\\\n", " ") for text in BLOCK.findall(text_of(page))]
    return [text for text in found if "venv" not in text]  # .ci/run runs those that install


def is_server(block: str) -> bool:
    return SERVER.match(block) is not None and block.count("\n") == 1


def needs_shell(block: str) -> bool:
    """Whether a block is more than files and plain command lines."""
    lines = command_lines(block)
    return any(not line.startswith("voicecli ") or SHELL.search(bare(line)) for line in lines)


def command_lines(block: str) -> list[str]:
    """Its lines without files and comments."""
    return [line for line in FILE.sub("", block).splitlines() if line and not line.startswith("#")]


def bare(line: str) -> str:
    """A command line without what stands in quotes, where only a variable means something to a shell."""
    return re.sub(r'"([^"$`]*)"', "", re.sub("'[^']*'", "", line))


@dataclass
class Machine:
    """What the commands of a page find: a folder, settings of a sandbox, a free port in place of 5678, and
    an application of somebody's own in place of 8000."""

    folder: Path
    port: str
    application: str
    environment: dict[str, str]

    def local(self, block: str) -> str:
        return block.replace(":5678", f":{self.port}").replace(":8000", f":{self.application}")


@pytest.fixture
def settings_of_a_team(page: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """What the page on teams needs: a server, as its administrator and a machine of the team see it. In a
    shell the page makes the database itself."""
    if page != "team":
        return {}
    server = request.getfixturevalue("postgresql")
    is_made = "shell" in request.fixturenames
    place = server.place(tmp_path / "home", "voicecli" if is_made else server.new_database("template0"))
    administrator = {
        "PGHOST": str(server.folder),
        "PGPORT": str(postgresql_server.PORT),
        "PGUSER": "postgres",
    }
    return {**shared_postgresql.environment(place), **administrator}


@pytest.fixture
def machine(tmp_path: Path, application: str, settings_of_a_team: dict[str, str]) -> Iterator[Machine]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "message.txt").write_text(MESSAGE)
    with RunningSandbox(time_scale=1000, seed=1) as sandbox:
        yield Machine(
            tmp_path,
            port,
            application,
            {
                **os.environ,
                **sandbox.environment,
                "WEBHOOK_AUTH_TOKEN": TOKEN,
                "VOICECLI_HOME": str(tmp_path / "home"),
                "PORT": port,
                **settings_of_a_team,
            },
        )


@pytest.fixture
def shell(machine: Machine, tmp_path: Path) -> Iterator[Machine]:
    """With a PATH on which voicecli is this one, ngrok a stand-in, and other hosts are folders."""
    programs = tmp_path / "bin"
    programs.mkdir()
    agent = write_agent(tmp_path / "agent")
    sandbox = machine.environment["EIGHT_X_EIGHT_BASE_URL"].rpartition(":")[2]
    with forked.program(tmp_path / "forked") as program:
        scripts = {
            "voicecli": f'[ "$1" = sandbox ] && set -- "$@" --port "${{SANDBOX:-{sandbox}}}"\n'
            f'exec {program} "$@"',
            "ssh": 'host=$1; shift; cd "$HOSTS/$host"; VOICECLI_HOME=$PWD/home exec sh -c "$*"',
            "scp": 'file=${2#*:}; exec cp "$HOSTS/${2%%:*}/$file" "$3"',
        }
        for name, text in scripts.items():
            (programs / name).write_text(f"#!/bin/sh\n{text}\n")
            (programs / name).chmod(0o755)
        for letter in "abc":
            host = tmp_path / "hosts" / f"host-{letter}"
            host.mkdir(parents=True)
            (host / "people.csv").write_text(PEOPLE)
            (host / "message.txt").write_text(MESSAGE)
        machine.environment |= {
            "HOSTS": str(tmp_path / "hosts"),
            "PATH": f"{programs}:{agent.parent}:{os.environ['PATH']}",
        }
        yield machine


@pytest.fixture
def application() -> Iterator[str]:
    """The port of somebody's own application, in place of 8000: the one that the page on handlers has."""
    [source] = re.findall(r"^```python\n(.*?)^```$", manual.page("handlers"), re.MULTILINE | re.DOTALL)
    page: dict[str, Any] = {}
    exec(source, page)
    server_class = type("Quiet", (page["Handler"],), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), server_class) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("page", PAGES)
def test_the_plain_commands_of_a_page_work_in_their_order(page: str, machine: Machine) -> None:
    for block in map(machine.local, blocks(page)):
        if is_server(block) or needs_shell(block) or "voicecli demo" in block:  # that takes 8 s
            continue
        for name, content in FILE.findall(block):
            (machine.folder / name).write_text(content)
        prepare(block, machine)
        answers = ""
        for line in command_lines(block):
            arguments = shlex.split(line, comments=True)[1:]
            code, out, err = in_process.run(arguments, DEADLINE, env=machine.environment)
            assert (code, TALK.search(err.decode())) == (0, None), f"{line}\n{err.decode()}"
            answers += out.decode()
        check_answer(block, answers)


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_works_in_a_shell(page: str, shell: Machine) -> None:
    for block in map(shell.local, blocks(page)):
        if is_server(block):
            start_and_stop(block, shell)
        elif all(
            shutil.which(name)
            for name in re.findall(
                r"(?:^|\| )(jq|parallel|createuser|createdb|psql|pg_dump) ", block, re.MULTILINE
            )
        ):
            run_in_shell(block, shell)


def run_in_shell(block: str, shell: Machine) -> None:
    prepare(block, shell)
    with ExitStack() as stack:
        if "curl " in block:
            listener = stack.enter_context(
                listening(shell.folder / "home", "--no-tunnel", env=shell.environment)
            )
            block = block.replace(f"http://127.0.0.1:{shell.port}", listener.url)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env=shell.environment,
            cwd=shell.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert (done.returncode, TALK.search(done.stderr)) == (0, None), f"{block}\n{done}"
    check_answer(block, done.stdout)


def prepare(block: str, machine: Machine) -> None:
    """There is something to look back to."""
    if "voicecli stats" in block or "voicecli store copy" in block:
        keep_a_call(machine.folder / "home", status="BUSY")


def check_answer(block: str, answer: str) -> None:
    for sign, part in ANSWERS.items():
        assert sign not in block or part in answer, f"{block}\n{answer}"


def test_each_answer_is_that_of_some_command() -> None:
    texts = "\n".join(block for page in PAGES for block in blocks(page))
    assert [sign for sign in ANSWERS if sign not in texts] == []


def start_and_stop(command: str, shell: Machine) -> None:
    """A server runs until Ctrl-C."""
    with subprocess.Popen(
        ["bash", "-c", f"exec {command.strip()}"],
        env={**shell.environment, "SANDBOX": "0"},
        cwd=shell.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = ""
        while "ready" not in told.lower():
            line = process.stderr.readline()
            assert line, told
            told += line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, told


def test_the_tables_are_the_programs_own() -> None:
    codes, settings = manual.page("exit-codes"), manual.page("settings").splitlines()
    for code in ExitCode:
        assert f"| {code.value} | {code.meaning} |\n" in codes
    for setting in SETTINGS:
        row = next(line for line in settings if line.startswith(f"| `{setting.variable}` |"))
        for text in (setting.what, setting.where, setting.flag or "", setting.default or ""):
            assert text in row
    for number in NUMBERS:
        assert f"| {number.digits} | {number.what} |\n" in manual.page("trying")


def test_results_and_exit_codes_are_those_of_the_table() -> None:
    text = manual.page("answers")
    found = re.search("With `--keys (\\S+) --accept (\\S+)`:", text)
    assert found is not None
    keys = KeyNames.parse(*found.groups())
    rows = re.findall(r"^\| ([\w, ]+) \| (\w+) \| (\d+) \|$", text, re.MULTILINE)
    assert len(rows) == 10
    for pressed, result, code in rows:
        digits = [pressed[0]] if pressed[0].isdigit() else []
        digits += re.findall(r"(?:and|then) (\d)", pressed)
        attempt = Attempt(
            1, 0, AttemptState.ACCEPTED, "s", "m", "", "", asks=keys.asks, key_names=keys.as_text()
        )
        call = PendingCall(attempt)
        for number, key in enumerate(digits):
            fields = {"sessionId": "s", "callStatus": "ACTION_COMPLETED", "eventId": f"e-{number}"}
            vca = Event("VCA", {**fields, "eventData": key, "timestamp": f"2026-11-28T04:00:0{number}Z"})
            call.observe(Received(number, number, vca, b""))
        call.observe(Received(9, 9, Event("VSS", {"sessionId": "s", "sessionStatus": "COMPLETED"}), b""))
        ended = Result(ending_of(call), "", {})
        assert (call.result or "none", result_code(ended)) == (result, int(code)), pressed


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert README.count("\n") <= 160
    links = re.findall(r"\]\((?!https:)(.*?)\)", README)
    assert all((ROOT / link).is_file() for link in links)
    assert {Path(link).stem for link in links if link.startswith("voicecli/manual/")} == {*manual.TOPICS}


@pytest.mark.parametrize("page", ["README", "handlers"])
def test_an_application_is_tried_at_the_url_that_the_listener_forwards_to(page: str) -> None:
    """All types of events go there."""
    assert len({*re.findall(r"--(?:forward-to|to) (http://127\.0\.0\.1:8000\S*)", text_of(page))}) == 1


def test_ci_runs_the_two_commands_that_install() -> None:
    installs = [text for text in BLOCK.findall(README) if "venv" in text]
    commands = [".venv/bin/voicecli demo", ".venv/bin/pytest"]
    assert [text.split(" && ")[-1].strip() for text in installs] == commands
    script = (ROOT / ".ci" / "run").read_text()
    assert 'readme_command "voicecli demo"' in script
    assert 'readme_command "pytest"' in script


def test_the_example_dotenv_names_every_setting() -> None:
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#? ?([A-Z0-9_]+)=", example, re.MULTILINE)) == {s.variable for s in SETTINGS}


def options_of(command: Any) -> Iterator[str]:
    """All options of a command, and of those below it."""
    for parameter in command.params:
        yield from parameter.opts
    for name in getattr(command, "commands", ()):
        yield from options_of(command.get_command(None, name))


@pytest.mark.parametrize("page", [page for page in PAGES if page != "changes"])
def test_options_that_a_page_names_are_those_of_the_command(page: str) -> None:
    for span in re.findall(r"`([^`]*)`", text_of(page)):
        command, *words = span.removeprefix("voicecli ").split() or [""]
        if command in app.COMMANDS:
            ours = {*options_of(app.load(command)), "--help"}
        elif command.startswith("-"):
            ours, words = {*options_of(app.parser())}, [command, *words]
        else:
            continue
        assert {word for word in words if re.match("--[a-z0-9]", word)} <= ours, span


OF_8X8 = set("makeCall sayAndCapture playFile eventId eventType clientRequestId asrCaptured".split())
ASKED = set("messageId customerPhone anyNumber callUnsubscribed".split())  # what POST /api/make-call reads


@pytest.mark.parametrize("page", PAGES)
def test_fields_that_a_page_names_are_in_a_document(page: str) -> None:
    documented = {name for fields in DOCUMENTS.values() for name in re.split(r"[ .]", fields)}
    former = {name for names in FORMER_NAMES.values() for name in names}
    named = {*re.findall(r"`([a-z]+[A-Z][A-Za-z]*)`", text_of(page))}
    assert named <= documented | former | OF_8X8 | ASKED
