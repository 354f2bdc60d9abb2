"""Options for what events are sent to."""

from typing import Annotated

import typer

SendToken = Annotated[
    bool, typer.Option("--send-token", help="Send WEBHOOK_AUTH_TOKEN wherever URL is; but only encrypted.")
]


RequestTimeout = Annotated[
    float, typer.Option(metavar="SECONDS", min=0.1, max=600, help="How long to wait for the answer.")
]
