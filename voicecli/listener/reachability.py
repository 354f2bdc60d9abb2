"""Opens the tunnel of a listener, and watches whether 8x8 reaches it at its public URL."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from voicecli.errors import Unreachable
from voicecli.listener import health
from voicecli.listener.webhook_watch import Notify, WarningText
from voicecli.threads import in_daemon_thread
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.ngrok_tunnel import NgrokTunnel, TunnelChange
from voicecli.tunnel.supervision import SupervisionLimits

PROBES = 2  # of a public URL that fail in a row: then that is told


class Reachability:
    """The public URL of the listener that is known by ``instance``; it may lead to another one of its
    ``team``, too, behind a load balancer. ``on_url`` gets each URL that it is reached at, ``on_moved`` is
    called once a tunnel that was down is up at another one."""

    def __init__(
        self,
        public_url: str | None,
        instance: str,
        *,
        has_tunnel: bool,
        team: Callable[[], str | None],
        limits: SupervisionLimits,
        notify: Notify,
        on_url: Callable[[str], None],
        on_moved: Callable[[], None],
    ) -> None:
        self.public_url = public_url
        self.tunnel_is_up: bool | None = False if has_tunnel else None
        """None without a tunnel of ours."""
        self.tunnel_trouble = ""
        """Why the tunnel is down."""
        self.unreachable: str | None = None
        """Why 8x8 could not reach this machine at the public URL; None where it would."""
        self._instance = instance
        self._team = team
        self._limits = limits
        self._notify = notify
        self._on_url = on_url
        self._on_moved = on_moved
        self._was_reached = False  # a probe of the public URL, at least once
        self._ngrok: NgrokTunnel | None = None
        if public_url is not None:
            on_url(public_url)

    @property
    def inspector(self) -> str | None:
        """Where the agent shows and replays requests."""
        return None if self._ngrok is None else self._ngrok.inspector

    def why_unreachable(self) -> str | None:
        """In a sentence about the listener."""
        if self.tunnel_is_up is False:
            return f"Its tunnel is down: {self.tunnel_trouble or 'it is not open yet'}."
        if self.unreachable is not None:
            return f"{self.public_url} does not lead to it: {self.unreachable}."
        return None

    def mark_reached(self) -> None:
        """A probe, or a request from outside, got here."""
        if self.unreachable is not None:
            self.unreachable = None
            self._notify(f"{self.public_url} leads here now.", None)

    # -- the tunnel ----------------------------------------------------------------------------------

    async def open_tunnel(self, tunnel: Tunnel) -> None:
        """Raises ConfigurationError and Unreachable."""
        self._ngrok = NgrokTunnel(
            tunnel,
            on_change=self.tunnel_changed,
            on_note=lambda text: self._notify(text, None),
            probe=self._probe_tunnel,
            limits=self._limits,
        )
        self.public_url = await self._ngrok.start()
        self._on_url(self.public_url)
        self.tunnel_is_up = True
        self._notify(f"The tunnel is up: {self.public_url}", self._tunnel_record())
        if self.inspector is not None:
            self._notify(f"Requests can be inspected and replayed at {self.inspector}", None)

    async def close_tunnel(self) -> None:
        if self._ngrok is not None:
            await self._ngrok.stop()

    def probe_soon(self) -> None:
        """The machine has slept, say: the tunnel may not lead here any more."""
        if self._ngrok is not None:
            self._ngrok.probe_soon()

    def tunnel_changed(self, change: TunnelChange) -> None:
        """The tunnel went down, or is up again."""
        self.tunnel_is_up, self.tunnel_trouble = change.up, change.reason.rstrip(".")
        if change.up:
            if change.url != self.public_url:
                self.public_url = change.url
                if change.url is not None:
                    self._on_url(change.url)
                self._on_moved()
            self._notify(f"The tunnel is up again: {change.url}", self._tunnel_record())
        else:
            again = "" if change.retry_in is None else f"; trying again in {change.retry_in:.0f} s"
            text = WarningText(f"The tunnel is down: {self.tunnel_trouble}{again}")
            self._notify(text, self._tunnel_record())

    def _tunnel_record(self) -> Mapping[str, object]:
        up, reason = self.tunnel_is_up, self.tunnel_trouble or None
        return {"record": "tunnel", "up": up, "publicUrl": self.public_url, "reason": reason}

    async def _probe_tunnel(self, public_url: str) -> str | None:
        """Why it does not lead here any more. None also where no probe ever succeeded: then this machine may
        not get through, though 8x8 does, with an ngrok policy that admits only 8x8's addresses, say."""
        reason = self._mismatch(await self.ask(public_url))
        return reason if self._was_reached else None

    def _mismatch(self, found: health.Health) -> str | None:
        return found.mismatch(self._instance, self._team())

    # -- probes --------------------------------------------------------------------------------------

    async def ask(self, public_url: str) -> health.Health:
        """Who answers there."""
        found = await in_daemon_thread(partial(health.ask_health, public_url))
        if self._mismatch(found) is None:
            self._was_reached = True
            self.mark_reached()
        return found

    async def probe(self, *, is_required: bool) -> None:
        """See whether the public URL leads here, as 8x8 will see it. Raises Unreachable where it does not and
        ``is_required``."""
        found = await self.ask(str(self.public_url))
        self.unreachable = reason = self._mismatch(found)
        if reason is None:
            self._notify(f"{self.public_url} leads here, in {found.seconds * 1000:.0f} ms", None)
        elif is_required:
            raise Unreachable(
                f"8x8 could not reach this machine at {self.public_url}: {reason}.",
                hint="Nothing was registered. With --force it is registered anyway.",
            )
        else:
            text = f"Warning: 8x8 can't reach this machine at {self.public_url}: {reason}."
            self._notify(WarningText(text), None)

    async def watch(self, *, every: float) -> None:
        """Tell when a public URL does not lead here any more, or does again, asking each ``every`` seconds. A
        tunnel is probed until it leads here, less and less often: ngrok counts requests."""
        has_tunnel = self.tunnel_is_up is not None
        failed = PROBES if self.unreachable is not None else 0
        while not has_tunnel or self.unreachable is not None:
            await asyncio.sleep(every)
            if has_tunnel:
                every = max(every, min(2 * every, self._limits.probe_every))
            if self.public_url is None:
                continue
            reason = self._mismatch(await self.ask(self.public_url))
            failed = 0 if reason is None else failed + 1
            if reason is not None and failed == PROBES:
                self.unreachable = reason
                text = f"Warning: 8x8 can't reach this machine any more at {self.public_url}: {reason}."
                self._notify(WarningText(text), None)
