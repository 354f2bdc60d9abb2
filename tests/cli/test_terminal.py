"""What a person sees on a terminal of a given width."""

import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
from collections.abc import Mapping
from contextlib import suppress

import in_process
import pytest
from conftest import DEADLINE, NUMBER, RunningSandbox, wait_until
from forked import Forked

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(*arguments: str, columns: int, env: Mapping[str, str] = {}) -> list[str]:
    """The lines that voicecli writes on a terminal, colours and all."""
    everything = _terminals_variables(env)
    written = in_process.run_on_terminal(arguments, DEADLINE, columns=columns, env=everything)
    return written.decode().replace("\r\n", "\n").splitlines()


def _terminals_variables(env: Mapping[str, str]) -> dict[str, str]:
    everything = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return {**everything, "TERM": "xterm-256color", **env}


class Terminal:
    """voicecli on a terminal, in a process of its own, for as long as it runs."""

    def __init__(self, *arguments: str, columns: int, env: Mapping[str, str] = {}) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        variables = _terminals_variables(env)
        self.process = Forked(arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=variables)
        os.close(theirs)
        self._written = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        os.close(self._ours)

    def _read(self) -> None:
        with suppress(OSError):  # how a terminal ends on Linux
            while chunk := os.read(self._ours, 65536):
                self._written += chunk

    def wait_for(self, pattern: str) -> str:
        """Wait until this is on the screen; its last group."""

        def find() -> re.Match[str] | None:
            return re.search(pattern, ESCAPE.sub("", self._written.decode(errors="replace")))

        wait_until(find)
        found = find()
        assert found is not None
        return found[found.lastindex or 0]

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self) -> str:
        """Press Ctrl-C; all that was written."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return self._written.decode().replace("\r\n", "\n")


def plain(lines: list[str]) -> list[str]:
    return [ESCAPE.sub("", line) for line in lines]


@pytest.mark.parametrize("columns", [80, 200])
def test_an_error_is_red_and_broken_between_words(sandbox: RunningSandbox, columns: int) -> None:
    lines = on_terminal("call", "+33199005020", "hi", columns=columns, env=sandbox.environment)
    assert lines[0].startswith("\x1b[1;38;5;163mError:\x1b[0m 8x8 answered")
    assert max(map(len, plain(lines))) <= columns
    whole = " ".join(plain(lines))
    assert "the call may have been placed." in whole
    assert "https://connect.8x8.com" in whole


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_done_without(sandbox: RunningSandbox, env: dict[str, str]) -> None:
    everything = {**sandbox.environment, **env}
    for arguments in (["call", "+33199001014", "hi"], ["sandbox", "--numbers"]):
        lines = on_terminal(*arguments, columns=80, env=everything)
        assert lines
        assert lines == plain(lines)


@pytest.mark.parametrize("columns", [80, 200])
def test_a_table_wraps_inside_its_last_column(columns: int) -> None:
    lines = plain(on_terminal("sandbox", "--numbers", columns=columns))
    assert max(map(len, lines)) <= columns
    assert all(re.match(r"(\d{4}|7DSS|8NNN|429N| {4}) {4}\S", line) for line in lines), lines


def test_an_accepted_call_is_one_line_of_80(sandbox: RunningSandbox) -> None:
    [line] = on_terminal("call", NUMBER, "hi", columns=80, env=sandbox.environment)
    assert len(line) <= 80


def test_a_person_who_gives_no_message_is_told_and_not_kept_waiting(sandbox: RunningSandbox) -> None:
    whole = " ".join(plain(on_terminal("call", NUMBER, columns=80, env=sandbox.environment)))
    assert "The message is missing." in whole


def test_json_on_a_terminal_is_the_same_json(sandbox: RunningSandbox) -> None:
    [line] = on_terminal("call", NUMBER, "hi", "--json", columns=80, env=sandbox.environment)
    assert line.startswith('{"sessionId": ')


@pytest.mark.process
def test_a_terminal_that_does_not_know_its_size_is_told_errors(sandbox: RunningSandbox) -> None:
    with Terminal("call", "nobody", "hi", columns=0, env=sandbox.environment) as terminal:
        assert terminal.process.wait(DEADLINE) == 2
        assert "Traceback" not in terminal.end()
