"""``--help`` of every command: what it has, in which order, and that its examples can be typed."""

import io
import os
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from conftest import Program
from json_documents import DOCUMENTS

from voicecli.cli import app
from voicecli.cli.context import Context
from voicecli.cli.help_format import HelpGroup

LAST = ("General", "Network", "Public access")


@cache
def commands() -> dict[str, str]:
    """Every command with its examples."""
    found = {}
    for name in app.COMMANDS:
        command = app.load(name)
        found[name] = command.epilog or ""
        for below, one in getattr(command, "commands", {}).items():
            found[f"{name} {below}"] = one.epilog or ""
    return found


def help_at(width: int, *arguments: str) -> str:
    out = io.StringIO()
    context = Context(None, out, None, environment={**os.environ, "COLUMNS": str(width)})
    assert app.run([*arguments, "--help"], context) == 0
    return out.getvalue()


def test_the_list_of_commands_is_one_screen() -> None:
    lines = help_at(80).splitlines()
    assert len(lines) < 24  # the prompt is the last one
    assert max(map(len, lines)) <= 80
    [example] = [line for line in lines if line.startswith("Example:")]
    assert_can_be_typed(example)
    words = " ".join(lines).split()
    assert set(app.COMMANDS) <= {*words}
    assert {*" ".join(help_at(60).splitlines()).split()} == {*words}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    for command in commands():
        text, _, _ = help_at(width, *command.split()).partition("Examples:\n")
        assert text.startswith(f"Usage: voicecli {command} ")
        assert max(map(len, text.splitlines())) <= min(width, 100), text


@pytest.mark.parametrize("command", ["resume", "join"])
def test_what_stays_as_a_broadcast_was_begun_has_no_default(command: str) -> None:
    text = help_at(100, "broadcast", command)
    assert {"--concurrency", "--timeout"} <= {*text.split()}
    assert not re.search("Default: (32|5m|VOICECLI_AT_MOST)", text)
    assert {"32.", "5m.", "VOICECLI_AT_MOST."} <= {*help_at(100, "broadcast", "send").split()}


def test_examples_stay_as_they_are_written_and_fit() -> None:
    for command, examples in commands().items():
        assert all(len(line) <= 78 for line in examples.splitlines()), command
        assert "".join(f"  {line}\n" for line in examples.splitlines()) in help_at(60, *command.split())


@pytest.mark.parametrize("command", commands())
def test_each_command_has_examples_that_can_be_typed(command: str, tmp_path: Path) -> None:
    (tmp_path / "people.csv").touch()
    found = [typed for typed in typed_commands(commands()[command]) if " ".join(typed).startswith(command)]
    assert 3 <= len(found) <= 5
    for arguments in found:
        assert_can_be_typed(shlex.join(["voicecli", *arguments]))


NARROW = """\
Usage: voicecli voices [OPTIONS]

List the voices for messages.

The first column is the value for --voice and VOICE_PROFILE.

Options:
  --locale LOCALE  List only voices of this locale: en-GB,
                   or en for all English ones.
  --gender F|M     List only female or male voices.

General:
      --json           Print JSON only.
  -q, --quiet          Print only the id.
      --debug          Show requests, their durations and
                       tracebacks on stderr.
      --env-file FILE  Read settings from this file, before
                       the .env of this folder.

Examples:
  voicecli voices --locale en
  voicecli voices --locale fr-FR --gender F
  voicecli voices --locale fr-FR --gender F -q | head -1
"""


def test_a_help_looks_like_this() -> None:
    assert help_at(60, "voices") == NARROW
    long_name = "  --request-timeout SECONDS\n" + 24 * " " + "How long to wait for an answer.\n"
    assert f"{long_name}{24 * ' '}Default: 15.\n" in help_at(60, "trigger")
    assert "  --view events|calls  Show a row for each" in help_at(80, "listen")
    assert help_at(80, "prune").startswith("Usage: voicecli prune --older-than TIME [OPTIONS]\n")


def test_fields_in_examples_are_fields_of_the_documents() -> None:
    known = {part for fields in DOCUMENTS.values() for field in fields.split() for part in field.split(".")}
    filters = re.findall(r"jq (.*)", "\n".join(commands().values()))
    named = {name for text in filters for name in re.findall(r"\.(\w+)", text)}
    assert {"words", "answerRate", "msisdn"} <= named <= {*known, "msisdn"}  # that is 8x8's own


def typed_commands(text: str) -> Iterator[list[str]]:
    """The arguments of each ``voicecli`` in lines of a shell."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split, words.commenters = True, "#"
        typed: list[str] | None = None
        for word in [*words, "|"]:
            if typed is not None and set(word) <= {*"();<>|&"}:
                yield typed
                typed = None
            elif word == "voicecli":
                typed = []
            elif typed is not None:
                typed.append(word)


def assert_can_be_typed(line: str) -> None:
    [arguments] = typed_commands(line)
    command = app.parser()
    context = command.make_context("voicecli", arguments, obj=Context())
    while isinstance(command, HelpGroup) and (rest := [*context._protected_args, *context.args]):
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


def test_rare_options_come_last() -> None:
    for command in commands():
        headings = [line for line in help_at(80, *command.split()).splitlines() if line.endswith(":")]
        rare = [heading.removesuffix(":") for heading in headings if heading.removesuffix(":") in LAST]
        assert headings[-1 - len(rare) :] == [
            *(f"{heading}:" for heading in LAST if heading in rare),
            "Examples:",
        ]


def test_every_way_to_ask_shows_the_same(run: Program) -> None:
    for command in (["call"], ["webhooks", "set"]):
        wanted = run(*command, "--help")
        assert (wanted.code, wanted.err) == (0, "")
        for arguments in ([*command, "-h"], ["--help", *command]):
            done = run(*arguments)
            assert (done.code, done.out) == (0, wanted.out)


@pytest.mark.parametrize("command", [[], ["webhooks"], ["broadcast"]])
def test_a_command_that_is_left_out_shows_the_help(run: Program, command: list[str]) -> None:
    done = run(*command)
    assert (done.code, done.out, done.err) == (2, run(*command, "--help").out, "")
