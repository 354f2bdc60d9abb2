"""``voicecli help``: the topics, a page in a pipe and on a terminal, the help of a command."""

import os
import re
from pathlib import Path

import in_process
import pytest
from conftest import DEADLINE, Program

from voicecli import manual

PAGES = Path(manual.__file__).parent
TERMINAL = {"TERM": "xterm-256color", "PAGER": "no-such-program"}


def test_the_topics_are_listed_with_what_they_are_about(run: Program) -> None:
    lines = run("help").out.splitlines()
    assert [line.split()[0] for line in lines] == [*manual.TOPICS]
    for line in lines:
        assert re.fullmatch(r"[a-z-]+ +\S.{10,58}", line), line
    assert {path.stem for path in PAGES.glob("*.md")} == set(manual.TOPICS)


def test_links_lead_to_pages(run: Program) -> None:
    for topic in manual.TOPICS:
        linked = re.findall(r"\]\((?!https:)(.*?)\)", (PAGES / f"{topic}.md").read_text())
        assert {*linked} <= {f"{name}.md" for name in manual.TOPICS}, topic
        assert ".md" not in run("help", topic).out


def test_a_page_in_a_pipe_is_plain_text(run: Program) -> None:
    page = run("help", "exit-codes").out
    assert page.startswith("# Exit codes\n\nWhat the number means with which a command ends.")
    assert "See `voicecli help json`." in page
    assert run("help", "exit-codes", "--json").json == {"topic": "exit-codes", "text": page}


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_page_on_a_terminal_fits_it_and_its_examples_can_be_copied(columns: int) -> None:
    shown = in_process.run_on_terminal(["help", "exit-codes"], DEADLINE, columns=columns, env=TERMINAL)
    assert b"\x1b[1mExit codes\x1b[0m" in shown
    lines = re.sub("\x1b[^m]*m", "", shown.decode()).splitlines()
    copied = re.sub(r" \\\n +", " ", "\n".join(lines))
    assert '\n    voicecli call +33199000486 "Your parcel is here." --wait || test $? = 11\n' in copied
    assert max(len(line) for line in lines if not line.startswith("    ")) <= min(columns, 100)


def test_a_page_longer_than_the_screen_opens_in_the_users_pager(tmp_path: Path) -> None:
    pager = tmp_path / "my pager"
    pager.write_text('#!/bin/sh\necho "$1 $LESS"; head -1\n')
    pager.chmod(0o755)
    env = {**os.environ, **TERMINAL, "PAGER": f"'{pager}' -x", "COLUMNS": "80"}
    for lines, shown in ((10, b"-x FRX\r\n\x1b[1mExit codes\x1b[0m\r\n"), (1000, b"\x1b[1mExit codes")):
        env["LINES"] = str(lines)
        got = in_process.run_on_terminal(["help", "exit-codes"], DEADLINE, columns=80, env=env)
        assert got == shown if lines == 10 else got.startswith(shown)


def test_the_help_of_a_command_is_its_own(run: Program) -> None:
    for command in (["call"], ["webhooks", "set"]):
        own = run(*command, "--help").out
        for asked in (["help", "--json"], ["--env-file", os.devnull, "help"], ["--help"]):
            assert run(*asked, *command).out == own


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("exit", r"Did you mean exit-codes\? "),
        ("broadcsat", r"Did you mean broadcast\? "),
        ("xyzzy", ""),
        ("c", ""),
        ("", ""),
        ("cron", r"It is spoken of in .*service.*\. "),
    ],
)
def test_a_topic_that_is_not_there_is_told_with_where_to_look(run: Program, word: str, advice: str) -> None:
    done = run("help", word)
    assert (done.code, done.out) == (2, "")
    told = rf"Error: The manual has no topic '{word}'\.\nHint: {advice}All topics: voicecli help\.\n"
    assert re.fullmatch(told, done.err)
