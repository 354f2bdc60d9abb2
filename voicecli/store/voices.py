"""The voices that 8x8 listed last, for completion."""

from collections.abc import Iterable
from pathlib import Path

from voicecli.platforms import private_files

_FILE = "voices"
_MAX_SIZE = 1 << 16  # bytes: about 3000 voices


def keep(home: Path, names: Iterable[str]) -> None:
    """Keep them in the place of those before: in a new file, since what has that name may be a link to any
    file of the user's, in a folder that came from somebody else. Raises ConfigurationError and OSError."""
    private_files.make_folder(home)
    with private_files.temporary_beside(home / _FILE) as new:
        with new.open("w", encoding="utf-8") as file:
            file.writelines(f"{voice}\n" for voice in names)
        new.replace(home / _FILE)


def seen(home: Path) -> list[str]:
    """Those that were kept; none where no list was seen yet. Of what is no regular file nothing is read: a
    pipe would wait. Raises OSError and ValueError."""
    path = home / _FILE
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        return file.read(_MAX_SIZE).splitlines()
