"""The content of a broadcast, sealed in the store as long as somebody is left to call: an interrupted
broadcast is resumed by its id alone, so the content outlives the process, and nobody is to read it there."""

from voicecli.errors import ConfigurationError, StoreFailed
from voicecli.store import sealing
from voicecli.store.broadcasts import Broadcast, forget_content, pad_file
from voicecli.store.sqlite import Store

_HINT = "It can't be resumed. voicecli broadcast results shows who was called."


def unseal(store: Store, broadcast: Broadcast) -> bytes:
    """The content, packed. Raises ConfigurationError where it can't be read any more."""
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


def is_stored(store: Store, broadcast: Broadcast) -> bool:
    """Whether there is something to read."""
    return sealing.is_sealed(broadcast.sealed) or pad_file(store, broadcast).exists()


def delete(store: Store, broadcast: Broadcast) -> None:
    """Delete it: nobody can read it any more. Raises StoreFailed."""
    pad_file(store, broadcast).unlink(missing_ok=True)
    forget_content(store, broadcast)
