"""What Windows needs, on Linux: with stand-ins for what Windows has, and without what POSIX alone has."""

import _thread
import ctypes
import errno
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from conftest import NUMBER, RunningSandbox
from forked import under_way
from running_listener import RunningListener, free_port, webhooks

from voicecli.listener import open_questions
from voicecli.listener.open_questions import EndRequests
from voicecli.platforms import locks, programs
from voicecli.platforms.locks import Lock
from voicecli.tunnel import ngrok_program

BREAK = 21  # SIGBREAK
WITHOUT_POSIX = Path(__file__).with_name("without_posix")

PROGRAM = """
import importlib, io, json, pkgutil, sys, threading
import sitecustomize
import voicecli
from voicecli.__main__ import main
from voicecli.cli.app import run
from voicecli.cli.context import Context

from voicecli.platforms import system

assert system.__name__ == "voicecli.platforms.windows"
for module in pkgutil.walk_packages(voicecli.__path__, "voicecli."):
    if module.name != "voicecli.platforms.posix":
        importlib.import_module(module.name)
*commands, last = json.loads(sys.argv[1])
for arguments in commands:
    out, err = io.StringIO(), io.StringIO()
    code = run(arguments, Context(stdin=io.StringIO(), stdout=out, stderr=err))
    ended = {"record": "ended", "code": code, "out": out.getvalue(), "err": err.getvalue()}
    print(json.dumps(ended), flush=True)

def close_window():
    sys.stdin.readline()
    sitecustomize.handlers[-1](2)

threading.Thread(target=close_window, daemon=True).start()
sys.argv[1:] = last
main()
"""


@pytest.mark.soak
@pytest.mark.process
def test_without_what_posix_alone_has_commands_do_what_they_do(
    tmp_path: Path, own_sandbox: RunningSandbox
) -> None:
    """And a listener whose window is closed puts the webhooks back."""
    people, url = tmp_path / "people.csv", f"http://127.0.0.1:{(port := free_port())}"
    people.write_text(f"phone\n{NUMBER}\n+33199005678\n")
    commands: dict[tuple[str, ...], tuple[int, str]] = {
        ("--help",): (0, "Usage: voicecli"),
        ("call", NUMBER, "hi"): (0, "accepted"),
        ("call", NUMBER, "hi", "--once"): (0, "accepted"),
        ("call", NUMBER, "hi", "--once", "-q"): (9, ""),
        ("broadcast", "send", str(people), "hi", "--dry-run"): (0, "2 people"),
        ("broadcast", "send", str(people), "hi", "--yes"): (0, "2"),
        ("sessions",): (0, NUMBER),
        ("doctor",): (0, "store"),
        ("sandbox", "--print-env"): (0, "$env:EIGHT_X_EIGHT_BASE_URL = 'http://"),
    }
    listen = ["listen", "--port", str(port), "--public-url", url, "--register", "--events", "vss", "--json"]
    environment = {
        **os.environ,
        **own_sandbox.environment,
        "WEBHOOK_AUTH_TOKEN": "token-of-this-test",
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join([str(WITHOUT_POSIX), *sys.path]),
    }
    arguments = ["-c", PROGRAM, json.dumps([*commands, listen])]
    with under_way(arguments, forked=False, stdin=subprocess.PIPE, env=environment) as process:
        listener = RunningListener(process, tmp_path)
        assert listener.url == url
        for (command, (code, words)), ended in zip(commands.items(), listener.of("ended"), strict=True):
            assert ended["code"] == code, (command, ended)
            assert words in ended["out"], (command, ended)
        assert webhooks(own_sandbox) == {"VSS": f"{url}/api/webhooks/vss"}
        assert process.stdin is not None
        process.stdin.write("close the window\n")
        process.stdin.flush()
        errors = listener.end_of_it()
        assert (process.returncode, errors) == (0, "")
    assert webhooks(own_sandbox) == {}
    left = {path.name.partition("-")[0] for path in Path(os.environ["VOICECLI_HOME"]).iterdir()}
    assert left == {
        "voicecli.sqlite3",
        "once.key",
        "seal.key",
        "pace",
        "folder.lock",
        "works.lock",
        "waiting.lock",
        "registered",
    }


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Windows' side of the room, beside the one of this system."""
    monkeypatch.syspath_prepend(WITHOUT_POSIX)
    monkeypatch.setitem(sys.modules, "msvcrt", importlib.import_module("stand_in_msvcrt"))
    monkeypatch.setattr(os, "O_BINARY", 0, raising=False)
    monkeypatch.setattr(signal, "SIGBREAK", BREAK, raising=False)
    yield importlib.import_module("voicecli.platforms.windows")
    del sys.modules["voicecli.platforms.windows"]


def test_a_lock_is_shared_by_many_or_held_alone(
    windows: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "system", windows)
    path = tmp_path / "lock"
    path.write_text("what others read")
    sharing = [Lock.take(path, shared=True) for _ in range(50)]
    assert None not in sharing
    assert (Lock.take(path), locks.is_held(path)) == (None, False)
    for lock in sharing:
        assert lock is not None
        lock.close()
    with path.open("r+b") as file:
        assert windows.try_lock(file)
        assert (Lock.take(path), Lock.take(path, shared=True), locks.is_held(path)) == (None, None, True)
        windows.unlock(file)
        assert not locks.is_held(path)
        windows.unlock(file)  # of what is not locked nothing comes
    assert path.read_text() == "what others read"


def test_who_no_longer_reads_is_told_by_another_error(windows: ModuleType) -> None:
    assert isinstance(windows.write_error(OSError(errno.EINVAL, "Invalid argument")), BrokenPipeError)
    full = OSError(errno.ENOSPC, "No space left on device")
    assert windows.write_error(full) is full


def test_to_write_to_what_was_closed_is_an_error_of_the_system(windows: ModuleType, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as out:
        write = windows.writer(out)
        assert write("ü\n".encode()) == 3
    with pytest.raises(OSError, match="it is closed"):
        write(b"more")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "ü\n"


def test_two_pipes_are_never_taken_for_one_and_a_process_has_one_console(
    windows: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else --json's document and what is told beside it would go to the same pipe."""
    kernel = SimpleNamespace(GetConsoleMode=lambda handle, _mode: handle.value in (1, 2))
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    assert [windows.are_same(*pair) for pair in ((1, 2), (1, 5), (5, 6), (5, 5))] == [
        True,
        False,
        False,
        False,
    ]


def test_a_socket_is_readable_once_something_has_come(windows: ModuleType) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not windows.is_readable(ours.fileno())
        theirs.send(b"x")
        assert windows.is_readable(ours.fileno())
    assert windows.is_readable(-1)  # closed: not to be used


def test_the_agent_is_run_and_killed_by_system_programs_of_a_whole_path(
    windows: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows looks for a mere name in the current folder first."""

    def system_directory(buffer: Any, _size: int) -> None:
        buffer.value = str(tmp_path)

    kernel = SimpleNamespace(GetSystemDirectoryW=system_directory)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    end, script = windows.launcher(Path("/José & 100%/ngrok.exe"))
    assert end == ".cmd"
    assert script.splitlines() == [
        f'@"{tmp_path}/chcp.com" 65001 >nul',
        '@"/José & 100%%/ngrok.exe" %* 2>&1',
    ]
    taskkill = tmp_path / "taskkill.exe"
    taskkill.write_text('#!/bin/sh\necho "$@" > "$0.txt"\n')
    taskkill.chmod(0o700)
    monkeypatch.setattr(windows, "IN_BACKGROUND", {})
    windows.kill_tree(4711)
    assert (tmp_path / "taskkill.exe.txt").read_text() == "/F /T /PID 4711\n"


def test_a_program_is_found_on_the_path_and_not_in_the_current_folder(
    windows: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "system", windows)
    for folder in ("here", "installed"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "less.exe").touch(mode=0o700)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", os.pathsep.join(["", str(tmp_path / "none"), str(tmp_path / "installed")]))
    installed = tmp_path / "installed" / "less.exe"
    assert [programs.find(name) for name in ("less", "less.exe", str(installed))] == [installed] * 3
    assert programs.find("more") is None


@pytest.mark.parametrize("content", [b"MZ" + bytes(9_000) + b"from pyngrok.ngrok import run", b"MZ"])
def test_pyngrok_s_own_command_is_known_by_the_script_at_its_end(tmp_path: Path, content: bytes) -> None:
    program = tmp_path / "ngrok.exe"
    program.write_bytes(content)
    assert ngrok_program._is_pyngrok(program) == (len(content) > 2)


def test_of_the_console_s_end_the_program_is_told_before_windows_ends_it(
    windows: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows does that as soon as the handler returns; Ctrl-C and Ctrl-Break are left to Python."""
    handlers: list[Any] = []
    happened: list[object] = []
    kernel = SimpleNamespace(SetConsoleCtrlHandler=lambda handler, _: handlers.append(handler))
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE, raising=False)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(_thread, "interrupt_main", lambda number: happened.append(number))
    monkeypatch.setattr(time, "sleep", lambda _: happened.append("waits"))
    windows.prepare_console()
    assert [handlers[0](event) for event in range(7)] == [0, 0, 1, 0, 0, 1, 1]
    assert happened == [BREAK, "waits"] * 3


def test_when_the_window_is_closed_open_questions_are_not_waited_for(
    windows: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_questions, "system", windows)
    closed, interrupted = EndRequests(), EndRequests()
    closed.add(BREAK)
    interrupted.add(signal.SIGINT)
    assert (closed.at_once, interrupted.at_once) == (True, False)
