"""``--help`` of every command: plain text, as wide as the terminal, with options under headings."""

import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import Enum
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar, cast

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from voicecli.cli.context import context_of
from voicecli.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from typer._click import Command, Context, Parameter

Rows = Sequence[tuple[str, str]]
"""Names, of options or commands, and what each is."""
ARGUMENTS = "Arguments"
LAST = ("General", "Network", "Public access")
"""The headings of options that are seldom needed, or are known from other commands."""
MAX_WIDTH = 100  # columns; longer lines are hard to read
HALF = 40  # columns of each half of a list in two columns


class _PlainHelp:
    """Shows its help on the standard output of voicecli's context."""

    def get_help(self, ctx: "Context") -> str:
        width = min(context_of(ctx).output.width, MAX_WIDTH)
        return "\n\n".join(self.help_parts(ctx, width)) + "\n"

    def help_parts(self, ctx: "Context", width: int) -> Iterator[str]:
        """The paragraphs and sections of the help. Examples stay as they are written."""
        command = ctx.command
        yield filled(f"Usage: {ctx.command_path} {' '.join(_usage(command))}", width, indent=7)
        for paragraph in (command.help or "").split("\n\n"):
            yield filled(paragraph, width)
        if isinstance(command, HelpGroup):
            yield _section("Commands", [*command.summaries().items()], width)
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in _parameters(command):
            sections.setdefault(_heading(parameter), []).append(_row(parameter))
        for heading in sorted(sections, key=_place):
            yield _section(heading, sections[heading], width)
        if command.epilog:
            yield f"Examples:\n{textwrap.indent(command.epilog.rstrip(), '  ')}"

    def get_help_option(self, ctx: "Context") -> TyperOption | None:
        option: TyperOption | None = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.callback = _show_if_wanted
        return option


class HelpCommand(_PlainHelp, TyperCommand):
    """A command with such a help. Each of its errors knows the command, which the parser forgets in some."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            if getattr(error, "ctx", ctx) is None:
                error.ctx = ctx  # type: ignore[attr-defined]
            raise


class HelpGroup(_PlainHelp, TyperGroup):
    """A command with commands of its own: without one of them it shows its help, and ends with 2."""

    def summaries(self) -> Mapping[str, str]:
        """What each of its commands does."""
        texts = {name: (one.help or "").partition("\n\n")[0] for name, one in self.commands.items()}
        return {name: " ".join(text.split()) for name, text in texts.items()}

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            _show(ctx)
            ctx.exit(ExitCode.USAGE)
        return super().parse_args(ctx, args)


class _LazyCommands(Mapping[str, "Command"]):
    """Commands by name; ``load`` makes each when it is used."""

    def __init__(self, names: Collection[str], load: Callable[[str], "Command"]) -> None:
        self._names, self._load = names, load

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> "Command":
        if name not in self._names:
            raise KeyError(name)
        return self._load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class LazyGroup(HelpGroup):
    """A group whose commands, each with what it does, are ``SUMMARIES``; ``load`` makes one when it is used,
    help and suggestions need names only."""

    SUMMARIES: ClassVar[Mapping[str, str]]
    load: ClassVar[Callable[[str], "Command"]]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast("dict[str, Command]", _LazyCommands(self.SUMMARIES, type(self).load))

    def summaries(self) -> Mapping[str, str]:
        return self.SUMMARIES


def _show_if_wanted(ctx: "Context", _parameter: "Parameter", wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        _show(ctx)
        ctx.exit()


def _show(ctx: "Context") -> None:
    context_of(ctx).output.page(ctx.get_help())


def _usage(command: "Command") -> Iterator[str]:
    """What is written behind the name of a command: what it needs, then the word for all other options."""
    for one in _parameters(command):
        if isinstance(one, TyperArgument) or one.required:
            yield _name(one)
    if isinstance(command, TyperGroup):
        yield command.subcommand_metavar
    yield "[OPTIONS]"


def _parameters(command: "Command") -> Sequence[TyperArgument | TyperOption]:
    return cast("Sequence[TyperArgument | TyperOption]", command.params)


def _heading(parameter: TyperArgument | TyperOption) -> str:
    return parameter.rich_help_panel or (ARGUMENTS if isinstance(parameter, TyperArgument) else "Options")


def _place(heading: str) -> int:
    """Where a section stands; those of one place stand as their options are declared."""
    return LAST.index(heading) + 2 if heading in LAST else int(heading != ARGUMENTS)


def _row(parameter: TyperArgument | TyperOption) -> tuple[str, str]:
    """An option or argument, and its text with the default, where that does not tell it itself."""
    default = parameter.default.value if isinstance(parameter.default, Enum) else parameter.default
    if default in (None, False):
        return _name(parameter), parameter.help or ""
    number_or_word = f"{default:g}" if isinstance(default, float) else default
    return _name(parameter), f"{parameter.help} Default: {number_or_word}."


def _name(parameter: TyperArgument | TyperOption) -> str:
    """As it is written: TO, --wait, -r, --repeat N."""
    value = parameter.metavar or "|".join(getattr(parameter.type, "choices", ()))
    if isinstance(parameter, TyperArgument):
        return value or parameter.human_readable_name
    return f"{', '.join(sorted(parameter.opts, key=len))} {value}".rstrip()


def _section(heading: str, rows: Rows, width: int, *, name_width: int = 0) -> str:
    """A heading, and below it the names, of at least ``name_width`` columns, with their texts beside them.
    That of a name which takes more than a third of the line begins below it."""
    if any(name[:1] == "-" and name[:2] != "--" for name, _ in rows):  # -r, --repeat: align the long names
        rows = [(f"    {name}" if name.startswith("--") else name, text) for name, text in rows]
    left = 4 + min(max(name_width, *(len(name) for name, _ in rows)), width // 3)
    lines = [f"{heading}:"]
    for name, text in rows:
        beside = f"  {name}".ljust(left - 2) + "  "
        if len(beside) > left:
            lines.append(beside.rstrip())
            beside = " " * left
        lines.append(filled(text, width, first=beside, indent=left))
    return "\n".join(lines)


def two_columns(groups: Mapping[str, Rows], width: int) -> str:
    """Sections side by side where there is room for it, else one below the other."""
    longest = max(len(name) for rows in groups.values() for name, _ in rows)
    sections = [
        _section(heading, rows, HALF - 1, name_width=longest).splitlines() for heading, rows in groups.items()
    ]
    half = sum(map(len, sections)) / 2
    columns: tuple[list[str], list[str]] = ([], [])
    for section in sections:
        column = columns[width >= 2 * HALF and len(columns[0]) >= half]
        column += ["", *section] if column else section
    lines = zip_longest(*columns, fillvalue="")
    return "\n".join(f"{left:{HALF}}{right}".rstrip() for left, right in lines)


def filled(text: str, width: int, *, first: str = "", indent: int = 0) -> str:
    """A paragraph in lines of at most so many columns: ``first`` begins the first one, ``indent`` is how far
    the others are indented. A default stays on one line."""
    lines = textwrap.fill(
        " ".join(text.split()).replace("Default: ", "Default:\N{NO-BREAK SPACE}"),
        width,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace("\N{NO-BREAK SPACE}", " ")
