"""How options are declared: what --help says of them, and how their values are read."""

from collections.abc import Callable
from typing import Any

import typer


def flag(text: str, *names: str, panel: str | None = None) -> Any:
    """An option without a value; ``text`` explains it. Without ``names`` it is called as its parameter is."""
    return typer.Option(*names, help=text, rich_help_panel=panel)


def option(
    metavar: str,
    text: str,
    *names: str,
    parser: Callable[[Any], object] | None = None,
    panel: str | None = None,
) -> Any:
    """An option with a value, called ``metavar`` in --help; ``parser`` reads it, or raises BadParameter."""
    return typer.Option(*names, metavar=metavar, help=text, parser=parser, rich_help_panel=panel)
