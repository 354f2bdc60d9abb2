"""Options of the commands that send events to a receiver."""

import math
from dataclasses import dataclass
from typing import Annotated

import typer

from voicecli.errors import InvalidInput
from voicecli.voice_api import wire


@dataclass(frozen=True, slots=True)
class SendingOptions:
    """How an event is sent to a receiver; ``request_timeout`` is in seconds. Raises InvalidInput where that
    is no number."""

    send_token: Annotated[
        bool,
        typer.Option("--send-token", help="Send WEBHOOK_AUTH_TOKEN wherever URL is; but only encrypted."),
    ] = False
    request_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=600, help="How long to wait for the answer.")
    ] = wire.REQUEST_TIMEOUT

    def __post_init__(self) -> None:
        if not math.isfinite(self.request_timeout):
            raise InvalidInput("--request-timeout must be a number of seconds.")
