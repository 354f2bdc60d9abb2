"""Who gets VCAs: whether what people press arrives here, and why not."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import DEADLINE, RunningSandbox
from raw_server import answering, http, server
from receiver_world import receiving
from registered_world import no_questions

from voicecli.account import AccountId
from voicecli.listener import start_lock
from voicecli.listener.event_receivers import ReceiverKind, find_receiver, look_up_vca_receiver
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.service import ListenerService
from voicecli.listener.shared_listener import SharedListener
from voicecli.platforms.locks import Lock
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.sandbox.delivery import Target
from voicecli.store.location import StorePlace
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import Webhook, list_webhooks, set_webhook
from voicecli.voice_api.webhook_events import webhook_url

NOBODY, DEAD, APPLICATION = ReceiverKind.NOBODY, ReceiverKind.DEAD_LISTENER, ReceiverKind.APPLICATION


def vca(listener: str, *, enabled: bool = True, path: str | None = None) -> list[Webhook]:
    url = webhook_url(listener, "VCA") if path is None else listener + path
    return [Webhook("VCA", url, enabled, has_authorization=True)]


@contextmanager
def nobody_there() -> Iterator[str]:
    with socket.socket() as reserved:  # bound, and not listening: connections are refused
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


@contextmanager
def answers(status: str, *headers: str) -> Iterator[str]:
    with server(answering(http(status, b"", *headers))) as (url, _):
        yield url


@pytest.mark.parametrize(
    ("there", "webhooks", "kind"),
    [
        (nobody_there, lambda url: [], NOBODY),
        (nobody_there, partial(vca, enabled=False), NOBODY),
        (nobody_there, vca, DEAD),
        (nobody_there, partial(vca, path="/hooks"), APPLICATION),
        (partial(answers, "404 Not Found"), vca, APPLICATION),
        (partial(answers, "200 OK"), vca, APPLICATION),
        (partial(answers, "502 Bad Gateway"), vca, DEAD),
        (partial(answers, "404 Not Found", "ngrok-error-code: ERR_NGROK_3200"), vca, DEAD),
    ],
)
def test_who_gets_them_by_what_answers_there(
    tmp_path: Path,
    there: Callable[[], "ExitStack"],
    webhooks: Callable[[str], list[Webhook]],
    kind: ReceiverKind,
) -> None:
    with there() as url:
        there_now = {one.type: one for one in webhooks(url)}
        receiver = find_receiver(StorePlace(tmp_path), there_now, "VCA", account=AccountId("", ""))
    assert receiver.kind is kind
    assert receiver.is_nobody is (kind is not APPLICATION)
    assert (receiver.url or "") in receiver.words


async def test_a_listener_counts_where_it_has_this_store(tmp_path: Path) -> None:
    async with receiving(tmp_path / "ours") as world:
        set_there = {one.type: one for one in vca(world.service.url)}
        find = partial(asyncio.to_thread, find_receiver, account=AccountId("", ""))
        ours = await find(StorePlace(tmp_path / "ours"), set_there, "VCA")
        theirs = await find(StorePlace(tmp_path / "theirs"), set_there, "VCA")
    assert (ours.kind, ours.is_here) == (ReceiverKind.HERE, True)
    assert (theirs.kind, theirs.is_nobody) == (ReceiverKind.OTHER_LISTENER, True)
    assert "another store or machine" in theirs.words


def test_that_webhooks_can_not_be_listed_is_an_answer(tmp_path: Path) -> None:
    with (
        RunningSandbox(time_scale=1000) as sandbox,
        Client(api_key="a-wrong-key", subaccount_id=SUBACCOUNT, base_url=sandbox.sandbox.url) as client,
    ):
        receiver = look_up_vca_receiver(client, StorePlace(tmp_path))
    assert (receiver.kind, receiver.is_nobody, receiver.is_here) == (ReceiverKind.UNKNOWN, False, False)
    assert "API key" in receiver.words + receiver.advice


async def test_a_listener_that_just_starts_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(*arguments: Any) -> Lock | None:
        url = webhook_url(world.service.url, "VCA")
        sandbox.sandbox._delivery.targets["VCA"] = Target("VCA", url, enabled=True, authorization="token")
        starting.close()
        return acquire_within(*arguments)

    acquire_within, place = Lock.acquire_within, StorePlace(tmp_path)
    with (
        RunningSandbox(time_scale=1000) as sandbox,
        Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=sandbox.sandbox.url) as client,
    ):
        async with receiving(tmp_path) as world:
            assert look_up_vca_receiver(client, place).is_nobody
            starting = Lock.take(start_lock._path(tmp_path))
            assert starting is not None
            monkeypatch.setattr(Lock, "acquire_within", register)
            receiver = await asyncio.to_thread(look_up_vca_receiver, client, place)
    assert receiver.is_here


# -- while somebody waits ----------------------------------------------------------------------------


class World:
    def __init__(self, home: Path, sandbox: RunningSandbox) -> None:
        self.home = home
        self.url = sandbox.sandbox.url
        self.client = Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=self.url, retries=0)
        self.told: list[str] = []

    def registration(self) -> Registration:
        return Registration(self.client, StorePlace(self.home), notify=self.told.append)

    def plan(self, *register: str) -> ListenerPlan:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return ListenerPlan(
            StorePlace(self.home),
            port,
            token="a-token-of-these",
            public_url=f"http://127.0.0.1:{port}",
            register=register,
        )

    def reports(self, *required: str, optional: tuple[str, ...] = ()) -> SharedListener:
        def failed(error: Exception) -> None:
            self.told.append(str(error))

        return SharedListener(
            self.plan(),
            self.registration(),
            required,
            optional=optional,
            notify=self.told.append,
            warn=self.told.append,
            on_failure=failed,
            question_wait=no_questions(self.home),
        )

    def listen(self) -> ListenerService:
        return ListenerService(
            self.plan("VCA", "VSS"),
            on_event=lambda _: None,
            notify=lambda _text, _record: None,
            registration=self.registration(),
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with RunningSandbox(time_scale=1000) as sandbox:
        here = World(tmp_path / "home", sandbox)
        with here.client:
            yield here


async def test_when_the_listener_that_was_relied_upon_ends_this_process_takes_over(world: World) -> None:
    async with asyncio.timeout(DEADLINE):
        service = world.listen()
        await service.__aenter__()
        async with world.reports("VSS", "VCA") as reports:
            assert reports.receiver.is_here
            await service.__aexit__(None, None, None)
            assert reports.receiver.is_nobody
            assert "has ended" in reports.receiver.words
            while not reports.receiver.is_here:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
            webhooks = await asyncio.to_thread(world.client.send, list_webhooks())
            assert {webhook.type for webhook in webhooks} == {"VSS", "VCA", "VCS"}


async def test_types_that_are_wanted_are_taken_unless_something_is_lost(world: World) -> None:
    send = partial(asyncio.to_thread, world.client.send)
    async with asyncio.timeout(DEADLINE):
        await send(set_webhook("VCA", "https://example.com/vca"))
        async with world.reports("VSS", optional=("VCA",)) as reports:
            assert reports.receiver.is_here
        async with world.reports("VSS") as reports:
            assert reports.receiver.kind is APPLICATION
        await send(set_webhook("VCA", "https://example.com/vca", authorization="theirs"))
        async with world.reports("VSS", optional=("VCA",)) as reports:
            assert (reports.receiver.kind, reports.receiver.url) == (APPLICATION, "https://example.com/vca")


async def test_one_who_has_lost_the_webhook_gets_nothing_more(world: World) -> None:
    async with asyncio.timeout(DEADLINE), world.reports("VSS", "VCA") as reports:
        elsewhere = set_webhook("VCA", "https://example.com/vca")
        await asyncio.to_thread(world.client.send, elsewhere)
        await asyncio.to_thread(reports._registration.check)
        assert reports.receiver.is_nobody


async def test_what_a_killed_one_left_is_taken_as_if_nobody_had_it(world: World) -> None:
    async with asyncio.timeout(DEADLINE):
        left = world.registration()
        await asyncio.to_thread(left.take, ["VCA", "VCS"], "http://127.0.0.1:9", token="a-token-of-these")
        left.close()
        async with world.reports("VSS") as reports:
            assert reports.receiver.is_here
            assert reports._registration.leads_here("VCS")
