"""The tables of commands, to the character: how wide each column is, in a pipe and on a narrow terminal."""

import os
import re
from pathlib import Path

import pytest
from conftest import DEADLINE, voicecli
from in_process import run_on_terminal
from past import event, keep

from voicecli.account import AccountId
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.journals import create_journal
from voicecli.store.sqlite import SqliteStore

ROWS = [
    BroadcastRow(1, "+33199001234", RowState.ACCEPTED, 1, 1, "s-1", "COMPLETED", "1"),
    BroadcastRow(2, "+33199001235", RowState.ACCEPTED, 2, 1, "s-2"),
    BroadcastRow(3, "+33199001236", RowState.PLANNED),
]


def begin(home: Path, *, parts: int = 1) -> str:
    """A broadcast that nobody works on; its id."""
    with SqliteStore(home) as store:
        journal = create_journal(
            store,
            account=AccountId("https://voice.8x8.com", "some_sub"),
            file="people.csv",
            fingerprint=bytes([parts]),
            shard=(parts, parts),
            options={},
            content=b"Hello",
        )
        journal.plan(ROWS, again=False)
        journal.close()
        return journal.broadcast.id


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICECLI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def on_terminal(*command: str, columns: int) -> list[str]:
    """What it shows there, without colours."""
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": str(columns)}
    written = run_on_terminal(command, DEADLINE, columns=columns, env=env).decode()
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", written).splitlines()]


def test_broadcasts(home: Path) -> None:
    whole, shard = begin(home), begin(home, parts=3)
    listed = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-11-28 10:00", voicecli("broadcast", "list").out)
    assert listed.splitlines() == [
        f"{shard}  2026-11-28 10:00  interrupted  3          2          people.csv 3/3",
        f"{whole}  2026-11-28 10:00  interrupted  3          2          people.csv",
    ]


WIDE = """\
id           begun             state        people  accepted  list
{shard}  2026-11-28 10:00  interrupted  3       2         people.csv 3/3
{whole}  2026-11-28 10:00  interrupted  3       2         people.csv
"""
FOLDED = """\
id           begun             state        people  accepted
{shard}  2026-11-28 10:00  interrupted  3       2
  people.csv 3/3
{whole}  2026-11-28 10:00  interrupted  3       2
  people.csv
"""
NARROW = """\
id           state        people  list
{shard}  interrupted  3
  people.csv 3/3
{whole}  interrupted  3
  people.csv
"""


@pytest.mark.parametrize(("columns", "table"), [(40, NARROW), (60, FOLDED), (80, WIDE), (200, WIDE)])
def test_broadcasts_on_a_terminal(home: Path, columns: int, table: str) -> None:
    whole, shard = begin(home), begin(home, parts=3)
    listed = on_terminal("broadcast", "list", columns=columns)
    listed = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-11-28 10:00", line) for line in listed]
    assert listed == table.format(whole=whole, shard=shard).splitlines()


def test_results(home: Path) -> None:
    broadcast = begin(home)
    named = {"session": "s-2", "number": "+33199001235", "clientRequestId": f"{broadcast}-2-2"}
    keep(home, event("VSS", "NO_ANSWER", **named))  # which nobody has taken in
    space, result = " " * 15, " " * 22
    assert voicecli("broadcast", "results", broadcast).out.splitlines() == [
        f"1       +33199001234      accepted   COMPLETED               {result}1             1         s-1",
        f"2       +33199001235      accepted   NO_ANSWER               {result}{space[:-1]}2         s-2",
        f"3       +33199001236      planned    {' ' * 24}{result}{space[:-1]}0",
    ]
    assert on_terminal("broadcast", "results", broadcast, columns=80)[-4:] == [
        "line  destination   status    outcome    digits  attempts  session",
        "1     +33199001234  accepted  COMPLETED  1       1         s-1",
        "2     +33199001235  accepted  NO_ANSWER          2         s-2",
        "3     +33199001236  planned                      0",
    ]


def test_findings(home: Path) -> None:
    lines = voicecli("doctor", "--port", "1").out.splitlines()
    assert lines[0] == ".env         ok       Others on this machine can read no file of settings or secrets."
