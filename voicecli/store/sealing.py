"""What people hear, kept unreadable where it has to outlive a process: what a broadcast says, and the
callflow of a call that asks something.

It is encrypted and authenticated (ChaCha20-Poly1305) with a key that is not in the store. What was sealed
for one row can't be taken for another's.
"""

import secrets
from typing import TYPE_CHECKING

from voicecli.errors import ConfigurationError
from voicecli.store.engine import Store
from voicecli.store.keys import FILES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_MARK = b"voicecli sealed 1:"
_NONCE_LENGTH = 12  # bytes


def seal(store: Store, content: bytes, context: bytes) -> bytes:
    """The unreadable form, for what ``context`` tells: only with the same context it can be unsealed. Raises
    StoreFailed."""
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    return _MARK + nonce + _cipher(store).encrypt(nonce, content, context)


def unseal(store: Store, sealed: bytes, context: bytes) -> bytes:
    """What was sealed. Raises ConfigurationError where that is not what it was sealed as, or the key is
    another; StoreFailed where there is no key to be had."""
    from cryptography.exceptions import InvalidTag

    start = len(_MARK) + _NONCE_LENGTH
    try:
        if sealed.startswith(_MARK):
            return _cipher(store).decrypt(sealed[len(_MARK) : start], sealed[start:], context)
    except (InvalidTag, ValueError):
        pass
    key = "the team's key" if store.is_shared else f"the key in {store.folder / FILES['seal']}"
    raise ConfigurationError(
        f"The encrypted data in the store can't be read with {key}.",
        hint="It was encrypted with another key, or is damaged.",
    )


def _cipher(store: Store) -> "ChaCha20Poly1305":
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    return ChaCha20Poly1305(store.secret("seal"))
