"""Who answers the questions of a callflow of the user's own, looked up before it is sent."""

from collections.abc import Callable
from pathlib import Path

from voicecli.errors import ConfigurationError
from voicecli.listener.event_receivers import ReceiverKind, look_up_receiver
from voicecli.voice_api.client import Client


def application_answers(
    client: Client,
    home: Path,
    *,
    continues: bool,
    waits: bool,
    notify: Callable[[str], None],
    warn: Callable[[str], None],
) -> bool:
    """Whether an application of the user's gets the VCAs of a callflow; ``continues`` is whether that says
    what follows its question. Raises ConfigurationError where nobody could answer as it should be; but who
    ``waits`` for the call can become the listener."""
    receiver = look_up_receiver(client, home)
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
