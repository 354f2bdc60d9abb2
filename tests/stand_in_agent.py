"""A stand-in for the ngrok agent: what pyngrok needs of it, its faults, and no cloud.

``write_agent`` writes an executable that takes the agent's arguments, logs its lines and has its local API.
An endpoint is a real HTTP proxy to the upstream, at a loopback port that the system chooses. What each run
was given and did is written to ``agent.log`` beside the executable, one JSON object a line.

It runs without site-packages: the standard library only.
"""

import fcntl
import http.client
import itertools
import json
import os
import re
import shlex
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
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


def write_agent(folder: Path, **faults: Any) -> Path:
    """Write an agent with these faults into a folder of its own; the executable's path."""
    folder.mkdir(parents=True, exist_ok=True)
    change_faults(folder, **faults)
    program = folder / "ngrok"
    python = [sys.executable, "-I", "-S", str(Path(__file__).absolute()), str(folder.absolute())]
    line = f'{shlex.join(python)} "$@"'
    script = f"#!/bin/sh\n{line}; exit $?\n" if faults.get("is_child") else f"#!/bin/sh\nexec {line}\n"
    program.write_text(script)
    program.chmod(0o755)
    return program


def change_faults(folder: Path, **faults: Any) -> None:
    """Give the runs to come other faults."""
    new = folder / "faults.json.new"
    new.write_text(json.dumps(asdict(Faults(**faults))))
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
        self.upstreams: dict[str, tuple[ThreadingHTTPServer, int | None]] = {}
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
            api = ThreadingHTTPServer((host, int(port)), handler(self, Api))
        except OSError:
            self.fail(f"listen tcp {self.web_addr}: bind: address already in use")
        threading.Thread(target=api.serve_forever, args=[0.02], daemon=True).start()
        self.log(
            "info", "starting web service", obj="web", addr=f"{host}:{api.server_port}", allow_hosts="[]"
        )
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
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self, Proxy, host or "127.0.0.1", int(port)))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        public = f"http://127.0.0.1:{server.server_port}"
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
        server.shutdown()
        server.server_close()
        if hold is not None:
            os.close(hold)
        self.record("closed", name=name)
        return True


def refusal(error_code: int, status: int, message: str, error: str) -> dict[str, Any]:
    return {"error_code": error_code, "status_code": status, "msg": message, "details": {"err": error}}


def handler(agent: Agent, kind: "type[Answering]", *arguments: Any) -> type[BaseHTTPRequestHandler]:
    return type(kind.__name__, (kind,), {"agent": agent, "arguments": arguments})


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    agent: Agent
    arguments: tuple[Any, ...]

    def log_message(self, *_: Any) -> None:
        pass

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Api(Answering):
    """The agent's own API."""

    def json(self, status: int, document: object) -> None:
        self.answer(status, json.dumps(document).encode(), [("Content-Type", "application/json")])

    def offers(self, path: str) -> bool:
        known = path in ENDPOINT_FIELDS and not (self.agent.faults.old and path == "/api/endpoints")
        if not known:
            self.json(404, refusal(100, 404, "not found", "no such path"))
        return known

    def do_GET(self) -> None:
        if self.offers(self.path):
            self.json(200, {self.path.rpartition("/")[2]: [*self.agent.endpoints.values()], "uri": self.path})

    def do_POST(self) -> None:
        body = json.loads(self.body())
        if self.offers(self.path):
            status, answer = self.agent.open_endpoint(self.path, body)
            self.json(status, answer)
            if status == 201:
                self.agent.start_timers()

    def do_DELETE(self) -> None:
        path, _, name = self.path.rpartition("/")
        if self.offers(path):
            self.answer(204 if self.agent.close_endpoint(name) else 404, b"", [])


class Proxy(Answering):
    """An endpoint: passes requests on to the upstream."""

    def do_GET(self) -> None:
        host, port = self.arguments
        faults = self.agent.faults
        if self.agent.offline:
            self.answer(404, b"ERR_NGROK_3200", [("Ngrok-Error-Code", "ERR_NGROK_3200")])
            return
        for _ in range(-(-faults.chatter // 200)):
            self.agent.log("info", "join connections", obj="join", id="x" * 150)
        self.agent.log("info", "join connections", obj="join", l=f"{host}:{port}")
        headers = [(name, value) for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP]
        headers += [
            ("X-Forwarded-For", faults.forwarded_for or self.client_address[0]),
            ("X-Forwarded-Host", self.headers.get("Host", "")),
            ("X-Forwarded-Proto", "http"),
        ]
        body = self.body()
        connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            self.answer(502, b"ERR_NGROK_8012", [("Ngrok-Error-Code", "ERR_NGROK_8012")])
            return
        finally:
            connection.close()
        dropped = {*HOP_BY_HOP, "content-length"}
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in dropped]
        self.answer(response.status, answer, kept)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815


def main(folder: Path, arguments: list[str]) -> None:
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
