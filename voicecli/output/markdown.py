"""Markdown as it looks on a terminal."""

import io
import re
from collections.abc import Mapping
from textwrap import indent
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement, TableElement
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

WIDEST = 100  # columns: longer lines are hard to read
STYLES = {
    "markdown.h1": "bold",
    "markdown.h2": "bold",
    "markdown.h3": "bold",
    "markdown.code": "cyan",
    "markdown.table.header": "bold",
    "markdown.table.border": "dim",
}


INDENT = 4  # columns, of examples
_COMMAND = re.compile(r" *(\$ )?[a-z-]")
_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")


class _LeftHeading(Heading):
    LEVEL_ALIGN: ClassVar = {}


class _Example(CodeBlock):
    """Indented, and its lines as they are written: to be copied. Only commands are broken where they are too
    wide, so that they stay the same for a shell."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip()
        if self.lexer_name in ("sh", "console"):
            code = broken(code, options.max_width - INDENT)
        code = indent(code, " " * INDENT)
        yield Text(code, style="cyan", no_wrap=True, overflow="ignore")


class _Table(TableElement):
    """Without the empty lines that stand for its edges."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in super().__rich_console__(console, options):
            if isinstance(table, Table):
                table.show_edge = False
            yield table


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _LeftHeading,
        "fence": _Example,
        "table_open": _Table,
    }


def broken(script: str, width: int) -> str:
    """A shell's script whose commands are broken between words where they are wider. What is no command, or
    has a comment or quotes in quotes, stays as it is."""
    lines: list[str] = []
    goes_on = False
    for line in script.split("\n"):
        may_be_broken = (goes_on or _COMMAND.match(line)) and "#" not in line and '\\"' not in line
        goes_on = line.endswith("\\")
        lines += _parts(line, width) if may_be_broken and len(line) > width else [line]
    return "\n".join(lines)


def _parts(line: str, width: int) -> list[str]:
    """At least one word each."""
    margin = " " * (len(line) - len(line.lstrip()))
    first, *words = _WORD.findall(line)
    parts = [margin + first]
    for word in words:
        if word == "\\" or len(parts[-1]) + len(word) + len("  \\") <= width:
            parts[-1] += f" {word}"
        else:
            parts[-1] += " \\"
            parts.append(f"{margin}  {word}")
    return parts


def painted(markdown: str, width: int, environment: Mapping[str, str]) -> str:
    """Markdown for a terminal of this width. ``environment`` says which colours it has."""
    console = Console(
        file=io.StringIO(),
        width=min(width, WIDEST),
        force_terminal=True,
        theme=Theme(STYLES),
        highlight=False,
        emoji=False,
        _environ=environment,
    )
    with console.capture() as capture:
        console.print(_Page(markdown, hyperlinks=False), crop=False)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
