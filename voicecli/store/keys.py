"""Keyed hashes, by which the same content is recognised and nothing else revealed, and the keys of a store
that is a file: each in a file beside it."""

from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from voicecli.errors import StoreFailed
from voicecli.platforms import private_files, system
from voicecli.store.engine import Purpose, Store
from voicecli.team_store import KEY_LENGTH

FILES: dict[Purpose, str] = {"once": "once.key", "seal": "seal.key"}
LOST: dict[Purpose, str] = {
    "once": "--once then begins anew",
    "seal": "encrypted data can't be read then",
}
"""What it means to lose a key, as a clause."""


def fingerprint(store: Store, content: bytes) -> bytes:
    """16 bytes by which the same content can be recognised, and without the store's key nothing else. Raises
    StoreFailed."""
    return keyed_hash(content, store.secret("once"))


def keyed_hash(content: bytes, key: bytes) -> bytes:
    """``fingerprint`` under this key."""
    return blake2b(content, key=key, digest_size=16).digest()


def read_or_make(path: Path, *, lost: str) -> bytes:
    """The key in this file, the same for every process: made by the first that asks. ``lost`` says, as a
    clause, what it means to lose it. Raises StoreFailed, and ConfigurationError where others can read it."""
    try:
        if not path.exists():
            _make(path)
        private_files.restrict_to_owner(path)
        key = path.read_bytes()
    except OSError as error:
        raise private_files.unusable(f"The file {path} can't be made or read", error) from error
    if len(key) != KEY_LENGTH:
        raise StoreFailed(f"The file {path} is damaged.", hint=f"Delete it: {lost}.")
    return key


def _make(path: Path) -> None:
    """A new key, unless another process makes one just now. Raises OSError."""
    import secrets

    with private_files.temporary_beside(path) as new:
        with new.open("wb") as file:
            file.write(secrets.token_bytes(KEY_LENGTH))
            system.sync(file)
        with suppress(FileExistsError):
            system.publish(new, path)
