"""Options that say how 8x8 reaches this machine: a tunnel, or a public URL of the user's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from voicecli.listener.public_access import PublicAccess
from voicecli.urls import DEFAULT_PORT

PANEL = {"rich_help_panel": "Public access"}
Port = Annotated[
    str | None,
    typer.Option(metavar="PORT", help=f"The port to listen on. Default: PORT, else {DEFAULT_PORT}.", **PANEL),
]
Domain = Annotated[
    str | None,
    typer.Option(metavar="DOMAIN", help="Your static ngrok domain. Default: WEBHOOK_BASE_URL.", **PANEL),
]
NgrokConfig = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your own ngrok.yml, of version 2 or 3.", **PANEL)
]
InstallNgrok = Annotated[
    bool, typer.Option("--install-ngrok", help="Download the ngrok agent if it is missing.", **PANEL)
]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The public URL of your own proxy or tunnel; no ngrok is started.", **PANEL
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Register even if a webhook's token can't be restored later, or 8x8 would not reach "
        "this machine.",
        **PANEL,
    ),
]


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """For a command that receives what 8x8 reports for as long as it waits."""

    port: Port = None
    domain: Domain = None
    ngrok_config: NgrokConfig = None
    install_ngrok: InstallNgrok = False
    public_url: PublicUrl = None
    force: Force = False

    def public_access(self) -> PublicAccess:
        return PublicAccess(self.domain, self.public_url, self.ngrok_config, self.install_ngrok)

    def flags(self) -> dict[str, str | None]:
        """As the settings take them."""
        return {"port": self.port, "public_url": self.domain}
