"""Options that say how 8x8 reaches this machine: a tunnel, or a public URL of the user's own."""

from pathlib import Path
from typing import Annotated

import typer

PANEL = {"rich_help_panel": "The way in"}


Port = Annotated[
    str | None,
    typer.Option(metavar="PORT", help="Where to listen on this machine; else PORT, else 5678.", **PANEL),
]


Domain = Annotated[
    str | None,
    typer.Option(metavar="DOMAIN", help="Your static ngrok domain; else WEBHOOK_BASE_URL.", **PANEL),
]


NgrokConfig = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your own ngrok.yml, version 2 or 3.", **PANEL)
]


InstallNgrok = Annotated[
    bool, typer.Option("--install-ngrok", help="Download the ngrok agent if it is missing.", **PANEL)
]


PublicUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="You have a way in of your own, at this URL: no tunnel.", **PANEL),
]


Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Register even where a header can't be put back, or 8x8 would not get through.",
        **PANEL,
    ),
]
