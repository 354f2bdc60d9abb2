"""What a listener listens for, and how."""

from collections.abc import Callable
from dataclasses import dataclass, field

from voicecli.listener.retention import DeleteOld
from voicecli.listener.routes import Replier
from voicecli.listener.vca_repliers import constant_reply
from voicecli.store.location import StorePlace
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.supervision import LIMITS, SupervisionLimits
from voicecli.voice_api.replies import HANG_UP

CHECK_EVERY = 60.0  # seconds between two looks at the webhooks


@dataclass(frozen=True, slots=True)
class ListenerPlan:
    """What to listen for, and how. ``port`` 0 lets the system choose; ``forward_timeout`` is in seconds.

    ``public_url`` leads here already, ``tunnel`` is to be opened; without both, only this machine gets
    in. ``register`` has the types of webhooks to point here; with these, ``optional`` ones where
    nothing is lost by that, and ``if_unset`` ones that nobody has. With ``token_is_new`` nobody has been told
    the token yet. ``replier`` answers VCAs; what it has not shown to the application at ``forward_to`` itself
    is passed on there, as all other events are; their Authorization header only with ``forward_token``.
    ``delete_old``, every hour, deletes what is old; without it nothing is. ``check_every`` is in seconds,
    between two looks at the webhooks; ``tunnel_limits`` says when the tunnel's agent is restarted. Without
    a token, ``names`` are the hosts that requests may be for, beside this machine and the public URL.
    """

    store: StorePlace
    port: int
    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    token_is_new: bool = False
    replier: Replier = field(default_factory=lambda: constant_reply(HANG_UP))
    forward_to: str | None = None
    forward_timeout: float = 5.0
    forward_token: bool = False
    public_url: str | None = None
    tunnel: Callable[[int], Tunnel] | None = None
    register: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    if_unset: tuple[str, ...] = ()
    force: bool = False
    delete_old: DeleteOld | None = None
    check_every: float = CHECK_EVERY
    tunnel_limits: SupervisionLimits = LIMITS
    names: tuple[str, ...] = ()
