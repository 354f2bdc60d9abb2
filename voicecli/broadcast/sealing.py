"""What a broadcast says, kept unreadable for as long as there is somebody left to call.

A broadcast that was interrupted goes on by its id alone, so what it says has to outlive the process; yet the
journal must not tell it. So the journal has it combined with as many random bytes (a one-time pad), and these
are in a file of their own. Neither tells anything without the other, and once the file is deleted, no copy of
the journal does.
"""

import os
import secrets
from pathlib import Path

from voicecli.errors import ConfigurationError, StoreFailed

_NAME = "broadcast-{}.pad"
_HINT = "It can't go on. voicecli broadcast results says who was called; call the others anew."


def seal(home: Path, broadcast: str, content: bytes) -> bytes:
    """The unreadable form. Raises StoreFailed."""
    pad = secrets.token_bytes(len(content))
    path = home / _NAME.format(broadcast)
    try:
        path.touch(mode=0o600, exist_ok=False)
        with path.open("wb") as file:
            file.write(pad)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(home, os.O_RDONLY)
        os.fsync(folder)  # its name, too
        os.close(folder)
    except OSError as error:
        raise StoreFailed(f"The file {path} can't be made: {error.strerror}.") from error
    return _combined(content, pad)


def unseal(home: Path, broadcast: str, sealed: bytes) -> bytes:
    """What was sealed. Raises ConfigurationError where its pad is gone."""
    path = home / _NAME.format(broadcast)
    try:
        pad = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"What broadcast {broadcast} says can't be read: {path} {error.strerror or 'fails'}.",
            hint=_HINT,
        ) from error
    if len(pad) != len(sealed):
        raise ConfigurationError(
            f"What broadcast {broadcast} says can't be read: {path} is damaged.", hint=_HINT
        )
    return _combined(sealed, pad)


def is_there(home: Path, broadcast: str) -> bool:
    """Whether it can still be read."""
    return (home / _NAME.format(broadcast)).exists()


def forget(home: Path, broadcast: str) -> None:
    """Nobody can read it any more."""
    (home / _NAME.format(broadcast)).unlink(missing_ok=True)


def _combined(content: bytes, pad: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(content, pad, strict=True))
