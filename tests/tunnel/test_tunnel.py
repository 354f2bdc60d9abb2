"""The tunnel against a stand-in agent: real processes, real HTTP, and every defect that ngrok.md knows of."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from conftest import DEADLINE, wait_until
from pyngrok import installer, process
from stand_in_agent import GO_OFFLINE, LOSE_SESSION, change_faults, is_alive, pids, records, write_agent

from voicecli.errors import ConfigurationError, Interrupted, Unreachable, VoicecliError
from voicecli.tunnel import (
    configuration as configuration_module,
    ngrok_process as agent_module,
    ngrok_tunnel as ngrok_module,
)
from voicecli.tunnel.advice import advice
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.ngrok_tunnel import NgrokTunnel, TunnelChange
from voicecli.tunnel.supervision import LIMITS, Probe, SupervisionLimits, Supervisor

REAL_TOKEN = os.environ.get("NGROK_AUTHTOKEN")  # before the fixture that clears the environment
REAL_PATH = os.environ["PATH"]
TOKEN = "2TokenOfNobody_5uRp1s1ngLyLong"
PORT = 5678
CODES = "4018 105 107 108 121 123 313 319 334 727 3200 8012 9009".split()
EXAMPLE = Path(__file__).parents[2] / "ngrok.yml.example"

# Opens a tunnel as a program would, until a signal: the agent, then the deadline, then a domain.
PROGRAM = """
import asyncio, signal, sys
from pathlib import Path
from voicecli.errors import VoicecliError
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.ngrok_tunnel import NgrokTunnel

async def probe(url):
    "What can not be found out."

async def main():
    tunnel = Tunnel(5678, agent_path=Path(sys.argv[1]), domain=sys.argv[3])
    ngrok = NgrokTunnel(tunnel, deadline=float(sys.argv[2]), on_change=print, probe=probe)
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    try:
        print(await ngrok.start(), flush=True)
        await end.wait()
    except VoicecliError as error:
        print(error.message)
    finally:
        await ngrok.stop()
    print("ended in order")

asyncio.run(main())
"""


@dataclass
class Subject:
    """A tunnel under test, and all that it tells."""

    ngrok: NgrokTunnel
    changes: "asyncio.Queue[TunnelChange]"
    notes: list[str] = field(default_factory=list)

    async def change(self) -> TunnelChange:
        return await asyncio.wait_for(self.changes.get(), DEADLINE)

    async def refusal(self) -> VoicecliError:
        with pytest.raises(VoicecliError) as caught:
            await self.ngrok.start()
        return caught.value


async def unknown(_url: str) -> str | None:
    """A probe that can't find out whether a URL leads here."""
    return None


Subjects = Callable[..., Subject]


async def until(condition: Callable[[], object]) -> None:
    """``wait_until`` beside a running event loop."""
    await asyncio.to_thread(wait_until, condition)


@pytest.fixture(autouse=True)
def clean_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Iterator[None]:
    """No agent and no configuration of this machine's; and in the end no process, no file and no output."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for name, value in {
        "TMPDIR": str(temporary),
        "XDG_CONFIG_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path / "home"),
        "PYNGROK_NGROK_PATH": str(tmp_path / "pyngrok" / "ngrok"),
        "PATH": "/usr/bin:/bin",
        "no_proxy": "",
        "NO_PROXY": "",
    }.items():
        monkeypatch.setenv(name, value)
    yield
    alive = [pid for log in tmp_path.rglob("agent.log") for pid in pids(log.parent) if is_alive(pid)]
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    assert alive == []
    assert [*temporary.iterdir()] == []
    assert process._current_processes == {}
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the stand-in agent lives."""
    return tmp_path / "agent"


@pytest.fixture
async def subject(folder: Path) -> AsyncIterator[Subjects]:
    """Makes tunnels to the stand-in agent, with the faults given in a dictionary."""
    made: list[Subject] = []

    def make(
        faults: dict[str, Any] | None = None,
        *,
        deadline: float = DEADLINE,
        limits: SupervisionLimits = LIMITS,
        probe: Probe = unknown,
        **options: Any,
    ) -> Subject:
        options.setdefault("agent_path", folder / "ngrok")
        if faults is not None or not (folder / "ngrok").exists():
            write_agent(folder, **(faults or {}))
        changes: asyncio.Queue[TunnelChange] = asyncio.Queue()
        notes: list[str] = []
        ngrok = NgrokTunnel(
            Tunnel(**{"port": PORT, **options}),
            deadline=deadline,
            on_change=changes.put_nowait,
            on_note=notes.append,
            probe=probe,
            limits=limits,
        )
        made.append(Subject(ngrok, changes, notes))
        return made[-1]

    yield make
    for one in made:
        await one.ngrok.stop()


@pytest.fixture
def configuration(tmp_path: Path) -> Callable[[str], Path]:
    """Writes an ngrok.yml of the user's."""

    def write(text: str) -> Path:
        path = tmp_path / "ngrok.yml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts to reconnect that follow each other at once."""
    monkeypatch.setattr(ngrok_module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(ngrok_module, "LONGEST_PAUSE", 0.04)


@pytest.fixture
async def listener(aiohttp_server: Callable[..., Awaitable[Any]]) -> int:
    """The port of a listener that answers with what it was asked."""

    async def echo(request: web.Request) -> web.Response:
        what = {"path": request.path_qs, "body": await request.text(), "headers": dict(request.headers)}
        return web.json_response(what, status=201)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    server = await aiohttp_server(app)
    return int(server.port)


async def post(url: str, body: bytes = b"") -> Any:
    limit = aiohttp.ClientTimeout(DEADLINE)
    async with aiohttp.ClientSession(timeout=limit) as http, http.post(url, data=body) as response:
        assert response.status == 201, await response.text()
        return await response.json()


@contextmanager
def running(
    agent: Path, program: str = PROGRAM, *, deadline: float = DEADLINE
) -> Iterator["subprocess.Popen[str]"]:
    """The program above, under way."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(agent), str(deadline), "a.io"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as a terminal does it: Ctrl-C goes to all that is in the program's group
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def asked(folder: Path) -> list[dict[str, Any]]:
    """The endpoints that the agent was asked for."""
    return [record["body"] for record in records(folder, "asked")]


# What it opens


async def test_a_tunnel_leads_to_the_listener(subject: Subjects, listener: int) -> None:
    ngrok = subject(port=listener).ngrok
    url = await ngrok.start()
    assert ngrok.url == url
    answer = await post(f"{url}/api/webhooks/vca?x=1", "{…}".encode())
    assert (answer["path"], answer["body"]) == ("/api/webhooks/vca?x=1", "{…}")
    assert answer["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert answer["headers"]["X-Forwarded-Host"] == url.removeprefix("http://")
    async with aiohttp.ClientSession() as http, http.get(f"{ngrok.inspector}/api/endpoints") as response:
        assert response.status == 200
    await ngrok.stop()
    assert (ngrok.url, ngrok.inspector) == (None, None)
    with pytest.raises(aiohttp.ClientConnectionError):
        await post(url)


@pytest.mark.soak
async def test_the_example_configuration_is_understood_in_both_forms(
    subject: Subjects, folder: Path, configuration: Callable[[str], Path]
) -> None:
    text = EXAMPLE.read_text()
    first = subject(config_path=EXAMPLE).ngrok
    await first.start()
    await first.stop()  # a domain is for one agent
    _, _, older = text.partition("# version: 2")
    older = "version: 2" + older.replace("\n# ", "\n")
    await subject(config_path=configuration(older.replace("YOUR_NGROK_TOKEN", TOKEN))).ngrok.start()
    assert [body.get("url") or body.get("domain") for body in asked(folder)] == [
        "https://your-domain.ngrok-free.app",
        "your-domain.ngrok-free.app",
    ]
    assert f"authtoken: {TOKEN}" in records(folder, "started")[1]["config"]


async def test_the_agents_own_configuration_is_used_where_there_is_one(
    subject: Subjects, folder: Path, tmp_path: Path
) -> None:
    own = tmp_path / "home" / "ngrok" / "ngrok.yml"
    own.parent.mkdir(parents=True)
    own.write_text(f"version: 2\nauthtoken: {TOKEN}\nregion: eu\n")
    await subject({"needs_token": True}).ngrok.start()
    config = records(folder, "started")[0]["config"]
    assert f"authtoken: {TOKEN}" in config
    assert "region: eu" in config


# The agent is found, or downloaded when asked for


@pytest.mark.soak
async def test_the_agent_is_found_on_the_path_behind_pyngroks_own_command(
    subject: Subjects, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "ngrok").write_text("#!/usr/bin/python3\nimport sys\nfrom pyngrok.ngrok import main\n")
    (scripts / "ngrok").chmod(0o755)
    monkeypatch.setenv("PATH", f"{scripts}:{folder}:/usr/bin:/bin")
    await subject(agent_path=None).ngrok.start()
    assert len(pids(folder)) == 1


async def test_the_agent_that_pyngrok_keeps_is_found(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYNGROK_NGROK_PATH", str(folder / "ngrok"))
    await subject(agent_path=None).ngrok.start()
    assert len(pids(folder)) == 1


async def test_a_missing_agent_is_not_downloaded_unasked(subject: Subjects, tmp_path: Path) -> None:
    error = await subject(agent_path=None).refusal()
    assert isinstance(error, ConfigurationError)
    assert "--install-ngrok" in error.hint
    assert "https://ngrok.com/download" in error.hint
    assert not (tmp_path / "pyngrok").exists()


async def test_an_agent_that_is_not_where_it_should_be_is_named(subject: Subjects, tmp_path: Path) -> None:
    error = await subject(agent_path=tmp_path / "nothing", install=True).refusal()
    assert error.message == f"There is no ngrok agent at {tmp_path / 'nothing'}."


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")
async def test_a_missing_agent_is_downloaded_when_asked_for_and_stdout_stays_clean(
    subject: Subjects,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    aiohttp_server: Callable[..., Awaitable[Any]],
) -> None:
    one = subject(agent_path=None, install=True)
    with tarfile.open(tmp_path / "ngrok.tgz", "w:gz") as archive:
        archive.add(folder / "ngrok", "ngrok")
    app = web.Application()
    app.router.add_static("/", tmp_path)
    server = await aiohttp_server(app)
    for platform in installer.PLATFORMS:
        monkeypatch.setitem(installer.PLATFORMS, platform, str(server.make_url("/ngrok.tgz")))
    await one.ngrok.start()
    assert len(one.notes) == 2
    assert [path.name for path in (tmp_path / "pyngrok").iterdir()] == ["ngrok"]


async def test_a_download_that_fails_leaves_nothing(
    subject: Subjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for platform in installer.PLATFORMS:
        monkeypatch.setitem(installer.PLATFORMS, platform, "http://127.0.0.1:9/ngrok.tgz")
    error = await subject(agent_path=None, install=True).refusal()
    assert isinstance(error, Unreachable)
    assert [*(tmp_path / "pyngrok").iterdir()] == []


# Defects 1 and 2: silence


@pytest.mark.parametrize("is_child", [True, pytest.param(False, marks=pytest.mark.soak)])
async def test_a_silent_agent_is_given_up_at_the_deadline(
    subject: Subjects, folder: Path, is_child: bool
) -> None:
    error = await subject({"silent": True, "is_child": is_child}, deadline=0.5).refusal()
    assert isinstance(error, Unreachable)
    assert error.message == "The ngrok agent did not answer within 0.5 s."
    await until(lambda: not any(is_alive(pid) for pid in pids(folder)))


@pytest.mark.soak
@pytest.mark.parametrize(
    ("faults", "deadline", "message"),
    [
        ({"silent": True}, 0.5, "The ngrok agent did not answer within 0.5 s."),
        (
            {"offline": True},
            1,
            "The ngrok agent did not reach ngrok within 1 s: failed to dial ngrok server: ",
        ),
        ({"ends_at_start": "107"}, DEADLINE, "ngrok does not know the token (ERR_NGROK_107)."),
    ],
)
def test_a_program_ends_at_once_and_says_only_what_it_means_to(
    folder: Path, faults: dict[str, Any], deadline: float, message: str
) -> None:
    with running(write_agent(folder, **faults), deadline=deadline) as program:
        out, err = program.communicate(timeout=DEADLINE)
    assert out.startswith(message)
    assert out.count("\n") == 2
    assert out.endswith("\nended in order\n")
    assert (err, program.returncode) == ("", 0)


@pytest.mark.soak
def test_a_program_that_forgets_to_stop_ends_too_and_so_does_the_agent(folder: Path) -> None:
    forgetful = PROGRAM.replace("await end.wait()", "asyncio.get_running_loop().stop(); await end.wait()")
    forgetful = forgetful.replace("asyncio.run(main())", "loop = asyncio.new_event_loop()")
    forgetful += "\ntask = loop.create_task(main())\nloop.run_forever()\n"
    with running(write_agent(folder), forgetful) as program:
        program.communicate(timeout=DEADLINE)
    [pid] = pids(folder)
    wait_until(lambda: not is_alive(pid))


async def test_start_can_be_cancelled_while_the_agent_is_silent(subject: Subjects, folder: Path) -> None:
    starting = asyncio.create_task(subject({"silent": True}).ngrok.start())
    await until(lambda: pids(folder))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert [is_alive(pid) for pid in pids(folder)] == [False]


@pytest.mark.parametrize(
    "steps", [3, *(pytest.param(steps, marks=pytest.mark.soak) for steps in (0, 1, 2, 5, 8))]
)
async def test_start_can_be_cancelled_before_the_agent_runs(
    subject: Subjects, folder: Path, steps: int
) -> None:
    starting = asyncio.create_task(subject({"silent": True}).ngrok.start())
    for _ in range(steps):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not any(is_alive(pid) for pid in pids(folder))


@pytest.mark.parametrize(
    "faults",
    [{}, *(pytest.param({fault: 0.05}, marks=pytest.mark.soak) for fault in ("silent", "offline", "slow"))],
)
async def test_stop_ends_a_start_that_is_under_way(
    subject: Subjects, folder: Path, faults: dict[str, Any]
) -> None:
    ngrok = subject(faults).ngrok
    starting = asyncio.create_task(ngrok.start())
    await until(lambda: pids(folder))
    await ngrok.stop()
    assert not any(is_alive(pid) for pid in pids(folder))
    if faults.get("silent") or faults.get("offline"):
        with pytest.raises(Interrupted):
            async with asyncio.timeout(DEADLINE / 3):
                await starting
    else:
        await asyncio.wait({starting}, timeout=DEADLINE / 3)
        starting.exception()  # it may have been open already


async def test_a_start_that_comes_too_late_starts_nothing(subject: Subjects, folder: Path) -> None:
    threads = threading.active_count()
    with process._current_processes_lock:  # as while another agent is being started
        starting = asyncio.create_task(subject().ngrok.start())
        await until(lambda: threading.active_count() > threads)
        starting.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
    await asyncio.wait({starting})
    assert pids(folder) == []


async def test_an_agent_that_is_just_being_started_when_the_tunnel_is_stopped_is_killed(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about_to_start, stopped = threading.Event(), threading.Event()

    def last_step_before_the_start(path: str) -> None:
        about_to_start.set()
        assert stopped.wait(DEADLINE)

    monkeypatch.setattr(process, "_validate_config", last_step_before_the_start)
    starting = asyncio.create_task(subject({"silent": True}).ngrok.start())
    await until(about_to_start.is_set)
    starting.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    stopped.set()
    await asyncio.wait({starting})
    assert not any(is_alive(pid) for pid in pids(folder))


async def test_a_tunnel_that_was_stopped_first_is_not_started(subject: Subjects, folder: Path) -> None:
    ngrok = subject().ngrok
    await ngrok.stop()
    with pytest.raises(Interrupted):
        await ngrok.start()
    assert pids(folder) == []


# Defect 3: proxies


async def test_the_agents_api_is_asked_past_a_proxy(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dead_end:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{dead_end.getsockname()[1]}")
        monkeypatch.setattr(urllib.request, "_opener", None)  # it knows the proxies of its first use
        await subject().ngrok.start()
    assert "127.0.0.1" in records(folder, "started")[0]["env"]["no_proxy"]


# Defect 4: the log


@pytest.mark.soak
async def test_odd_lines_in_the_agents_log_do_no_harm(subject: Subjects, listener: int) -> None:
    url = await subject({"babble": True}, port=listener).ngrok.start()
    assert (await post(f"{url}/x"))["path"] == "/x"


@pytest.mark.soak
async def test_a_fault_of_ours_in_reading_the_log_does_no_harm(
    subject: Subjects, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []

    def fail(agent: object) -> None:
        heard.append(agent)
        raise ValueError("a fault of ours")

    monkeypatch.setattr(agent_module.Agent, "_forget_old_troubles", fail)
    url = await subject({"babble": True, "chatter": 100_000}, port=listener).ngrok.start()
    assert heard
    assert (await post(f"{url}/x"))["path"] == "/x"


@pytest.mark.soak
@pytest.mark.usefixtures("quick")
async def test_a_listener_that_fails_to_hear_of_a_change_does_not_end_the_tunnel(folder: Path) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    def fail(change: TunnelChange) -> None:
        raise ValueError("a fault of the listener's")

    program = write_agent(folder, dies_once_after=0.05)
    ngrok = NgrokTunnel(Tunnel(PORT, agent_path=program), on_change=fail, probe=unknown)
    await ngrok.start()
    await until(lambda: len(complaints) == 2)  # down, and up again
    assert ngrok.url is not None
    await ngrok.stop()


# Defect 5: the pipe


@pytest.mark.soak
async def test_an_agent_that_logs_a_lot_does_not_stall(subject: Subjects, listener: int) -> None:
    url = await subject({"chatter": 100_000}, port=listener).ngrok.start()
    assert (await post(f"{url}/x"))["path"] == "/x"


# Defect 6: failed starts. That no agent is left is asserted by clean_machine, as everywhere.


@pytest.mark.parametrize(
    ("faults", "kind", "message"),
    [
        ({"needs_token": True}, ConfigurationError, "ngrok asks for a token (ERR_NGROK_4018)."),
        ({"refuses": "334"}, ConfigurationError, "The URL is already online (ERR_NGROK_334)."),
        ({"refuses": "4711"}, ConfigurationError, "ngrok refused the tunnel (ERR_NGROK_4711)."),
        (
            {"refuses": "no\nthanks"},
            ConfigurationError,
            "The ngrok agent refused the tunnel: no thanks.",
        ),
        ({"old": True}, ConfigurationError, "The ngrok agent seems to be too old for this."),
        (
            {"offline": True},
            Unreachable,
            "The ngrok agent did not reach ngrok within 1 s: failed to dial ngrok server: dial tcp: lookup "
            "connect.ngrok-agent.com: no such host.",
        ),
        (
            {"ends_at_start": "Error reading configuration file: field x not found."},
            ConfigurationError,
            "The ngrok agent does not accept its configuration: Error reading configuration file: field x "
            "not found.",
        ),
        ({"ends_at_start": "out of luck"}, Unreachable, "The ngrok agent could not be started: out of luck."),
    ],
)
async def test_a_failed_start_says_why(
    subject: Subjects, folder: Path, faults: dict[str, Any], kind: type[VoicecliError], message: str
) -> None:
    waits = faults.keys() & {"old", "offline"}  # for the deadline
    error = await subject(faults, deadline=1 if waits else DEADLINE).refusal()
    assert (type(error), error.message) == (kind, message)
    assert error.hint.endswith(".")
    assert len(pids(folder)) == 1


def test_an_agent_whose_api_has_no_endpoints_is_too_old() -> None:
    agent = SimpleNamespace(_troubles=(), _has_session=True, _plan=SimpleNamespace(file="x"), _printable=str)
    explain = partial(agent_module.Agent._explain, agent)
    found = [explain(SimpleNamespace(status_code=status, body="{}"), "") for status in (404, 405)]  # type: ignore[arg-type]
    assert found[0].message == "The ngrok agent seems to be too old for this."
    assert "refused the tunnel" in found[1].message


async def test_a_field_that_the_agent_does_not_know_is_told(
    subject: Subjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configuration_module, "_endpoint", lambda *_: {"name": "x", "colour": "red"})
    error = await subject().refusal()
    assert isinstance(error, ConfigurationError)
    assert "field colour not found" in error.message


async def test_a_program_that_is_no_agent_is_told(subject: Subjects, tmp_path: Path) -> None:
    program = tmp_path / "other"
    program.write_text("not a program")
    program.chmod(0o755)
    error = await subject(agent_path=program).refusal()
    assert isinstance(error, Unreachable)
    assert error.message.startswith("The ngrok agent could not be started")


async def test_a_folder_that_programs_can_not_be_started_from_is_told(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access  # as it is where that folder is mounted noexec
    monkeypatch.setattr(os, "access", lambda path, mode: "voicecli-" not in str(path) and access(path, mode))
    error = await subject().refusal()
    assert isinstance(error, ConfigurationError)
    assert "TMPDIR" in error.hint
    assert pids(folder) == []


async def test_a_folder_for_temporary_files_that_is_missing_is_told(
    subject: Subjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = subject()
    with monkeypatch.context() as patch:  # pytest itself needs the folder again
        patch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        error = await one.refusal()
    assert isinstance(error, ConfigurationError)
    assert "No such file" in error.message


# Defect 7: the token


def is_there(path: Path) -> bool:
    return path.exists()


def shown_by_ps() -> str:
    """The arguments of all processes."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode(errors="replace"))
        except OSError:  # it has just ended
            continue
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        f"{{version: 3, agent: {{authtoken: {TOKEN}}}}}",
        *(pytest.param(text, marks=pytest.mark.soak) for text in ("version: 3", "version: 2")),
    ],
)
async def test_the_token_is_in_a_private_file_and_not_in_ps(
    subject: Subjects,
    folder: Path,
    configuration: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    monkeypatch.setenv("NGROK_AUTHTOKEN", TOKEN)
    path = configuration(text)
    before = path.stat().st_mtime_ns
    given = None if TOKEN in text else TOKEN
    one = subject({"needs_token": True}, config_path=path, auth_token=given)
    await one.ngrok.start()
    [run] = records(folder, "started")
    assert f"authtoken: {TOKEN}" in run["config"]
    assert run["modes"] == ["0o600", "0o700"]
    assert TOKEN not in " ".join(run["argv"])
    shown = shown_by_ps()
    assert str(folder) in shown
    assert TOKEN not in shown
    private = Path(run["argv"][run["argv"].index("--config") + 1])
    assert is_there(private.parent)
    assert not is_there(private)  # the agent has read it
    await one.ngrok.stop()
    assert not is_there(private.parent)
    assert (path.read_text(), path.stat().st_mtime_ns) == (text, before)
    assert TOKEN not in repr(one.ngrok._tunnel)


@pytest.mark.parametrize(
    "words",
    [
        "105",
        f"configuration with {TOKEN}",
        *(pytest.param(words, marks=pytest.mark.soak) for words in ("107", f"no use for {TOKEN}")),
    ],
)
async def test_a_refused_token_is_not_repeated(subject: Subjects, words: str) -> None:
    error = await subject({"ends_at_start": words}, auth_token=TOKEN).refusal()
    assert TOKEN not in f"{error.message} {error.hint}"
    assert words in error.message or not words.isdecimal()


# Defect 8: the agent's death


@pytest.mark.usefixtures("quick")
async def test_a_dead_agent_is_told_and_replaced(subject: Subjects, folder: Path, listener: int) -> None:
    one = subject(port=listener)
    old = await one.ngrok.start()
    os.kill(pids(folder)[0], signal.SIGKILL)
    assert await one.change() == TunnelChange(False, old, "The ngrok agent has ended.", 0.01)
    up = await one.change()
    assert up == TunnelChange(True, one.ngrok.url, "", None)
    assert up.url != old
    assert (await post(f"{up.url}/x"))["path"] == "/x"
    assert len(pids(folder)) == len(asked(folder)) == 2
    assert one.changes.empty()


@pytest.mark.soak
@pytest.mark.usefixtures("quick")
async def test_attempts_to_reconnect_are_told_and_further_and_further_apart(
    subject: Subjects, folder: Path
) -> None:
    one = subject()
    url = await one.ngrok.start()
    change_faults(folder, refuses="334")
    os.kill(pids(folder)[0], signal.SIGKILL)
    downs = [await one.change() for _ in range(4)]
    assert [change.retry_in for change in downs] == [0.01, 0.02, 0.04, 0.04]
    assert {(change.up, change.url) for change in downs} == {(False, url)}
    assert downs[1].reason.startswith("The URL is already online (ERR_NGROK_334). End the agent")
    assert (one.ngrok.url, one.ngrok.inspector) == (None, None)
    change_faults(folder)
    while not (change := await one.change()).up:
        pass
    assert change.url == one.ngrok.url


@pytest.mark.soak
async def test_the_first_attempt_to_reconnect_comes_after_a_second(subject: Subjects, folder: Path) -> None:
    one = subject({"dies_once_after": 0.01})
    await one.ngrok.start()
    assert (await one.change()).retry_in == 1
    assert (await one.change()).up
    assert ngrok_module.LONGEST_PAUSE == 30


@pytest.mark.usefixtures("quick")
async def test_an_agent_that_gives_its_reason_is_quoted(subject: Subjects, folder: Path) -> None:
    one = subject()
    await one.ngrok.start()
    change_faults(folder, ends_at_start="the moon is full")
    os.kill(pids(folder)[0], signal.SIGKILL)
    await one.change()
    assert (await one.change()).reason == "The ngrok agent could not be started: the moon is full."


async def test_an_agent_that_loses_its_way_to_ngrok_and_finds_it_again_is_told(
    subject: Subjects, folder: Path
) -> None:
    one = subject({"loses_session_after": 0.2, "regains_session_after": 0.1})
    url = await one.ngrok.start()
    reason = "The ngrok agent has lost its connection to ngrok: read EOF from remote peer."
    assert await one.change() == TunnelChange(False, url, reason, None)
    assert await one.change() == TunnelChange(True, url, "", None)
    assert one.ngrok.url == url
    assert len(pids(folder)) == 1


@pytest.mark.soak
@pytest.mark.usefixtures("quick")
async def test_an_agent_that_never_gets_its_session_back_is_started_anew(
    subject: Subjects, folder: Path, listener: int
) -> None:
    one = subject(port=listener, limits=SupervisionLimits(without_session=0.3))
    old = await one.ngrok.start()
    os.kill(pids(folder)[0], LOSE_SESSION)
    reasons = []
    while not (change := await one.change()).up:
        reasons.append(change.reason)
        assert change.url == old
    assert reasons[0].startswith("The ngrok agent has lost its connection to ngrok")
    assert reasons[-1] == "The ngrok agent had no session for 0.3 s, and is restarted."
    assert (await post(f"{change.url}/x"))["path"] == "/x"
    assert [is_alive(pid) for pid in pids(folder)] == [False, True]
    assert one.changes.empty()


async def leads_here(url: str) -> str | None:
    """Whether a URL is answered by the listener of these tests."""
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return None if response.status == 201 else f"HTTP {response.status}"


@pytest.mark.soak
@pytest.mark.usefixtures("quick")
async def test_an_agent_whose_url_is_offline_though_it_has_a_session_is_started_anew(
    subject: Subjects, folder: Path, listener: int
) -> None:
    limits = SupervisionLimits(probe_every=0.05, probe_again_after=0.02)
    one = subject(port=listener, limits=limits, probe=leads_here)
    old = await one.ngrok.start()
    os.kill(pids(folder)[0], GO_OFFLINE)
    down, up = await one.change(), await one.change()
    assert down.reason == f"{old} does not lead here any more (HTTP 404): the ngrok agent is restarted."
    assert (down.up, up.up, up.url) == (False, True, one.ngrok.url)
    assert [is_alive(pid) for pid in pids(folder)] == [False, True]


@pytest.mark.soak
async def test_a_machine_that_has_slept_has_its_url_probed_at_once(
    subject: Subjects, folder: Path, listener: int
) -> None:
    limits = SupervisionLimits(probe_every=3600, probe_again_after=0.02)
    one = subject(port=listener, limits=limits, probe=leads_here)
    url = await one.ngrok.start()
    os.kill(pids(folder)[0], GO_OFFLINE)
    await until(lambda: asyncio.run(leads_here(url)))
    one.ngrok.probe_soon()
    assert not (await one.change()).up
    assert (await one.change()).up


@pytest.mark.soak
@pytest.mark.usefixtures("quick")
async def test_agents_that_do_not_work_are_started_further_and_further_apart(
    subject: Subjects, folder: Path
) -> None:
    async def fail(_url: str) -> str | None:
        return "there was no answer"

    one = subject(limits=SupervisionLimits(probe_every=0.01, probe_again_after=0.01), probe=fail)
    await one.ngrok.start()
    pauses: list[float | None] = []
    while len(pauses) < 4:
        if not (change := await one.change()).up:
            pauses.append(change.retry_in)
    assert pauses == [0.01, 0.02, 0.04, 0.04]


async def test_a_supervisor_takes_one_failure_for_a_chance(listener: int) -> None:
    answers = iter(["x", "x", None, "x", None, "x", "x", "y"])

    async def probe(_url: str) -> str | None:
        return next(answers)

    supervisor = Supervisor("u", probe, SupervisionLimits(probe_every=0, probe_again_after=0), probe_now=True)
    reason = await asyncio.wait_for(supervisor.wait_until_unfit(), DEADLINE)
    assert reason == "u does not lead here any more (y): the ngrok agent is restarted."
    assert [*answers] == []


async def test_a_session_that_comes_back_in_time_is_waited_for() -> None:
    supervisor = Supervisor("u", unknown, SupervisionLimits(without_session=0.2), probe_now=False)
    waiting = asyncio.create_task(supervisor.wait_until_unfit())
    supervisor.session_changed(is_up=False)
    await asyncio.sleep(0)
    supervisor.session_changed(is_up=True)
    assert (await asyncio.wait({waiting}, timeout=0.4))[0] == set()
    supervisor.session_changed(is_up=False)
    assert "had no session" in await asyncio.wait_for(waiting, DEADLINE)


async def test_stop_ends_the_wait_for_the_next_attempt(subject: Subjects, folder: Path) -> None:
    one = subject({"dies_after": 0})
    await one.ngrok.start()
    await one.change()
    await one.ngrok.stop()
    assert len(pids(folder)) == 1
    assert one.changes.empty()


@pytest.mark.usefixtures("quick")
async def test_stop_ends_an_attempt_to_reconnect(subject: Subjects, folder: Path) -> None:
    one = subject()
    await one.ngrok.start()
    change_faults(folder, silent=True)
    os.kill(pids(folder)[0], signal.SIGKILL)
    await until(lambda: len(pids(folder)) == 2)
    await one.ngrok.stop()
    assert [is_alive(pid) for pid in pids(folder)] == [False, False]


# Defect 9: the end


async def test_the_agent_has_a_session_of_its_own(subject: Subjects, folder: Path) -> None:
    await subject().ngrok.start()
    [pid] = pids(folder)
    assert os.getsid(pid) == pid


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_the_group_disconnects_before_the_agent_dies(
    folder: Path, number: signal.Signals
) -> None:
    with running(write_agent(folder)) as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("http://127.0.0.1:")
        os.killpg(program.pid, number)
        out, err = program.communicate(timeout=DEADLINE)
    assert (out, err, program.returncode) == ("ended in order\n", "", 0)
    assert len(records(folder, "closed")) == 1


@pytest.mark.soak
def test_the_agent_of_a_killed_program_is_left_alone_and_the_next_start_says_so(
    folder: Path, tmp_path: Path, subject: Subjects
) -> None:
    agent = write_agent(folder)
    with running(agent) as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.kill()
    leftover = pids(folder)[0]
    with running(agent) as program:
        out, _ = program.communicate(timeout=DEADLINE)
    assert out.startswith("The URL is already online (ERR_NGROK_334).")
    assert is_alive(leftover)
    os.kill(leftover, signal.SIGKILL)
    wait_until(lambda: not is_alive(leftover))
    for private in (tmp_path / "temporary").iterdir():
        shutil.rmtree(private)


async def test_stop_can_be_called_again_and_at_the_same_time(subject: Subjects, folder: Path) -> None:
    ngrok = subject().ngrok
    await ngrok.start()
    await asyncio.gather(ngrok.stop(), ngrok.stop())
    await ngrok.stop()
    assert len(records(folder, "closed")) == 1


@pytest.mark.parametrize("fault", ["stopped", pytest.param("hangs_on_delete", marks=pytest.mark.soak)])
async def test_stop_is_soon_done_with_an_agent_that_hangs(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(agent_module, "PATIENCE", 0.2)
    ngrok = subject({"hangs_on_delete": fault == "hangs_on_delete"}).ngrok
    await ngrok.start()
    if fault == "stopped":
        os.kill(pids(folder)[0], signal.SIGSTOP)
    async with asyncio.timeout(DEADLINE):
        await ngrok.stop()


@pytest.mark.parametrize("times", [2, *(pytest.param(times, marks=pytest.mark.soak) for times in (1, 3))])
async def test_an_end_that_is_interrupted_kills_the_agent_nevertheless(
    subject: Subjects, folder: Path, times: int
) -> None:
    ngrok = subject({"hangs_on_delete": True}).ngrok
    await ngrok.start()
    stopping = asyncio.create_task(ngrok.stop())
    assert ngrok._life is not None
    for _ in range(times):
        for _ in range(4):
            await asyncio.sleep(0)
        ngrok._life.cancel()
    await stopping
    await until(lambda: not is_alive(pids(folder)[0]) and process._current_processes == {})


@pytest.mark.soak
async def test_an_agent_behind_a_wrapper_ends_too(subject: Subjects, folder: Path) -> None:
    ngrok = subject({"is_child": True}).ngrok
    await ngrok.start()
    await ngrok.stop()
    await until(lambda: not is_alive(pids(folder)[0]))


@pytest.mark.usefixtures("quick")
async def test_an_agent_whose_wrapper_dies_is_replaced(subject: Subjects, folder: Path) -> None:
    one = subject({"is_child": True})
    await one.ngrok.start()
    [pid] = pids(folder)
    os.kill(os.getpgid(pid), signal.SIGKILL)  # the wrapper alone: it leads the group
    assert not (await one.change()).up
    assert (await one.change()).up
    await until(lambda: not is_alive(pid))


@pytest.mark.soak
async def test_two_tunnels_have_an_agent_each(subject: Subjects, folder: Path, listener: int) -> None:
    one, other = subject(port=listener).ngrok, subject(port=listener).ngrok
    urls = await asyncio.gather(one.start(), other.start())
    assert len({*urls, *pids(folder)}) == 4
    await one.stop()
    assert (await post(f"{urls[1]}/x"))["path"] == "/x"


@pytest.mark.soak
async def test_a_tunnel_is_stopped_while_another_waits_for_a_silent_agent(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "PATIENCE", 2 * DEADLINE)
    one = subject().ngrok
    await one.start()
    change_faults(folder, silent=True)
    starting = asyncio.create_task(subject().ngrok.start())
    await until(lambda: len(pids(folder)) == 2)
    async with asyncio.timeout(DEADLINE):
        await one.stop()
    starting.cancel()
    await asyncio.wait({starting})


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.soak
async def test_reconnecting_again_and_again_leaves_no_open_files(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ngrok_module, "FIRST_PAUSE", 0.0)
    one = subject({"dies_after": 0})
    await one.ngrok.start()
    await one.change()
    before = open_files()
    while len(pids(folder)) < 6:
        await one.change()
    await one.ngrok.stop()
    assert open_files() <= before


# Defect 10: the inspector's address


async def test_the_inspectors_address_is_left_to_the_agent(subject: Subjects, folder: Path) -> None:
    await subject().ngrok.start()
    assert "web_addr" not in records(folder, "started")[0]["config"]


@pytest.mark.parametrize(
    "form", ["{{version: 3, agent: {{web_addr: '{}'}}}}", "{{version: 2, web_addr: '{}'}}"]
)
async def test_an_address_in_the_file_that_is_taken_is_told(
    subject: Subjects, configuration: Callable[[str], Path], form: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        path = configuration(form.format(address))
        error = await subject(config_path=path).refusal()
    assert isinstance(error, ConfigurationError)
    assert error.message == f"The ngrok agent needs another web_addr in {path}, since {address} is taken."
    assert "Remove web_addr" in error.hint


# Advice


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_one_line_of_advice(code: str) -> None:
    line = advice(f"ERR_NGROK_{code}")
    assert line == advice(code)
    assert "\n" not in line
    assert line.endswith(".")
    assert "docs/errors" not in line


def test_an_unknown_code_is_explained_by_ngrok() -> None:
    assert advice("ERR_NGROK_4711") == "ngrok explains it at https://ngrok.com/docs/errors/err_ngrok_4711."
    assert advice("odd") == "ngrok explains it at https://ngrok.com/docs/errors."


# The real thing


@pytest.mark.skipif(not REAL_TOKEN, reason="needs a real ngrok account in NGROK_AUTHTOKEN")
@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")
async def test_a_real_account_opens_a_tunnel(
    subject: Subjects, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", REAL_PATH)
    one = subject(agent_path=None, install=True, auth_token=REAL_TOKEN, port=listener)
    url = await one.ngrok.start()
    assert url.startswith("https://")
    assert (await post(f"{url}/api/webhooks/vca", b"{}"))["body"] == "{}"
