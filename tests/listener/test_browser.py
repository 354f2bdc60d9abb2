"""A real browser, with a page that tries to report events to a listener without a token."""

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import DEADLINE, wait_until
from receiver_world import receiving, vss

from voicecli.listener.request_guard import RequestGuard

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")

# Each way in which a page can send without asking first, and those that ask; each reports another session.
PAGE = """<!DOCTYPE html><title>evil</title><body><script>
const listener = "LISTENER", done = "DONE";
const event = way => JSON.stringify({namespace: "VOICE", eventType: "SESSION_SUMMARY",
  payload: {sessionId: way, sessionStatus: "COMPLETED_UNSUBSCRIBED",
            details: {callA: {source: "+33199000000", destination: "+33199001234"}}}});
const url = listener + "/api/webhooks/vss";
const within = promise => Promise.race([promise, new Promise(over => setTimeout(over, 2000))]).catch(() => 0);
function form(way, enctype) {
  const frame = document.createElement("iframe");
  frame.name = way;
  document.body.appendChild(frame);
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, {action: url, method: "POST", enctype, target: way});
  const field = form.appendChild(document.createElement("input"));
  const [start, end] = event(way).split('"callA":');
  Object.assign(field, {name: start + '"x":"', value: '","callA":' + end});
  form.submit();
  return new Promise(over => frame.onload = over);
}
const image = () => new Promise(over => {
  const image = new Image(); image.onload = image.onerror = over; image.src = url + "?" + event("image"); });
const ended = (source, names) => new Promise(over => names.forEach(name => source["on" + name] = over));
Promise.all([
  fetch(url, {method: "POST", mode: "no-cors", body: event("simple")}),
  fetch(url, {method: "POST", mode: "no-cors", credentials: "include", body: event("credentials")}),
  fetch(url, {method: "POST", headers: {"Content-Type": "application/json"}, body: event("json")}),
  fetch(url, {method: "POST", mode: "no-cors", referrerPolicy: "no-referrer", body: event("no referrer")}),
  fetch(url, {method: "POST", mode: "no-cors", keepalive: true, body: event("keepalive")}),
  form("form", "text/plain"),
  image(),
  ended(new EventSource(url), ["error", "open"]),
  ended(new WebSocket(url.replace(/^http/, "ws")), ["error", "open", "close"]),
  Promise.resolve(navigator.sendBeacon(url, event("beacon"))),
].map(within)).then(() => fetch(done, {method: "POST", mode: "no-cors", body: location.href}));
</script>"""
WAYS = 10  # requests that it sends
TAKEN = {"simple", "credentials", "no referrer", "keepalive", "form", "beacon"}  # without our refusal


class Evil:
    """A web server whose page reports to the listener. By another name, which has been made to lead to this
    machine meanwhile (DNS rebinding), what is no page of its own gets to the listener as it is."""

    def __init__(self, listener: str) -> None:
        self.done = asyncio.Event()
        self.port = 0
        self._listener = listener

    def page(self, listener: str) -> str:
        done = f"http://127.0.0.1:{self.port}/done"
        return PAGE.replace("LISTENER", listener).replace("DONE", done)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._serve(reader, writer)
        finally:  # the browser keeps connections that it does not use
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        if path.startswith("/api/"):
            to = urlsplit(self._listener)
            theirs, ours = await asyncio.open_connection(to.hostname, to.port)
            ours.write(head)
            both = (_copy(reader, ours), _copy(theirs, writer))
            await asyncio.wait([*map(asyncio.ensure_future, both)], return_when=asyncio.FIRST_COMPLETED)
            ours.close()
            return
        body = {"/": self.page(""), "/other": self.page(self._listener)}.get(path, "").encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        if path == "/done":
            self.done.set()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while block := await reader.read(1 << 16):
            writer.write(block)


async def look_at(url: str, profile: Path, over: asyncio.Event) -> None:
    """Have the browser look at a page until it has done what it does."""
    assert CHROMIUM is not None
    browser = await asyncio.create_subprocess_exec(
        *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--host-resolver-rules=MAP evil.example 127.0.0.1", f"--user-data-dir={profile}", url),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(DEADLINE):
            await over.wait()
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        await browser.wait()


SAME_SITE, CROSS_SITE = "http://127.0.0.1:{port}/other", "http://evil.example:{port}/other"
REBOUND, FILE = "http://evil.example:{port}/", "file"


@pytest.mark.soak
@pytest.mark.parametrize(
    ("place", "is_refused", "taken"),
    [(place, True, set()) for place in (SAME_SITE, CROSS_SITE, REBOUND, FILE)]
    + [(CROSS_SITE, False, TAKEN), (REBOUND, False, {*TAKEN, "json"})],
)
async def test_no_page_reports_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, is_refused: bool, taken: set[str]
) -> None:
    """What it could do without the refusal shows that it tries."""
    if not is_refused:
        monkeypatch.setattr(RequestGuard, "refusal_without_token", lambda *_: "")
    async with receiving(tmp_path / "home", token=None) as world:
        evil = Evil(world.service.url)
        async with await asyncio.start_server(evil.serve, "127.0.0.1", 0) as server:
            evil.port = server.sockets[0].getsockname()[1]
            url = place.format(port=evil.port)
            if place == "file":
                page = tmp_path / "page.html"
                page.write_text(evil.page(world.service.url))
                url = page.as_uri()
            await look_at(url, tmp_path / "profile", evil.done)

        def sessions() -> set[str]:
            return {session for (session,) in world.kept("session")}

        refused = world.service.refused
        await asyncio.to_thread(wait_until, lambda: sum(refused.values()) + len(sessions()) >= WAYS)
        assert sessions() == taken
        assert (await world.post("/api/webhooks/vss", vss("ours"), token=None))[0] == 200
