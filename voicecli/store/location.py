"""Where the store is."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class StorePlace(NamedTuple):
    """Where the store is. ``folder`` is this machine's own: the SQLite file, and in any case locks and
    records of this machine. ``url`` is of a PostgreSQL database that a team shares (None: the file), ``key``
    the team's secret for it. Neither of these is shown anywhere."""

    folder: Path
    url: str | None = None
    key: bytes | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other machines use the same store."""
        return self.url is not None

    def __repr__(self) -> str:
        return f"StorePlace({str(self.folder)!r}, {'shared' if self.is_shared else 'a file'})"


def store_folder(home: str | None) -> Path:
    """Where the file is: ``home`` (the setting VOICECLI_HOME), else the system's place for user data. For a
    user without a home folder it may begin with a ~, and whoever makes files there refuses that."""
    if home:
        with suppress(RuntimeError):
            return Path(home).expanduser()
        return Path(home)
    import platformdirs

    try:
        return platformdirs.user_data_path("voicecli", appauthor=False)
    except RuntimeError:
        return Path("~/.local/share/voicecli")
