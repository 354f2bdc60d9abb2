"""Whether a list is the one of a broadcast: by its rows as they are read, so that one that Excel saved anew
is the same, or, as earlier versions had it, by its bytes."""

from voicecli.broadcast.lists.recipients import Recipients
from voicecli.errors import InvalidInput
from voicecli.store import former_keys
from voicecli.store.broadcasts import Broadcast
from voicecli.store.engine import Store

LINES = "lines"
"""A hash of the line numbers, by which rows are known to the journal, has this name among its options."""


def fingerprints(store: Store, recipients: Recipients, people: bytes) -> list[bytes]:
    """Those that this list may have in the store, ``people`` being its bytes. The first is what a new
    broadcast gets."""
    rows, content = (former_keys.fingerprints(store, it) for it in (recipients.digest, people))
    return [*rows, *content]


def is_list_of(store: Store, broadcast: Broadcast, recipients: Recipients, people: bytes) -> bool:
    """Whether it has the rows of the broadcast's list, in the same lines."""
    lines = broadcast.options.get(LINES, recipients.lines_digest)
    return lines == recipients.lines_digest and broadcast.fingerprint in fingerprints(
        store, recipients, people
    )


def refuse_another(store: Store, broadcast: Broadcast, recipients: Recipients, people: bytes) -> None:
    """Raises InvalidInput for another list."""
    if not is_list_of(store, broadcast, recipients, people):
        raise InvalidInput(
            f"The list has changed since broadcast {broadcast.id} was begun: nobody was called.",
            hint="Restore it. voicecli broadcast results shows who was called already.",
        )
