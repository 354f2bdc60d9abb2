"""What the tests of the tunnel share: a tunnel to a stand-in agent, and a program that opens one."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from conftest import DEADLINE, wait_until
from stand_in_agent import records

from voicecli.errors import VoicecliError
from voicecli.tunnel.ngrok_tunnel import NgrokTunnel, TunnelChange

TOKEN = "2TokenOfNobody_5uRp1s1ngLyLong"
PORT = 5678

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
