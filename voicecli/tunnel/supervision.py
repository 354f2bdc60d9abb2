"""Finds out that a running agent does not do its work any more, so that it has to be started anew.

After the machine has slept an agent may try for ever to get its session back: ngrok takes the URL for bound
to another one, its own old one (ERR_NGROK_334).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Probe = Callable[[str], Awaitable[str | None]]
"""Asks a public URL; why it does not lead to the listener any more, or None where it does, or
where that can't be found out from this machine."""


@dataclass(frozen=True, slots=True)
class SupervisionLimits:
    """How long an agent is trusted; in seconds. ``probes`` in a row have to fail, ``probe_again_after`` each
    other. A probe takes one of the requests that ngrok counts: 20,000 a month in its free plan."""

    without_session: float = 180.0
    probe_every: float = 600.0
    probe_again_after: float = 20.0
    probes: int = 3


LIMITS = SupervisionLimits()


class Supervisor:
    """Watches one run of the agent. ``trouble_since`` is when what is wrong now began, by the clock of the
    event loop."""

    def __init__(self, url: str, probe: Probe, limits: SupervisionLimits, *, probe_now: bool) -> None:
        self.trouble_since: float | None = None
        self._url = url
        self._probe = probe
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._lost_at: float | None = None  # the agent's session
        self._failed = 0  # probes in a row
        self._probe_at = self._loop.time() + (0.0 if probe_now else limits.probe_every)
        self._news = asyncio.Event()

    def session_changed(self, *, is_up: bool) -> None:
        """The agent lost its session, or has one again: then the URL has to show that it leads here."""
        if is_up:
            self._failed, self.trouble_since = 0, None
            self._lost_at, self._probe_at = None, self._loop.time()
        elif self._lost_at is None:
            self._lost_at = self._loop.time()
            self.trouble_since = self.trouble_since or self._lost_at
            self._probe_at = self._lost_at + self._limits.without_session  # it does not lead here now
        self._news.set()

    def probe_soon(self) -> None:
        """Probe now: the machine has slept, say."""
        self._probe_at = self._loop.time()
        self._news.set()

    async def wait_until_unfit(self) -> str:
        """Wait until the agent has to be started anew; why."""
        while True:
            due, patience = self._probe_at, self._limits.without_session
            await self._until(due if self._lost_at is None else min(due, self._lost_at + patience))
            now = self._loop.time()
            if self._lost_at is not None and now >= self._lost_at + patience:
                return f"The ngrok agent had no session for {patience:g} s, and is restarted."
            if now >= self._probe_at and (reason := await self._probed()):
                return f"{self._url} does not lead here any more ({reason}): the ngrok agent is restarted."

    async def _until(self, due: float) -> None:
        """Wait until then, or until there is news."""
        try:
            async with asyncio.timeout_at(due):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    async def _probed(self) -> str | None:
        """Why too many probes failed; None as long as they have not."""
        began = self._loop.time()
        reason = await self._probe(self._url)
        if reason is None:
            self._failed = 0
            if self._lost_at is None:
                self.trouble_since = None
            self._probe_at = began + self._limits.probe_every
            return None
        self._failed += 1
        self.trouble_since = self.trouble_since or began
        self._probe_at = began + self._limits.probe_again_after
        return reason if self._failed >= self._limits.probes else None
