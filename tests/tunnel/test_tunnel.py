"""The tunnel against a stand-in agent: how it is started, found and refused, and every defect of that which
ngrok.md knows of. Real processes, real HTTP."""

import asyncio
import os
import socket
import tarfile
import tempfile
import threading
import urllib.request
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from conftest import DEADLINE, wait_until
from pyngrok import installer, process
from stand_in_agent import is_alive, pids, records, write_agent
from tunnel_world import PORT, PROGRAM, TOKEN, Subjects, asked, post, running, unknown, until

from voicecli.errors import ConfigurationError, Interrupted, Unreachable, VoicecliError
from voicecli.tunnel import (
    configuration as configuration_module,
    ngrok_process as agent_module,
)
from voicecli.tunnel.advice import advice
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.ngrok_tunnel import NgrokTunnel, TunnelChange

REAL_TOKEN = os.environ.get("NGROK_AUTHTOKEN")  # before the fixture that clears the environment
REAL_PATH = os.environ["PATH"]
CODES = "4018 105 107 108 121 123 313 319 334 727 3200 8012 9009".split()
EXAMPLE = Path(__file__).parents[2] / "ngrok.yml.example"

pytestmark = pytest.mark.usefixtures("clean_machine")


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
