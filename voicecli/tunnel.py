"""How 8x8 reaches this machine: an ngrok agent that pyngrok starts and talks to, and that is watched here.

Each run of the agent passes in a daemon thread of its own, since pyngrok blocks, some of it for ever; the
event loop waits only as long as it likes, and can kill the agent at any moment.
"""

import asyncio
import itertools
import json
import logging
import math
import os
import re
import shlex
import shutil
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from voicecli import settings
from voicecli.errors import ConfigurationError, Interrupted, Unreachable, VoicecliError, quoted

if TYPE_CHECKING:
    from pyngrok.log import NgrokLog
    from pyngrok.process import NgrokProcess

T = TypeVar("T")
Thing = Mapping[object, object]  # what YAML has in it

FIRST_PAUSE = 1.0  # seconds before the first attempt to reconnect; each further one waits twice as long
LONGEST_PAUSE = 30.0
PATIENCE = 2.0  # seconds for each step of an orderly end
RECENT = 30.0  # seconds; the agent's own attempts to reconnect are not further apart

_TOKEN = "https://dashboard.ngrok.com/get-started/your-authtoken"  # noqa: S105
_DOWNLOAD = "https://ngrok.com/download"
_DOMAINS = "https://dashboard.ngrok.com/domains"

# What is wrong, and what to do about it. In our words: where ngrok's own tell of a token, they repeat it.
_CODES = {
    "4018": ("ngrok asks for a token", f"Put that of your account in NGROK_AUTHTOKEN: {_TOKEN}."),
    "105": ("The ngrok token is malformed", f"Copy it whole from {_TOKEN}; an API key is none."),
    "107": ("ngrok does not know the token", f"It was reset or revoked: copy it anew from {_TOKEN}."),
    "108": (
        "The ngrok account has too many agents",
        "End one; https://dashboard.ngrok.com/agents lists them.",
    ),
    "121": ("The ngrok agent is too old", f"Update it with `ngrok update`, or from {_DOWNLOAD}."),
    "123": ("The ngrok account's e-mail is unverified", "See https://dashboard.ngrok.com/user/settings."),
    "313": ("The domain needs a paid ngrok plan", f"Use the free one that {_DOMAINS} shows, or none."),
    "319": (
        "The domain is not the ngrok account's",
        f"Compare it with {_DOMAINS}, and check whose token it is.",
    ),
    "334": (
        "The URL is already online",
        "End the agent that serves it, maybe one left over: `pgrep -a ngrok`.",
    ),
    "727": ("The ngrok account's monthly quota is used up", "Wait for the next month, or enlarge the plan."),
    "3200": ("The URL is offline", "No agent serves it: start the listener again, or check the domain."),
    "8012": ("The ngrok agent can't reach the listener", "Check that it runs, on the port of the tunnel."),
    "9009": (
        "A proxy needs a paid ngrok plan",
        "Unset http_proxy and https_proxy, and proxy_url in ngrok.yml.",
    ),
}
_CODE = re.compile(r"ERR_NGROK_(\d+)")
_DOMAIN = re.compile(r"(?:(https?)://)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)/?", re.IGNORECASE)
_HERE = re.compile(r"(?:https?://)?(?:(?:localhost|127\.0\.0\.1|\[::1\]):)?(\d{1,5})/?")
_GUARDS = {"auth", "basic_auth", "oauth", "oidc", "policy", "traffic_policy"}  # 8x8 could not pass them


def advice(code: str) -> str:
    """One line on what to do about an error of ngrok's, known as ``ERR_NGROK_4018`` or ``4018``."""
    number = code.upper().removeprefix("ERR_NGROK_")
    page = f"/err_ngrok_{number}" if number.isdecimal() else ""
    return _CODES.get(number, ("", f"ngrok explains it at https://ngrok.com/docs/errors{page}."))[1]


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel to open: the listener at ``host`` and ``port`` listens already, since 8x8 may call at once.

    ``domain`` is a static one, as name or URL; without it, that of the endpoint in ngrok.yml that leads to
    ``port``, of which nothing else is used, or else ngrok chooses. ``config_path`` is an ngrok.yml of version
    2 or 3, which is only read; without it, the agent's own one where it exists. ``auth_token`` goes before
    the token in that file, as ngrok's own flag does. ``agent_path`` is the program; without it, the ngrok on
    PATH, else the one that pyngrok keeps. A missing one is downloaded only with ``install``.
    """

    port: int
    host: str = "127.0.0.1"
    domain: str | None = None
    auth_token: str | None = field(default=None, repr=False)
    config_path: Path | None = None
    agent_path: Path | None = None
    install: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """The tunnel went down, is still down, or is up again.

    ``url`` is where it is up, or was; without a static domain it may be another one after a reconnect.
    ``reason`` says why it is down, "" when up. ``retry_in`` is in seconds; None when up, and while the agent
    itself keeps trying.
    """

    up: bool
    url: str | None
    reason: str
    retry_in: float | None


class Ngrok:
    """A tunnel that is kept open from ``start`` to ``stop``; start it once.

    ``deadline`` is in seconds, for the agent to open the tunnel, a download apart. ``on_change`` and
    ``on_note`` (a line for the user) are called on the event loop's thread; ``on_change`` only for what comes
    after ``start`` has returned and before ``stop`` is called.
    """

    def __init__(
        self,
        tunnel: Tunnel,
        *,
        deadline: float = 20.0,
        on_change: Callable[[Change], None],
        on_note: Callable[[str], None] = lambda note: None,
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
        self._life = asyncio.create_task(self._live(opened))
        self._life.add_done_callback(lambda _: _settle(opened, interrupted))
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

    async def _live(self, opened: "asyncio.Future[str]") -> None:
        """Run one agent after the other."""
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        try:
            plan = _plan(self._tunnel, self._on_note)
            program = _program(self._tunnel) or await _install(self._on_note)
            with tempfile.TemporaryDirectory(prefix="voicecli-", ignore_cleanup_errors=True) as folder:
                for run in itertools.count():
                    agent = _Agent(
                        program, plan, Path(folder, str(run)), self._deadline, self._session_changed
                    )
                    try:
                        self.url = self._last_url = url = await agent.open()
                        self.inspector, self._lost, since = agent.inspector, "", loop.time()
                        if opened.done():
                            self._tell(Change(True, url, "", None))
                        _settle(opened, url)
                        reason = await agent.ended()
                        if loop.time() - since > LONGEST_PAUSE:  # else it may be ending at once for ever
                            pause = FIRST_PAUSE
                    except VoicecliError as error:
                        if not opened.done():
                            raise
                        reason = _in_words(error)
                    finally:
                        self.url = self.inspector = None
                        await agent.close()
                    self._tell(Change(False, self._last_url, reason, pause))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        except OSError as error:
            what = f"The folder for temporary files can't be used: {error.strerror}."
            _settle(opened, ConfigurationError(what, hint="Set TMPDIR to a folder of yours."))
        except Exception as error:
            if opened.done():
                raise
            opened.set_exception(error)

    def _session_changed(self, lost: str) -> None:
        """The agent lost its way to ngrok, or has it again (""): it mends that by itself."""
        if self.inspector is not None and lost != self._lost:
            self._lost, self.url = lost, None if lost else self._last_url
            self._tell(Change(not lost, self._last_url, lost, None))

    def _tell(self, change: Change) -> None:
        def tell() -> None:
            if not self._stopped:
                self._on_change(change)

        asyncio.get_running_loop().call_soon(tell)  # not directly: an error in there must not end the tunnel


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to give the agent, now that the user's configuration is read."""

    version: str  # of the configuration: "2" or "3", each with an API of its own
    file: str  # the user's, for messages
    content: Thing = field(repr=False)
    endpoint: Mapping[str, object]
    web_addr: object
    secrets: tuple[str, ...] = field(repr=False)


class _Agent:
    """One run of the agent: open it once, and close it whatever came of that.

    It has a private folder with its configuration, since a token among the arguments would show in ``ps``,
    and with a launcher. Without that file pyngrok starts nothing, so that a thread that comes too late does
    no harm; and it keeps its processes by the launcher's path, so that two tunnels never share one.
    """

    def __init__(
        self,
        program: Path,
        plan: _Plan,
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
        self._file, self._launcher = folder / "ngrok.yml", folder / "ngrok"
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
            self._ended = _in_daemon_thread(self._serve)
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
        return _in_words(self._explain(None, "has ended"))

    async def close(self) -> None:
        """Disconnect, kill, and leave nothing."""
        try:
            if self._endpoint and self._ended is not None and not self._ended.done():
                await asyncio.wait({_in_daemon_thread(self._disconnect)}, timeout=PATIENCE)
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
        self._launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(str(self._program))} "$@" 2>&1\n')
        if not os.access(self._launcher, os.X_OK):
            raise ConfigurationError(
                f"No program may be started from {tempfile.gettempdir()}, the folder for temporary files.",
                hint="Set TMPDIR to a folder of yours.",
            )

    def _serve(self) -> None:
        """The agent's run, in a thread of its own."""
        failure: Exception | None = None
        try:
            _on_loop(self._loop, _settle, self._opened, self._connect())
        except Exception as error:  # noqa: BLE001 - whoever waits for the URL gets it
            failure = error
            self._kill()
        with suppress(Exception):  # what is left to do makes for better messages and a tidy table
            self._see_out()
        if failure is not None:
            _on_loop(self._loop, _settle, self._opened, failure)

    def _connect(self) -> str:
        from pyngrok import ngrok, process

        # Its log repeats the agent's, token and all, and Python shows warnings that nobody has asked for.
        logging.getLogger("pyngrok").setLevel(logging.CRITICAL + 1)
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

    def _see_out(self) -> None:
        """Wait for the agent's end, hear its last words, and take it off pyngrok's table."""
        from pyngrok import process
        from pyngrok.log import NgrokLog

        child = self._find_child()
        if child is None or child.proc.stdout is None:
            return
        child.proc.wait()
        with suppress(OSError):  # where it was a wrapper, its agent ends with it
            os.killpg(child.proc.pid, signal.SIGKILL)
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
                os.killpg(child.proc.pid, signal.SIGKILL)

    def _on_log(self, log: "NgrokLog") -> None:
        """Called in pyngrok's threads for each line that the agent writes."""
        with suppress(Exception):  # pyngrok would end without ending the agent
            self._find_child()
            said = log.msg or ""
            if log.lvl in ("ERROR", "CRITICAL") or "ERROR:" in log.line or _CODE.search(log.line):
                self._forget_old_troubles()
                self._troubles.append(log.err or log.line)
                self._last_trouble = self._loop.time()
            if "reconnect" in said and log.lvl in ("WARNING", "ERROR"):
                self._has_session = False
                lost = _in_words(self._explain(None, "has lost its way to ngrok"))
                _on_loop(self._loop, self._session_changed, lost)
            elif "session established" in said or "session started" in said:
                self._has_session = True
                self._troubles.clear()
                _on_loop(self._loop, self._session_changed, "")

    def _forget_old_troubles(self) -> None:
        """What the agent said about something else, long ago, explains nothing."""
        if self._loop.time() - self._last_trouble > RECENT:
            self._troubles.clear()

    def _explain(self, error: Exception | None, happened: str) -> VoicecliError:
        """What went wrong, from what the agent said and from what pyngrok made of it."""
        body, status = str(getattr(error, "body", "")), getattr(error, "status_code", None)
        troubles = tuple(self._troubles)  # more may come in meanwhile
        for text in (body, *troubles):
            if code := _CODE.search(text):
                problem, _ = _CODES.get(code[1], ("ngrok refused the tunnel", ""))
                return ConfigurationError(f"{problem} ({code[0]}).", hint=advice(code[1]))
        said = next(filter(None, map(self._presentable, troubles)), "")
        because = f": {said}" if said else ""
        late = isinstance(error, TimeoutError)
        hint = f"Check {self._plan.file}; ngrok.yml.example shows what it may hold."
        if "address already in use" in said:
            happened = f"needs another web_addr in {self._plan.file}, since {self._plan.web_addr} is taken"
            hint = "Remove web_addr, and the agent finds a free port."
        elif "configuration" in said.lower():
            happened = f"does not accept its configuration{because}"
        elif status == 404 or (late and self._has_session and not self.inspector):
            # pyngrok waits for ever for the newer API, which an old agent lacks.
            happened, hint = "seems to be too old for this", advice("121")
        elif status is not None:
            with suppress(ValueError, TypeError, KeyError):
                body = str(json.loads(body)["details"]["err"])
            happened = f"refused the tunnel: {self._presentable(body)}"
        else:
            if late:
                verb = "reach ngrok" if said else "answer"
                happened = f"did not {verb} within {self._deadline:g} s"
            hint = f"Check the network and https://status.ngrok.com, and try `{self._program} diagnose`."
            return Unreachable(f"The ngrok agent {happened}{because}.", hint=hint)
        return ConfigurationError(f"The ngrok agent {happened}.", hint=hint)

    def _presentable(self, text: str) -> str:
        """The agent's words as part of a sentence: on one line, without secrets or our private file."""
        for secret in self._plan.secrets:
            text = text.replace(secret, "…")
        text = text.replace(str(self._file), self._plan.file)
        text = re.sub(r"\\[rnt]|\s+|ERROR:", " ", text)
        text = " ".join("".join(filter(str.isprintable, text)).split()).rstrip(".")
        return text if len(text) <= 200 else f"{text[:200]} …"


def _plan(tunnel: Tunnel, on_note: Callable[[str], None]) -> _Plan:
    """Read the user's configuration. Raises ConfigurationError."""
    from pyngrok import installer

    path = tunnel.config_path or Path(installer.get_default_ngrok_dir(), "ngrok.yml")
    given = _read(path, needed=tunnel.config_path is not None)
    version = str(given.get("version"))
    agent = (given.get("agent") or {}) if version == "3" else given
    if version not in ("2", "3") or not isinstance(agent, dict):
        raise ConfigurationError(
            f"{path} is not an ngrok configuration of version 2 or 3.",
            hint="`ngrok config upgrade` mends an older one; ngrok.yml.example shows both versions.",
        )
    # Endpoints stay out, since we open our own; how the log is written is for pyngrok, who reads it.
    apart = ("endpoints", "tunnels", "log", "log_level", "log_format")
    agent = {name: value for name, value in agent.items() if name not in apart}
    own_token, web_addr = agent.get("authtoken"), agent.get("web_addr")
    if web_addr is False:
        raise ConfigurationError(
            f"web_addr is false in {path}, but the tunnel is opened through the agent's local API.",
            hint="Remove the line: the agent then listens for this machine only.",
        )
    if web_addr is not None and _is_exposed(str(web_addr)):
        on_note(f"web_addr: {web_addr} in {path} shows every captured body to the network.")
    if tunnel.auth_token:
        agent["authtoken"] = tunnel.auth_token
        if own_token and own_token != tunnel.auth_token:
            on_note(f"The ngrok token that was given goes before the one in {path}.")
    endpoint = next((one for one in _endpoints(given) if _leads_to(one, tunnel.port)), {})
    if guards := _GUARDS & endpoint.keys():
        on_note(f"Of {path}, {' and '.join(sorted(guards))} is left out: 8x8's webhooks could not pass.")
    top = {name: value for name, value in given.items() if name not in apart}
    return _Plan(
        version,
        file=str(path),
        content={**top, "agent": agent} if version == "3" else agent,
        endpoint=_endpoint(version, _upstream(tunnel), tunnel.domain or _address(endpoint)),
        web_addr=web_addr,
        secrets=tuple(str(one) for one in (tunnel.auth_token, own_token, agent.get("api_key")) if one),
    )


def _read(path: Path, *, needed: bool) -> dict[object, object]:
    import yaml

    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        if not needed:
            return {"version": 3}
        raise ConfigurationError(
            f"{path} can't be read: {error.strerror}.", hint="Check its name, and who may read it."
        ) from error
    except (
        ValueError,
        RecursionError,
        yaml.YAMLError,
    ) as error:  # without its words: they quote the file, token and all
        mark = getattr(error, "problem_mark", None)
        where = f" from line {mark.line + 1} on" if mark else ""
        raise ConfigurationError(
            f"{path} can't be understood{where}.", hint="ngrok.yml.example shows what it may hold."
        ) from None
    return given if isinstance(given, dict) else {}


def _endpoints(given: Thing) -> list[Thing]:
    """The endpoints of version 3, and the tunnels of version 2, which a file of version 3 may hold too."""
    listed, named = given.get("endpoints"), given.get("tunnels")
    several = [*listed] if isinstance(listed, list) else []
    several += named.values() if isinstance(named, dict) else []
    return [one for one in several if isinstance(one, dict)]


def _address(endpoint: Thing) -> str:
    return str(endpoint.get("url") or endpoint.get("domain") or endpoint.get("hostname") or "")


def _leads_to(endpoint: Thing, port: int) -> bool:
    """Whether it is an endpoint for HTTP that leads to this port of this machine."""
    upstream, address = endpoint.get("upstream"), _address(endpoint)
    target = upstream.get("url") if isinstance(upstream, dict) else endpoint.get("addr")
    found = _HERE.fullmatch(str(target))
    return found is not None and int(found[1]) == port and bool(not address or _DOMAIN.fullmatch(address))


def _upstream(tunnel: Tunnel) -> str:
    host = tunnel.host
    with suppress(ValueError):
        address = ip_address(host)
        if address.is_unspecified:  # one can listen at every address, but not call it
            host = "127.0.0.1" if address.version == 4 else "::1"
    return f"[{host}]:{tunnel.port}" if ":" in host else f"{host}:{tunnel.port}"


def _endpoint(version: str, upstream: str, address: str) -> dict[str, object]:
    """What to ask the agent's API for. Each version refuses the other's names."""
    found = _DOMAIN.fullmatch(address)
    if address and not found:
        raise ConfigurationError(
            f"{quoted(address)} is not a domain of ngrok's.",
            hint=f"Give a name alone, such as your-domain.ngrok-free.app; {_DOMAINS} shows yours.",
        )
    if version == "2":
        domain = {"domain": found[2]} if found else {}
        return {"name": "voicecli", "proto": "http", "addr": upstream, **domain}
    url = {"url": f"{found[1] or 'https'}://{found[2]}"} if found else {}
    return {"name": "voicecli", "upstream": {"url": f"http://{upstream}"}, **url}


def _is_exposed(web_addr: str) -> bool:
    host = web_addr.rpartition(":")[0].strip("[]")
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"  # no host at all means every address


def _program(tunnel: Tunnel) -> Path | None:
    """The agent; None where it is missing and may be downloaded. Raises ConfigurationError."""
    from pyngrok.conf import PyngrokConfig

    if tunnel.agent_path:
        candidates, what = [tunnel.agent_path], f"There is no ngrok agent at {tunnel.agent_path}."
    else:
        on_path = (shutil.which("ngrok", path=folder) for folder in os.get_exec_path())
        candidates = [*(Path(found) for found in on_path if found), Path(PyngrokConfig().ngrok_path)]
        what = "The ngrok agent is missing."
    for program in candidates:
        if os.access(program, os.X_OK) and program.is_file() and not _is_pyngrok(program):
            return program.absolute()
    if tunnel.install and not tunnel.agent_path:
        return None
    raise ConfigurationError(what, hint=f"Install it from {_DOWNLOAD}, or let --install-ngrok download it.")


def _is_pyngrok(program: Path) -> bool:
    """Whether it is the command ``ngrok`` that comes with pyngrok, which downloads the agent unasked."""
    with suppress(OSError), program.open("rb") as file:
        return b"from pyngrok" in file.read(2048)
    return False


async def _install(on_note: Callable[[str], None]) -> Path:
    """Download the agent to where pyngrok keeps it. Raises Unreachable."""
    from pyngrok.conf import PyngrokConfig

    program = Path(PyngrokConfig().ngrok_path)
    on_note(f"Downloading the ngrok agent to {program} …")
    try:
        await _in_daemon_thread(partial(_download, program))
    except Exception as error:
        raise Unreachable(
            "The ngrok agent could not be downloaded.",
            hint=f"Check the network and the folder {program.parent}, or get it from {_DOWNLOAD}.",
        ) from error
    on_note("The ngrok agent is installed.")
    return program


def _download(program: Path) -> None:
    """Not pyngrok's way, which talks on stdout, and has a file of a known name in a folder open to all."""
    from urllib.request import urlopen

    from pyngrok import installer

    url = installer.get_ngrok_cdn_url("3")
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        archive = Path(folder, url.rpartition("/")[2])
        with urlopen(url, timeout=30) as answer, archive.open("wb") as file:  # noqa: S310 - pyngrok's own URL
            shutil.copyfileobj(answer, file)
        shutil.unpack_archive(archive, folder)
        unpacked = Path(folder, installer.get_ngrok_bin())
        unpacked.chmod(0o755)
        unpacked.replace(program)


def _in_words(error: VoicecliError) -> str:
    """Why a tunnel is down: with advice, where waiting won't mend it."""
    return f"{error.message} {error.hint}" if isinstance(error, ConfigurationError) else error.message


def _in_daemon_thread(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Like asyncio.to_thread, but the interpreter does not wait for it at its end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            outcome: T | Exception = work()
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            outcome = error
        _on_loop(loop, _settle, future, outcome)

    threading.Thread(target=run, daemon=True).start()
    return future


def _on_loop(loop: asyncio.AbstractEventLoop, act: Callable[..., None], *arguments: object) -> None:
    with suppress(RuntimeError):  # the loop has ended, and with it whoever wanted to know
        loop.call_soon_threadsafe(act, *arguments)


def _settle(future: "asyncio.Future[T]", outcome: "T | Exception") -> None:
    """Give a future its outcome, unless nobody waits for it any more."""
    if not future.done():
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
