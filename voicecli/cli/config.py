"""``voicecli config``: the settings in force, and where each comes from."""

from collections.abc import Iterator
from typing import NamedTuple

import typer

from voicecli.cli import dotenv_rules, wiring
from voicecli.cli.context import context_of
from voicecli.errors import VoicecliError
from voicecli.output import Column, TableRow
from voicecli.output.rows import Line
from voicecli.setting_files import Rank
from voicecli.setting_table import SETTINGS, Setting, shown
from voicecli.settings import Settings

EXAMPLES = """\
voicecli config
voicecli config --env-file production.env
voicecli config --json | jq '.settings[] | select(.problem)'
"""
_NO_KEY = "the database needs it; voicecli store key makes one"
_COLUMNS = (Column("setting", 27), Column("from", 11), Column("value", 0))
_PLACES = {
    Rank.ARGUMENT: "option",
    Rank.ENVIRONMENT: "environment",
    Rank.ENV_FILE: "--env-file",
    Rank.FOLDER: ".env",
    Rank.USER: "your file",
    Rank.DEFAULT: "default",
    None: "not set",
}


def config(ctx: typer.Context) -> None:
    """Show each setting, its value, and where it comes from. Secrets are shown as ***.

    A setting has the first value that is found: in an option of a command such as --from, in the environment,
    in the file of --env-file (or VOICECLI_ENV_FILE), in the .env of this folder, in your own file, which is
    for all folders; else the default, if there is one.
    """
    context = context_of(ctx)
    settings = context.settings({})
    shown = [_shown(settings, setting) for setting in SETTINGS]
    for one in shown:
        context.output.partial_row(one.row())
    files = [
        {"origin": file.rank, "file": str(file.path.absolute()), "read": is_there}
        for file, is_there in settings.files
    ]
    context.output.report(_files(settings), {"settings": [one._asdict() for one in shown], "files": files})


class _Shown(NamedTuple):
    """A setting as programs see it. ``file`` is the one that a secret has of its own; a ``problem`` stands in
    place of the value."""

    variable: str
    value: str | None = None
    origin: Rank | None = None
    file: str | None = None
    problem: str | None = None

    def row(self) -> TableRow:
        name, _, clause = (self.problem or "").partition(": ")  # the row has the name already
        text = clause or name or self.value or ""
        if self.value is not None and self.file is not None:
            text += f" in {self.file}"
        cells = (self.variable, _PLACES[self.origin], text)
        return TableRow(_COLUMNS, cells, self._asdict(), "red" if self.problem else "")


def _shown(settings: Settings, setting: Setting) -> _Shown:
    found = settings.found(setting.name)
    if found is None and setting.name != "home":
        is_needed = setting.name == "store_key" and settings.found("store") is not None
        return _Shown(setting.variable, problem=_NO_KEY if is_needed else None)
    rank = Rank.DEFAULT if found is None else found.rank
    file = str(found.file.absolute()) if found is not None and found.file is not None else None
    try:
        value = settings.get(setting.name)
        if setting.name == "home":  # the system has a place for it where it is not set
            value = str(wiring.home(settings).absolute())
        if setting.name == "store":
            dotenv_rules.refuse_store_of_others(settings)
    except VoicecliError as error:
        return _Shown(setting.variable, None, rank, file, error.message)
    return _Shown(setting.variable, value and shown(setting, value), rank, file)


def _files(settings: Settings) -> Iterator[Line]:
    yield "", ""
    yield "Files that are looked for, the first one counts:", ""
    for file, is_there in settings.files:
        note = "" if is_there else " (none)"
        yield f"  {_PLACES[file.rank]:<11} {file.path.absolute()}{note}", ""
