"""Who answers the questions of a callflow of the user's own, seen before it is sent."""

from typing import TYPE_CHECKING

from voicecli.cli import wiring
from voicecli.cli.context import Context
from voicecli.errors import ConfigurationError
from voicecli.settings import Settings

if TYPE_CHECKING:
    from voicecli.voice_api.client import Client


def application_answers(
    context: Context, settings: Settings, client: "Client", *, continues: bool, waits: bool
) -> bool:
    """Whether an application of the user's gets the VCAs of a callflow; ``continues`` is whether that says
    what follows its question. Raises ConfigurationError where nobody could answer as it should be; but a
    command that ``waits`` can become the listener."""
    from voicecli.listener.receiving import ReceiverKind, look_up_receiver

    receiver = look_up_receiver(client, wiring.home(settings))
    if receiver.kind is ReceiverKind.APPLICATION:
        if continues:
            raise ConfigurationError(
                f"{receiver.words} What follows the question would have to come from there. "
                "Nothing was sent.",
                hint="If the application knows what follows: --vca-elsewhere. Else put it behind a "
                "listener: voicecli listen --register --forward-to URL.",
            )
        context.output.note(f"{receiver.words} It says how the call goes on.")
        return True
    if receiver.is_nobody and not waits:
        raise ConfigurationError(
            f"No key that is pressed could arrive. {receiver.words} Nothing was sent.",
            hint=f"{receiver.advice}. Or wait for the call, with --wait.",
        )
    if receiver.kind is ReceiverKind.UNKNOWN and not waits:
        context.output.warning(receiver.words)
    return False
