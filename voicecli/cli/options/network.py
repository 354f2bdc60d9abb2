"""Options about the network."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from voicecli.cli.options.records import option
from voicecli.cli.options.values import seconds, whole
from voicecli.voice_api import timeouts
from voicecli.voice_api.retries import RETRIES

NETWORK = "Network"
RequestTimeout = Annotated[
    float, option("SECONDS", "How long to wait for 8x8's answer.", parser=seconds(0.1, 600), panel=NETWORK)
]


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How requests are sent; ``request_timeout`` is in seconds."""

    PANEL: ClassVar[str] = "Network"

    request_timeout: RequestTimeout = timeouts.REQUEST_TIMEOUT
    retries: Annotated[
        int,
        option("N", "How often to send a request again that certainly did not arrive.", parser=whole(0, 20)),
    ] = RETRIES
