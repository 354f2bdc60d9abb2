"""Files that only their owner may read, and links that somebody else has put in the way."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicecli.errors import ConfigurationError, StoreFailed, StoreRefused
from voicecli.platforms import system

_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_OTHERS = 0o077
_MAX_LINKS = 40  # as in Linux


def make_folder(path: Path) -> None:
    """Make it where it is not there. Raises ConfigurationError for one in a home folder that nobody knows,
    and OSError."""
    require_known_home(path, hint="Set VOICECLI_HOME to a folder that can be written.")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def require_known_home(path: Path, *, hint: str) -> None:
    """Raises ConfigurationError for a path that begins with a ~ which stands for nothing: it would become a
    folder of that name."""
    if path.parts[:1] and path.parts[0].startswith("~"):
        user = "This user" if system.user_id() is None else f"This user (id {system.user_id()})"
        raise ConfigurationError(f"{user} has no home folder that {path} could be in.", hint=hint)


def create(path: Path) -> None:
    """An empty file where there is none; one that is there is kept to its owner. It is not opened: that would
    free SQLite's locks on it. Raises ConfigurationError and OSError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        restrict_to_owner(path)


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """An empty file in the same folder, to be moved to that path once it is whole. At the end it is removed
    where it was not moved. Raises OSError."""
    from tempfile import mkstemp

    descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def restrict_to_owner(path: Path) -> None:
    """See that nobody else can read or write it from now on. Raises ConfigurationError where that can't be,
    and where somebody else has put a link in its place; OSError where there is none."""
    if (link := foreign_link(path, whole=False)) is not None:
        raise _refusal(f"{link} is a link that somebody else has put there.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS and system.user_id() is not None:
        try:
            path.chmod(mode & ~_OTHERS)
        except PermissionError as error:
            raise _refusal(f"Others can read {path}, and it belongs to somebody else.") from error


def _refusal(words: str) -> ConfigurationError:
    return ConfigurationError(words, hint="Set VOICECLI_HOME to a folder of yours, or take that away.")


def unusable(words: str, error: OSError, *, hint: str = "") -> StoreFailed:
    """What is raised where a file of the store's can't be used; ``words`` is a sentence without its end."""
    if error.errno in _NOT_ALLOWED:
        hint = "Set VOICECLI_HOME to a folder of yours that can be written."
        return StoreRefused(f"{words}: {error.strerror}.", hint=hint)
    return StoreFailed(f"{words}: {error.strerror}.", hint=hint)


def is_readable_by_others(path: Path) -> bool:
    """Whether others on this machine can read a file, or change it; not so for a pipe, or where there is
    none."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & _OTHERS) and system.user_id() is not None


def belongs_to_somebody_else(path: Path) -> bool:
    """Whether a file, or the link that leads to it, is neither this user's nor the administrator's."""
    try:
        return any(_is_foreign(found) for found in (path.stat(), path.lstat()))
    except OSError:
        return False


def _is_foreign(found: os.stat_result) -> bool:
    user = system.user_id()
    return user is not None and found.st_uid not in (user, 0)


def foreign_link(path: Path, *, whole: bool = True) -> Path | None:
    """The first link that a path leads through, with ``whole`` in any of its folders, too, which belongs
    neither to this user nor to the system; None where there is none. Raises OSError."""
    path = path.absolute()
    place, rest = (Path(path.anchor), [*path.parts[:0:-1]]) if whole else (path.parent, [path.name])
    links = 0
    while rest and links < _MAX_LINKS:
        part = place / rest.pop()
        try:
            found = part.lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISLNK(found.st_mode):
            place = part.parent.parent if part.name == ".." else part
            continue
        if _is_foreign(found):
            return part
        links += 1
        target = part.readlink()
        place = Path(target.anchor) if target.is_absolute() else place
        rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return None
