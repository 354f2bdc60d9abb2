"""Looks that are taken more often than outside of tests, and shorter pauses, so that tests wait less."""

from voicecli.broadcast import answers, engine
from voicecli.calling import vca_replier, waiting
from voicecli.cli import demo, events, logs
from voicecli.listener import open_questions, shared_listener
from voicecli.output import stream
from voicecli.sandbox import server
from voicecli.store.following import Follower
from voicecli.voice_api import retries

OFTEN = 0.02  # seconds
HURRY = 10  # times as fast is the demo


def install() -> None:
    """Change the intervals of this process."""
    for module in (engine, waiting, vca_replier, open_questions, shared_listener):
        module.LOOK_EVERY = OFTEN  # type: ignore[attr-defined]
    Follower.__init__.__kwdefaults__["every"] = OFTEN
    answers.FIRST_DELAY = OFTEN
    shared_listener.TRY_EVERY = OFTEN
    events.POLL = OFTEN
    stream.INTERVAL = 0.01
    logs.FIRST_PAUSE = OFTEN
    retries.FIRST_PAUSE = OFTEN
    demo.TIME_SCALE *= HURRY
    demo.PAUSE /= HURRY
    server.NUMBERS_RETRY_AFTER = 0.1
