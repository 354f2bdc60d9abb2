"""Where the store is."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_WHICH_DATABASE = {"host", "hostaddr", "port", "dbname", "service", "schema"}  # parameters of a URL


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

    @property
    def local_folder(self) -> Path:
        """This machine's own, for what belongs to this store: its listeners, and events that wait until it
        can be reached. It is another one for each database, whoever signs in there."""
        if self.url is None:
            return self.folder
        from hashlib import blake2b
        from urllib.parse import parse_qsl, urlsplit

        parts = urlsplit(self.url)
        which = sorted(one for one in parse_qsl(parts.query) if one[0] in _WHICH_DATABASE)
        words = repr((parts.netloc.rpartition("@")[2], parts.path, which))
        return self.folder / f"shared-{blake2b(words.encode(), digest_size=6).hexdigest()}"

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
