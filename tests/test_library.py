"""Programs that import voicecli, and do what a command does."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import forked
import pytest
from conftest import DEADLINE, RunningSandbox
from running_listener import TOKEN, free_port

from voicecli.manual import page
from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT
from voicecli.voice_api.client import Client
from voicecli.voice_api.messages import Capture, voice_message
from voicecli.voice_api.operations.webhooks import list_webhooks

ALERT = """
import datetime, os, pathlib, sys
import voicecli
account = voicecli.Account(
    os.environ["EIGHT_X_EIGHT_API_KEY"],
    os.environ["EIGHT_X_EIGHT_SUBACCOUNT_ID"],
    os.environ["EIGHT_X_EIGHT_BASE_URL"],
)
once = voicecli.Once(datetime.timedelta(minutes=10))
store = voicecli.StorePlace(pathlib.Path("store"))
caller = voicecli.Caller(account, store=store, once=once, port=int(sys.argv[1]))
script = voicecli.Script(os.environ["OUTBOUND_PHONE_NUMBER"], "The oven is too hot. Press 1.", confirm="1")
requests = [script.request(number) for number in sys.argv[2:]]
ended = caller.wait(requests, confirming=script.confirming(), until_confirmed=True)
print(*[result.words for result in ended.results], ended.confirmed, sep="|")
"""


@pytest.mark.soak
@pytest.mark.process
def test_a_script_calls_until_somebody_confirms_once(own_sandbox: RunningSandbox, tmp_path: Path) -> None:
    numbers = ("+33199000486", "+33199007103", "+33199001234")
    alert = [str(free_port()), *numbers]
    line = _run(ALERT, *alert, env=own_sandbox.environment, folder=tmp_path)
    assert line.startswith(f"{numbers[0]}: busy after 2 s|{numbers[1]}: confirmed with 1; completed, ")
    assert line.endswith("|True\n")
    again = _run(ALERT, *alert, env=own_sandbox.environment, folder=tmp_path, code=1)
    assert "voicecli.errors.PlacedBefore: " in again
    assert len(own_sandbox.sandbox.sessions) == 2


CHECKUP = """
import asyncio, os, pathlib, sys
import voicecli
async def main(port):
    client = voicecli.Client(
        api_key=os.environ["EIGHT_X_EIGHT_API_KEY"],
        subaccount_id=os.environ["EIGHT_X_EIGHT_SUBACCOUNT_ID"],
        base_url=os.environ["EIGHT_X_EIGHT_BASE_URL"],
    )
    store, url = voicecli.StorePlace(pathlib.Path("store")), f"http://127.0.0.1:{port}"
    plan = voicecli.ListenerPlan(store, port, public_url=url, token="a-secret-of-mine")
    caller = os.environ["OUTBOUND_PHONE_NUMBER"]
    async for one in voicecli.checkup(client, source=caller, voice="nobody", plan=plan, store=store):
        print(one.check, one.state, one.error and one.error.code, one.words, sep="|")
asyncio.run(main(int(sys.argv[1])))
"""
BROADCAST = """
import asyncio, dataclasses, pathlib, sys, voicecli
account, people = voicecli.Account(*sys.argv[1:4]), pathlib.Path(sys.argv[4]).read_bytes()
options, content = voicecli.BroadcastOptions(source=sys.argv[5], max_calls=2), voicecli.Content("Hi {name}.")
async def run(broadcast):
    client, show = voicecli.AsyncClient(**dataclasses.asdict(account)), lambda row: print(row.line, row.state)
    with broadcast:
        ended = await voicecli.run_broadcast(broadcast, client, on_row=show)
    print("left", ended.counts.left)
    return broadcast.id
with voicecli.open_store(voicecli.StorePlace(pathlib.Path("kept"))) as store:
    plan = voicecli.plan_broadcast(people, options, content)
    begun = voicecli.prepare_broadcast(store, account.identity, people, plan, options).start(content)
    id = asyncio.run(run(begun))
    again = voicecli.reopen_broadcast(store, id, account.identity, read_list=lambda broadcast: people)
    asyncio.run(run(again))
"""
LISTENER = """
import asyncio, dataclasses, pathlib, sys, voicecli
account, port, url, token = voicecli.Account(*sys.argv[1:4]), int(sys.argv[4]), *sys.argv[5:]
client, place = voicecli.Client(**dataclasses.asdict(account)), voicecli.StorePlace(pathlib.Path("kept"))
webhooks, over = voicecli.Registration(client, place, notify=print), asyncio.Event()
async def answer(received, headers):
    thanks = {"action": "say", "params": {"text": f"Thank you for the {received.event.digits}."}}
    return voicecli.Answered(voicecli.Reply([thanks, {"action": "hangup"}]))
async def stop(body):
    over.set()
    return 200, {"why": body["why"]}
async def main():
    plan = voicecli.ListenerPlan(place, port, token=token, public_url=url, register=("VCA", "VSS"), replier=answer)
    async with voicecli.ListenerService(plan, on_event=print, notify=print, routes={"/stop": stop}, registration=webhooks):
        await over.wait()
asyncio.run(main())
"""  # noqa: E501 - a script of 15 lines


@pytest.mark.process
def test_a_script_checks_what_doctor_checks(own_sandbox: RunningSandbox, tmp_path: Path) -> None:
    lines = _run(CHECKUP, str(free_port()), env=own_sandbox.environment, folder=tmp_path).splitlines()
    found = [line.split("|") for line in lines]
    assert [(check, state) for check, state, *_ in found if state != "ok"] == [
        ("voice", "failed"),
        ("ngrok", "skipped"),
    ]
    assert ["voice", "failed", "configuration", "nobody is not one of 8x8's voices."] in found
    assert [check for check, *_ in found][-2:] == ["public URL", "store"]


@pytest.mark.soak
@pytest.mark.process
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


@pytest.mark.process
def test_a_script_sends_a_broadcast_and_resumes_it(own_sandbox: RunningSandbox, tmp_path: Path) -> None:
    people = ["phone,name", "+33199001234,Ann", "+33199001235,Bob", "+33199001236,Cat"]
    (tmp_path / "people.csv").write_text("\n".join(people))
    arguments = [API_KEY, SUBACCOUNT, own_sandbox.sandbox.url, "people.csv", SOURCE]
    lines = _run(BROADCAST, *arguments, env={}, folder=tmp_path).splitlines()
    left = lines.index("left 1")
    assert sorted(lines[:left]) == ["2 accepted", "2 sending", "3 accepted", "3 sending"]
    assert lines[left + 1 :] == ["4 sending", "4 accepted", "left 0"]
    assert len(own_sandbox.sandbox.requested) == 3


@pytest.mark.soak
@pytest.mark.process
def test_the_examples_of_the_manual_work_one_after_the_other(
    own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    examples = "\n".join(re.findall(r"^```python\n(.*?)^```$", page("library"), re.MULTILINE | re.DOTALL))
    env = {**os.environ, **own_sandbox.environment, "PORT": str(free_port())}
    done = forked.run(["-c", examples], DEADLINE, env=env, cwd=tmp_path, text=True)
    assert done.returncode == 0, done.stderr
    for told in ("accepted: ", "confirmed: True", "VCA .* say, hangup", "VSS ", "left: 0"):
        assert re.search(f"^{told}", done.stdout, re.MULTILINE), (told, done)


def _run(script: str, *arguments: str, env: Mapping[str, str], folder: Path, code: int = 0) -> str:
    """What a script of 15 lines prints."""
    assert len(script.strip().splitlines()) <= 15
    variables = {**os.environ, **env}
    done = forked.run(["-c", script, *arguments], DEADLINE, env=variables, cwd=folder, text=True)
    assert done.returncode == code, done.stderr
    return str(done.stderr if code else done.stdout)
