"""Where the store is."""

from contextlib import suppress
from pathlib import Path


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
