"""What the commands do, done by programs of somebody else's with ``import voicecli``."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from conftest import DEADLINE, RunningSandbox
from running_listener import TOKEN, free_port

from voicecli.sandbox import API_KEY, SOURCE, SUBACCOUNT
from voicecli.voice_api.client import Client
from voicecli.voice_api.messages import Capture, voice_message
from voicecli.voice_api.operations.webhooks import list_webhooks

LISTENER = """
import asyncio, dataclasses, pathlib, sys, voicecli
account, port, token = voicecli.Account(*sys.argv[1:4]), int(sys.argv[4]), sys.argv[5]
access, home, over = voicecli.PublicAccess(), pathlib.Path("kept"), asyncio.Event()
async def reply(received, headers):
    thanks = {"action": "say", "params": {"text": f"Thank you for the {received.event.digits}."}}
    return voicecli.Answered(voicecli.Reply([thanks, {"action": "hangup"}]))
async def stop(body):
    over.set()
    return 200, {"why": body["why"]}
async def main():
    reached = {"port": port, "base_url": account.base_url, "token": token, "register": True}
    plan = voicecli.listening_plan(access, home=home, **reached)
    plan = dataclasses.replace(plan, replier=reply, register=("VCA", "VSS"))
    client = voicecli.Client(**dataclasses.asdict(account))
    webhooks = voicecli.Registration(client, home, account.identity, tell=print)
    show = lambda received: print(received.event.type, received.event.digits, received.reply, flush=True)
    async with voicecli.Service(plan, shown=show, tell=print, routes={"/stop": stop}, registration=webhooks):
        await over.wait()
asyncio.run(main())
"""


def test_a_listener_with_a_reply_and_a_route_of_its_own(own_sandbox: RunningSandbox, tmp_path: Path) -> None:
    port, url = free_port(), own_sandbox.sandbox.url
    script = [sys.executable, "-c", LISTENER, API_KEY, SUBACCOUNT, url, str(port), TOKEN]
    with subprocess.Popen(
        script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
    ) as listener:
        assert listener.stdout is not None
        lines = iter(listener.stdout)
        assert any(line.startswith("Ready") for line in lines)
        question = voice_message("+33199007100", "Press 1.", source=SOURCE, capture=Capture())
        with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=url) as client:
            client.call(question)
            assert [next(lines), next(lines)] == ["VCA 1 say, hangup\n", "VSS None None\n"]
            stop = urllib.request.Request(
                f"http://127.0.0.1:{port}/stop", b'{"why": "done"}', {"Authorization": TOKEN}
            )
            with urllib.request.urlopen(stop, timeout=DEADLINE) as answer:
                assert json.load(answer) == {"why": "done"}
            assert listener.wait(DEADLINE) == 0
            assert client.send(list_webhooks()) == ()
