"""TAB: what is offered, from the parser and from the store of this machine, and the shells' scripts."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import past
import pytest
from conftest import DEADLINE, Program, RunningSandbox
from lists import Broadcast, write

from voicecli import manual
from voicecli.cli import app, completion, completion_scripts as scripts
from voicecli.cli.context import COMPLETION, Context
from voicecli.cli.help_format import HelpGroup
from voicecli.errors import InvalidInput
from voicecli.store.engine import LOCK_PATIENCE
from voicecli.store.migrations import MIGRATIONS

Tab = Callable[..., list[str]]
IDS = ("7a1b0c3e-0000-4000-8000-000000000001", "7a1b0c3e-0000-4000-8000-000000000002")


def asked(line: str, shell: str = "bash") -> dict[str, str]:
    """The variables that a shell sets for a line whose last word is to be completed."""
    words = line.split(" ")
    return {
        COMPLETION: f"complete_{shell}",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
    }


@pytest.fixture
def tab(run: Program) -> Tab:
    """What is offered for a line, one item each."""

    def press(line: str, shell: str = "bash") -> list[str]:
        done = run(env=asked(line, shell))
        assert (done.code, done.err) == (0, "")
        return done.out.splitlines()

    return press


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("voicecli ", [*app.COMMANDS]),
        ("voicecli ca", ["call"]),
        ("voicecli broadcast re", ["resume", "report", "results"]),
        ("voicecli broadcast people.csv --ret", ["--retry"]),
        ("voicecli broadcast peop", []),  # the shell offers files
        ("voicecli call --rep", ["--repeat"]),
        ("voicecli sessions --status b", ["busy"]),
        ("voicecli sessions --status=B", ["--status=BUSY"]),
        ("voicecli sessions --status = O", ["OPEN"]),  # so bash divides it
        ("voicecli broadcast results b1 --status ref", ["refused"]),
        (
            "voicecli trigger vss --status c",
            ["canceled", *(f"completed{end}" for end in ("", "_unsubscribed", "_unsub_error"))],
        ),
        ("voicecli listen --events vca,vs", ["vca,vss"]),
        ("voicecli listen --only vss,", [f"vss,{name}" for name in ("vca", "vcs", "vru", "vnu")]),
        ("voicecli broadcast people.csv --retry no-answer,b", ["no-answer,busy"]),
        ("voicecli webhooks set v", ["vca", "vss", "vcs", "vru", "vnu"]),
        ("voicecli listen --view c", ["calls"]),
        ("voicecli help ", [*manual.TOPICS, *app.COMMANDS]),
        ("voicecli help broadcast s", []),
        ("voicecli call --voice ", ["en-US-BenjaminRUS"]),
        ("voicecli call --keys 1=yes,2=no,9=stop --accept ", ["yes", "no"]),
        ("voicecli call --keys 1 = yes,2 = no --accept yes,", ["yes,no"]),
        ("voicecli call --accept ", []),
        ("voicecli --version ca", ["call"]),
        ("voicecli nonsense ", []),
        ("voicecli sessions ", []),
        ("voicecli broadcast show ", []),
    ],
)
def test_names_and_values_are_offered(tab: Tab, tmp_path: Path, line: str, offered: list[str]) -> None:
    assert tab(line) == offered
    assert not (tmp_path / "home").exists()  # it is only read


def test_each_shell_gets_what_its_script_reads(tab: Tab) -> None:
    name, text = "--spell-digits", "Say codes character by character, AB12 as A, B, 1, 2."
    assert tab("voicecli call --spell", "fish") == [f"{name}\t{text}"]
    assert tab("voicecli call --spell", "powershell") == [f"{name}:::{text}"]
    assert tab("voicecli call --spell", "zsh") == [f"""_arguments '*: :(("{name}":"{text}"))'"""]
    assert tab("voicecli call --request", "fish") == ["--request-timeout\tHow long to wait for 8x8's answer."]
    assert "8x8’s" in tab("voicecli call --request", "zsh")[0]  # the other one would end a text there
    assert tab("voicecli call peop", "zsh") == ["_files"]


def test_calls_and_broadcasts_are_offered_newest_first(
    tab: Tab, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    for ago, session in enumerate(IDS):
        past.keep_a_call(tmp_path / "home", session, ago=100 * ago + 10)
    assert tab("voicecli sessions ") == tab("voicecli events --session 7a1b") == [*IDS]
    send = Broadcast(sandbox)
    first = send.identifier(write("a.csv", "phone\n+33199001234\n"), "Hi")
    second = send.identifier(write("b.csv", "phone\n+33199005678\n"), "Hi")
    assert [line.split()[1] for line in tab("voicecli sessions ", "fish")[:2]] == [
        "+33199005678",
        "+33199001234",
    ]
    assert tab("voicecli broadcast results ", "fish") == [f"{second}\tdone b.csv", f"{first}\tdone a.csv"]


def test_voices_are_those_of_the_list_that_was_seen_last(
    tab: Tab, run: Program, sandbox: RunningSandbox
) -> None:
    listed = run("voices", "--locale", "en-GB", "-q", env=sandbox.environment)
    assert listed.code == 0
    assert tab("voicecli call --voice en-GB") == sorted(listed.out.split())
    assert len(tab("voicecli broadcast l.csv --voice ")) > len(listed.out.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_what_came_from_outside_can_not_be_run_by_a_shell(tab: Tab, tmp_path: Path, shell: str) -> None:
    for session in ("$(touch owned)", "a`id`", "x;id", "b'\"", "c\nid", "d id", "--json\x1b"):
        past.keep(tmp_path / "home", past.event("VSS", "BUSY", session))
    past.keep(tmp_path / "home", past.event("VSS", "BUSY", IDS[0]))
    [line] = tab("voicecli sessions ", shell)
    assert IDS[0] in line
    for typed in ("listen --only '$(touch${IFS}owned),v", "sessions --$(touch${IFS}owned)=7a"):
        assert "owned" not in "".join(tab(f"voicecli {typed}", shell))


def test_an_empty_variable_is_none(run: Program) -> None:
    assert run("--version", env={COMPLETION: ""}).out.startswith("voicecli ")


def test_a_link_in_the_place_of_the_voices_leads_nowhere(
    tab: Tab, run: Program, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """The folder may have come with somebody else's .env."""
    mine = tmp_path / "mine"
    mine.write_text("alias ll='ls -l'\n")
    voices = tmp_path / "home" / "voices"
    voices.parent.mkdir()
    voices.symlink_to(mine)
    assert run("voices", env=sandbox.environment).code == 0
    assert mine.read_text() == "alias ll='ls -l'\n"
    assert (voices.is_symlink(), voices.stat().st_mode & 0o777) == (False, 0o600)
    assert [*voices.parent.iterdir()] == [voices]
    assert "en-GB-Emma" in tab("voicecli call --voice ")


def test_tab_does_not_wait_for_a_pipe(run: Program, tmp_path: Path) -> None:
    pipe, home = tmp_path / "pipe", tmp_path / "home"
    os.mkfifo(pipe)
    home.mkdir()
    for name in ("voices", "voicecli.sqlite3"):
        (home / name).symlink_to(pipe)
    began = time.monotonic()
    for line, offered in (("call --voice ", "en-US-BenjaminRUS\n"), ("sessions ", "")):
        for env_file in ("", str(pipe)):
            done = run(env=asked(f"voicecli {line}") | {"VOICECLI_ENV_FILE": env_file})
            assert (done.code, done.out, done.err) == (0, offered, "")
    assert time.monotonic() - began < DEADLINE


def test_tab_leaves_the_store_as_it_is(tab: Tab, tmp_path: Path) -> None:
    """Its modes, too; of another version's nothing is offered."""
    home = tmp_path / "home"
    file = home / "voicecli.sqlite3"
    past.keep_a_call(home, IDS[0])

    def unchanged(offered: list[str]) -> None:
        file.chmod(0o644)
        paths = [path for path in home.iterdir() if not path.name.endswith("-shm")]  # readers mark it
        before = [(path, path.read_bytes()) for path in paths]
        assert tab("voicecli sessions ") == offered
        assert [(path, path.read_bytes()) for path in paths] == before
        assert file.stat().st_mode & 0o777 == 0o644

    with closing(connect(file)) as store:
        for version, offered in ((len(MIGRATIONS) - 1, []), (len(MIGRATIONS), [IDS[0]])):
            store.execute(f"PRAGMA user_version = {version}")
            unchanged(offered)  # beside another process
    unchanged([IDS[0]])
    assert [*home.iterdir()] == [file]


def test_tab_does_not_wait_for_who_holds_the_store(tab: Tab, tmp_path: Path) -> None:
    past.keep_a_call(tmp_path / "home", IDS[0])
    with closing(connect(tmp_path / "home" / "voicecli.sqlite3", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        assert tab("voicecli sessions ") == []
        assert time.monotonic() - began < LOCK_PATIENCE


@pytest.mark.soak
@pytest.mark.process
def test_any_signal_ends_it_at_once_and_so_does_the_time() -> None:
    show = """
import signal
from voicecli.cli import app
def shown(arguments):
    left = signal.alarm(0)
    handlers = {signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    print(0 < left < 10, handlers == {signal.SIG_DFL})
    return 0
app.run = shown
from voicecli.__main__ import main
main()
"""
    env = {**os.environ, **asked("voicecli ")}
    done = subprocess.run([sys.executable, "-c", show], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


def test_what_goes_wrong_is_not_told(tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "voicecli.sqlite3").write_text("no store")
    (tmp_path / ".env").write_text("a line that nobody understands")
    assert tab("voicecli sessions ") == []


def test_each_value_is_one_of_a_parameter() -> None:
    commands = [app.load(name) for name in app.COMMANDS]
    commands += [one for command in commands for one in getattr(command, "commands", {}).values()]
    assert {*completion.VALUES} <= {parameter.name for command in commands for parameter in command.params}


def test_what_is_said_of_a_command_without_loading_it_is_the_beginning_of_its_help() -> None:
    broadcast = app.load("broadcast")
    assert isinstance(broadcast, HelpGroup)
    assert broadcast.summaries() == HelpGroup.summaries(broadcast)


# -- scripts -----------------------------------------------------------------------------------------


def test_the_script_of_powershell_can_be_parsed() -> None:
    """As far as that can be told without it: brackets and quotes are in pairs, and it sets what is read."""
    text = scripts.script("powershell")
    for left, right in ("{}", "()", "[]"):
        assert text.count(left) == text.count(right)
    assert text.count('"') % 2 == text.count("'") % 2 == 0
    assert all(f"$Env:{name} = " in text for name in (COMPLETION, "_TYPER_COMPLETE_ARGS"))
    assert scripts.script("pwsh") == text


@pytest.mark.parametrize(
    ("shell", "variables", "script", "start_file"),
    [
        ("bash", {}, ".bash_completions/voicecli.sh", ".bashrc"),
        ("zsh", {}, ".zfunc/_voicecli", ".zshrc"),
        ("zsh", {"ZDOTDIR": "moved"}, ".zfunc/_voicecli", "moved/.zshrc"),
        ("fish", {}, ".config/fish/completions/voicecli.fish", None),
        ("fish", {"XDG_CONFIG_HOME": "moved"}, "moved/fish/completions/voicecli.fish", None),
    ],
)
@pytest.mark.parametrize("before", [b"alias ll='ls -l'", b"\r\n# ends\r\n\n\n"])
def test_it_is_set_up_once_and_what_was_there_stays(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    shell: str,
    variables: dict[str, str],
    script: str,
    start_file: str | None,
    before: bytes,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    start = tmp_path / (start_file or "other")
    start.parent.mkdir(exist_ok=True)
    start.write_bytes(before)
    for _ in range(2):
        scripts.install(
            Context(environment={name: str(tmp_path / folder) for name, folder in variables.items()}), shell
        )
    assert COMPLETION in (tmp_path / script).read_text()
    added = start.read_bytes().removeprefix(before).strip()
    assert start.read_bytes().startswith(before)
    assert (added.count(b"\n"), bool(added)) == (0, bool(start_file))


def test_other_shells_are_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="There is no completion for tcsh") as caught:
        scripts.install(Context(), "tcsh")
    assert "bash, zsh, fish and PowerShell" in caught.value.hint
    with pytest.raises(InvalidInput, match="profile of PowerShell") as caught:
        scripts.install(Context(), "pwsh")
    assert "voicecli --show-completion | Out-String | Invoke-Expression" in caught.value.hint


SHELLS = {
    "bash": "{script}\nCOMP_WORDS=(voicecli broadcast re); COMP_CWORD=2; _voicecli_completion voicecli\n"
    'printf "%s\\n" "${{COMPREPLY[@]}}"',
    "zsh": "compdef() {{ }}; _arguments() {{ print -r -- $1 }}; words=(voicecli broadcast re); CURRENT=3\n"
    "print -r -- {quoted} >$HOME/_voicecli; fpath+=$HOME; autoload -Uz _voicecli; _voicecli\n",
    "fish": "{script}\ncomplete -C 'voicecli broadcast re'",
}


@pytest.mark.process
@pytest.mark.parametrize(
    "shell", ["bash", *(pytest.param(one, marks=pytest.mark.soak) for one in ("zsh", "fish"))]
)
def test_the_shells_run_their_scripts(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    program = tmp_path / "voicecli"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m voicecli "$@"\n')
    program.chmod(0o700)
    script = scripts.script(shell)
    done = subprocess.run(
        [shell, "-c", SHELLS[shell].format(script=script, quoted=shlex.quote(script))],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert [word for word in ("send", "resume", "results") if word in done.stdout] == ["resume", "results"]
