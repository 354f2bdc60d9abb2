"""Passing webhooks on: the very bytes and headers, the application's answer as the reply, and what if not."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from conftest import DEADLINE
from receiver_world import TOKEN, World, receiving, vca, vss

from voicecli.listener import forward
from voicecli.listener.vca_repliers import ApplicationReplier, constant_reply
from voicecli.store.event_queries import events_of_session
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.callflow import HANGUP
from voicecli.voice_api.replies import HANG_UP

SAY = {"action": "say", "params": {"text": "Your code is 482913", "voiceProfile": "en-GB-Emma"}}


class App:
    """Somebody's own application, and what it got: path, headers and body of each request."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: bytes = b"{}"
        self.status = 200
        self.headers: dict[str, str] = {}
        self.open = asyncio.Event()  # requests wait for it
        self.open.set()
        self.news = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append((request.path, dict(request.headers), await request.read()))
        async with self.news:
            self.news.notify_all()
        await self.open.wait()
        return web.Response(body=self.answer, status=self.status, headers=self.headers)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE), self.news:
            await self.news.wait_for(lambda: len(self.got) >= count)


@asynccontextmanager
async def application() -> AsyncIterator[App]:
    here = App()
    app = web.Application()
    app.add_routes([web.route("*", "/{path:.*}", here.handle)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield here
    finally:
        here.open.set()
        await runner.cleanup()


def asking(
    home: Path, url: str, *, timeout: float = 5.0, with_token: bool = True
) -> AbstractAsyncContextManager[World]:
    """A receiver that asks the application for replies, and hangs up without one."""
    replier = ApplicationReplier(url, timeout=timeout, with_token=with_token, instead=constant_reply(HANG_UP))
    return receiving(home, forward_to=url, forward_timeout=timeout, forward_token=with_token, replier=replier)


async def test_the_applications_answer_becomes_the_reply(tmp_path: Path) -> None:
    async with application() as app, asking(tmp_path, f"{app.url}/hooks") as world:
        app.answer = json.dumps({"callflow": [SAY, HANGUP], "clientActionId": "mine"}).encode()
        body = b'{"payload": {"sessionId":"s-1", "eventId" : "e-1"},"eventType":"CALL_ACTION"}'
        _, answer = await world.post("/api/webhooks/vca", body, headers={"X-Some": "header"})
        assert answer == {"clientActionId": "mine", "callflow": [SAY, HANGUP]}
        [(path, headers, got)] = app.got
        assert (path, got, headers["X-Some"], headers["Authorization"]) == ("/hooks", body, "header", TOKEN)
    assert (world.shown[0].reply, world.shown[0].remarks) == ("say, hangup", ("as the application says",))


async def test_an_answer_may_be_compressed(tmp_path: Path) -> None:
    async with application() as app, asking(tmp_path, app.url) as world:
        app.answer = gzip.compress(json.dumps({"callflow": [SAY, HANGUP]}).encode())
        app.headers = {"Content-Encoding": "gzip"}
        _, answer = await world.post("/api/webhooks/vca", vca())
    assert answer["callflow"] == [SAY, HANGUP]


def files(folder: Path) -> str:
    return b"".join(path.read_bytes() for path in folder.iterdir()).decode(errors="replace")


async def test_the_token_stays_here_unless_it_may_go_along(tmp_path: Path) -> None:
    async with application() as app, asking(tmp_path, app.url, with_token=False) as world:
        headers = {"AUTHORIZATION": TOKEN, "X-Some": "header"}
        for path, event in (("/api/webhooks/vca", vca()), ("/api/webhooks/vss", vss())):
            assert (await world.post(path, event, token=None, headers=headers))[0] == 200
        await app.until(2)
    assert [headers["X-Some"] for _, headers, _ in app.got] == ["header", "header"]
    assert not any(TOKEN in str(headers) for _, headers, _ in app.got)


async def test_what_is_said_in_a_reply_is_not_written_to_disk(tmp_path: Path) -> None:
    async with application() as app, asking(tmp_path, app.url) as world:
        app.answer = json.dumps({"callflow": [SAY]}).encode()
        await world.event(vca())
    assert "482913" not in files(tmp_path)
    assert world.kept("reply") == [("say",)]


async def test_a_vca_that_comes_again_gets_the_same_reply_and_is_not_asked_twice(tmp_path: Path) -> None:
    async with application() as app, asking(tmp_path, app.url) as world:
        app.answer = json.dumps({"callflow": [SAY]}).encode()
        app.open.clear()
        at_once = [asyncio.create_task(world.event(vca())) for _ in range(5)]
        await app.until(1)
        app.open.set()
        answers = [*await asyncio.gather(*at_once), await world.event(vca())]
    assert answers == [(200, {"callflow": [SAY]})] * 6
    assert len(app.got) == 1


async def test_an_answer_that_is_no_reply_is_replaced_and_told(tmp_path: Path) -> None:
    invalid = "the application answered no valid callflow: "
    async with application() as app, asking(tmp_path, app.url) as world:
        for number, (answer, status, remark) in enumerate(
            [
                (b"", 200, f"{invalid}it is empty"),
                (b"{}", 200, f"{invalid}$.callflow: must be an array of actions"),
                (b'{"callflow": []}', 200, f"{invalid}there is no action in it"),
                (
                    b'{"callflow": [{"action": "dance"}]}',
                    200,
                    f"{invalid}$.callflow[0].action should be one of: ",
                ),
                (b"[" * 60_000, 200, f"{invalid}it is not a JSON object"),
                (b" <html>", 200, f"{invalid}it is HTML"),
                (b'{"callflow": []}', 500, "the application answered HTTP 500"),
                (b" " * 70_000, 200, "the application answered too much"),
            ]
        ):
            app.answer, app.status = answer, status
            assert await world.event(vca(f"s-{number}")) == (200, {"callflow": [HANGUP]})
            await world.until(lambda number=number: len(world.shown) > number)
            [told] = world.shown[-1].remarks
            assert (world.shown[-1].reply, told[: len(remark)]) == ("hangup", remark)
    with SqliteStore(world.home) as store:  # for whoever asks later
        for received in world.shown:
            [kept] = events_of_session(store, received.event.session_id)
            assert (kept.reply, kept.remarks) == ("hangup", received.remarks)


async def test_an_application_that_is_slow_or_away_does_not_hold_up_the_call(tmp_path: Path) -> None:
    async with application() as app:
        async with asking(tmp_path, app.url, timeout=0.1) as world:
            app.open.clear()
            assert await world.event(vca()) == (200, {"callflow": [HANGUP]})
        url = app.url
    assert world.shown[0].remarks == ("the application did not answer within 0.1 s",)
    async with asking(tmp_path, url) as world:
        assert await world.event(vca(event_id="e-2")) == (200, {"callflow": [HANGUP]})
    assert world.shown[0].remarks == ("the application could not be reached",)


async def test_other_events_are_passed_on_once_and_in_order_of_their_session(tmp_path: Path) -> None:
    async with application() as app, asking(tmp_path, app.url) as world:
        app.open.clear()
        events = [vss(session, number=number) for number in range(5) for session in ("s-1", "s-2")]
        for event in [*events, *events]:
            assert await world.event(event) == (200, {})  # at once, though the application hangs
        app.open.set()
        await app.until(10)
    got = [json.loads(body)["payload"] for _, _, body in app.got]
    assert len(got) == 10
    for session in ("s-1", "s-2"):
        assert [one["number"] for one in got if one["sessionId"] == session] == list(range(5))
    assert {path for path, _, _ in app.got} == {"/api/webhooks/vss"}


@pytest.mark.parametrize("event", [vca(), vss()], ids=["VCA", "VSS"])
async def test_what_is_kept_already_but_was_not_shown_here_is_passed_on(
    tmp_path: Path, event: dict[str, object]
) -> None:
    """By a run before, or by a writing process that was killed before it said so."""
    async with receiving(tmp_path, replier=constant_reply(HANG_UP)) as world:
        await world.event(event)
    async with (
        application() as app,
        receiving(tmp_path, forward_to=app.url, replier=constant_reply(HANG_UP)) as world,
    ):
        for _ in range(2):
            await world.event(event)
        await world.event(vss("s-1", "LAST"))  # those of a session go in order
        await app.until(2)
        assert world.kept("times") == [(3,), (1,)]
    assert len(app.got) == 2


async def test_what_waits_for_a_slow_application_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "MAX_WAITING", 3)
    async with application() as app, asking(tmp_path, app.url) as world:
        app.open.clear()
        for number in range(10):
            await world.event(vss(number=number))
        assert len(world.kept("id")) == 10
        app.open.set()
        await world.until(lambda: any("again" in text for text in world.told))
    assert len(app.got) == 3
    assert world.told[-2:] == [
        "Events are not passed on: the application is too slow.",
        "The application takes events again; 7 events were not passed on.",
    ]


async def test_what_could_not_be_shown_is_shown_when_the_event_comes_again(tmp_path: Path) -> None:
    async with application() as app, asking(tmp_path, app.url) as world:
        app.answer = json.dumps({"callflow": [SAY]}).encode()

        def fail(_: object) -> None:
            raise ZeroDivisionError

        world.service._listener.events._on_event = fail
        assert await world.event(vca()) == (200, {"callflow": [SAY]})
        world.service._listener.events._on_event = world.shown.append
        assert await world.event(vca()) == (200, {"callflow": [SAY]})
    assert [received.again for received in world.shown] == [False]
