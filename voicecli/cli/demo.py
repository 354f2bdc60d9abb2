"""``voicecli demo``: calls with different outcomes, placed on a sandbox, and what is reported of them."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from voicecli.callflow import (
    DEFAULT_VOICE,
    HANGUP,
    CallRequest,
    call_request,
    destinations,
    make_call,
    voice_message,
)
from voicecli.cli import context as contexts
from voicecli.cli import interrupts, options
from voicecli.cli.context import Context
from voicecli.errors import Refused, VoicecliError
from voicecli.output import Column

if TYPE_CHECKING:
    from voicecli.client import Client
    from voicecli.events import Event

EXAMPLES = ""
TIME_SCALE = 6.0
PATIENCE = 12.0  # seconds; what is not over by then is told as missing
_COLUMNS = (
    Column("time", 6),
    Column("event", 5),
    Column("session", 8),
    Column("number", 12),
    Column("what", 0),
)
_STYLES = {"COMPLETED": "green", "NO_ANSWER": "yellow", "BUSY": "yellow"}


@dataclass(frozen=True, slots=True)
class Scene:
    """One call of the demo: what it is for, and the request."""

    title: str
    request: CallRequest

    @property
    def number(self) -> str:
        return destinations(self.request.callflow)[0]


def demo(
    ctx: typer.Context,
    as_json: options.JsonFlag = False,  # noqa: ARG001
    debug: options.DebugFlag = False,  # noqa: ARG001
) -> None:
    """Show it all on this machine: calls, and what is reported of them. No account, no network.

    Starts a sandbox, places calls with different outcomes through the real client, receives the
    webhooks and shows them as they come. Takes less than ten seconds.
    """
    interrupts.run(_Demo(contexts.of(ctx)).run())


def _scenes() -> list[Scene]:
    from voicecli.sandbox import SOURCE

    def message(number: str, text: str, *, spell: bool = False) -> CallRequest:
        return voice_message(number, text, source=SOURCE, spell_digits=spell)

    ask = {
        "action": "sayAndCapture",
        "params": {
            "promptMessage": "The server room is too hot. Press 1 to confirm.",
            "voiceProfile": DEFAULT_VOICE,
            "minDigits": 1,
            "maxDigits": 1,
        },
    }
    return [
        Scene("reminder", message("+33199001234", "Your appointment is tomorrow at ten.")),
        Scene("one-time code", message("+33199005678", "Your code is 482913.", spell=True)),
        Scene("alert, press 1", call_request([make_call(SOURCE, "+33199007103"), ask])),
        Scene("nobody there", message("+33199000480", "Your parcel is here.")),
        Scene("busy line", message("+33199000486", "Your parcel is here.")),
        Scene("8x8 too full", message("+33199002010", "Your parcel is here.")),
        Scene("wrong caller ID", message("+33199001014", "This caller ID is not whitelisted.")),
    ]


class _Demo:
    """One run: who was called, and what is known of each session so far."""

    def __init__(self, context: Context) -> None:
        self._output = context.output
        self._token = secrets.token_urlsafe()
        self._start = time.monotonic()
        self._placed: dict[str, Scene] = {}  # by session id
        self._refused: list[Scene] = []
        self._summaries: dict[str, Event] = {}  # by session id
        self._news = asyncio.Event()

    async def run(self) -> None:
        from aiohttp import web

        from voicecli import listener
        from voicecli.client import Client
        from voicecli.sandbox import API_KEY, SUBACCOUNT, Sandbox

        local = Sandbox(time_scale=TIME_SCALE)
        receiver = listener.application(token=self._token, receive=self._receive)
        runner = web.AppRunner(receiver, access_log=None, shutdown_timeout=0.1)
        try:
            url = await local.start()
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            own_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._output.note(f"A local 8x8 is at {url}; one minute there is {60 / TIME_SCALE:.0f} seconds.")
            with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=url) as client:
                await self._register(client, own_url)
                for scene in _scenes():
                    await self._place(client, scene)
            await self._wait_for_summaries()
        finally:
            await local.stop()
            await runner.cleanup()
        self._summarise()

    async def _register(self, client: "Client", own_url: str) -> None:
        from voicecli import api

        for kind in ("VCA", "VSS", "VCS"):
            operation = api.set_webhook(
                kind, f"{own_url}/api/webhooks/{kind.lower()}", authorization=self._token
            )
            await asyncio.to_thread(client.send, operation)

    async def _place(self, client: "Client", scene: Scene) -> None:
        try:
            session = await asyncio.to_thread(client.call, scene.request)
        except Refused as error:
            self._row("call", "-", scene.number, f"{scene.title}: refused ({error.status_code})", style="red")
            self._refused.append(scene)
        else:
            self._placed[session.session_id] = scene
            self._row("call", session.session_id, scene.number, f"{scene.title}: accepted", style="bold")
        await asyncio.sleep(0.3)  # so that a person can follow

    def _receive(self, event: "Event") -> Mapping[str, object]:
        reply: Mapping[str, object] = {}
        words = event.words()
        if event.type == "VCA":
            thanks = {"action": "say", "params": {"text": "Thank you.", "voiceProfile": DEFAULT_VOICE}}
            reply = {"callflow": [thanks, HANGUP]}
            words += "; our reply: say thank you, hang up"
        self._row(event.type, event.session_id, event.destination, words, style=_style(event))
        if event.type == "VSS":
            self._summaries[event.session_id] = event
            self._news.set()
        return reply

    async def _wait_for_summaries(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._placed.keys() - self._summaries.keys():
                    await self._news.wait()
                    self._news.clear()

    def _row(self, kind: str, session_id: str, number: str, words: str, *, style: str) -> None:
        seconds = time.monotonic() - self._start
        self._output.row(
            _COLUMNS,
            (f"{seconds:.1f} s", kind, session_id[:8], number, words),
            {
                "record": "event",
                "seconds": round(seconds, 3),
                "type": kind,
                "sessionId": session_id,
                "destination": number,
                "words": words,
            },
            style=style,
        )

    def _summarise(self) -> None:
        columns = (Column("what", 15), Column("number", 12), Column("outcome", 0))
        endings = [(scene, self._summaries.get(session_id)) for session_id, scene in self._placed.items()]
        refused = "refused: no call was placed"
        self._output.note("")
        self._output.note(f"{len(endings) + len(self._refused)} calls, and what became of them:")
        for scene, words, style in [
            *(
                (scene, event.words() if event else "no summary came", _style(event))
                for scene, event in endings
            ),
            *((scene, refused, "red") for scene in self._refused),
        ]:
            record = {"record": "outcome", "call": scene.title, "destination": scene.number, "outcome": words}
            self._output.row(columns, (scene.title, scene.number, words), record, style=style)
        if any(event is None for _, event in endings):
            raise VoicecliError(
                "Some calls of the demo did not end in time.", hint="Is this machine very busy?"
            )
        self._output.note("")
        self._output.note("Next: start voicecli sandbox in a second terminal, and here:")
        self._output.note('  eval "$(voicecli sandbox --print-env)"')
        self._output.note('  voicecli call +33199001234 "Hello from the command line"')


def _style(event: "Event | None") -> str:
    """Outcomes have a colour, and what happens on the way to them has none."""
    if event is None:
        return "red"
    return "" if event.outcome is None else _STYLES.get(event.outcome, "red")
