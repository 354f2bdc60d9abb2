"""Files that a command writes: whole, or not at all."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from voicecli import interrupts
from voicecli.errors import InvalidInput, OutputFailed
from voicecli.platforms import private_files


@dataclass(frozen=True, slots=True)
class Target:
    """A file to write: ``path`` as the user wrote it, ``file`` resolved."""

    path: str
    file: Path


def target(path: str, folder: Path) -> Target:
    """The file at a path relative to a folder. Raises InvalidInput if it can't be written."""
    try:
        if (link := private_files.foreign_link(folder / path)) is not None:
            raise InvalidInput(f"-o leads through {link}, a link that somebody else has put there.")
        file = (folder / path).resolve()
        if not path or (file.exists() and not file.is_file()):
            raise InvalidInput("-o must name a file.", hint="Name a new one, or one that may be replaced.")
        if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
            raise InvalidInput(
                f"The folder of {path} does not exist, or can't be written.",
                hint="Make it first, or name a file in another folder.",
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"-o {path} is no file name.") from error
    return Target(path, file)


def replace(target: Target, pieces: Iterable[bytes]) -> None:
    """``write`` what comes in pieces."""

    def fill(file: BinaryIO) -> None:
        for piece in pieces:
            interrupts.check()
            file.write(piece)

    write(target, fill)


def write(target: Target, fill: Callable[[BinaryIO], None]) -> None:
    """Let a file be filled beside its place, and move it there when it is whole; only its owner can read it.
    Raises OutputFailed."""
    try:
        with private_files.temporary_beside(target.file) as new:
            with new.open("wb") as file:
                fill(file)
            new.replace(target.file)
    except OSError as error:
        raise OutputFailed(f"{target.path} can't be written ({error.strerror}).") from error
