"""Who must not be called: people who have unsubscribed, as ``store.unsubscribed`` has them.

``placing`` asks before each call. A broadcast, which has a do-not-call list, too, asks its own
``broadcast.eligibility``; a reply to a VCA passes ``UnsubscribedFilter`` in ``listener.vca_repliers``."""

from voicecli.errors import Unsubscribed
from voicecli.store import unsubscribed
from voicecli.store.engine import Store
from voicecli.voice_api.callflow import CallRequest, destinations


def refuse_unsubscribed(store: Store, request: CallRequest) -> None:
    """Raises Unsubscribed if the request would call somebody who has unsubscribed, and StoreFailed."""
    number = unsubscribed.first_unsubscribed(store, destinations(request.callflow))
    if number is not None:
        raise Unsubscribed(number)
