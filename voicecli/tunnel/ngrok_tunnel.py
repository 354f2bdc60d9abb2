"""Keeps an ngrok tunnel open: starts one agent after another (``ngrok_process``), and probes it."""

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

from voicecli import settings
from voicecli.errors import ConfigurationError, Interrupted, VoicecliError
from voicecli.threads import set_outcome
from voicecli.tunnel import configuration, ngrok_program
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.ngrok_process import Agent, describe_failure
from voicecli.tunnel.supervision import LIMITS, Probe, SupervisionLimits, Supervisor

FIRST_PAUSE = 1.0  # seconds before the first attempt to reconnect; each further one waits twice as long
LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class TunnelChange:
    """The tunnel went down, is still down, or is up again.

    ``url`` is where it is up, or was; without a static domain it may be another one after a reconnect.
    ``reason`` says why it is down, "" when up. ``retry_in`` is in seconds; None when up, and while the agent
    itself keeps trying.
    """

    up: bool
    url: str | None
    reason: str
    retry_in: float | None


class NgrokTunnel:
    """A tunnel that is kept open from ``start`` to ``stop``; start it once.

    ``deadline`` is in seconds, for the agent to open the tunnel, a download apart. An agent that ends, is
    without a session for too long, or whose URL fails the ``probe`` is replaced by another. ``on_change`` and
    ``on_note`` (a line for the user) are called on the event loop's thread; ``on_change`` only for what comes
    after ``start`` has returned and before ``stop`` is called.
    """

    def __init__(
        self,
        tunnel: Tunnel,
        *,
        deadline: float = 20.0,
        on_change: Callable[[TunnelChange], None],
        on_note: Callable[[str], None] = lambda note: None,
        probe: Probe,
        limits: SupervisionLimits = LIMITS,
    ) -> None:
        self.url: str | None = None
        """Where 8x8 reaches the listener; None while it does not."""
        self.inspector: str | None = None
        """The agent's own page, which shows and replays requests; None without an agent."""
        self._tunnel = tunnel
        self._deadline = deadline
        self._on_change = on_change
        self._on_note = on_note
        self._last_url: str | None = None
        self._lost = ""  # why the living agent has no way to ngrok
        self._probe = probe
        self._limits = limits
        self._supervisor: Supervisor | None = None  # while an agent runs
        self._life: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> str:
        """Open the tunnel; its public URL. If it fails or is cancelled, nothing is left running.

        Raises ConfigurationError, Unreachable, or Interrupted if ``stop`` is called before it is open.
        """
        interrupted = Interrupted("The tunnel was stopped before it was open.")
        if self._stopped:
            raise interrupted
        settings.keep_loopback_from_proxies()  # else the agent's API is asked through a proxy, and hangs
        opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._life = asyncio.create_task(self._keep_open(opened))
        self._life.add_done_callback(lambda _: set_outcome(opened, interrupted))
        try:
            return await opened
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect and end the agent, whatever is under way: within seconds, and as often as you like."""
        if self._life is not None:
            if not self._stopped:
                self._life.cancel()
            self._stopped = True
            await asyncio.wait({self._life})
        self._stopped = True

    def probe_soon(self) -> None:
        """See at once whether the tunnel still leads here: the machine has slept, say."""
        if self._supervisor is not None:
            self._supervisor.probe_soon()

    async def _keep_open(self, opened: "asyncio.Future[str]") -> None:
        """Run one agent after the other."""
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        try:
            plan = configuration.read_configuration(self._tunnel, self._on_note)
            agent_path = ngrok_program.find_agent(self._tunnel) or await ngrok_program.install_agent(
                self._on_note
            )
            with tempfile.TemporaryDirectory(prefix="voicecli-", ignore_cleanup_errors=True) as folder:
                for run in itertools.count():
                    agent = Agent(
                        agent_path, plan, Path(folder, str(run)), self._deadline, self._session_changed
                    )
                    try:
                        self.url = self._last_url = url = await agent.open()
                        self.inspector, self._lost, since = agent.inspector, "", loop.time()
                        supervisor = self._supervisor = Supervisor(
                            url, self._probe, self._limits, probe_now=run > 0
                        )
                        if opened.done():
                            self._notify(TunnelChange(True, url, "", None))
                        set_outcome(opened, url)
                        reason = await _first_result(agent.ended(), supervisor.wait_until_unfit())
                        if (supervisor.trouble_since or loop.time()) - since > LONGEST_PAUSE:
                            pause = FIRST_PAUSE  # it worked; else it may be failing at once for ever
                    except VoicecliError as error:
                        if not opened.done():
                            raise
                        reason = describe_failure(error)
                    finally:
                        self.url = self.inspector = self._supervisor = None
                        await agent.close()
                    self._notify(TunnelChange(False, self._last_url, reason, pause))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        except OSError as error:
            what = f"The folder for temporary files can't be used: {error.strerror}."
            set_outcome(opened, ConfigurationError(what, hint="Set TMPDIR to a folder of yours."))
        except Exception as error:
            if opened.done():
                raise
            opened.set_exception(error)

    def _session_changed(self, lost: str) -> None:
        """The agent lost its way to ngrok, or has it again (""): it mends that by itself."""
        if self.inspector is not None and lost != self._lost:
            self._lost, self.url = lost, None if lost else self._last_url
            if self._supervisor is not None:
                self._supervisor.session_changed(is_up=not lost)
            self._notify(TunnelChange(not lost, self._last_url, lost, None))

    def _notify(self, change: TunnelChange) -> None:
        def call_back() -> None:
            if not self._stopped:
                self._on_change(change)

        asyncio.get_running_loop().call_soon(call_back)  # so that an error in there does not end the tunnel


async def _first_result(*waits: Coroutine[object, object, str]) -> str:
    """What the first of them to end returns; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
