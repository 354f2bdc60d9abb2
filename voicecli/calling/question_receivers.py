"""Looks up who replies to the VCAs of a user's own callflow, before it is sent."""

from collections.abc import Callable

from voicecli.errors import ConfigurationError
from voicecli.listener.event_receivers import ReceiverKind, look_up_vca_receiver
from voicecli.store.location import StorePlace
from voicecli.voice_api.client import Client


def application_answers(
    client: Client,
    place: StorePlace,
    *,
    continues: bool,
    waits: bool,
    notify: Callable[[str], None],
    warn: Callable[[str], None],
) -> bool:
    """Whether the user's application gets the VCAs of a callflow. ``continues``: the callflow has actions
    after its question; ``waits``: this process can become the listener. Raises ConfigurationError if nobody
    could reply correctly."""
    receiver = look_up_vca_receiver(client, place)
    if receiver.kind is ReceiverKind.APPLICATION:
        if continues:
            raise ConfigurationError(
                f"{receiver.words} What follows the question would have to come from there. "
                "Nothing was sent.",
                hint="If the application knows what follows: --vca-elsewhere. Else put it behind a "
                "listener: voicecli listen --register --forward-to URL.",
            )
        notify(f"{receiver.words} It says how the call goes on.")
        return True
    if receiver.is_nobody and not waits:
        raise ConfigurationError(
            f"No key that is pressed could arrive. {receiver.words} Nothing was sent.",
            hint=f"{receiver.advice}. Or wait for the call, with --wait.",
        )
    if receiver.kind is ReceiverKind.UNKNOWN and not waits:
        warn(receiver.words)
    return False
