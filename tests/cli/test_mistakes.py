"""Mistakes of somebody who knows the README only, and how each is answered: mistakes.txt has them all."""

import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Finished, Program

TRANSCRIPT = Path(__file__).with_name("mistakes.txt")
SETTINGS = {
    "EIGHT_X_EIGHT_API_KEY": "some-key",
    "EIGHT_X_EIGHT_SUBACCOUNT_ID": "acme_voice",
    "OUTBOUND_PHONE_NUMBER": "+33199000000",
    "EIGHT_X_EIGHT_BASE_URL": "http://127.0.0.1:9",
    "WEBHOOK_AUTH_TOKEN": "some-token",
}
CALL = ("call", "+33199001234", "Hello", "--dry-run")


@pytest.fixture
def files(tmp_path: Path) -> None:
    """The README's list and message, and some that are wrong, in the current folder."""
    (tmp_path / "people.csv").write_text("phone,name,time\n+33199001234,Anna,ten\n+33199005678,Ben,noon\n")
    (tmp_path / "message.txt").write_text("Hello")
    (tmp_path / "wrong.csv").write_text("phone,name\n+33199001234,Anna\n12,Ben\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "headless.csv").write_text("Anna,+33199001234\n")
    (tmp_path / "book.xlsx").write_bytes(b"PK\3\4\24\0\6\0" + bytes(range(128, 256)))
    (tmp_path / "folder").mkdir()
    (tmp_path / "wrong.json").write_text("[{'action': 'say'}]")
    (tmp_path / "flow.json").write_text("[]")
    (tmp_path / "comma.json").write_text('[{"action": "hangup"},]')
    (tmp_path / "rounded.csv").write_text("phone,name\n3.3199E+10,Anna\n,Ben\n")


@pytest.mark.usefixtures("files")
def test_the_answers_are_those_of_the_transcript(run: Program) -> None:
    """Nothing is sent, nothing goes to standard output, and each answer is short. After a change of words,
    change the transcript."""

    def lines() -> Iterator[str]:
        for line in TRANSCRIPT.read_text().splitlines():
            if line.startswith("$ voicecli "):
                done = run(*shlex.split(line)[2:], env=SETTINGS)
                assert (done.code, done.out) == (2, ""), (line, done)
                check_length(done)
                yield from (line, *done.err.splitlines())
            elif line.startswith("#") or not line:
                yield line

    assert [*lines()] == TRANSCRIPT.read_text().splitlines()


@pytest.mark.parametrize("arguments", [["broadcast", "word " * 100, "people.csv"], ["word" * 100]])
def test_a_message_that_can_be_no_name_of_a_file_is_no_fault(run: Program, arguments: list[str]) -> None:
    done = run(*arguments, env=SETTINGS)
    assert (done.code, done.out) == (2, ""), done


def check_length(done: Finished, at_80: int = 2) -> None:
    """At 80 columns so many lines for the cause and the next step, at 60 two for each at most."""
    lines = [line for line in done.err.splitlines() if line.startswith(("Error: ", "Hint: "))]
    assert max(len(textwrap.wrap(line, 60)) for line in lines) <= 2, done
    is_table = done.err.startswith("line ")  # of a list's mistakes, with a hint of two lines
    assert sum(len(textwrap.wrap(line, 80)) for line in lines) <= at_80 + is_table, done


@pytest.mark.parametrize(
    ("command", "setting", "named"),
    [
        (CALL, "EIGHT_X_EIGHT_API_KEY=", "EIGHT_X_EIGHT_API_KEY"),
        (CALL, "EIGHT_X_EIGHT_API_KEY=Bearer abc", "EIGHT_X_EIGHT_API_KEY: the API key has blanks"),
        (CALL, "EIGHT_X_EIGHT_SUBACCOUNT_ID=acme voice", "EIGHT_X_EIGHT_SUBACCOUNT_ID"),
        (CALL, "EIGHT_X_EIGHT_SUBACCOUNT_ID=", "EIGHT_X_EIGHT_SUBACCOUNT_ID"),
        (CALL, "OUTBOUND_PHONE_NUMBER=", "OUTBOUND_PHONE_NUMBER"),
        (CALL, "OUTBOUND_PHONE_NUMBER=0199001234", "OUTBOUND_PHONE_NUMBER: the caller ID must be"),
        (
            CALL,
            "EIGHT_X_EIGHT_BASE_URL=voice.8x8.com",
            "EIGHT_X_EIGHT_BASE_URL: the base URL must begin with https://",
        ),
        (CALL, "EIGHT_X_EIGHT_BASE_URL=htp://x.y", "the base URL must begin with https://"),
        (CALL, "EIGHT_X_EIGHT_BASE_URL=http://voice.8x8.com", "because the API key is sent there"),
        (("listen", "--no-tunnel"), "PORT=http", "PORT: the port must be a number from 0 to 65535"),
        (("listen", "--no-tunnel"), "WEBHOOK_AUTH_TOKEN=short", "must have 8 characters or more"),
        (("listen",), "WEBHOOK_AUTH_TOKEN=", "let --register make one"),
        (("listen",), "WEBHOOK_BASE_URL=not a host", "WEBHOOK_BASE_URL: the public address is not a URL"),
        (("webhooks", "set", "vss", "https://example.com"), "WEBHOOK_AUTH_TOKEN=", "or give --no-auth"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(
    run: Program, command: tuple[str, ...], setting: str, named: str
) -> None:
    variable, _, value = setting.partition("=")
    done = run(*command, env={**SETTINGS, variable: value})
    assert (done.code, done.out) == (3, "")
    assert named in done.err
    assert "\nHint: " in done.err
    check_length(done, at_80=3)  # long names of variables


def test_a_line_of_the_env_file_that_is_not_understood_is_named(run: Program, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OUTBOUND_PHONE_NUMBER=+33199000000\nEIGHT_X_EIGHT_API_KEY: some-key\n")
    done = run(*CALL)
    assert done.code == 3
    assert "Warning: The file .env in this folder has no = in line 2." in done.err
