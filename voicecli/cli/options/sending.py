"""Options of the commands that send events to a receiver."""

from dataclasses import dataclass
from typing import Annotated

from voicecli.cli.options.network import NETWORK
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import seconds
from voicecli.voice_api import timeouts


@dataclass(frozen=True, slots=True)
class SendingOptions:
    """How an event is sent to a receiver; ``request_timeout`` is in seconds."""

    send_token: Annotated[bool, flag("Send WEBHOOK_AUTH_TOKEN along, if the URL is https.")] = False
    request_timeout: Annotated[
        float, option("SECONDS", "How long to wait for an answer.", parser=seconds(0.1, 600), panel=NETWORK)
    ] = timeouts.REQUEST_TIMEOUT
