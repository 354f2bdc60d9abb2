"""The voices that 8x8 listed last, for completion."""

from collections.abc import Iterable
from pathlib import Path

from voicecli.platforms import private_files

_FILE = "voices"


def keep(home: Path, names: Iterable[str]) -> None:
    """Keep them in the place of those before. Raises ConfigurationError and OSError."""
    private_files.make_folder(home)
    private_files.create(home / _FILE)
    (home / _FILE).write_text("".join(f"{name}\n" for name in names), "utf-8")


def seen(home: Path) -> list[str]:
    """Those that were kept; none where no list was seen yet."""
    file = home / _FILE
    return file.read_text("utf-8").splitlines() if file.exists() else []
