"""Programs that others have installed. ``shutil.which`` looks in the current folder first on Windows, and
that may be somebody else's."""

import os
from collections.abc import Iterator
from pathlib import Path

from voicecli.platforms import system


def on_path(name: str) -> Iterator[Path]:
    """Each program of that name in the folders of PATH, in their order."""
    files = system.program_files(name)
    found = (Path(folder, file) for folder in filter(None, os.get_exec_path()) for file in files)
    return filter(is_program, found)


def find(name: str) -> Path | None:
    """The program of that name, which may be a path, too."""
    if Path(name).name == name:
        return next(on_path(name), None)
    return Path(name) if is_program(Path(name)) else None


def is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
