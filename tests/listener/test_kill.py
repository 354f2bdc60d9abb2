"""``voicecli listen`` killed under load: what it answered 200 is in the store, once; nothing goes on."""

import os
import random
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from conftest import wait_until
from load import answered, generating, session_id
from running_listener import TOKEN, RunningListener, listening
from soak import share_of

pytestmark = pytest.mark.process
MORE_THAN_ENOUGH = 1_000_000  # events: no load is over before the kill


def stored(home: Path) -> Mapping[str, int]:
    """The sessions in the store, and how often the event of each came; there is one event of each."""
    with closing(sqlite3.connect(f"file:{home}/voicecli.sqlite3?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT session, times FROM events").fetchall()
    assert len(rows) == len(dict(rows)), "an event is in the store twice"
    return dict(rows)


def count(home: Path) -> int:
    with closing(sqlite3.connect(f"file:{home}/voicecli.sqlite3?mode=ro", uri=True)) as database:
        [number] = database.execute("SELECT count(*) FROM events").fetchone()
    return int(number)


def writers(home: Path) -> list[int]:
    """The processes that write for this home."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if b"voicecli.listener.writer\0" + str(home).encode() in command:
            found.append(int(process.name))
    return found


def kill(listener: RunningListener, victims: str) -> None:
    """Kill the listener and leave its writer to end by itself, or kill both."""
    if victims == "both":
        for writer in writers(listener.home):
            os.kill(writer, signal.SIGKILL)
    listener.stop(signal.SIGKILL)
    wait_until(lambda: not writers(listener.home))


def check(home: Path, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    expected: dict[str, int] = {}  # what is in the store, as far as is known
    for attempt in range(kills):
        with listening(home, "--no-tunnel") as listener:
            moment = len(expected) + dice.randint(1, 1_000)
            with generating(listener.url, token=TOKEN, seed=attempt, count=MORE_THAN_ENOUGH) as generator:
                wait_until(lambda moment=moment: count(home) >= moment)
                kill(listener, dice.choice(("listener", "both")))
                summary = generator.summary()
        after = stored(home)
        sent = {session_id(attempt, number) for number in range(summary["sent"])}
        assert answered(summary) <= after.keys(), "an event that was answered 200 is lost"
        assert {session: after[session] for session in expected} == expected
        assert after.keys() - expected.keys() <= sent
        with listening(home, "--no-tunnel") as listener:
            with generating(listener.url, token=TOKEN, seed=attempt, count=len(sent)) as generator:
                assert generator.summary()["statuses"] == {"200": len(sent)}
            assert listener.stop() == 0
        expected = dict(stored(home))
        assert expected == {**after, **{session: after.get(session, 0) + 1 for session in sent}}
        assert writers(home) == []


@pytest.mark.soak
@pytest.mark.parametrize("kills", [1, share_of(40)])
def test_what_was_answered_is_in_the_store_once_after_a_kill(tmp_path: Path, kills: int) -> None:
    check(tmp_path / "home", kills, seed=kills)


@pytest.mark.soak
def test_when_only_the_writer_is_killed_nothing_answered_is_lost(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with listening(home, "--no-tunnel") as listener:
        with generating(listener.url, token=TOKEN, count=MORE_THAN_ENOUGH) as generator:
            wait_until(lambda: count(home) >= 100)
            [writer] = writers(home)
            os.kill(writer, signal.SIGKILL)
            wait_until(lambda: set(writers(home)) - {writer})  # there is another one
            generator.stop()
            summary = generator.summary()
        assert {*summary["statuses"]} == {"200", "503"}
        assert answered(summary) <= stored(home).keys()
        wait_until(lambda: one_is_answered(listener.url))
        assert listener.stop() == 0


def one_is_answered(url: str) -> bool:
    with generating(url, token=TOKEN, seed=2, count=1) as generator:
        return bool(generator.summary()["statuses"] == {"200": 1})
