"""Programs that import voicecli, and do what a command does."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from conftest import DEADLINE, RunningSandbox
from running_listener import TOKEN, free_port

from voicecli.sandbox import API_KEY, SOURCE, SUBACCOUNT
from voicecli.voice_api.client import Client
from voicecli.voice_api.messages import Capture, voice_message
from voicecli.voice_api.operations.webhooks import list_webhooks

CHECKUP = """
import asyncio, os, pathlib, sys
import voicecli
async def main(port):
    client = voicecli.Client(
        api_key=os.environ["EIGHT_X_EIGHT_API_KEY"],
        subaccount_id=os.environ["EIGHT_X_EIGHT_SUBACCOUNT_ID"],
        base_url=os.environ["EIGHT_X_EIGHT_BASE_URL"],
    )
    home = pathlib.Path("store")
    plan = voicecli.Plan(home, port, public_url=f"http://127.0.0.1:{port}", token="a-secret-of-mine")
    caller = os.environ["OUTBOUND_PHONE_NUMBER"]
    async for one in voicecli.checkup(client, source=caller, voice="nobody", plan=plan, home=home):
        print(one.check, one.state, one.error and one.error.code, one.words, sep="|")
asyncio.run(main(int(sys.argv[1])))
"""
LISTENER = """
import asyncio, dataclasses, pathlib, sys, voicecli
account, port, url, token = voicecli.Account(*sys.argv[1:4]), int(sys.argv[4]), *sys.argv[5:]
client, home, over = voicecli.Client(**dataclasses.asdict(account)), pathlib.Path("kept"), asyncio.Event()
webhooks = voicecli.Registration(client, home, tell=print)
async def answer(received, headers):
    thanks = {"action": "say", "params": {"text": f"Thank you for the {received.event.digits}."}}
    return voicecli.Answered(voicecli.Reply([thanks, {"action": "hangup"}]))
async def stop(body):
    over.set()
    return 200, {"why": body["why"]}
async def main():
    plan = voicecli.Plan(home, port, token=token, public_url=url, register=("VCA", "VSS"), replier=answer)
    async with voicecli.Service(plan, shown=print, tell=print, routes={"/stop": stop}, registration=webhooks):
        await over.wait()
asyncio.run(main())
"""


def test_a_script_checks_what_doctor_checks(own_sandbox: RunningSandbox, tmp_path: Path) -> None:
    lines = _run(CHECKUP, str(free_port()), env=own_sandbox.environment, folder=tmp_path).splitlines()
    found = [line.split("|") for line in lines]
    assert [(check, state) for check, state, *_ in found if state != "ok"] == [
        ("voice", "failed"),
        ("ngrok", "skipped"),
    ]
    assert ["voice", "failed", "configuration", "nobody is none of 8x8's voices."] in found
    assert [check for check, *_ in found][-2:] == ["public URL", "store"]


def test_a_script_listens_answers_and_takes_requests_of_its_own(
    own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    port, url = free_port(), own_sandbox.sandbox.url
    public_url = f"http://127.0.0.1:{port}"
    arguments = [API_KEY, SUBACCOUNT, url, str(port), public_url, TOKEN]
    script = [sys.executable, "-u", "-c", LISTENER, *arguments]
    assert len(LISTENER.strip().splitlines()) <= 15
    with (
        subprocess.Popen(script, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as listener,
        Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=url) as client,
    ):
        assert listener.stdout is not None
        assert any(line.startswith("Ready") for line in listener.stdout)
        client.call(voice_message("+33199007100", "Press 1.", source=SOURCE, capture=Capture()))
        assert "reply='say, hangup'" in listener.stdout.readline()
        assert "Event(type='VSS'" in listener.stdout.readline()
        headers = {"Authorization": TOKEN}
        stop = urllib.request.Request(f"{public_url}/stop", b'{"why": "enough"}', headers)
        with urllib.request.urlopen(stop, timeout=DEADLINE) as answer:
            assert json.load(answer) == {"why": "enough"}
        assert listener.wait(DEADLINE) == 0
        assert client.send(list_webhooks()) == ()


def _run(script: str, *arguments: str, env: Mapping[str, str], folder: Path) -> str:
    """What a script of 15 lines prints."""
    assert len(script.strip().splitlines()) <= 15
    command = [sys.executable, "-c", script, *arguments]
    variables = {**os.environ, **env}
    done = subprocess.run(
        command, env=variables, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
