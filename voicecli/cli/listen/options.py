"""The options of ``voicecli listen``, by what they are about."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from voicecli.cli.options import filters
from voicecli.cli.options.public_access import (
    PANEL,
    Domain,
    Force,
    InstallNgrok,
    NgrokConfig,
    Port,
    PublicUrl,
)
from voicecli.cli.options.values import duration
from voicecli.listener.public_access import LOCALHOST, PublicAccess

_AT_8X8 = {"rich_help_panel": "At 8x8"}
_ANSWERS = {"rich_help_panel": "What is answered"}


class View(StrEnum):
    EVENTS = "events"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class ListenAccessOptions:
    """Where to listen, how 8x8 gets there, and whose events are taken."""

    port: Port = None
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="The address to listen at.", **PANEL)] = (
        LOCALHOST
    )
    domain: Domain = None
    ngrok_config: NgrokConfig = None
    install_ngrok: InstallNgrok = False
    public_url: PublicUrl = None
    no_tunnel: Annotated[bool, typer.Option("--no-tunnel", help="Only this machine gets in.", **PANEL)] = (
        False
    )
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Take events without a token, from anybody.", **PANEL)
    ] = False
    force: Force = False

    def public_access(self) -> PublicAccess:
        return PublicAccess(
            self.domain, self.public_url, self.ngrok_config, self.install_ngrok, self.no_tunnel, self.host
        )


@dataclass(frozen=True, slots=True)
class RegistrationOptions:
    """The subaccount's webhooks."""

    register: Annotated[
        bool,
        typer.Option(
            "--register",
            help="Point the subaccount's webhooks here, and put back at the end what was there.",
            **_AT_8X8,
        ),
    ] = False
    events: Annotated[str, typer.Option(metavar="TYPES", help="The types to register for.", **_AT_8X8)] = (
        "vca,vss,vcs"
    )


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """What VCAs are answered that are not of calls placed from here, and what else gets the events."""

    reply: Annotated[
        str,
        typer.Option(
            metavar="REPLY",
            help="What a VCA is answered of a call that was not placed from here: continue (as the receiver "
            "before us says, else hangup), hangup, none (nothing to add), or a FILE.json with a callflow.",
            **_ANSWERS,
        ),
    ] = "continue"
    forward_to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Pass events on to your own application; it answers VCAs of calls that were not placed "
            "from here.",
            **_ANSWERS,
        ),
    ] = None
    forward_timeout: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=duration,
            help="How long your application may take; else 5s.",
            **_ANSWERS,
        ),
    ] = None
    send_token: Annotated[
        bool,
        typer.Option(
            "--send-token",
            help="Pass the Authorization header on wherever --forward-to is; but only encrypted.",
            **_ANSWERS,
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How much is shown, how, and for how long."""

    count: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="End after N rows; what comes again is none.", **filters.SHOWN),
    ] = None
    length: Annotated[
        timedelta | None,
        typer.Option("--for", metavar="TIME", parser=duration, help="End after 10m, 2h.", **filters.SHOWN),
    ] = None
    mask_numbers: filters.MaskNumbers = False
