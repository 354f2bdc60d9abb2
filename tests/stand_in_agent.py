"""A stand-in for the ngrok agent: what pyngrok needs of it, its faults, and no cloud.

``write_agent`` writes an executable that takes the agent's arguments, logs its lines and has its local API.
An endpoint is a real HTTP proxy to the upstream, at a loopback port that the system chooses. What each run
was given and did is written to ``agent.log`` beside the executable, one JSON object a line.

It runs without site-packages: the standard library only.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

TYPE_CHECKING = False  # not imported from typing, which takes a tenth of this module's time
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    Headers = list[tuple[str, str]]
    Answer = tuple[int, Headers, bytes]

LOSE_SESSION = signal.SIGUSR1  # for ever: ngrok takes its URL for another's
GO_OFFLINE = signal.SIGHUP  # its URLs, and it does not notice
LIFETIME = 300  # seconds after which one that a test has lost ends itself

MESSAGES = {
    "105": "The authtoken you specified does not look like a proper one.\nYour authtoken: {token}",
    "107": "The authtoken you specified is properly formed, but it is invalid.\nYour authtoken: {token}",
    "4018": "Usage of ngrok requires a verified account and authtoken.",
    "334": "The endpoint '{url}' is already online. Either\n1. stop your existing endpoint first.",
}
ENDPOINT_FIELDS = {
    "/api/endpoints": {"name", "url", "upstream", "traffic_policy", "inspect", "bindings", "metadata"},
    "/api/tunnels": {"name", "addr", "proto", "domain", "hostname", "basic_auth", "schemes", "inspect"},
}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}


class Faults:
    """What is wrong with an agent; times are in seconds. ``faults.json`` is read anew by each run."""

    silent: bool = False  # never says a word, nor does anything
    slow: float = 0.0  # before it says a word
    offline: bool = False  # finds no way to ngrok, and says so again and again
    ends_at_start: str = ""  # with this code, or with these words
    needs_token: bool = False  # 4018 without a token in its configuration
    refuses: str = ""  # each endpoint, with this code, or with these words
    old: bool = False  # has no /api/endpoints
    dies_after: float | None = None  # from its first endpoint on; each run
    dies_once_after: float | None = None  # the first run only
    loses_session_after: float | None = None  # from its first endpoint on
    regains_session_after: float = 0.1
    hangs_on_delete: bool = False
    chatter: int = 0  # bytes that it logs for each request, before it answers
    babble: bool = False  # odd lines in its log
    forwarded_for: str = ""  # the address that it says requests come from
    is_child: bool = False  # the executable is a wrapper that waits for the agent

    def __init__(self, **faults: Any) -> None:
        for name, value in faults.items():
            getattr(self, name)  # AttributeError for one that there is not
            setattr(self, name, value)


def write_agent(folder: Path, **faults: Any) -> Path:
    """Write an agent with these faults into a folder of its own; the executable's path."""
    folder.mkdir(parents=True, exist_ok=True)
    change_faults(folder, **faults)
    program = folder / "ngrok"
    # By an import, since Python keeps no compiled form of a script.
    code = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import stand_in_agent as agent"
    line = f"""'{sys.executable}' -I -S -c "{code}; agent.main('{folder.absolute()}')" "$@\""""
    script = f"#!/bin/sh\n{line}; exit $?\n" if faults.get("is_child") else f"#!/bin/sh\nexec {line}\n"
    program.write_text(script)
    program.chmod(0o755)
    return program


def change_faults(folder: Path, **faults: Any) -> None:
    """Give the runs to come other faults."""
    new = folder / "faults.json.new"
    Faults(**faults)
    new.write_text(json.dumps(faults))
    new.replace(folder / "faults.json")


def records(folder: Path, event: str = "") -> list[dict[str, Any]]:
    """What the runs of this agent were given and did: started, opened, closed; only those of one kind."""
    log = folder / "agent.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [record for record in map(json.loads, lines) if event in ("", record["event"])]


def pids(folder: Path) -> list[int]:
    return [record["pid"] for record in records(folder, "started")]


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that waits for its parent to take notice of its death does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False


class Agent:
    """One run of the agent."""

    def __init__(self, folder: Path, config: str) -> None:
        self.folder = folder
        self.faults = Faults(**json.loads((folder / "faults.json").read_text()))
        self.token = self._setting(config, "authtoken")
        self.web_addr = self._setting(config, "web_addr")
        self.first_run = len(pids(folder)) == 1
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.upstreams: dict[str, tuple[HttpServer, int | None]] = {}
        self.timers_started = False
        self.offline = False  # ngrok does not lead its URLs here
        self.lock = threading.Lock()

    @staticmethod
    def _setting(config: str, name: str) -> str:
        found = re.search(rf"^\s*{name}:\s*(\S+)", config, re.MULTILINE)
        return found[1].strip("'\"") if found else ""

    def record(self, event: str, **what: Any) -> None:
        with self.lock, (self.folder / "agent.log").open("a") as log:
            log.write(json.dumps({"event": event, "pid": os.getpid(), **what}) + "\n")

    def log(self, level: str, message: str, **more: str) -> None:
        """A line of logfmt, as the agent writes it."""
        fields = {
            "t": time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime()),
            "lvl": level,
            "msg": message,
            **more,
        }
        words = (f"{name}={json.dumps(value) if ' ' in value else value}" for name, value in fields.items())
        with self.lock:
            print(*words, flush=True)

    def message(self, code: str, url: str = "") -> str:
        """ngrok's words for a code; words that are none stay as they are."""
        if not code.isdecimal():
            return code
        text = MESSAGES.get(code, "ngrok does not like this.").format(token=self.token, url=url)
        return f"{text}\r\n\r\nERR_NGROK_{code}\r\n"

    def fail(self, message: str) -> None:
        """End as the agent does: in the log, and once more on stderr for people."""
        self.log("eror", "terminating with error", obj="app", err=message)
        self.log("crit", "command failed", err=message)
        for line in message.splitlines():
            print(f"ERROR:  {line}", file=sys.stderr)
        sys.stdout.flush()
        os._exit(1)

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {LOSE_SESSION, GO_OFFLINE})  # in all threads: see the end
        faults = self.faults
        if faults.silent:
            while True:
                signal.pause()
        time.sleep(faults.slow)
        if faults.babble:
            for line in (
                'lvl= msg="',
                "lvl=nonsense msg=x",
                "=",
                "lvl=eror",
                "t=\x1b[31m lvl=WARN line='x'",
                '"',
            ):
                print(line, flush=True)
        self.log("info", "no configuration paths supplied")
        if faults.needs_token and not self.token:
            self.fail(f"authentication failed: {self.message('4018')}")
        if faults.ends_at_start:
            self.fail(self.message(faults.ends_at_start))
        host, _, port = (self.web_addr or "127.0.0.1:0").rpartition(":")
        host = host or "0.0.0.0"
        try:
            api = HttpServer((host, int(port)), Api(self))
        except OSError:
            self.fail(f"listen tcp {self.web_addr}: bind: address already in use")
        self.log("info", "starting web service", obj="web", addr=f"{host}:{api.port}", allow_hosts="[]")
        while faults.offline:
            error = "failed to dial ngrok server: dial tcp: lookup connect.ngrok-agent.com: no such host"
            self.log("eror", "failed to reconnect session", obj="tunnels.session", err=error)
            time.sleep(0.05)
        self.start_session()
        while True:
            if signal.sigwait({LOSE_SESSION, GO_OFFLINE}) == LOSE_SESSION:
                threading.Thread(target=self.lose_session_for_ever).start()
            else:
                self.go_offline()

    def start_session(self) -> None:
        self.log("info", "client session established", obj="tunnels.session")
        self.log("info", "tunnel session started", obj="tunnels.session")

    def start_timers(self) -> None:
        """Let happen what is to happen some time after the first endpoint is open."""
        if self.timers_started:
            return
        self.timers_started = True
        after = self.faults.dies_after
        if after is None and self.first_run:
            after = self.faults.dies_once_after
        if after is not None:
            threading.Timer(after, os._exit, [1]).start()
        if self.faults.loses_session_after is not None:
            threading.Timer(self.faults.loses_session_after, self.lose_session).start()

    def lose_session(self) -> None:
        gone = "session closed, starting reconnect loop"
        self.log("eror", gone, obj="tunnels.session", err="read EOF from remote peer")
        time.sleep(self.faults.regains_session_after)
        self.start_session()

    def lose_session_for_ever(self) -> None:
        """As after the machine has slept."""
        self.go_offline()
        gone = "session closed, starting reconnect loop"
        self.log("eror", gone, obj="tunnels.session", err="read EOF from remote peer")
        bound = "failed to start tunnel: the URL is already bound to another tunnel session ERR_NGROK_334"
        while True:
            time.sleep(0.05)
            self.log("eror", "failed to reconnect session", obj="tunnels.session", err=bound)

    def go_offline(self) -> None:
        """ngrok does not lead its URLs here any more."""
        self.offline = True

    def open_endpoint(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What POST does: the status and the answer."""
        self.record("asked", path=path, body=body)
        domain = body.get("url") or body.get("domain") or ""
        upstream = body.get("upstream", {}).get("url") if path == "/api/endpoints" else body.get("addr")
        unknown = body.keys() - ENDPOINT_FIELDS[path]
        if unknown or not upstream:
            field = min(unknown, default="upstream")
            error = f"yaml: unmarshal errors:\n  line 1: field {field} not found in type config.HTTPv2Tunnel"
            return 400, refusal(102, 400, "invalid tunnel configuration", error)
        if self.faults.refuses:
            return 502, refusal(103, 502, "failed to start tunnel", self.message(self.faults.refuses, domain))
        if (hold := self.hold(domain)) is False:
            return 502, refusal(103, 502, "failed to start tunnel", self.message("334", domain))
        target = re.sub(r"^https?://", "", str(upstream))
        host, _, port = target.rpartition(":")
        server = HttpServer(("127.0.0.1", 0), Proxy(self, host or "127.0.0.1", int(port)))
        public = f"http://127.0.0.1:{server.port}"
        name = body["name"]
        if path == "/api/endpoints":
            shown = {"url": public, "upstream": {"url": upstream, "protocol": "http1"}}
        else:
            shown = {"public_url": public, "proto": "http", "config": {"addr": upstream, "inspect": True}}
        self.endpoints[name] = {"name": name, "ID": f"id-{name}", "uri": f"{path}/{name}", **shown}
        self.upstreams[name] = server, hold
        self.record("opened", url=public)
        return 201, self.endpoints[name]

    def hold(self, domain: str) -> int | bool | None:
        """Take a static domain, which only one living agent can have; False if it is taken."""
        if not domain:
            return None
        file = os.open(self.folder / re.sub(r"\W", "_", domain.split("//")[-1]), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        return file

    def close_endpoint(self, name: str) -> bool:
        if self.faults.hangs_on_delete:
            signal.sigwait([signal.SIGUSR2])
        if self.endpoints.pop(name, None) is None:
            return False
        server, hold = self.upstreams.pop(name)
        server.close()
        if hold is not None:
            os.close(hold)
        self.record("closed", name=name)
        return True


def refusal(error_code: int, status: int, message: str, error: str) -> dict[str, Any]:
    return {"error_code": error_code, "status_code": status, "msg": message, "details": {"err": error}}


class HttpServer:
    """Serves until it is closed, each connection in a thread of its own. The library's own takes a tenth of a
    second to load, for each of hundreds of agents."""

    def __init__(self, address: tuple[str, int], service: Api | Proxy) -> None:
        self._socket = socket.create_server(address)
        self.port: int = self._socket.getsockname()[1]
        self._service = service
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, (peer, *_) = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection, peer], daemon=True).start()

    def _serve(self, connection: socket.socket, peer: str) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline():
                    method, path, _ = line.decode("latin-1").split()
                    headers = read_headers(stream)
                    body = stream.read(int(value(headers, "content-length") or 0))
                    status, more, answer = self._service.answer(Request(method, path, headers, body, peer))
                    if status not in (204, 304):
                        more = [*more, ("Content-Length", str(len(answer)))]
                    content = b"" if method == "HEAD" else answer
                    connection.sendall(write_head(f"HTTP/1.1 {status} x", more) + content)
                    self._service.sent(status)
        except OSError:  # the other end has gone
            return


class Request:
    def __init__(self, method: str, path: str, headers: Headers, body: bytes, peer: str) -> None:
        self.method, self.path, self.headers, self.body, self.peer = method, path, headers, body, peer


def read_headers(stream: BinaryIO) -> Headers:
    headers = []
    while line := stream.readline().decode("latin-1").strip():
        name, _, content = line.partition(":")
        headers.append((name, content.strip()))
    return headers


def write_head(first_line: str, headers: Headers) -> bytes:
    lines = [first_line, *(f"{name}: {content}" for name, content in headers)]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


def value(headers: Headers, wanted: str) -> str | None:
    return next((content for name, content in headers if name.lower() == wanted), None)


class Api:
    """The agent's own API."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def answer(self, request: Request) -> Answer:
        path, name = request.path, ""
        if request.method == "DELETE":
            path, _, name = path.rpartition("/")
        if path not in ENDPOINT_FIELDS or (self._agent.faults.old and path == "/api/endpoints"):
            return self._json(404, refusal(100, 404, "not found", "no such path"))
        match request.method:
            case "GET":
                listed = [*self._agent.endpoints.values()]
                return self._json(200, {path.rpartition("/")[2]: listed, "uri": path})
            case "POST":
                return self._json(*self._agent.open_endpoint(path, json.loads(request.body)))
            case _:
                return 204 if self._agent.close_endpoint(name) else 404, [], b""

    def sent(self, status: int) -> None:
        if status == 201:
            self._agent.start_timers()

    @staticmethod
    def _json(status: int, document: object) -> Answer:
        return status, [("Content-Type", "application/json")], json.dumps(document).encode()


class Proxy:
    """An endpoint: passes requests on to the upstream."""

    def __init__(self, agent: Agent, host: str, port: int) -> None:
        self._agent, self._host, self._port = agent, host, port

    def answer(self, request: Request) -> Answer:
        faults, log = self._agent.faults, self._agent.log
        if self._agent.offline:
            return 404, [("Ngrok-Error-Code", "ERR_NGROK_3200")], b"ERR_NGROK_3200"
        for _ in range(-(-faults.chatter // 200)):
            log("info", "join connections", obj="join", id="x" * 150)
        log("info", "join connections", obj="join", l=f"{self._host}:{self._port}")
        headers = [(name, content) for name, content in request.headers if name.lower() not in HOP_BY_HOP]
        headers += [
            ("X-Forwarded-For", faults.forwarded_for or request.peer),
            ("X-Forwarded-Host", value(request.headers, "host") or ""),
            ("X-Forwarded-Proto", "http"),
        ]
        head = write_head(f"{request.method} {request.path} HTTP/1.1", headers)
        try:
            with socket.create_connection((self._host.strip("[]"), self._port), timeout=60) as upstream:
                upstream.sendall(head + request.body)
                with upstream.makefile("rb") as stream:
                    status = int(stream.readline().split()[1])
                    answered = read_headers(stream)
                    length = 0 if request.method == "HEAD" else int(value(answered, "content-length") or 0)
                    answer = stream.read(length)
        except (OSError, IndexError, ValueError):
            return 502, [("Ngrok-Error-Code", "ERR_NGROK_8012")], b"ERR_NGROK_8012"
        dropped = {*HOP_BY_HOP, "content-length"}
        return status, [header for header in answered if header[0].lower() not in dropped], answer

    def sent(self, status: int) -> None:
        pass


def main(place: str) -> None:
    folder, arguments = Path(place), sys.argv[1:]
    match arguments:
        case ["--version" | "version"]:
            print("ngrok version 3.99.0-stand-in")
        case ["config", "add-authtoken", *_]:
            print("Authtoken saved to configuration file")
        case ["start", "--none", "--log", "stdout", *options]:
            signal.alarm(LIFETIME)
            given = dict(itertools.pairwise(options))
            file = Path(given["--config"]) if "--config" in given else None
            file = file if file and file.exists() else None
            config = file.read_text() if file else ""
            environment = {
                name: value
                for name, value in os.environ.items()
                if name.startswith("NGROK") or "proxy" in name.lower()
            }
            started = {
                "event": "started",
                "pid": os.getpid(),
                "argv": arguments,
                "env": environment,
                "config": config,
                "modes": [oct(path.stat().st_mode & 0o777) for path in (file, file.parent)] if file else [],
            }
            with (folder / "agent.log").open("a") as log:
                log.write(json.dumps(started) + "\n")
            with suppress(KeyboardInterrupt):
                Agent(folder, config).run()
        case _:
            sys.exit(f"ERROR:  unknown arguments: {arguments}")
