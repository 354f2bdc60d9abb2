"""What Windows needs, on Linux: with stand-ins for what Windows has, and without what POSIX alone has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import NUMBER, RunningSandbox
from running_listener import RunningListener, free_port, webhooks

WITHOUT_POSIX = Path(__file__).with_name("without_posix")

PROGRAM = """
import importlib, io, json, pkgutil, sys, threading
import sitecustomize
import voicecli
from voicecli.__main__ import main
from voicecli.cli.app import run
from voicecli.cli.context import Context

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
        ("broadcast", "send", str(people), "hi", "--dry-run"): (0, "2 calls"),
        ("broadcast", "send", str(people), "hi", "--yes"): (0, "2"),
        ("sessions",): (0, NUMBER),
        ("doctor",): (0, "store"),
    }
    listen = ["listen", "--port", str(port), "--public-url", url, "--register", "--events", "vss", "--json"]
    environment = {
        **os.environ,
        **own_sandbox.environment,
        "WEBHOOK_AUTH_TOKEN": "token-of-this-test",
        "PYTHONPATH": os.pathsep.join([str(WITHOUT_POSIX), *sys.path]),
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps([*commands, listen])],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        env=environment,
    ) as process:
        listener = RunningListener(process, tmp_path)
        assert listener.url == url
        for (command, (code, words)), ended in zip(commands.items(), listener.of("ended"), strict=True):
            assert ended["code"] == code, (command, ended)
            assert words in ended["out"], (command, ended)
        own_sandbox.requested("")
        assert webhooks(own_sandbox) == {"VSS": f"{url}/api/webhooks/vss"}
        assert process.stdin is not None
        process.stdin.write("close the window\n")
        process.stdin.flush()
        errors = listener.end_of_it()
        assert (process.returncode, errors) == (0, "")
    assert webhooks(own_sandbox) == {}
