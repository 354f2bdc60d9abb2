"""Markdown as it looks on a terminal."""

import io
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


class _LeftHeading(Heading):
    LEVEL_ALIGN: ClassVar = {}


class _Example(CodeBlock):
    """Indented, and its lines as they are written: to be copied."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = indent(str(self.text).rstrip(), "    ")
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
