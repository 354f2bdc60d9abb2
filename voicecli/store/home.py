"""Where the store is."""

from pathlib import Path


def folder(home: str | None) -> Path:
    """Where the file is: ``home`` (the setting VOICECLI_HOME), else the system's place for user data."""
    if home:
        return Path(home).expanduser()
    import platformdirs

    return platformdirs.user_data_path("voicecli", appauthor=False)
