"""``voicecli demo``: calls with different outcomes on a sandbox, and their events."""

import asyncio
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from voicecli.account import DEFAULT_VOICE
from voicecli.cli import interrupts
from voicecli.cli.context import Context, context_of
from voicecli.cli.listen.display import EventDisplay
from voicecli.cli.shells import use_sandbox
from voicecli.errors import Refused, VoicecliError
from voicecli.output import Column, TableRow
from voicecli.output.event_rows import outcome_style
from voicecli.store.location import StorePlace
from voicecli.voice_api.callflow import CallRequest, call_request, make_call
from voicecli.voice_api.messages import voice_message
from voicecli.voice_api.operations.webhooks import set_webhook
from voicecli.voice_api.webhook_events import webhook_url

if TYPE_CHECKING:
    from voicecli.listener.service import ListenerService
    from voicecli.voice_api.client import Client
    from voicecli.voice_api.webhook_events import Event, Received

EXAMPLES = """\
voicecli demo
voicecli demo --json | jq .
voicecli demo | tee demo.txt
"""
TIME_SCALE = 6.0
PAUSE = 0.3  # seconds between two calls, so that a person can follow
PATIENCE = 12.0  # seconds; what is not over by then is told as missing


class Scene(NamedTuple):
    """One call of the demo: what it is for, who is called, and the request."""

    title: str
    number: str
    request: CallRequest


def demo(ctx: typer.Context) -> None:
    """Show voicecli at work on this machine, without an account or a network.

    Starts a local 8x8, places calls with different outcomes, and shows the webhook events as they arrive.
    Takes less than ten seconds.
    """
    interrupts.run(_Demo(context_of(ctx)).run())


def _scenes() -> list[Scene]:
    from voicecli.sandbox.account import SOURCE

    ask = {
        "action": "sayAndCapture",
        "params": {
            "promptMessage": "The server room is too hot. Press 1 to confirm.",
            "voiceProfile": DEFAULT_VOICE,
            "minDigits": 1,
            "maxDigits": 1,
        },
    }
    scenes = [
        Scene(title, number, voice_message(number, text, source=SOURCE))
        for title, number, text in (
            ("reminder", "+33199001234", "Your appointment is tomorrow at ten."),
            ("one-time code", "+33199005678", "Your code is 4 8 2 9 1 3."),
            ("nobody there", "+33199000480", "Your parcel is here."),
            ("busy line", "+33199000486", "Your parcel is here."),
            ("8x8 too full", "+33199002010", "Your parcel is here."),
            ("wrong caller ID", "+33199001014", "This caller ID is not whitelisted."),
        )
    ]
    question = call_request([make_call(SOURCE, "+33199007103"), ask])
    scenes.insert(2, Scene("alert, press 1", "+33199007103", question))
    return scenes


class _Demo:
    """One run: the calls that were placed, and their summaries so far."""

    def __init__(self, context: Context) -> None:
        self._output = context.output
        self._watch = EventDisplay(context)
        self._placed: dict[str, Scene] = {}  # by session id
        self._refused: list[Scene] = []
        self._summaries: dict[str, Event] = {}  # by session id
        self._news = asyncio.Event()

    async def run(self) -> None:
        from voicecli.listener.plan import ListenerPlan
        from voicecli.listener.service import ListenerService
        from voicecli.listener.vca_repliers import constant_reply
        from voicecli.sandbox.server import Sandbox
        from voicecli.voice_api.callflow import HANGUP
        from voicecli.voice_api.replies import Reply

        local, token = Sandbox(time_scale=TIME_SCALE), secrets.token_urlsafe()
        thanks = {"action": "say", "params": {"text": "Thank you.", "voiceProfile": DEFAULT_VOICE}}
        with tempfile.TemporaryDirectory() as folder:
            replier = constant_reply(Reply((thanks, HANGUP)))
            plan = ListenerPlan(store=StorePlace(Path(folder)), port=0, token=token, replier=replier)
            service = ListenerService(plan, on_event=self._receive, notify=self._watch.tell)
            try:
                url = await local.start()
                self._watch.tell(
                    f"A local 8x8 runs at {url}; one minute takes {60 / TIME_SCALE:.0f} seconds there.", None
                )
                await self._watch.run(service, lambda: self._play(url, service, token))
            finally:
                await local.stop()
        self._summarise()

    async def _play(self, url: str, service: "ListenerService", token: str) -> None:
        from voicecli.sandbox.account import API_KEY, SUBACCOUNT
        from voicecli.voice_api.client import Client

        with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=url) as client:
            for kind in ("VCA", "VSS", "VCS"):
                webhook = set_webhook(kind, webhook_url(service.url, kind), authorization=token)
                await asyncio.to_thread(client.send, webhook)
            for scene in _scenes():
                await self._place(client, scene)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._placed.keys() - self._summaries.keys():
                    await self._news.wait()
                    self._news.clear()

    async def _place(self, client: "Client", scene: Scene) -> None:
        session_id = None
        try:
            session_id = (await asyncio.to_thread(client.call, scene.request)).session_id
        except Refused as error:
            words = f"refused ({error.status_code})"
            self._refused.append(scene)
        else:
            words = f"accepted as session {session_id[:8]}"
            self._placed[session_id] = scene
        known = {"call": scene.title, "destination": scene.number, "sessionId": session_id, "words": words}
        said = f"voicecli call {scene.number}: {scene.title}, {words}"
        self._watch.tell(said, {"record": "placed", **known})
        await asyncio.sleep(PAUSE)

    def _receive(self, received: "Received") -> None:
        self._watch.show(received)
        if received.event.type == "VSS":
            self._summaries[received.event.session_id] = received.event
            self._news.set()

    def _summarise(self) -> None:
        columns = (Column("what", 15), Column("number", 12), Column("outcome", 0))
        ended = [(scene, self._summaries.get(session_id)) for session_id, scene in self._placed.items()]
        results = [
            (scene, "no summary arrived", None) if event is None else (scene, event.words, event.outcome)
            for scene, event in ended
        ]
        results += [(scene, "refused: no call was placed", None) for scene in self._refused]
        self._output.note("")
        self._output.note(f"{len(results)} calls and their outcomes:")
        for scene, words, outcome in results:
            record = {"call": scene.title, "destination": scene.number, "outcome": outcome, "words": words}
            style = "red" if outcome is None else outcome_style(outcome)
            cells = (scene.title, scene.number, words)
            self._output.row(TableRow(columns, cells, {"record": "outcome", **record}, style))
        if any(event is None for _, event in ended):
            raise VoicecliError(
                "Some calls of the demo did not end in time.", hint="Is this machine very busy?"
            )
        self._output.note("")
        self._output.note("Next: start voicecli sandbox in a second terminal, and here:")
        self._output.note(f"  {use_sandbox()}")
        self._output.note('  voicecli call +33199001234 "Hello from the command line"')
