"""Starts the ngrok agent, a process, through pyngrok, and ends it.

pyngrok blocks, sometimes without end: it is called in a daemon thread, the event loop waits with a limit,
and can kill the agent at any moment.
"""

import asyncio
import json
import logging
import math
import os
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import ConfigurationError, Unreachable, VoicecliError
from voicecli.platforms import system
from voicecli.threads import call_on_loop, in_daemon_thread, set_outcome
from voicecli.tunnel.advice import CODE, PROBLEMS, advice
from voicecli.tunnel.configuration import AgentConfiguration

if TYPE_CHECKING:
    from pyngrok.log import NgrokLog
    from pyngrok.process import NgrokProcess

PATIENCE = 2.0  # seconds for each step of an orderly end
RECENT = 30.0  # seconds; the agent's own attempts to reconnect are not further apart


class Agent:
    """One run of the agent: open it once, and close it whatever came of that.

    It has a private folder with its configuration, since a token among the arguments would show in ``ps``,
    and with a launcher. Without that file pyngrok starts nothing, so that a thread that comes too late does
    no harm; and it keeps its processes by the launcher's path, so that two tunnels never share one.
    """

    def __init__(
        self,
        program: Path,
        plan: AgentConfiguration,
        folder: Path,
        deadline: float,
        session_changed: Callable[[str], None],
    ) -> None:
        from pyngrok.conf import PyngrokConfig

        self.inspector: str | None = None
        self._program, self._plan, self._folder, self._deadline = program, plan, folder, deadline
        self._session_changed = session_changed
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[str] = self._loop.create_future()
        self._ended: asyncio.Future[None] | None = None
        end, self._script = system.launcher(program)
        self._file, self._launcher = folder / "ngrok.yml", folder / f"ngrok{end}"
        self._child: NgrokProcess | None = None
        self._endpoint: str | None = None  # its address in the agent's API
        self._has_session = False
        self._troubles: deque[str] = deque(maxlen=50)
        self._last_trouble = 0.0
        self._config = PyngrokConfig(
            ngrok_path=str(self._launcher),
            config_path=str(self._file),
            config_version=plan.version,
            startup_timeout=math.ceil(deadline),
            start_new_session=True,  # Ctrl-C is for us, who then disconnect
            monitor_thread=True,  # else the agent stalls as soon as the pipe of its log is full
            log_event_callback=self._on_log,
        )
        self._config.auth_token = None  # pyngrok takes NGROK_AUTHTOKEN by itself, and makes an argument of it

    async def open(self) -> str:
        """Start the agent and open the endpoint; the public URL. Raises ConfigurationError or Unreachable."""
        try:
            self._write_folder()
            self._ended = in_daemon_thread(self._serve)
            async with asyncio.timeout(self._deadline):
                return await self._opened
        except VoicecliError:
            raise
        except Exception as error:
            raise self._explain(error, "could not be started") from error

    async def ended(self) -> str:
        """Wait for the agent's end; why it ended, in words."""
        if self._ended is not None:
            await asyncio.wait({self._ended})
        self._forget_old_troubles()
        return describe_failure(self._explain(None, "has ended"))

    async def close(self) -> None:
        """Disconnect, kill, and leave nothing."""
        try:
            if self._endpoint and self._ended is not None and not self._ended.done():
                await asyncio.wait({in_daemon_thread(self._disconnect)}, timeout=PATIENCE)
        finally:
            self._kill()  # at once: what follows may be interrupted
            with suppress(OSError):
                self._file.unlink()
            end = self._loop.time() + PATIENCE
            while self._ended is not None and not self._ended.done() and self._loop.time() < end:
                await asyncio.wait({self._ended}, timeout=0.02)
                self._kill()  # one that was only just being started
            shutil.rmtree(self._folder, ignore_errors=True)

    def _write_folder(self) -> None:
        import yaml  # type: ignore[import-untyped]

        self._folder.mkdir(mode=0o700)
        self._file.touch(mode=0o600)
        self._file.write_text(yaml.safe_dump(dict(self._plan.content)), encoding="utf-8")
        # pyngrok lets the agent's stderr, where ngrok repeats a refused token, through to the terminal.
        self._launcher.touch(mode=0o700)
        self._launcher.write_text(self._script, encoding="utf-8")
        if not os.access(self._launcher, os.X_OK):
            raise ConfigurationError(
                f"No program may be started from {tempfile.gettempdir()}, the folder for temporary files.",
                hint="Set TMPDIR to a folder of yours.",
            )

    def _serve(self) -> None:
        """The agent's run, in a thread of its own."""
        failure: Exception | None = None
        try:
            call_on_loop(self._loop, set_outcome, self._opened, self._connect())
        except Exception as error:  # noqa: BLE001 - raised where the URL is awaited
            failure = error
            self._kill()
        with suppress(Exception):  # what is left to do makes for better messages and a tidy table
            self._await_end()
        if failure is not None:
            call_on_loop(self._loop, set_outcome, self._opened, failure)

    def _connect(self) -> str:
        from pyngrok import ngrok, process

        # Its log repeats the agent's, token and all, and Python shows warnings that nobody has asked for.
        logging.getLogger("pyngrok").setLevel(logging.CRITICAL + 1)
        process._has_console = lambda: False  # noqa: SLF001 - on Windows, too, Ctrl-C is for us
        # Not ngrok.connect(), which downloads a missing agent, and mixes in endpoints of the user's file.
        self._child = process.get_process(self._config)
        api = f"{self._child.api_url}/api/{'endpoints' if self._plan.version == '3' else 'tunnels'}"
        body = dict(self._plan.endpoint)
        made = ngrok.NgrokTunnel(
            ngrok.api_request(api, method="POST", data=body, timeout=self._deadline), self._config, api
        )
        if made.public_url is None:
            raise ValueError("the agent named no URL")
        self.inspector, self._endpoint = self._child.api_url, f"{self._child.api_url}{made.uri}"
        self._file.unlink(missing_ok=True)  # it has been read; now not even a kill -9 leaves the token behind
        return made.public_url

    def _disconnect(self) -> None:
        from pyngrok import ngrok

        with suppress(Exception):  # it is killed next
            ngrok.api_request(str(self._endpoint), method="DELETE", timeout=PATIENCE)

    def _await_end(self) -> None:
        """Wait for the agent's end, hear its last words, and take it off pyngrok's table."""
        from pyngrok import process
        from pyngrok.log import NgrokLog

        child = self._find_child()
        if child is None or child.proc.stdout is None:
            return
        child.proc.wait()
        with suppress(OSError):  # where it was a wrapper, its agent ends with it
            system.kill_tree(child.proc.pid)
        # Not by kill(), which waits while another agent is being started.
        process._current_processes.pop(self._config.ngrok_path, None)  # noqa: SLF001
        if (monitor := child._monitor_thread) is not None:  # noqa: SLF001 - two can't read one pipe
            monitor.join()
        with child.proc.stdout as log:
            for line in log:
                self._on_log(NgrokLog(line))

    def _find_child(self) -> "NgrokProcess | None":
        """The process. While pyngrok waits for its first words, maybe for ever, only its table has it."""
        from pyngrok import process

        if self._child is None:
            self._child = process._current_processes.get(self._config.ngrok_path)  # noqa: SLF001
        return self._child

    def _kill(self) -> None:
        """Kill what we have started and nothing else; all its group, since ngrok on PATH may be a wrapper."""
        child = self._find_child()
        if child is not None and child.proc.returncode is None:
            with suppress(OSError):
                system.kill_tree(child.proc.pid)

    def _on_log(self, log: "NgrokLog") -> None:
        """Called in pyngrok's threads for each line that the agent writes."""
        with suppress(Exception):  # pyngrok would end without ending the agent
            self._find_child()
            logged = log.msg or ""
            if log.lvl in ("ERROR", "CRITICAL") or "ERROR:" in log.line or CODE.search(log.line):
                self._forget_old_troubles()
                self._troubles.append(log.err or log.line)
                self._last_trouble = self._loop.time()
            if "reconnect" in logged and log.lvl in ("WARNING", "ERROR"):
                self._has_session = False
                lost = describe_failure(self._explain(None, "has lost its connection to ngrok"))
                call_on_loop(self._loop, self._session_changed, lost)
            elif "session established" in logged or "session started" in logged:
                self._has_session = True
                self._troubles.clear()
                call_on_loop(self._loop, self._session_changed, "")

    def _forget_old_troubles(self) -> None:
        """Errors in the agent's log from long ago don't explain a failure now."""
        if self._loop.time() - self._last_trouble > RECENT:
            self._troubles.clear()

    def _explain(self, error: Exception | None, happened: str) -> VoicecliError:
        """An error from the agent's log and from pyngrok's exception."""
        body, status = str(getattr(error, "body", "")), getattr(error, "status_code", None)
        troubles = tuple(self._troubles)  # more may come in meanwhile
        for text in (body, *troubles):
            if code := CODE.search(text):
                problem, _ = PROBLEMS.get(code[1], ("ngrok refused the tunnel", ""))
                return ConfigurationError(f"{problem} ({code[0]}).", hint=advice(code[1]))
        logged = next(filter(None, map(self._printable, troubles)), "")
        because = f": {logged}" if logged else ""
        late = isinstance(error, TimeoutError)
        hint = f"Check {self._plan.file}; ngrok.yml.example shows what it may hold."
        if "address already in use" in logged:
            happened = f"needs another web_addr in {self._plan.file}, since {self._plan.web_addr} is taken"
            hint = "Remove web_addr, and the agent finds a free port."
        elif "configuration" in logged.lower():
            happened = f"does not accept its configuration{because}"
        elif status == 404 or (late and self._has_session and not self.inspector):
            # pyngrok waits for ever for the newer API, which an old agent lacks.
            happened, hint = "seems to be too old for this", advice("121")
        elif status is not None:
            with suppress(ValueError, TypeError, KeyError):
                body = str(json.loads(body)["details"]["err"])
            happened = f"refused the tunnel: {self._printable(body)}"
        else:
            if late:
                verb = "reach ngrok" if logged else "answer"
                happened = f"did not {verb} within {self._deadline:g} s"
            hint = f"Check the network and https://status.ngrok.com, and try `{self._program} diagnose`."
            return Unreachable(f"The ngrok agent {happened}{because}.", hint=hint)
        return ConfigurationError(f"The ngrok agent {happened}.", hint=hint)

    def _printable(self, text: str) -> str:
        """The agent's words as part of a sentence: on one line, without secrets or our private file."""
        for secret in self._plan.secrets:
            text = text.replace(secret, "…")
        text = text.replace(str(self._file), self._plan.file)
        text = re.sub(r"\\[rnt]|\s+|ERROR:", " ", text)
        text = " ".join("".join(filter(str.isprintable, text)).split()).rstrip(".")
        return text if len(text) <= 200 else f"{text[:200]} …"


def describe_failure(error: VoicecliError) -> str:
    """Why a tunnel is down: with advice, where waiting won't mend it."""
    return f"{error.message} {error.hint}" if isinstance(error, ConfigurationError) else error.message
