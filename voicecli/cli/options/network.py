"""Options about the network."""

from typing import Annotated

import typer

NETWORK = {"rich_help_panel": "The network"}


RequestTimeout = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0.1, max=600, help="How long to wait for the answer.", **NETWORK),
]
