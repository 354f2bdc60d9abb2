"""What the tests of ``voicecli broadcast`` share: numbers, lists, and a broadcast under way."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from conftest import Finished, RunningSandbox, voicecli
from forked import under_way

ANN, BOB, CAT = "+33199001234", "+33199001235", "+33199001236"
REFUSED, LOST, BUSY, SILENT = "+33199001014", "+33199005051", "+33199000486", "+33199005040"
MESSAGE = "Hello {name}"


def people(*numbers: str) -> str:
    """A list of these, each with a name of their own."""
    return "phone,name\n" + "".join(f"{number},N{place}\n" for place, number in enumerate(numbers))


def write(name: str, content: str | bytes) -> str:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return name


class Broadcast:
    """Runs ``voicecli broadcast`` against a sandbox, and knows what arrived there since it was made."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self._before = len(sandbox.sandbox.requested)
        self.environment = {**os.environ, **sandbox.environment}

    def __call__(self, *arguments: str, stdin: str | bytes = "", **env: str) -> Finished:
        return voicecli("broadcast", *arguments, stdin=stdin, env={**self.environment, **env})

    def identifier(self, *arguments: str, code: int = 0) -> str:
        """The id of one that is sent."""
        done = self(*arguments, "-q")
        assert done.code == code, done
        return done.out.strip()

    def under_way(
        self, *arguments: str, stdin: int = subprocess.DEVNULL
    ) -> AbstractContextManager["subprocess.Popen[str]"]:
        return under_way(
            ["broadcast", *arguments],
            stdin=stdin,
            env=self.environment,
        )

    @property
    def requests(self) -> list[dict[str, object]]:
        return list(self.sandbox.sandbox.requested)[self._before :]

    @property
    def called(self) -> list[str]:
        """Whom, in the order in which the requests arrived."""
        return [action(request, 0, "destination") for request in self.requests]

    @property
    def heard(self) -> dict[str, str]:
        return {action(request, 0, "destination"): action(request, 1, "text") for request in self.requests}


def action(request: dict[str, object], place: int, parameter: str) -> str:
    """A parameter of one of its actions; empty where it has none of that name."""
    flow = request["callflow"]
    assert isinstance(flow, list)
    return str(flow[place]["params"].get(parameter, ""))


def bytes_under(folder: Path) -> Sequence[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
