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


def check_length(done: Finished) -> None:
    """At 80 columns a line for the cause and one for the next step, at 60 two for each at most."""
    error, hint = [*done.err.splitlines(), ""][:2] if "\nHint" not in done.err else done.err.splitlines()[-2:]
    for columns, most in ((80, 1), (60, 2)):
        for text in (error, hint):
            assert len(textwrap.wrap(text, columns, break_on_hyphens=False)) <= most, text
