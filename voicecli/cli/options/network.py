"""Options about the network."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from voicecli.cli.options.values import real, whole
from voicecli.voice_api import wire
from voicecli.voice_api.retries import RETRIES

NETWORK = {"rich_help_panel": "Network"}
RequestTimeout = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", parser=real(0.1, 600), help="How long to wait for 8x8's answer.", **NETWORK
    ),
]


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How requests are sent; ``request_timeout`` is in seconds."""

    PANEL: ClassVar[str] = "Network"

    request_timeout: RequestTimeout = wire.REQUEST_TIMEOUT
    retries: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=whole(0, 20),
            help="How often to send a request again that certainly did not arrive.",
        ),
    ] = RETRIES
