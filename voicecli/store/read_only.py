"""The store for completion: no file of it is made or changed, whatever its state is."""

import sqlite3
from pathlib import Path

from voicecli.store.engine import SHORT_PATIENCE
from voicecli.store.migrations import MIGRATIONS
from voicecli.store.sqlite import FILE, SqliteStore


class ReadOnlyStore(SqliteStore):
    """The store where it is there, of this version, and not held by somebody; else ``open`` gives None."""

    def __init__(self, path: Path) -> None:
        self.path, self._file = path, path.stat()
        self.name, self.folder = str(path), path.parent
        # A reader would leave files beside it; without a log, nobody writes, and the file is all there is.
        how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None)
        self._wait_for_others(SHORT_PATIENCE)

    @classmethod
    def open(cls, home: Path) -> "ReadOnlyStore | None":
        """Raises sqlite3.Error and OSError."""
        path = home / FILE
        if not path.is_file():
            return None
        store = cls(path)
        if store._version() == len(MIGRATIONS):
            return store
        store.close()
        return None
