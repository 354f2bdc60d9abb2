"""The commands of a broadcast on several machines of a team."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import voicecli
from machines import Machine

Machines = Callable[[str], Machine]

pytestmark = pytest.mark.soak


def test_what_one_machine_began_another_joins_resumes_and_shows(machines: Machines) -> None:
    a, b = machines("a"), machines("b")
    numbers = [f"+3319900{2_000 + index}" for index in range(5)]
    Path("people.csv").write_text("\n".join(["phone", *numbers]))
    begun = voicecli("broadcast", "send", "people.csv", "Hello", "--yes", "-q", "--max-calls", "2", env=a.env)
    assert begun.code == 7, begun
    known = begun.out.strip()
    joined = voicecli("broadcast", "join", known, "--json", env=b.env)
    assert (joined.code, json.loads(joined.out.splitlines()[-1])["accepted"]) == (7, 2), (
        "--max-calls holds for it, too"
    )
    resumed = voicecli("broadcast", "resume", known, "--timeout", "5m", "--rate", "100", env=b.env)
    assert resumed.code == 0, resumed
    shown = voicecli("broadcast", "show", known, "--json", env=a.env).json
    assert (shown["state"], shown["accepted"], shown["workers"]) == ("done", 5, [])
    options = shown["options"]
    assert isinstance(options, dict)
    assert (options["timeout"], options["rate"]) == (300.0, "100")
    done = voicecli("broadcast", "join", known, env=a.env)
    assert (done.code, "is done" in done.err) == (2, True), done
