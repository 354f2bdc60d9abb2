"""What ``voicecli listen`` shows below the rows: its address, whether that is reached, and the inspector."""

import asyncio
import io
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import SimpleNamespace

import pytest

from voicecli.cli.context import Context
from voicecli.cli.listen.display import EventDisplay

REACHABILITY = {
    "public_url": "https://here.example",
    "inspector": None,
    "tunnel_is_up": None,
    "tunnel_trouble": "",
    "unreachable": None,
}


class Screen:
    """Keeps the last picture."""

    def __init__(self) -> None:
        self.footer: Sequence[tuple[str, str]] = ()

    def picture(self, _rows: object, footer: Sequence[tuple[str, str]]) -> None:
        self.footer = footer


@pytest.mark.parametrize(
    ("reachability", "words", "style"),
    [
        ({}, "https://here.example · no tunnel of ours · 0.0 events/s", "bold"),
        ({"public_url": None}, "http://127.0.0.1:5678 · only this machine · 0.0 events/s", "bold"),
        (
            {"unreachable": "HTTP 404"},
            "https://here.example · does not lead here (HTTP 404) · 0.0 events/s",
            "bold red",
        ),
        (
            {"tunnel_is_up": True, "inspector": "http://127.0.0.1:4040"},
            "https://here.example · tunnel up · 0.0 events/s · inspector http://127.0.0.1:4040",
            "bold",
        ),
        (
            {"tunnel_is_up": False, "tunnel_trouble": "no network"},
            "https://here.example · tunnel down (no network) · 0.0 events/s",
            "bold red",
        ),
    ],
)
async def test_the_first_line_says_how_it_is_reached(
    reachability: dict[str, object], words: str, style: str
) -> None:
    service = SimpleNamespace(
        url="http://127.0.0.1:5678",
        webhooks=[],
        refused={},
        reachability=SimpleNamespace(**{**REACHABILITY, **reachability}),
    )
    display, screen = EventDisplay(Context(stdin=None, stdout=io.StringIO(), stderr=None)), Screen()
    display._stream = screen  # type: ignore[assignment]
    display._picture(service)  # type: ignore[arg-type]
    assert screen.footer == [(words, style), ("calls: 0 open", "")]


async def test_work_under_way_has_ended_when_the_display_has() -> None:
    """Such as a demo whose request is at its other end in a thread when nobody reads its output any more."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # the work has something to put away
            ended.set()

    display = EventDisplay(Context(stdin=None, stdout=io.StringIO(), stderr=None))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(display._working(work))
        await began.wait()
    assert ended.is_set()
