"""Options of the commands that send events to a receiver."""

from dataclasses import dataclass
from typing import Annotated

import typer

from voicecli.cli.options.values import real
from voicecli.voice_api import wire


@dataclass(frozen=True, slots=True)
class SendingOptions:
    """How an event is sent to a receiver; ``request_timeout`` is in seconds."""

    send_token: Annotated[bool, typer.Option(help="Send WEBHOOK_AUTH_TOKEN to any https URL.")] = False
    request_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", parser=real(0.1, 600), help="How long to wait for an answer.")
    ] = wire.REQUEST_TIMEOUT
