"""Functions, and Typers with commands of their own, as commands with the options and help that all have."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer
from typer.main import get_group

from voicecli.cli.help_format import HelpCommand, HelpGroup
from voicecli.cli.options.common import with_output_options

if TYPE_CHECKING:
    from typer._click import Command


def as_command(
    name: str,
    function: Callable[..., object],
    examples: str,
    *,
    reads_settings: bool = True,
    uses_store: bool = True,
    cls: type[HelpCommand] = HelpCommand,
) -> "Command":
    """The command that a function is."""
    application = _application()
    register = application.command(name, cls=cls, epilog=examples)
    register(with_output_options(function, reads_settings=reads_settings, uses_store=uses_store))
    return get_group(application).commands[name]


def as_group(
    name: str, commands: typer.Typer, help_text: str, examples: str, *, uses_store: bool
) -> "Command":
    """The command that a Typer is."""
    for info in commands.registered_commands:
        info.cls = HelpCommand
        info.callback = info.callback and with_output_options(info.callback, uses_store=uses_store)
    application = _application()
    application.add_typer(commands, name=name, help=help_text, epilog=examples)
    return get_group(application).commands[name]


def _application() -> typer.Typer:
    return typer.Typer(cls=HelpGroup, rich_markup_mode=None, add_completion=False)
