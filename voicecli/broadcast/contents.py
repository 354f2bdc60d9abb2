"""What a broadcast says, sealed in its row for as long as there is somebody left to call: an interrupted one
goes on by its id alone, so it has to outlive the process, and nobody is to read it in the store."""

from voicecli.errors import ConfigurationError, StoreFailed
from voicecli.store import sealing
from voicecli.store.broadcasts import Broadcast, forget_content, pad_file
from voicecli.store.sqlite import Store

_HINT = "It can't be resumed. voicecli broadcast results shows who was called."


def read(store: Store, broadcast: Broadcast) -> bytes:
    """What it says. Raises ConfigurationError where that can't be read any more."""
    try:
        if sealing.is_sealed(broadcast.sealed):
            return sealing.unseal(store.path.parent, broadcast.sealed, broadcast.id.encode())
        random = pad_file(store, broadcast).read_bytes()
        return bytes(a ^ b for a, b in zip(broadcast.sealed, random, strict=True))
    except (ConfigurationError, StoreFailed, OSError, ValueError) as error:
        raise ConfigurationError(
            f"The message of broadcast {broadcast.id} can't be read.",
            hint=_HINT,
        ) from error


def is_kept(store: Store, broadcast: Broadcast) -> bool:
    """Whether there is something to read."""
    return sealing.is_sealed(broadcast.sealed) or pad_file(store, broadcast).exists()


def forget(store: Store, broadcast: Broadcast) -> None:
    """Nobody can read it any more. Raises StoreFailed."""
    pad_file(store, broadcast).unlink(missing_ok=True)
    forget_content(store, broadcast)
