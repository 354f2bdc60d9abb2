"""``voicecli listen``, the whole program: ready, shown, filtered, tunnelled, registered, ended."""

import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import DEADLINE, NUMBER, Program, RunningSandbox, wait_until
from receiver_world import vca, vss
from running_listener import (
    TOKEN,
    RunningListener,
    children_of,
    free_port,
    listening,
    registering,
    started,
    webhooks,
)
from stand_in_agent import write_agent
from test_terminal import Terminal, plain

from voicecli.account import AccountId
from voicecli.sessions.attempt import AttemptState
from voicecli.store.attempts import Attempts
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.messages import Capture, voice_message


def post(url: str, content: object, token: str | None = TOKEN) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=json.dumps(content).encode(), method="POST")
    if token:
        request.add_header("Authorization", token)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def report(listener: RunningListener, *contents: dict[str, Any]) -> None:
    for content in contents:
        kind = "vca" if content["eventType"] == "CALL_ACTION" else "vss"
        assert post(f"{listener.url}/api/webhooks/{kind}", content)[0] == 200


# -- its life ----------------------------------------------------------------------------------------


def test_it_says_when_it_is_ready_and_what_it_has_seen(tmp_path: Path) -> None:
    with listening(tmp_path / "home", "--no-tunnel", in_thread=True) as listener:
        report(listener, vss("s-1"), vca("s-2"), vss("s-1"))
        wait_until(lambda: len(listener.records) == 4)
        assert listener.stop() == 0
    assert [record["record"] for record in listener.records] == [
        "ready",
        "event",
        "event",
        "duplicate",
        "stopped",
    ]
    event, stopped = listener.records[1], listener.records[-1]
    assert event["type"] == "VSS"
    assert event["sessionId"] == "s-1"
    assert event["outcome"] == "COMPLETED"
    assert event["words"] == "completed, 13 s"
    assert event["payload"] == vss("s-1")["payload"]
    assert listener.records[3]["times"] == 2
    assert stopped["outcomes"] == {"COMPLETED": 1}
    assert (stopped["events"], stopped["open"]) == (3, 1)
    assert listener.errors == ""


@pytest.mark.process
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 0),
        pytest.param(signal.SIGINT, 0, marks=pytest.mark.soak),
        pytest.param(signal.SIGHUP, 1, marks=pytest.mark.soak),
    ],
)
def test_every_signal_ends_it_and_leaves_nothing_running(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Who keeps it running has to know that nobody sees what it shows."""
    with listening(tmp_path / "home", "--no-tunnel") as listener:
        report(listener, vss())
        children = children_of(listener.process.pid)
        assert len(children) == 1
        assert listener.stop(number) == code
    assert all(not Path(f"/proc/{child}").exists() for child in children)
    assert listener.of("stopped")


@pytest.mark.usefixtures("short_seconds")
def test_count_and_for_end_it(tmp_path: Path) -> None:
    with listening(tmp_path / "home", "--no-tunnel", "--count", "2", in_thread=True) as listener:
        report(listener, vss("s-1"), vss("s-1"), vss("s-2"))
        listener.end_of_it()
        assert listener.process.returncode == 0
    assert [event["sessionId"] for event in listener.of("event")] == ["s-1", "s-2"]
    with listening(tmp_path / "home", "--no-tunnel", "--for", "1s", in_thread=True) as listener:
        listener.end_of_it()
        assert listener.process.returncode == 0


def test_a_port_that_is_taken_is_told(run: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("listen", "--no-tunnel", "--port", port)
    assert done.code == 3
    assert f"Port {port} can't be used: Address already in use." in done.err
    assert "--port" in done.err


@pytest.mark.process
@pytest.mark.soak
def test_a_full_disk_is_answered_503_and_told(tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limit[1]))  # for the listener, which inherits it
    try:
        with listening(tmp_path / "home", "--no-tunnel", forked=False) as listener:
            url = f"{listener.url}/api/webhooks/vss"
            statuses = [post(url, vss(f"s-{number}", filler="x" * 5_000))[0] for number in range(100)]
            assert listener.stop() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert set(statuses) == {200, 503}
    stopped = listener.of("stopped")[0]
    assert stopped["events"] == statuses.count(200)
    assert stopped["refused"] == {"not kept": statuses.count(503)}


# -- what is shown -----------------------------------------------------------------------------------


def shown(listener: RunningListener, *contents: dict[str, Any]) -> list[str]:
    """The sessions of what is shown of these events."""
    report(listener, *contents)
    assert listener.stop() == 0
    return [record["sessionId"] for record in listener.of("event")]


@pytest.mark.parametrize(
    ("arguments", "sessions"),
    [
        (["--only", "vca"], ["b-1"]),
        (["--only", "vss, VCA"], ["a-1", "b-1", "a-2"]),
        (["--session", "a-"], ["a-1", "a-2"]),
        (["--status", "busy"], ["a-2"]),
        (["--to", "+33199001234"], ["a-1", "a-2"]),
        (["--to", "33199009999"], []),
    ],
)
def test_what_is_shown_can_be_chosen(tmp_path: Path, arguments: list[str], sessions: list[str]) -> None:
    with listening(tmp_path / "home", "--no-tunnel", *arguments, in_thread=True) as listener:
        assert shown(listener, vss("a-1"), vca("b-1"), vss("a-2", "BUSY")) == sessions
        assert listener.of("stopped")[0]["events"] == 3


def test_numbers_can_be_masked_everywhere(tmp_path: Path) -> None:
    with listening(tmp_path / "home", "--no-tunnel", "--mask-numbers", in_thread=True) as listener:
        session = "12345678-1234-11ee-911b-e9023a97c284"
        told = {"errorCode": -2009, "errorMsg": "no way to +33199001234"}
        shown(
            listener, vss(session, "FAILED", number=33199001234, startTime=1711346490000, errorDetails=told)
        )
    [event] = listener.of("event")
    assert (event["source"], event["destination"]) == ("+33••••0000", "+33••••1234")
    assert event["payload"]["number"] == "33••••1234"
    assert event["payload"]["errorDetails"]["errorMsg"] == "no way to +33••••1234"
    assert (event["sessionId"], event["payload"]["startTime"]) == (session, 1711346490000)
    assert "33199001234" not in json.dumps(listener.records)


def test_it_does_not_end_by_itself_while_a_question_is_open(tmp_path: Path) -> None:
    home = tmp_path / "home"
    request = voice_message(NUMBER, "Press 1", source="+33199000000", capture=Capture())
    with SqliteStore(home) as store:
        attempts = Attempts(store, AccountId("https://voice.8x8.com", "any"))
        attempts.record_answer(attempts.begin(request), AttemptState.ACCEPTED, "s-1")
    with listening(home, "--no-tunnel", "--count", "1", in_thread=True) as listener:
        report(listener, vca("s-1"))
        wait_until(lambda: listener.of("staying", questions=1))
        listener.process.send_signal(signal.SIGINT)
        wait_until(lambda: len(listener.of("staying")) == 2)
        report(listener, vss("s-1"))
        listener.process.wait(DEADLINE)
    assert [record["record"] for record in listener.records[1:]] == ["event", "staying", "staying", "stopped"]


def test_count_holds_whatever_comes_at_once(tmp_path: Path) -> None:
    with listening(tmp_path / "home", "--no-tunnel", "--count", "1", in_thread=True) as listener:
        url = f"{listener.url}/api/webhooks/vss"
        with ThreadPoolExecutor(20) as pool, suppress(OSError):  # it may end before it has answered all
            list(pool.map(lambda number: post(url, vss(f"s-{number}")), range(20)))
        listener.end_of_it()
    assert len(listener.of("event")) == 1


def test_programs_are_told_what_people_are(tmp_path: Path) -> None:
    with listening(
        tmp_path / "home", "--public-url", "http://127.0.0.1:9", "--no-auth", token=None, in_thread=True
    ) as listener:
        assert listener.url
        assert listener.stop() == 0
    notes = [note["text"] for note in listener.of("note")]
    assert any("everybody who knows the address can report events" in note for note in notes)
    assert any("8x8 can't reach this machine at http://127.0.0.1:9" in note for note in notes)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--view", "calls", "--only", "vss"], "--only chooses events"),
        (["--to", "abc"], "--to must be a number in international form"),
        (["--register"], "--register needs public access"),
        (["--public-url", "http://127.0.0.1:9"], "Only one of"),
        (["--only", "vsx"], "the nearest is VSS"),
        (["--events", "vca,xxx"], "xxx"),
        (["--status", "BUSSY"], "the nearest is BUSY"),
    ],
)
def test_what_can_not_be_meant_is_refused(run: Program, arguments: list[str], says: str) -> None:
    done = run("listen", "--no-tunnel", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_an_address_that_8x8_can_not_reach_is_not_registered(run: Program) -> None:
    env = {"EIGHT_X_EIGHT_API_KEY": "some-key", "EIGHT_X_EIGHT_SUBACCOUNT_ID": "some_subaccount"}
    done = run("listen", "--public-url", "http://127.0.0.1:5678", "--register", env=env)
    assert (done.code, done.out) == (2, "")
    assert "8x8 can't reach http://127.0.0.1:5678" in done.err


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize(
    ("number", "times"),
    [
        (signal.SIGINT, 3),
        (signal.SIGTERM, 3),
    ],
)
def test_signals_in_quick_succession_are_one(
    tmp_path: Path, own_sandbox: RunningSandbox, number: signal.Signals, times: int
) -> None:
    arguments = registering()
    for _ in range(times):
        with listening(tmp_path / "home", *arguments, env=own_sandbox.environment) as listener:
            assert listener.url
            while listener.process.poll() is None:
                listener.process.send_signal(number)
            assert listener.stop() == 0, listener.errors
        assert webhooks(own_sandbox) == {}


def test_a_store_that_is_removed_is_made_anew_and_nothing_stays_at_8x8(
    tmp_path: Path, own_sandbox: RunningSandbox
) -> None:
    arguments = registering()
    with listening(tmp_path / "home", *arguments, env=own_sandbox.environment, in_thread=True) as listener:
        report(listener, vss("s-1"))
        shutil.rmtree(tmp_path / "home")
        wait_until(lambda: (tmp_path / "home").exists())
        report(listener, vss("s-2"))
        with closing(sqlite3.connect(tmp_path / "home" / "voicecli.sqlite3")) as database:
            assert database.execute("SELECT session FROM events").fetchall() == [("s-2",)]
        assert listener.stop() == 0
    assert webhooks(own_sandbox) == {}


@pytest.mark.soak
@pytest.mark.process
def test_all_processes_of_a_service_may_get_the_signal(tmp_path: Path) -> None:
    with listening(tmp_path / "home", "--no-tunnel") as listener:
        report(listener, vss("s-1"))
        [child] = children_of(listener.process.pid)
        os.kill(child, signal.SIGTERM)
        report(listener, vss("s-2"))
        assert listener.stop() == 0
    assert listener.of("note") == []


def test_beside_one_that_is_registered_another_says_nothing_of_it(
    tmp_path: Path, own_sandbox: RunningSandbox
) -> None:
    env, arguments = own_sandbox.environment, registering()
    with (
        listening(tmp_path / "home", *arguments, env=env, in_thread=True) as registered,
        listening(tmp_path / "home", "--no-tunnel", env=env, in_thread=True) as other,
    ):
        assert registered.url
        assert other.url
        assert other.stop() == 0
        assert other.of("note") == []
        assert set(webhooks(own_sandbox)) == {"VCA", "VCS", "VSS"}


def test_without_authentication_a_webhook_that_leads_here_with_a_header_stays(
    tmp_path: Path, own_sandbox: RunningSandbox, run: Program
) -> None:
    env, arguments = own_sandbox.environment, registering()
    url = f"{arguments[3]}/api/webhooks/vss"
    assert run("webhooks", "set", "vss", url, env={**env, "WEBHOOK_AUTH_TOKEN": TOKEN}).code == 0
    with listening(
        tmp_path / "home", *arguments, "--no-auth", env=env, token=None, in_thread=True
    ) as listener:
        assert listener.url
        assert listener.stop() == 0
    assert webhooks(own_sandbox) == {"VSS": url}


@pytest.mark.process
@pytest.mark.soak
def test_nohup_is_respected(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # for the listener, which inherits it
    try:
        with listening(tmp_path / "home", "--no-tunnel", forked=False) as listener:
            assert listener.url
            listener.process.send_signal(signal.SIGHUP)
            report(listener, vss("s-1"))
            wait_until(lambda: listener.of("event"))
            assert listener.stop() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.soak
@pytest.mark.process
def test_what_is_set_after_a_kill_stays(tmp_path: Path, own_sandbox: RunningSandbox, run: Program) -> None:
    env = {**own_sandbox.environment, "VOICECLI_HOME": str(tmp_path / "home")}
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with listening(
        tmp_path / "home", "--port", str(port), "--public-url", url, "--register", env=env
    ) as listener:
        assert listener.url
        listener.stop(signal.SIGKILL)
    assert run("webhooks", "set", "vss", f"{url}/api/webhooks/vss", "--no-auth", env=env).code == 0
    assert run("webhooks", "restore", env=env).out == "Restored: VCA, VCS\n"
    assert webhooks(own_sandbox) == {"VSS": f"{url}/api/webhooks/vss"}


class SlowWay:
    """A way to a sandbox on which requests wait until they may pass."""

    def __init__(self, target: str) -> None:
        self.asked, self.open = threading.Event(), threading.Event()
        self.broken = False
        way = self

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                way.asked.set()
                way.open.wait(DEADLINE)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {
                    name: self.headers[name]
                    for name in ("Authorization", "Content-Type")
                    if name in self.headers
                }
                if way.broken:
                    self.send_error(500)
                    return
                answer = httpx.request(self.command, target + self.path, content=body, headers=headers)
                self.send_response(answer.status_code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_DELETE = do_PUT = do  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.soak
@pytest.mark.process
def test_interrupted_while_it_registers_it_leaves_nothing_at_8x8(
    tmp_path: Path, own_sandbox: RunningSandbox
) -> None:
    with closing(SlowWay(own_sandbox.sandbox.url)) as way:
        env = {**own_sandbox.environment, "EIGHT_X_EIGHT_BASE_URL": way.url}
        arguments = registering()
        with listening(tmp_path / "home", *arguments, env=env) as listener:
            assert way.asked.wait(DEADLINE)
            listener.process.send_signal(signal.SIGINT)
            way.open.set()
            listener.end_of_it()
            assert listener.process.returncode == 130
    assert webhooks(own_sandbox) == {}
    assert json.loads(listener.errors)["error"]["code"] == "interrupted"


@pytest.mark.soak
@pytest.mark.process
def test_interrupted_while_it_puts_back_what_a_killed_one_left_it_ends(
    tmp_path: Path, own_sandbox: RunningSandbox
) -> None:
    with closing(SlowWay(own_sandbox.sandbox.url)) as way:
        env = {**own_sandbox.environment, "EIGHT_X_EIGHT_BASE_URL": way.url}
        way.open.set()
        arguments = registering()
        with listening(tmp_path / "home", *arguments, env=env) as listener:
            assert listener.url
            listener.stop(signal.SIGKILL)
        way.asked.clear()
        way.open.clear()
        way.broken = True
        with listening(tmp_path / "home", "--no-tunnel", env=env) as listener:
            assert way.asked.wait(DEADLINE)
            listener.process.send_signal(signal.SIGINT)
            way.open.set()
            listener.end_of_it()
            assert listener.process.returncode == 130


def test_webhooks_that_can_not_be_put_back_are_an_error(tmp_path: Path) -> None:
    arguments = registering()
    with ExitStack() as end:
        with RunningSandbox(time_scale=1000) as sandbox:
            listener = end.enter_context(
                listening(tmp_path / "home", *arguments, env=sandbox.environment, in_thread=True)
            )
            assert listener.url
        assert listener.stop() == 5
    error = json.loads(listener.errors)["error"]
    assert error["message"].startswith("The webhooks at 8x8 could not be restored: ")
    assert "voicecli webhooks restore" in error["hint"]
    assert listener.of("stopped")


def test_a_call_is_one_record_when_it_has_ended(tmp_path: Path) -> None:
    with listening(tmp_path / "home", "--no-tunnel", "--view", "calls", in_thread=True) as listener:
        report(listener, vca("s-1"), vss("s-1", "BUSY"), vca("s-2"), vss("s-1", "BUSY"))
        assert listener.stop() == 0
    shown = [(call["sessionId"], call["outcome"]) for call in listener.of("call")]
    assert shown == [("s-1", "BUSY"), ("s-2", None)]  # at the end those that are open
    assert listener.of("event") == []


@pytest.mark.soak
@pytest.mark.process
def test_without_a_terminal_an_event_is_one_plain_line(tmp_path: Path) -> None:
    with started(tmp_path / "home", "--no-tunnel", "--count", "2", token=None) as process:
        assert process.stderr is not None
        ready = process.stderr.readline()
        url = ready.split(" at ")[1].strip()
        post(f"{url}/api/webhooks/vss", vss("5a3eab76-2940"))
        post(f"{url}/api/webhooks/vca", vca("s-2", note="\x1b[31m[bold]"))
        out, err = process.communicate(timeout=DEADLINE)
    first, second = out.splitlines()
    assert first[8:] == "  VSS    5a3eab76  +33199000000 → +33199001234  completed, 13 s"
    assert second[8:] == "  VCA    s-2                                    digit 1; our reply: hangup"
    assert err == "Stopped after 2 events. Calls: 1 open · 1 completed\n"
    assert process.returncode == 0


@contextmanager
def piped(home: Path, *, forked: bool = True) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A listener whose JSON Lines the test reads itself, or not; and where webhooks go."""
    with started(home, "--no-tunnel", "--json", token=None, forked=forked) as process:
        assert process.stdout is not None
        yield process, f"{json.loads(process.stdout.readline())['url']}/api/webhooks/vss"
        process.terminate()


@pytest.mark.process
def test_a_reader_that_has_gone_ends_it_as_a_failure(tmp_path: Path) -> None:
    with piped(tmp_path / "home") as (process, url):
        assert process.stdout is not None
        process.stdout.close()
        number = 0
        while process.poll() is None:
            number += 1
            with suppress(OSError):  # it has ended by now
                post(url, vss(f"s-{number}"))
        assert process.returncode == 1


@pytest.mark.process
@pytest.mark.soak
def test_without_standard_output_it_does_not_begin(tmp_path: Path) -> None:
    shell = f"{sys.executable} -m voicecli listen --no-tunnel --port 0 --json >&-"
    done = subprocess.run(["bash", "-c", shell], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, json.loads(done.stderr)["error"]["code"]) == (1, "output")


@pytest.mark.process
@pytest.mark.soak
def test_a_reader_that_does_not_read_stops_nothing(tmp_path: Path) -> None:
    with piped(tmp_path / "home", forked=False) as (process, url):
        filler = "x" * 50_000
        statuses = {post(url, vss(f"s-{number}", filler=filler))[0] for number in range(30)}
        assert statuses == {200}  # though the pipe has been full for long
        process.terminate()
        assert process.wait(DEADLINE) == 0


# -- answers -----------------------------------------------------------------------------------------


def test_a_reply_from_a_file_is_checked_at_the_start_and_given(tmp_path: Path) -> None:
    say = {"action": "say", "params": {"text": "Thanks", "voiceProfile": "en-GB-Emma"}}
    (tmp_path / "reply.json").write_text(json.dumps({"callflow": [say], "clientActionId": "x"}))
    with listening(
        tmp_path / "home", "--no-tunnel", "--reply", str(tmp_path / "reply.json"), in_thread=True
    ) as listener:
        answer = post(f"{listener.url}/api/webhooks/vca", vca())
    assert answer == (200, {"clientActionId": "x", "callflow": [say]})
    (tmp_path / "reply.json").write_text('[{"action": "say", "params": {}}]')
    with listening(
        tmp_path / "home", "--no-tunnel", "--reply", str(tmp_path / "reply.json"), in_thread=True
    ) as listener:
        assert "-1009" in listener.end_of_it()
        assert listener.process.returncode == 2


def test_a_curl_line_of_the_example_project_places_a_call(tmp_path: Path, sandbox: RunningSandbox) -> None:
    with listening(tmp_path / "home", "--no-tunnel", env=sandbox.environment, in_thread=True) as listener:
        body = {"messageId": "listen-1", "customerPhone": NUMBER, "message": "hi", "repetition": 2}
        curl = ["curl", "-sS", "-u", f"admin:{TOKEN}", "-d", json.dumps(body)]
        done = subprocess.run(
            [*curl, f"{listener.url}/api/make-call"],
            capture_output=True,
            text=True,
            check=True,
        )
    answer = json.loads(done.stdout)
    assert (answer["success"], answer["data"]["sessionStatus"]) == (True, "CREATED")
    assert len(sandbox.requested("listen-1")) == 1


# -- the way in, and 8x8 -----------------------------------------------------------------------------


def test_a_public_address_without_a_token_is_refused(run: Program) -> None:
    done = run("listen", "--public-url", "https://example.com")
    assert (done.code, done.out) == (3, "")
    assert "--no-auth" in done.err


@pytest.mark.usefixtures("short_seconds")
def test_without_authentication_it_warns(tmp_path: Path, run: Program) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["--no-auth", "--public-url", url, "--port", str(port), "--for", "1s"]
    done = run("listen", *arguments, env={"VOICECLI_HOME": str(tmp_path / "home")})
    assert done.code == 0
    assert "Warning: everybody who knows the address can report events" in done.err


def test_registered_it_receives_and_puts_back_what_was_there(
    tmp_path: Path, own_sandbox: RunningSandbox, run: Program
) -> None:
    env = own_sandbox.environment
    assert run("webhooks", "set", "vss", "https://example.com/before", "--no-auth", env=env).code == 0
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["--port", str(port), "--public-url", url, "--register", "--events", "vss,vcs"]
    with listening(tmp_path / "home", *arguments, env=env, token=None, in_thread=True) as listener:
        assert listener.url == url
        assert webhooks(own_sandbox)["VCS"] == f"{url}/api/webhooks/vcs"
        assert run("call", "+33199000486", "hi", env=env).code == 0
        wait_until(lambda: listener.of("event", type="VSS"))
        assert post(f"{url}/api/webhooks/vss", vss(), token=None)[0] == 401
        assert listener.stop() == 0
    assert listener.of("event", type="VSS")[0]["outcome"] == "BUSY"
    assert webhooks(own_sandbox) == {"VSS": "https://example.com/before"}


@pytest.mark.soak
@pytest.mark.process
def test_after_a_kill_webhooks_are_put_back_by_the_next_start_or_by_hand(
    tmp_path: Path, own_sandbox: RunningSandbox, run: Program
) -> None:
    env = {**own_sandbox.environment, "VOICECLI_HOME": str(tmp_path / "home")}
    for restore in ("start", "webhooks restore"):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        arguments = ["--port", str(port), "--public-url", url, "--register"]
        with listening(tmp_path / "home", *arguments, env=env) as listener:
            assert listener.url
            assert set(webhooks(own_sandbox)) == {"VCA", "VCS", "VSS"}
            listener.stop(signal.SIGKILL)
        assert set(webhooks(own_sandbox)) == {"VCA", "VCS", "VSS"}
        if restore == "start":
            with listening(tmp_path / "home", "--no-tunnel", env=env, in_thread=True) as listener:
                assert listener.url
        else:
            assert run("webhooks", "restore", env=env).out == "Restored: VCA, VCS, VSS\n"
        assert webhooks(own_sandbox) == {}


def test_an_address_that_leads_elsewhere_is_not_registered(
    tmp_path: Path, own_sandbox: RunningSandbox
) -> None:
    arguments = ["--public-url", own_sandbox.sandbox.url, "--register"]
    with listening(tmp_path / "home", *arguments, env=own_sandbox.environment, in_thread=True) as listener:
        error = json.loads(listener.end_of_it())["error"]
        assert listener.process.returncode == 5
    assert "something else answers there" in error["message"]
    assert webhooks(own_sandbox) == {}


@pytest.mark.soak
@pytest.mark.process
def test_through_a_tunnel_events_come_in_and_a_dead_agent_is_replaced(
    tmp_path: Path, own_sandbox: RunningSandbox, run: Program
) -> None:
    agent = write_agent(tmp_path / "agent")
    env = {
        **own_sandbox.environment,
        "NGROK_AUTHTOKEN": "ngrok-token-of-this-test",
        "PATH": f"{agent.parent}:{os.environ['PATH']}",
    }
    with listening(tmp_path / "home", "--register", env=env) as listener:
        assert listener.url
        first = listener.of("tunnel", up=True)[0]["publicUrl"]
        assert webhooks(own_sandbox)["VSS"] == f"{first}/api/webhooks/vss"
        assert run("call", NUMBER, "hi", env=env).code == 0
        wait_until(lambda: listener.of("event", type="VSS"))
        started = [json.loads(line) for line in (agent.parent / "agent.log").read_text().splitlines()]
        os.kill(next(one["pid"] for one in started if one["event"] == "started"), signal.SIGKILL)
        wait_until(lambda: listener.of("tunnel", up=False))
        wait_until(lambda: len(listener.of("tunnel", up=True)) == 2)
        second = listener.of("tunnel", up=True)[1]["publicUrl"]
        wait_until(lambda: webhooks(own_sandbox)["VSS"] == f"{second}/api/webhooks/vss")
        assert listener.stop() == 0
    assert webhooks(own_sandbox) == {}
    assert "ngrok-token-of-this-test" not in json.dumps(listener.records) + listener.errors
    pids = [one["pid"] for one in started if one["event"] == "started"]
    wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids))


@pytest.mark.soak
@pytest.mark.process
def test_a_tunnel_that_fails_leaves_nothing_and_says_what_to_do(
    tmp_path: Path, own_sandbox: RunningSandbox
) -> None:
    agent = write_agent(tmp_path / "agent", needs_token=True)
    env = {**own_sandbox.environment, "PATH": f"{agent.parent}:{os.environ['PATH']}"}
    with listening(tmp_path / "home", "--register", env=env) as listener:
        error = json.loads(listener.end_of_it())["error"]
        assert listener.process.returncode == 3
    assert "NGROK_AUTHTOKEN" in error["hint"]
    assert webhooks(own_sandbox) == {}


# -- on a terminal -----------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.parametrize("columns", [80, pytest.param(200, marks=pytest.mark.soak)])
def test_on_a_terminal_every_row_stays_and_a_footer_stands_below(tmp_path: Path, columns: int) -> None:
    env = {"VOICECLI_HOME": str(tmp_path / "home")}
    with Terminal("listen", "--no-tunnel", "--port", "0", columns=columns, env=env) as terminal:
        url = terminal.wait_for(r"listening at (\S+)")
        hostile = vss(
            "5a3eab76-2940", "\x1b[2J[bold red]", errorDetails={"errorMsg": "\x1b]0;x\x07", "errorCode": "x"}
        )
        post(f"{url}/api/webhooks/vss", vss("1a3eab76-2940", "NO ANSWER"))
        post(f"{url}/api/webhooks/vss", hostile)
        terminal.wait_for(r"calls: 0 open · 1 no answer")
        written = terminal.end()
    text = "\n".join(plain(written.splitlines()))
    assert "\x1b[2J" not in written
    assert "\x1b]0;" not in written
    assert "\\u001b[2J[bold red]" in text
    assert "1a3eab76" in text
    assert ("+33199000000 → +33199001234" in text) == (columns == 200)
    assert "Stopped after 2 events." in text
