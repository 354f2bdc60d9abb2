"""The receiver: who may report, what is refused, what is kept, and what is answered."""

import asyncio
import base64
import gc
import json
import signal
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from conftest import DEADLINE
from receiver_world import TOKEN, receiving, vca, vss

from voicecli.listener import duplicates, recorder, server
from voicecli.listener.routes import Answered
from voicecli.output.secrets import has_secret_name
from voicecli.store import sqlite
from voicecli.voice_api.callflow import HANGUP
from voicecli.voice_api.callflow_rules import Action
from voicecli.voice_api.replies import EMPTY_REPLY, Reply
from voicecli.voice_api.webhook_events import Received


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_the_token_is_taken_in_three_forms(tmp_path: Path) -> None:
    basic_form = basic("admin", TOKEN)
    tokens = [
        *(TOKEN, f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN}"),
        *(basic_form, basic_form.replace("Basic", "bASIC")),
    ]
    async with receiving(tmp_path) as world:
        for token in tokens:
            assert await world.post("/api/webhooks/vss", vss(token), token=token) == (200, {}), token
    assert [received.event.session_id for received in world.shown] == tokens


async def test_anything_else_is_refused_and_counted(tmp_path: Path) -> None:
    tokens = [
        *(None, "wrong", TOKEN[:-1], TOKEN.upper(), f"Bearer {TOKEN.upper()}", f"bearer{TOKEN}", "bearer"),
        *(basic("root", TOKEN), basic("admin", "x"), "é"),
    ]
    async with receiving(tmp_path) as world:
        for token in tokens:
            for path in ("/api/webhooks/vss", "/api/make-call", "/nowhere"):
                status, answer = await world.post(path, vss(), token=token)
                assert (status, answer["success"]) == (401, False), token
        assert world.service.refused == {"not authorised": 3 * len(tokens)}
        assert not any(map(has_secret_name, world.service.refused))  # else --json would hide the figures
        assert world.kept("id") == []
    assert world.shown == []


async def test_health_needs_no_token_and_names_this_listener(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        async with world.http.get(f"{world.service.url}/health") as answer:
            health = await answer.json()
    assert (health["status"], health["service"]) == ("ok", "voicecli")
    assert health["instance"]


async def test_without_a_token_events_are_taken_but_no_calls_are_placed(tmp_path: Path) -> None:
    async def never(body: object) -> Any:
        raise AssertionError("a call was placed")

    async with receiving(tmp_path, token=None, routes={"/api/make-call": never}) as world:
        assert (await world.post("/api/webhooks/vss", vss(), token=None))[0] == 200
        status, answer = await world.post("/api/make-call", {"customerPhone": "+33199001234"}, token=None)
    assert (status, answer["success"]) == (403, False)


async def test_what_is_no_event_is_refused(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        for body, status in (
            (b"", 400),
            (b"no json", 400),
            (b"[]", 400),
            (b'{"eventType": "SESSION_SUMMARY"}', 400),
            (b'{"payload": []}', 400),
            (b"[" * 100_000, 400),
            (b'{"payload": ' + b'{"a":' * 100_000, 400),
            (b'{"payload": {"n": ' + b"9" * 10_000 + b"}}", 400),
            (b"\xff\xfe{}", 400),
            (b" " * (1 << 20) + b"{}", 413),
        ):
            assert (await world.post("/api/webhooks/vss", body))[0] == status, body[:20]
            assert (await world.event(vss()))[0] == 200
        assert len(world.kept("id")) == 1


async def test_an_event_is_known_by_its_type_and_not_by_its_path(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        assert (await world.event(vca(), "/api/webhooks/vss"))[1] == {"callflow": [HANGUP]}
        assert (await world.event(vss(), "/api/webhooks/vnu"))[1] == {}
        unknown = {"eventType": "SOMETHING_NEW", "payload": {"sessionId": "s-1", "x": 1}}
        assert (await world.event(unknown, "/api/webhooks/vcs"))[0] == 200
        assert world.kept("type") == [("VCA",), ("VSS",), ("SOMETHING_NEW",)]
    assert [received.remarks for received in world.shown] == [
        ("came to /vss",),
        ("came to /vnu",),
        ("came to /vcs",),
    ]
    assert world.shown[2].event.words == "an event that voicecli does not know"


async def test_an_event_is_on_disk_byte_for_byte_before_it_is_answered(tmp_path: Path) -> None:
    body = b'{ "payload":\n{"sessionId":"\\u001b[31m[bold]", "x": 1.50}, "eventType":"SESSION_SUMMARY"}\r\n'
    async with receiving(tmp_path) as world:
        assert (await world.post("/api/webhooks/vss", body))[0] == 200
        assert world.kept("body, type") == [(body, "VSS")]


async def test_wrong_paths_and_methods_are_refused(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        assert (await world.post("/api/webhooks/xyz", vss()))[0] == 404
        assert (await world.post("/", vss()))[0] == 404
        async with world.http.get(
            f"{world.service.url}/api/webhooks/vss", headers={"Authorization": TOKEN}
        ) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert world.service.refused == {"no such path": 2, "not a POST": 1}


async def test_an_event_that_comes_again_is_kept_once_and_told_apart(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        answers = [await world.event(vss()) for _ in range(3)]
        await world.event(vss(status="BUSY"))  # the same session, and not the same event
        assert world.kept("times") == [(3,), (1,)]
    assert answers == [(200, {})] * 3
    assert [received.times for received in world.shown] == [1, 2, 3, 1]
    *same, other = (received.id for received in world.shown)
    assert same == [1, 1, 1]
    assert other > 1


async def test_events_with_an_id_are_the_same_by_that(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        await world.event(vca(clientActionId="a"))
        await world.event(vca(clientActionId="b"))
        await world.event(vca(session="s-2"))
        assert world.kept("times") == [(2,), (1,)]


async def test_the_same_event_many_times_at_once_is_kept_once(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        answers = await asyncio.gather(*(world.event(vca()) for _ in range(20)))
    assert world.kept("times, reply") == [(20, "hangup")]
    assert answers == [(200, {"callflow": [HANGUP]})] * 20
    assert sorted(received.times for received in world.shown) == list(range(1, 21))


SAY: Action = {"action": "say", "params": {"text": "Thank you.", "voiceProfile": "en-GB-Emma"}}


async def test_a_vca_is_answered_with_the_reply(tmp_path: Path) -> None:
    replies = {
        "s-1": (Reply((HANGUP,)), {"clientActionId": "c-1", "callflow": [HANGUP]}),
        "s-2": (EMPTY_REPLY, {"clientActionId": "c-1", "callflow": []}),
        "s-3": (Reply((SAY, HANGUP), "own"), {"clientActionId": "own", "callflow": [SAY, HANGUP]}),
    }

    async def reply(received: Received, _headers: object) -> Answered:
        return Answered(replies[received.event.session_id][0])

    async with receiving(tmp_path, replier=reply) as world:
        for session, (_, answer) in replies.items():
            assert await world.event(vca(session, clientActionId="c-1")) == (200, answer)
    assert world.kept("reply") == [("hangup",), ("nothing",), ("say, hangup",)]
    assert [received.reply for received in world.shown] == ["hangup", "nothing", "say, hangup"]


async def test_a_locked_disk_is_answered_503_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCK_PATIENCE", 0.2)
    async with receiving(tmp_path) as world:
        other = sqlite3.connect(tmp_path / "voicecli.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert (await world.event(vss()))[0] == 503
        other.execute("ROLLBACK")
        other.close()
        assert (await world.event(vss()))[0] == 200
        assert world.service.refused == {"not kept": 1}
    [trouble] = [text for text in world.told if "answered 503" in text]
    assert "locked" in trouble
    assert "Events are kept again." in world.told
    assert [received.times for received in world.shown] == [1]


@pytest.mark.usefixtures("writer_process")
async def test_when_the_writing_process_dies_another_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RESTART_AFTER", 0.01)
    monkeypatch.setattr(recorder, "PATIENCE", 4.0)
    async with receiving(tmp_path) as world:
        async with asyncio.timeout(DEADLINE):  # the process may need longer to start
            while (await world.event(vss("s-1")))[0] != 200:
                pass
        process = world.service._recorder._process
        assert process is not None
        process.kill()
        async with asyncio.timeout(DEADLINE):
            while (await world.event(vss("s-2")))[0] != 200:
                pass
        assert world.kept("session") == [("s-1",), ("s-2",)]


@pytest.mark.usefixtures("writer_process")
async def test_a_disk_that_stands_still_is_answered_503(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_WAITING", 1_000)
    monkeypatch.setattr(recorder, "RESTART_AFTER", 0.01)
    async with receiving(tmp_path) as world:
        process = world.service._recorder._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        events = [asyncio.create_task(world.event(vss(f"s-{number}", more="x" * 500))) for number in range(9)]
        await world.until(lambda: any("too many wait for the disk" in text for text in world.told))
        assert any(not event.done() for event in events)
        monkeypatch.setattr(recorder, "PATIENCE", 0.1)
        assert {status for status, _ in await asyncio.gather(*events)} == {503}
        monkeypatch.setattr(recorder, "PATIENCE", DEADLINE)  # another process has to start
        async with asyncio.timeout(DEADLINE):
            while (await world.event(vss("s-0", more="x" * 500)))[0] != 200:
                pass


async def test_what_is_no_http_is_refused_and_counted(tmp_path: Path) -> None:
    strange = (b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\nbroken\r\n\r\n", b"hello\r\n\r\n")
    async with receiving(tmp_path) as world:
        for request in strange:
            reader, writer = await world.connect()
            writer.write(request)
            async with asyncio.timeout(DEADLINE):
                assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
            writer.close()
        assert world.service.refused == {"no HTTP": len(strange)}


async def test_who_leaves_in_the_middle_is_no_fault_of_ours(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        _, writer = await world.connect()
        head = (
            "POST /api/webhooks/vss HTTP/1.1",
            "Host: x",
            f"Authorization: {TOKEN}",
            "Content-Length: 999",
        )
        writer.write("\r\n".join((*head, "", "{")).encode())
        await writer.drain()
        assert (await world.event(vss()))[0] == 200
        writer.transport.abort()
        async with asyncio.timeout(DEADLINE):
            while not world.service.refused:
                await world.event(vss())
        assert not any("Internal error" in text for text in world.told)


async def test_what_was_shown_long_ago_is_still_no_news_and_what_another_run_kept_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "REMEMBERED", 2)
    async with receiving(tmp_path) as world:
        await world.event(vss("another run's"))
    async with receiving(tmp_path) as world:
        for number in range(5):
            await world.event(vss(f"s-{number}"))
        await world.event(vss("s-0"))
        await world.event(vss("another run's"))
    assert [received.again for received in world.shown[-2:]] == [True, False]


async def test_who_sends_too_slowly_is_dropped_and_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "READ_TIMEOUT", 0.2)
    monkeypatch.setattr(server, "IDLE_TIMEOUT", 0.2)
    async with receiving(tmp_path) as world:
        start = f"POST /api/webhooks/vss HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN}\r\n".encode()
        half_a_head = await world.connect()
        half_a_head[1].write(start)
        half_a_body = await world.connect()
        half_a_body[1].write(start + b"Content-Length: 1000\r\n\r\n{")
        assert (await world.event(vss()))[0] == 200
        async with asyncio.timeout(DEADLINE):
            assert await half_a_head[0].read() == b""
            assert (await half_a_body[0].read()).startswith(b"HTTP/1.1 408 ")
        assert world.service.refused == {"too slow": 1}
        half_a_head[1].close()
        half_a_body[1].close()


async def test_stopping_finishes_what_is_in_flight(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        other = sqlite3.connect(tmp_path / "voicecli.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # nothing is answered while this lasts
        events = [asyncio.create_task(world.event(vss(f"s-{number}"))) for number in range(50)]
        waiting = world.service._recorder._waiting
        async with asyncio.timeout(DEADLINE):
            while len(waiting) < 50:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        stopping = asyncio.create_task(world.service._listener.stop())
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        other.close()
        assert await asyncio.gather(*events) == [(200, {})] * 50
        await stopping
    assert len(world.kept("id")) == 50


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # asyncio leaves one open: python/cpython#109564
async def test_stopping_does_not_wait_for_who_has_just_connected(tmp_path: Path) -> None:
    """In whichever turn of the event loop that was: to aiohttp it counts as idle only some turns later."""
    async with receiving(tmp_path) as world:
        listener, waited = world.service._listener, list[int]()
        await listener.stop()
        for turns in range(8):
            port = await listener.start("127.0.0.1", 0)
            with socket.create_connection(("127.0.0.1", port)):
                for _ in range(turns):
                    await asyncio.sleep(0)
                stopping = asyncio.create_task(listener.stop())
                if not (await asyncio.wait({stopping}, timeout=2))[0]:
                    waited.append(turns)
            await stopping
        gc.collect()
    assert waited == []


@pytest.mark.usefixtures("writer_process")
async def test_stopping_does_not_wait_for_another_writing_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(tmp_path) as world:
        process = world.service._recorder._process
        assert process is not None
        process.kill()
        await process.wait()
        monkeypatch.setattr(recorder, "PATIENCE", DEADLINE)
        monkeypatch.setattr(recorder, "RESTART_AFTER", 0.2)
        start = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - start < DEADLINE / 6


async def test_what_another_run_received_is_news_to_this_one(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        await world.event(vss())
    async with receiving(tmp_path) as world:
        for _ in range(2):
            assert (await world.event(vss()))[0] == 200
    assert [(received.times, received.again) for received in world.shown] == [(2, False), (3, True)]


async def test_the_same_content_in_another_order_is_the_same_event(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        first = vss()
        await world.event(first)
        await world.event({name: first[name] for name in reversed(first)})
        payload = {name: first["payload"][name] for name in reversed(first["payload"])}
        await world.event({**first, "payload": payload})
        await world.event({**first, "eventType": "CALL_STATUS"})
    assert [received.times for received in world.shown] == [1, 2, 3, 1]


async def test_what_a_fault_of_ours_keeps_from_the_screen_is_told_and_news_when_it_comes_again(
    tmp_path: Path,
) -> None:
    async with receiving(tmp_path) as world:

        def fail(_: object) -> None:
            raise ZeroDivisionError("a fault")

        world.service._listener.events._on_event = fail
        assert (await world.event(vss()))[0] == 200  # it is kept
        world.service._listener.events._on_event = world.shown.append
        assert (await world.event(vss()))[0] == 200
    assert any("ZeroDivisionError" in text for text in world.told)
    assert [received.again for received in world.shown] == [False]


async def test_who_expects_a_100_gets_one(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        reader, writer = await world.connect()
        body = json.dumps(vss()).encode()
        head = (
            "POST /api/webhooks/vss HTTP/1.1",
            "Host: x",
            f"Authorization: {TOKEN}",
            "Expect: 100-continue",
        )
        writer.write("\r\n".join((*head, f"Content-Length: {len(body)}", "", "")).encode())
        async with asyncio.timeout(DEADLINE):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_make_call_hands_the_body_on_and_gives_the_answer_back(tmp_path: Path) -> None:
    bodies: list[object] = []

    async def place(body: Any) -> tuple[int, dict[str, object]]:
        bodies.append(body)
        return 422, {"success": False, "error": "no", "details": None}

    async with receiving(tmp_path, routes={"/api/make-call": place}) as world:
        body = {"customerPhone": "+33199001234", "message": "hi"}
        assert await world.post("/api/make-call", body, token=basic("admin", TOKEN)) == (
            422,
            {"success": False, "error": "no", "details": None},
        )
        assert (await world.post("/api/make-call", b"[1]"))[0] == 422
    assert bodies == [body]


async def test_refusals_say_nothing_of_what_was_sent(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        status, answer = await world.post("/api/webhooks/vss", b'{"secret": "\\u001b[31m"}')
    assert (status, json.dumps(answer)) == (400, '{"success": false, "error": "not an event"}')
