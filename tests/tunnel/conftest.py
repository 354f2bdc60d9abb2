"""A machine without ngrok, and tunnels to the stand-in agent."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from conftest import DEADLINE
from pyngrok import process
from stand_in_agent import is_alive, pids, write_agent
from tunnel_world import PORT, Subject, Subjects, unknown

from voicecli.tunnel import (
    ngrok_tunnel as ngrok_module,
)
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.ngrok_tunnel import NgrokTunnel, TunnelChange
from voicecli.tunnel.supervision import LIMITS, Probe, SupervisionLimits


@pytest.fixture
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
