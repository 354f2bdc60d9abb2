"""Options that say how 8x8 reaches this machine: a tunnel, or a public URL of the user's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from voicecli.cli.options.records import flag, option
from voicecli.listener.public_access import PublicAccess
from voicecli.urls import DEFAULT_PORT

PANEL = "Public access"
Port = Annotated[
    str | None, option("PORT", f"The port to listen on. Default: PORT, else {DEFAULT_PORT}.", panel=PANEL)
]
Domain = Annotated[
    str | None, option("DOMAIN", "Your static ngrok domain. Default: WEBHOOK_BASE_URL.", panel=PANEL)
]
NgrokConfig = Annotated[Path | None, option("FILE", "Your own ngrok.yml, of version 2 or 3.", panel=PANEL)]
InstallNgrok = Annotated[
    bool, flag("Download the ngrok agent if it is missing.", "--install-ngrok", panel=PANEL)
]
PublicUrl = Annotated[
    str | None, option("URL", "The public URL of your own proxy or tunnel; no ngrok is started.", panel=PANEL)
]
Force = Annotated[
    bool,
    flag(
        "Register even if a webhook's token can't be restored later, or 8x8 would not reach this machine.",
        "--force",
        panel=PANEL,
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
        """Raises InvalidInput for options that exclude each other."""
        access = PublicAccess(self.domain, self.public_url, self.ngrok_config, self.install_ngrok)
        access.check(register=True)
        return access

    def flags(self) -> dict[str, str | None]:
        """As the settings take them."""
        return {"port": self.port, "webhook_base_url": self.domain}
