"""The options of ``voicecli listen``, by what they are about."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from voicecli.cli.options import filters
from voicecli.cli.options.public_access import Domain, Force, InstallNgrok, NgrokConfig, Port, PublicUrl
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import duration, whole
from voicecli.listener.public_access import LOCALHOST, PublicAccess


class View(StrEnum):
    EVENTS = "events"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class ListenAccessOptions:
    """Where to listen, how 8x8 gets there, and whose events are taken."""

    PANEL: ClassVar[str] = "Public access"

    port: Port = None
    host: Annotated[str, option("ADDRESS", "The address to listen on.")] = LOCALHOST
    domain: Domain = None
    ngrok_config: NgrokConfig = None
    install_ngrok: InstallNgrok = False
    public_url: PublicUrl = None
    no_tunnel: Annotated[bool, flag("Accept events from this machine only.")] = False
    no_auth: Annotated[bool, flag("Accept events without a token, from anybody.")] = False
    force: Force = False

    def public_access(self) -> PublicAccess:
        return PublicAccess(
            self.domain, self.public_url, self.ngrok_config, self.install_ngrok, self.no_tunnel, self.host
        )


@dataclass(frozen=True, slots=True)
class RegistrationOptions:
    """The subaccount's webhooks."""

    PANEL: ClassVar[str] = "Registration"

    register: Annotated[
        bool,
        flag("Point the subaccount's webhooks at this listener, and restore the former ones at the end."),
    ] = False
    events: Annotated[str, option("TYPES", "The types of events to register for.")] = "vca,vss,vcs"


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """What VCAs are answered that are not of calls placed from here, and what else gets the events."""

    PANEL: ClassVar[str] = "Replies"

    reply: Annotated[
        str,
        option(
            "REPLY",
            "The reply to the VCAs of calls that were not placed from here: continue (what the former "
            "receiver replies, else hangup), hangup, none (no action), or a FILE.json with a callflow.",
        ),
    ] = "continue"
    forward_to: Annotated[
        str | None,
        option(
            "URL",
            "Forward events to your own application; its answers are the replies to the VCAs of calls "
            "that were not placed from here.",
        ),
    ] = None
    forward_timeout: Annotated[
        timedelta | None,
        option("TIME", "How long to wait for your application. Default: 5s.", parser=duration),
    ] = None
    send_token: Annotated[bool, flag("Forward the Authorization header, too, if the URL is https.")] = False


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """How much is shown, how, and for how long."""

    PANEL: ClassVar[str] = filters.DISPLAY

    count: Annotated[int | None, option("N", "End after N rows, without duplicates.", parser=whole(1))] = None
    length: Annotated[
        timedelta | None, option("TIME", "End after this time: 10m, 2h.", "--for", parser=duration)
    ] = None
    mask_numbers: filters.MaskNumbers = False
