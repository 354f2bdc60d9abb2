"""Options about the network."""

from dataclasses import dataclass
from typing import Annotated

import typer

from voicecli.voice_api import wire

NETWORK = {"rich_help_panel": "The network"}
RequestTimeout = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0.1, max=600, help="How long to wait for the answer.", **NETWORK),
]


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How requests are sent; ``request_timeout`` is in seconds."""

    request_timeout: RequestTimeout = wire.REQUEST_TIMEOUT
    retries: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=20, help="Try again what certainly did not arrive.", **NETWORK),
    ] = wire.RETRIES
