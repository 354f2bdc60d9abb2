"""Files that have settings in them, lines of NAME=value, and files that have one secret each."""

import stat
from collections.abc import Iterator, Mapping
from enum import StrEnum
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import NamedTuple

from voicecli import interrupts
from voicecli.errors import ConfigurationError, InvalidInput

MAX_SIZE = 1 << 20  # bytes
ENV_FILE = "VOICECLI_ENV_FILE"
NAME = "voicecli.env"
_DOTENV = ".env"


class Rank(StrEnum):
    """Where a setting comes from. The first one that has a value counts."""

    ARGUMENT = "argument"
    ENVIRONMENT = "environment"
    ENV_FILE = "env-file"  # the file of --env-file or VOICECLI_ENV_FILE
    FOLDER = "folder"  # the .env of the current folder, which may be somebody else's
    USER = "user"  # the user's own file
    DEFAULT = "default"


class SettingsFile(NamedTuple):
    """A file to look for. Messages call it by ``name``, and by ``place`` where they say what is in it. Only
    that of ENV_FILE must be there."""

    rank: Rank
    path: Path
    place: str
    name: str

    def read(self, warnings: list[str]) -> Mapping[str, str | None] | None:
        """Its variables; None where there is no such file. Lines that can't be understood are added to the
        ``warnings``. Raises ConfigurationError for a file that can't be read."""
        try:
            if not self._is_there():
                return None
            content = _content(self.path)
            import logging

            import dotenv

            def add_warning(record: logging.LogRecord) -> bool:
                """python-dotenv reports a bad line only in its log: the number of that line, or of an empty
                one above it."""
                first = int(str(record.args[0])) if isinstance(record.args, tuple) and record.args else 1
                lines = enumerate(text.split("\n"), start=1)
                number, line = next((n, line) for n, line in lines if n >= first and line.strip())
                warnings.append(
                    f"The file {self.name} can't be understood from line {number} on. Is a quote left open?"
                    if "=" in line
                    else f"The file {self.name} has no = in line {number}. A setting is NAME=value."
                )
                return False

            text = TextIOWrapper(BytesIO(content), encoding="utf-8-sig").read()
            log = logging.getLogger("dotenv.main")
            log.addFilter(add_warning)
            try:
                return dotenv.dotenv_values(stream=StringIO(text), interpolate=False)
            finally:
                log.removeFilter(add_warning)
        except (OSError, ValueError) as error:
            another = self.rank is Rank.ENV_FILE
            raise ConfigurationError(
                f"The file {self.name} can't be read: {_reason(error)}.",
                hint="Name another file, or correct this one." if another else "Correct it, or move it away.",
            ) from error

    def _is_there(self) -> bool:
        """A folder called .env is somebody's virtual environment. Where a service can't look into home
        folders, the user has no file there. Raises OSError."""
        if self.rank is Rank.ENV_FILE:
            return True  # it may be a pipe: --env-file <(…)
        try:
            return stat.S_ISREG(self.path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError:
            if self.rank is Rank.USER:
                return False
            raise


def files_of_settings(
    environment: Mapping[str, str], folder: Path, env_file: str | None = None
) -> Iterator[SettingsFile]:
    """The files that settings are looked for in, with the first to count first. Raises InvalidInput, and
    ConfigurationError where the variable's file is another one in each folder, which may be somebody else's.
    """
    if env_file is not None and not env_file.strip():  # an unset variable of a script
        raise InvalidInput("--env-file is empty.", hint="Give the name of a file with settings.")
    named = environment.get(ENV_FILE, "").strip() if env_file is None else env_file
    if named:
        path = path_from(folder, named)
        if env_file is None and not path_from(Path(), named).is_absolute():
            raise ConfigurationError(
                f"{ENV_FILE} is {named}, which is another file in each folder.",
                hint=f"Give it the whole path, such as {path.absolute()}; or name it with --env-file.",
            )
        name = f"{named} of {ENV_FILE if env_file is None else '--env-file'}"
        yield SettingsFile(Rank.ENV_FILE, path, named, name)
    yield SettingsFile(Rank.FOLDER, folder / _DOTENV, _DOTENV, f"{_DOTENV} in this folder")
    if (own := users_file()) is not None:
        yield SettingsFile(Rank.USER, own, str(own), str(own))


def users_file() -> Path | None:
    """Where the user's own file would be; None for a user without a home folder."""
    import platformdirs

    try:
        folder = platformdirs.user_config_path("voicecli", appauthor=False)
    except RuntimeError:
        return None
    return folder / NAME if folder.is_absolute() else None


def path_from(folder: Path, name: str) -> Path:
    """The path of that name in a folder, unless the name says where: /run/x, ~/x."""
    try:
        return folder / Path(name).expanduser()
    except RuntimeError:  # a home folder that nobody knows
        return folder / name


def secret_in(path: Path) -> str:
    """What a file has in it, without blanks and ends of lines around it. Raises ValueError, which says what
    is wrong with the file as a clause."""
    try:
        secret = _content(path).decode("utf-8-sig").strip()
    except (OSError, ValueError) as error:
        raise ValueError(f"the file {path} can't be read: {_reason(error)}") from error
    if not secret:
        raise ValueError(f"the file {path} is empty")
    return secret


def _content(path: Path) -> bytes:
    """Raises OSError, and ValueError for a file that is too large."""
    with interrupts.waiting(), path.open("rb") as file:
        content = file.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        raise ValueError("it has over 1 MiB")
    return content


def _reason(error: Exception) -> str:
    match error:
        case OSError(strerror=str(reason)):
            return reason
        case UnicodeError():
            return "it is not UTF-8 text"
        case _:
            return str(error)
