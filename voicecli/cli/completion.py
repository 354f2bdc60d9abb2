"""Completion by TAB: the names of commands and options, and values that this machine knows.

A shell's script runs the program with _VOICECLI_COMPLETE and what was typed. Only the local store is read.
What goes wrong is not told: then nothing is offered.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import dropwhile, islice, starmap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from typer._click.shell_completion import _resolve_context, _resolve_incomplete, get_completion_class
from typer._completion_classes import completion_init

from voicecli.cli.context import COMPLETION, Context
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.help_format import HelpGroup

if TYPE_CHECKING:
    from typer._click import Command, Parameter

    from voicecli.settings import Settings
    from voicecli.store.engine import Store

NEWEST = 100  # broadcasts and calls that are offered at most
_SAFE = re.compile(r"[\w.,=+-]{1,200}", re.ASCII)  # zsh evaluates what is offered, and ids come from outside


class Item(NamedTuple):
    """A word that is offered, and what it is in a few words."""

    value: str
    help: str = ""


class Typed(NamedTuple):
    """Where a value is to be completed: behind which command, and what else was typed."""

    context: Context
    command: Sequence[str]
    words: Sequence[str]
    commands: Mapping[str, str]  # all there are, and a few words on each


def complete(context: Context, command_line: "Command") -> ExitCode:
    """Print what the variable asks for: complete_SHELL (words) or source_SHELL (the script)."""
    wanted, _, shell = context.environment[COMPLETION].partition("_")
    if wanted == "source":
        from voicecli.cli.completion_scripts import script

        context.output.page(f"{script(shell)}\n")
        return ExitCode.DONE
    items: Sequence[Item] = ()
    with suppress(Exception):
        items = _items(replace(context, stderr=None), command_line, shell)
    context.output.page(_lines(shell, items))
    return ExitCode.DONE


def _items(context: Context, command_line: "Command", shell: str) -> Sequence[Item]:
    """What can stand in the place of the word under the cursor."""
    completion_init()
    kind = get_completion_class(shell)
    if kind is None:
        return ()
    words, word = kind(command_line, {}, "voicecli", COMPLETION).get_completion_args()
    words = [one for one in words if one != "="]  # bash takes --option=value for three words
    ctx = _resolve_context(command_line, {"obj": context}, "voicecli", words)
    target, typed = _resolve_incomplete(ctx, words, word)
    if target is ctx.command:
        if isinstance(target, HelpGroup) and not typed.startswith("-"):
            if ctx._protected_args:  # noqa: SLF001 - behind a command that there is not
                return ()
            return [Item(name, text) for name, text in target.summaries().items() if name.startswith(typed)]
        return [Item(one.value, one.help or "") for one in target.shell_complete(ctx, typed)]
    parameter, option = cast("Parameter", target), word.removesuffix(typed) if word.startswith("-") else ""
    if (find := VALUES.get(parameter.name or "")) is None:
        found = [Item(one.value, one.help or "") for one in parameter.shell_complete(ctx, typed)]
    else:
        commands = cast("HelpGroup", command_line).summaries()
        found = _that_begin(typed, find(Typed(context, ctx.command_path.split()[1:], words, commands)))
    return [Item(f"{option}{value}", text) for value, text in found]


def _that_begin(typed: str, found: Iterable["Item | str"]) -> list[Item]:
    """Those that begin so, in small letters where that is how somebody types; of several values with commas
    between them the last one is completed."""
    before, comma, last = typed.rpartition(",")
    items = (Item(one) if isinstance(one, str) else one for one in found)
    lower = last.islower()
    return [
        Item(f"{before}{comma}{value.lower() if lower else value}", text)
        for value, text in items
        if value.lower().startswith(last.lower()) and value.lower() not in before.lower().split(",")
    ]


def _lines(shell: str, items: Sequence[Item]) -> str:
    """As the script of the shell reads them, without what means anything to a shell."""
    marks = str.maketrans("':", "’," if shell == "zsh" else "',")
    pairs = [
        (value, re.sub(r"[^\w '’,.;()/=+-]", "", text.partition(". ")[0].translate(marks)))
        for value, text in items
        if _SAFE.fullmatch(value)
    ]
    match shell:
        case "zsh":
            words = "\n".join(f'"{value}":"{text}"' if text else f'"{value}"' for value, text in pairs)
            return f"_arguments '*: :(({words}))'\n" if pairs else "_files\n"
        case "fish":
            return "".join(f"{value}\t{text}".rstrip() + "\n" for value, text in pairs)
        case "powershell" | "pwsh":
            return "".join(f"{value}:::{text or value}\n" for value, text in pairs)
        case _:
            return "".join(f"{value}\n" for value, _ in pairs)


# -- values ------------------------------------------------------------------------------------------


def _settings(context: Context) -> "Settings | None":
    """None where they are in a file that is a pipe: who reads it waits, and takes away what was meant for the
    command."""
    from voicecli.setting_files import Rank, files_of_settings

    for file in files_of_settings(context.environment, context.folder, context.env_file):
        if file.rank is Rank.ENV_FILE and not file.path.is_file():
            return None
    return context.settings({})


def _read(context: Context, read: Callable[["Store"], Iterable[Item]]) -> list[Item]:
    """What is in the store; nothing where there is none yet, or a database would have to be asked, which is
    slow."""
    from voicecli.cli import wiring
    from voicecli.store.read_only import ReadOnlyStore

    settings = _settings(context)
    if settings is None or settings.found("store") is not None:
        return []
    if (store := ReadOnlyStore.open(wiring.home(settings))) is None:
        return []
    with store:
        return [*islice(read(store), NEWEST)]


def _broadcasts(typed: Typed) -> Iterable[Item]:
    def read(store: "Store") -> Iterable[Item]:
        from voicecli.store import broadcasts

        for one in broadcasts.newest_first(store):
            yield Item(one.id, f"{one.state} {Path(one.file).name}")

    return _read(typed.context, read)


def _sessions(typed: Typed) -> Iterable[Item]:
    def read(store: "Store") -> Iterable[Item]:
        from voicecli.store.newest_sessions import newest_sessions

        return starmap(Item, newest_sessions(store, NEWEST).items())

    return _read(typed.context, read)


def _voices(typed: Typed) -> Iterable[str]:
    from voicecli.account import DEFAULT_VOICE
    from voicecli.cli import wiring
    from voicecli.store import voices

    settings = _settings(typed.context)
    return (settings and voices.seen(wiring.home(settings))) or [DEFAULT_VOICE]


def _statuses(typed: Typed) -> Iterable[str]:
    """Those that the command knows, which is loaded by now."""
    from voicecli.voice_api import codes

    match typed.command:
        case ["sessions"]:
            from voicecli.cli.sessions import statuses

            return statuses()
        case ["broadcast", "results"]:
            from voicecli.store.broadcasts import RowState

            return [*(state.value for state in RowState), *codes.Outcome]
        case ["trigger"] if kinds := [word.upper() for word in typed.words if word.upper() in codes.STATUSES]:
            return sorted(codes.STATUSES[kinds[0]])
        case _:
            from voicecli.cli.options.filters import STATUSES

            return STATUSES


def _types(_typed: Typed) -> Iterable[str]:
    from voicecli.voice_api.webhook_events import WEBHOOK_TYPES

    return [name.lower() for name in WEBHOOK_TYPES]


def _outcomes(_typed: Typed) -> Iterable[str]:
    from voicecli.voice_api.codes import Outcome

    return [outcome.lower().replace("_", "-") for outcome in Outcome]


def _names(typed: Typed) -> Iterable[str]:
    """Of the keys that were typed by then."""
    from voicecli.sessions.key_names import STOP

    keys = [*dropwhile("--keys".__ne__, typed.words)][1:]
    names = re.findall(r"[0-9*#]=([^,=]+)", "=".join(keys))  # bash takes 1=yes for three words
    return [name for name in dict.fromkeys(names) if name.casefold() != STOP]


def _topics(typed: Typed) -> Iterable[Item]:
    from voicecli import manual

    if typed.words[-1] != "help" and not typed.words[-1].startswith("-"):
        return []  # it is one topic
    topics = [Item(topic, manual.summary(topic)) for topic in manual.TOPICS]
    return [*topics, *starmap(Item, typed.commands.items())]


VALUES: Mapping[str, Callable[[Typed], Iterable[Item | str]]] = {
    "broadcast_id": _broadcasts,
    "id_": _sessions,
    "session": _sessions,
    "status": _statuses,
    "type": _types,
    "type_": _types,
    "only": _types,
    "events": _types,
    "retry": _outcomes,
    "accept": _names,
    "voice": _voices,
    "topic": _topics,
}
"""What can stand for a parameter, by its name in Python; all others complete themselves, or are files."""
