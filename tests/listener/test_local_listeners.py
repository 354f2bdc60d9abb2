"""Whoever waits for reports, and doctor, ask the listener that runs here whether they will come."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from conftest import DEADLINE, RunningSandbox, wait_until
from registered_world import (
    TOKEN,
    TYPES,
    CountingSandbox,
    World,
    disable,
    lose_token,
    move,
    no_questions,
    take_away,
)
from running_listener import free_port

from voicecli.errors import ConfigurationError
from voicecli.listener import (
    local_listeners as running_module,
    shared_listener as reports_module,
    start_lock,
)
from voicecli.listener.event_receivers import look_up_vca_receiver
from voicecli.listener.instances import InstanceRecord, RunningInstance, running_instances
from voicecli.listener.local_listeners import (
    ListenerSearch,
    find_local_listener,
    local_listener_state,
    local_listener_states,
)
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.shared_listener import SharedListener
from voicecli.platforms.locks import Lock
from voicecli.sandbox.delivery import Target
from voicecli.store.location import StorePlace
from voicecli.voice_api.webhook_events import webhook_url

Lose = Callable[[dict[str, Target], str], None]


@asynccontextmanager
async def listening(home: Path, *, register: bool = True, every: float = 3600) -> AsyncIterator[World]:
    """A listener that looks at the webhooks only when it is asked to."""
    with RunningSandbox(CountingSandbox, time_scale=1000) as running_sandbox:
        world = World(running_sandbox, home, register=register, every=every)
        ours = {kind: Target(kind, webhook_url(world.receiver, kind), True, TOKEN) for kind in TYPES}
        world.targets.update({} if register else ours)
        async with world.service:
            await world.until(lambda: world.looks)
            yield world
        world.client.close()


def registration(world: World, home: Path) -> Registration:
    return Registration(world.client, StorePlace(home), notify=lambda _: None)


async def search(world: World, home: Path, *required: str, port: int = 1) -> ListenerSearch:
    mine = registration(world, home)
    find = partial(
        find_local_listener,
        StorePlace(home),
        mine.current_webhooks,
        required,
        account=mine.account,
        port=port,
    )
    return await asyncio.to_thread(find)


async def health(world: World, authorization: str | None) -> Mapping[str, object]:
    headers = {"Authorization": authorization} if authorization else {}
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{world.receiver}/health", headers=headers) as answer,
    ):
        document = await answer.json()
    assert isinstance(document, dict)
    return document


async def test_health_says_more_to_who_has_the_token_or_the_key(tmp_path: Path) -> None:
    async with listening(tmp_path) as world:
        [here] = running_instances(tmp_path)
        told = [await health(world, who) for who in (None, "Bearer wrong", TOKEN, f"Bearer {here.key}")]
        assert told[0] == told[1] == {"status": "ok", "service": "voicecli", "instance": here.instance}
        assert told[2] == told[3]
        assert told[3]["webhooks"] == [
            {"type": kind, "state": "ok", "url": webhook_url(world.receiver, kind)} for kind in TYPES
        ]
        assert (tmp_path / f"listener-{here.instance}").stat().st_mode & 0o777 == 0o600
        assert TOKEN not in str(told)


async def test_it_is_found_with_all_that_is_needed(tmp_path: Path) -> None:
    async with listening(tmp_path) as world:
        assert (await search(world, tmp_path / "another", "VSS")).found is None
        found = (await search(world, tmp_path, "VSS", "VCA")).found
        assert found is not None
        assert (found.tenant.is_there(), found.warning) == (True, None)
        found.tenant.close()


@pytest.mark.parametrize(
    "lose", [lose_token, *(pytest.param(one, marks=pytest.mark.soak) for one in (take_away, disable))]
)
async def test_what_it_has_lost_it_sets_again_before_it_is_relied_upon(tmp_path: Path, lose: Lose) -> None:
    async with listening(tmp_path) as world:
        lose(world.targets, "VSS")
        found = (await search(world, tmp_path, "VSS")).found
        assert found is not None
        found.tenant.close()
        assert world.targets["VSS"] == Target("VSS", webhook_url(world.receiver, "VSS"), True, TOKEN)


@pytest.mark.parametrize(
    ("register", "lose", "words", "hint"),
    [
        (
            True,
            move,
            "The VSS webhook points to https://example.com/somebody-else: ",
            "voicecli listen --reg",
        ),
        *(
            pytest.param(False, lose, words, "webhooks set vss", marks=pytest.mark.soak)
            for lose, words in (
                (move, "The VSS webhook points to https://example.com/somebody-else: "),
                (take_away, "The VSS webhook is not set: its events do not come here."),
                (disable, "The VSS webhook is disabled: its events do not come here."),
            )
        ),
        (False, lose_token, "The VSS webhook has no token: its events are refused here.", "webhooks set vss"),
    ],
)
async def test_what_it_can_not_get_is_told_and_not_that_a_port_is_taken(
    tmp_path: Path, register: bool, lose: Lose, words: str, hint: str
) -> None:
    async with listening(tmp_path, register=register) as world:
        port = int(world.receiver.rpartition(":")[2])
        lose(world.targets, "VSS")
        with pytest.raises(ConfigurationError) as caught:
            await search(world, tmp_path, "VSS", port=port)
        assert caught.value.message.startswith(
            f"The voicecli listen that runs here does not get VSS events. {words}"
        )
        assert hint in caught.value.hint


async def test_keys_do_not_arrive_where_the_webhook_has_no_token(tmp_path: Path) -> None:
    async with listening(tmp_path, register=False) as world:
        look_up = partial(asyncio.to_thread, look_up_vca_receiver, world.client, StorePlace(tmp_path))
        assert (await look_up()).is_here
        lose_token(world.targets, "VCA")
        receiver = await look_up()
        assert receiver.is_nobody
        assert receiver.words.startswith("The VCA webhook has no token: its events are refused by")
        assert receiver.advice.endswith(f"voicecli webhooks set vca {webhook_url(world.receiver, 'VCA')}")


@pytest.mark.soak
async def test_a_tunnel_that_is_down_is_told(tmp_path: Path) -> None:
    async with listening(tmp_path) as world:
        world.service.reachability.public_url = f"http://127.0.0.1:{free_port()}"
        world.targets["VSS"] = Target(
            "VSS", webhook_url(world.service.reachability.public_url, "VSS"), True, TOKEN
        )
        world.service.reachability.tunnel_is_up, world.service.reachability.tunnel_trouble = (
            False,
            "the agent has ended",
        )
        with pytest.raises(
            ConfigurationError, match=r"VSS events\. Its tunnel is down: the agent has ended\."
        ):
            await search(world, tmp_path, "VSS")


async def test_an_address_that_does_not_lead_to_it_is_told(tmp_path: Path) -> None:
    async with listening(tmp_path) as world:
        world.service.reachability.public_url = f"http://127.0.0.1:{free_port()}"
        world.targets["VSS"] = Target(
            "VSS", webhook_url(world.service.reachability.public_url, "VSS"), True, TOKEN
        )
        with pytest.raises(ConfigurationError, match="does not lead to it: it can't be reached"):
            await search(world, tmp_path, "VSS")


@pytest.mark.soak
async def test_a_way_in_of_ones_own_that_leads_elsewhere_by_now_is_told_once(
    tmp_path: Path, aiohttp_server: Callable[..., Awaitable[Any]]
) -> None:
    is_open = True

    async def proxy(_request: web.Request) -> web.Response:
        instance = world.service._listener.instance
        who = {"service": "voicecli", "instance": instance}
        return web.json_response(who) if is_open else web.Response(status=502)

    app = web.Application()
    app.router.add_get("/health", proxy)
    server = await aiohttp_server(app)
    with RunningSandbox(CountingSandbox, time_scale=1000) as sandbox:
        world = World(sandbox, tmp_path, every=0.02, public_url=f"http://127.0.0.1:{server.port}")

        def told(what: str) -> list[str]:
            return [text for text, _ in world.told if what in text]

        async with world.service:
            is_open = False
            await world.until(lambda: told("8x8 can't reach this machine any more at"))
            [state] = await asyncio.to_thread(local_listener_states, StorePlace(tmp_path))
            assert "does not lead to it: something else answers there (HTTP 502)." in str(
                state.why_not_received("VSS")
            )
            looks = world.looks
            await world.until(lambda: world.looks >= looks + 4)
            is_open = True
            await world.until(lambda: told("leads here now."))
            assert (
                len(told("can't reach this machine any more")),
                world.service.reachability.unreachable,
            ) == (1, None)
        world.client.close()


async def test_one_that_is_not_for_8x8_is_in_the_way_only_at_the_same_port(tmp_path: Path) -> None:
    async with listening(tmp_path, register=False) as world:
        world.targets.clear()
        world.service.reachability.public_url = None
        assert (await search(world, tmp_path, "VSS")).found is None


async def test_refused_requests_are_warned_of_until_an_event_comes(tmp_path: Path) -> None:
    async with listening(tmp_path) as world:
        async with (
            aiohttp.ClientSession() as http,
            http.post(webhook_url(world.receiver, "VSS"), data=b"{}") as answer,
        ):
            assert answer.status == 401
        assert [text for text, _ in world.told if "a wrong token, or none, was refused" in text]
        found = (await search(world, tmp_path, "VSS")).found
        assert found is not None
        assert found.warning is not None
        assert "has refused 1 request with a wrong token" in found.warning
        found.tenant.close()
        await world.report()
        await world.until(lambda: "VSS" in world.shown)
        [state] = await asyncio.to_thread(local_listener_states, StorePlace(tmp_path))
        assert (state.refused, state.last_event is not None) == (0, True)


@pytest.mark.soak
async def test_who_waits_is_warned_once_of_what_is_lost_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports_module, "ASK_EVERY", 0.0)
    monkeypatch.setattr(reports_module, "LOOK_EVERY", 0.01)
    warned: list[str] = []
    async with listening(tmp_path, every=0.02) as world:
        async with asyncio.timeout(DEADLINE), reports_of(world, tmp_path, warned=warned):
            move(world.targets, "VSS")
            await asyncio.to_thread(wait_until, lambda: warned)
        assert warned == [
            "What 8x8 reports does not arrive now. The VSS webhook points to "
            "https://example.com/somebody-else: its events do not come here."
        ]


async def test_an_older_listener_that_says_nothing_of_itself_is_relied_upon_as_before(tmp_path: Path) -> None:
    async with listening(tmp_path) as world:
        [here] = running_instances(tmp_path)
        (tmp_path / f"listener-{here.instance}").write_bytes(b"")
        found = (await search(world, tmp_path, "VSS")).found
        assert found is not None
        found.tenant.close()


@contextmanager
def stopped(home: Path, count: int = 1) -> Iterator[list[socket.socket]]:
    """Listeners that have been stopped: they are connected to, and say nothing."""
    with ExitStack() as stack:
        sockets = []
        for number in range(count):
            sockets.append(stack.enter_context(socket.create_server(("127.0.0.1", 0))))
            url = f"http://127.0.0.1:{sockets[-1].getsockname()[1]}"
            presence = InstanceRecord(home, f"{number + 1:016x}", url=url, key="k")
            stack.callback(presence.close)
        yield sockets


def reports_of(world: World, home: Path, *, port: int = 0, warned: list[str]) -> SharedListener:
    return SharedListener(
        ListenerPlan(
            StorePlace(home),
            port or free_port(),
            token="another-token",
            public_url="http://127.0.0.1:9",
            force=True,
        ),
        registration(world, home),
        ("VSS",),
        notify=lambda _: None,
        warn=warned.append,
        on_failure=lambda error: warned.append(error.message),
        question_wait=no_questions(home),
    )


@pytest.mark.soak
async def test_for_how_long_nobody_received_reports_is_known_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    with RunningSandbox(CountingSandbox, time_scale=1000) as sandbox:
        world = World(sandbox, tmp_path)
        async with asyncio.timeout(DEADLINE):
            await world.service.__aenter__()
            reports = reports_of(world, tmp_path, warned=[])
            reports._notify = told.append
            async with reports:
                placed = time.monotonic()
                assert reports.missed(placed) == 0
                await world.service.__aexit__(None, None, None)
                await world.until(
                    lambda: [text for text in told if " s nobody received what 8x8 rep" in text]
                )
                assert 0 < reports.missed(placed) < time.monotonic() - placed
                assert reports.missed(time.monotonic()) == 0  # for a call that is placed now
        world.client.close()


@pytest.mark.soak
async def test_those_that_have_been_stopped_are_asked_at_once_and_hide_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_module, "ANSWER_TIMEOUT", 1.0)
    async with listening(tmp_path) as world:
        with stopped(tmp_path, 8):
            start = asyncio.get_running_loop().time()
            found = await search(world, tmp_path, "VSS")
            assert asyncio.get_running_loop().time() - start < 5.0, "one after the other"
            assert found.found is not None
            found.found.tenant.close()
            assert len(found.unresponsive) == 8


async def test_one_that_has_been_stopped_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_module, "ANSWER_TIMEOUT", 0.2)
    words = "The voicecli listen that runs here at http://127.0.0.1:{} does not answer."
    with RunningSandbox(CountingSandbox, time_scale=1000) as sandbox:
        world = World(sandbox, tmp_path)
        with stopped(tmp_path) as [one]:
            port = one.getsockname()[1]
            with pytest.raises(ConfigurationError) as caught:  # and not that the port is taken
                async with reports_of(world, tmp_path, port=port, warned=[]):
                    pass
            assert caught.value.message == words.format(port)
            assert "Ctrl-Z" in caught.value.hint
            state = await asyncio.to_thread(local_listener_state, StorePlace(tmp_path), f"{1:016x}")
            assert state is not None
            assert state.why_not_received("VSS") == words.format(port)
            lock_of_it = registration(world, tmp_path)
            with lock_of_it._claim.changing():  # held until it is closed
                pass
            with pytest.raises(ConfigurationError) as caught:
                async with reports_of(world, tmp_path, warned=[]):
                    pass
            assert caught.value.message.startswith(words.format(port) + " Another voicecli listen")
            lock_of_it.close()
            async with reports_of(world, tmp_path, warned=[]):  # it is in nobody's way
                assert "VSS" in world.targets
        world.client.close()


async def test_nobody_is_kept_from_listening_while_another_looks_for_a_listener(tmp_path: Path) -> None:
    with RunningSandbox(CountingSandbox, time_scale=1000) as sandbox:
        world = World(sandbox, tmp_path)

        async def wait() -> None:
            async with reports_of(world, tmp_path, warned=[]):
                pass

        with stopped(tmp_path) as [one]:
            waiting = asyncio.create_task(wait())
            connection, _ = await asyncio.to_thread(one.accept)  # it is being asked, and says nothing
            gate = Lock.take(start_lock._path(tmp_path))
            assert gate is not None
            gate.close()
            connection.close()
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        world.client.close()


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.soak
async def test_who_looks_for_a_listener_that_just_starts_or_ends_waits_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    """Meanwhile it has the webhooks, and can't be found."""
    halfway, go, waits = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stand() -> None:
        halfway.set()
        await go.wait()

    async def start(undo: AsyncExitStack) -> None:
        await registering(undo)
        await stand()

    async def restore() -> None:
        await stand()
        await restoring()

    def acquire(*arguments: Any) -> Awaitable[Lock | None]:
        waits.set()
        return acquire_within(*arguments)

    acquire_within = Lock.acquire_within_async
    with RunningSandbox(CountingSandbox, time_scale=1000) as sandbox:
        world = World(sandbox, tmp_path)
        service, reports = world.service, reports_of(world, tmp_path, warned=[])
        watch = service.webhook_watch
        assert watch is not None
        registering, restoring = watch.start, watch._restore
        monkeypatch.setattr(watch, *(("_restore", restore) if ends else ("start", start)))
        async with asyncio.timeout(DEADLINE):
            if ends:
                await service.__aenter__()
            changing = asyncio.create_task(service.__aexit__() if ends else service.__aenter__())
            await halfway.wait()
            monkeypatch.setattr(Lock, "acquire_within_async", acquire)
            entering = asyncio.create_task(reports.__aenter__())
            await asyncio.wait({entering, asyncio.create_task(waits.wait())}, return_when="FIRST_COMPLETED")
            go.set()
            await changing
            await entering
            assert (reports._tenant is None, reports._service is None) == (ends, not ends)
            await reports.__aexit__(None, None, None)
            if not ends:
                await service.__aexit__()
        world.client.close()


def test_what_is_no_listeners_file_is_none(tmp_path: Path) -> None:
    presence = InstanceRecord(tmp_path, "0123456789abcdef", url="http://127.0.0.1:1", key="k")
    (tmp_path / "listener-x").write_text("{}")
    assert running_instances(tmp_path) == [RunningInstance("0123456789abcdef", "http://127.0.0.1:1", "k")]
    presence.close()
    assert running_instances(tmp_path) == []
