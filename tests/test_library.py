"""Programs that import voicecli, and do what a command does."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from conftest import DEADLINE, RunningSandbox
from running_listener import free_port

ALERT = """
import datetime, os, pathlib, sys
import voicecli
account = voicecli.Account(
    os.environ["EIGHT_X_EIGHT_API_KEY"],
    os.environ["EIGHT_X_EIGHT_SUBACCOUNT_ID"],
    os.environ["EIGHT_X_EIGHT_BASE_URL"],
)
once = voicecli.Once(datetime.timedelta(minutes=10))
caller = voicecli.Caller(account, home=pathlib.Path("store"), once=once, port=int(sys.argv[1]))
script = voicecli.Script(os.environ["OUTBOUND_PHONE_NUMBER"], "The oven is too hot. Press 1.", confirm="1")
requests = [script.request(number) for number in sys.argv[2:]]
ended = caller.wait(requests, confirming=script.confirming(), until_confirmed=True)
print(*[result.words for result in ended.results], ended.confirmed, sep="|")
"""


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
    home = pathlib.Path("store")
    plan = voicecli.Plan(home, port, public_url=f"http://127.0.0.1:{port}", token="a-secret-of-mine")
    caller = os.environ["OUTBOUND_PHONE_NUMBER"]
    async for one in voicecli.checkup(client, source=caller, voice="nobody", plan=plan, home=home):
        print(one.check, one.state, one.error and one.error.code, one.words, sep="|")
asyncio.run(main(int(sys.argv[1])))
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


def _run(script: str, *arguments: str, env: Mapping[str, str], folder: Path, code: int = 0) -> str:
    """What a script of 15 lines prints."""
    assert len(script.strip().splitlines()) <= 15
    command = [sys.executable, "-c", script, *arguments]
    variables = {**os.environ, **env}
    done = subprocess.run(
        command, env=variables, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout
