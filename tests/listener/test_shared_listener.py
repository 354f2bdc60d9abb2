"""A shared listener: what goes wrong at its end does not hide what became of the calls."""

import asyncio
import signal
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from conftest import DEADLINE, NUMBER, wait_until
from registered_world import no_questions

from voicecli.account import AccountId
from voicecli.errors import InUse, OutcomeUnknown, StoreFailed, Unreachable
from voicecli.listener import start_lock
from voicecli.listener.instances import Tenant
from voicecli.listener.open_questions import EndRequests, QuestionWait
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.shared_listener import SharedListener
from voicecli.listener.webhook_check import WebhookCheck, WebhookState
from voicecli.listener.webhook_troubles import WebhookNews
from voicecli.platforms.locks import Lock
from voicecli.store.attempts import Attempts
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore
from voicecli.tunnel.ngrok_tunnel import TunnelChange
from voicecli.voice_api.messages import Capture, voice_message
from voicecli.voice_api.operations.webhooks import Webhook


class At8x8:
    """A registration that can't put anything back."""

    instance = "0123456789abcdef"

    def announce(self, public_url: str | None) -> None:
        """There is no team."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    @property
    def account(self) -> AccountId:
        return AccountId("http://127.0.0.1:9", "nobody")

    def current_webhooks(self) -> dict[str, Webhook]:
        return {}

    def take(
        self, kinds: tuple[str, ...], *_: object, if_unset: tuple[str, ...] = (), **__: object
    ) -> list[str]:
        self.taken += [*kinds, *if_unset]
        return self.taken

    def leads_here(self, kind: str) -> bool:
        return kind in self.taken

    def check(self, **_: object) -> list[WebhookNews]:
        return []

    def checks(self) -> list[WebhookCheck]:
        return []

    def without_waits(self) -> AbstractContextManager[None]:
        return nullcontext()

    def restore(self) -> list[str]:
        raise Unreachable("8x8 is away.")

    def close(self) -> None:
        pass


class ElsewhereForVca(At8x8):
    """Another receiver has the VCA webhook."""

    def leads_here(self, kind: str) -> bool:
        return kind != "VCA"


class Moved(At8x8):
    """It has lost a webhook, and can't be told a new address."""

    def check(self, **_: object) -> list[WebhookNews]:
        check = WebhookCheck("VSS", WebhookState.NOT_SET, None)
        return [WebhookNews(check, False, "The VSS webhook is not set any more.")]

    def move(self, receiver: str, *, token: str | None) -> None:
        raise Unreachable(f"8x8 is away from {receiver}.")


def reports(
    home: Path,
    at_8x8: At8x8,
    told: list[str],
    stay: QuestionWait | None = None,
    *,
    warned: list[str] | None = None,
    every: float = 60,
) -> SharedListener:
    plan = ListenerPlan(
        StorePlace(home),
        0,
        token="a-token-of-these",
        public_url="http://127.0.0.1:9",
        force=True,
        check_every=every,
    )
    return SharedListener(
        plan,
        cast("Registration", at_8x8),
        ("VSS",),
        notify=told.append,
        warn=(told if warned is None else warned).append,
        on_failure=lambda error: told.append(f"{error.message} {error.hint}"),
        question_wait=stay or no_questions(home),
    )


async def test_webhooks_that_can_t_be_put_back_are_told_and_raise_nothing(tmp_path: Path) -> None:
    at_8x8, told = At8x8(), []
    async with asyncio.timeout(DEADLINE), reports(tmp_path, at_8x8, told):
        assert at_8x8.taken == ["VSS", "VCS", "VCA"]
    assert told[-1].startswith("The webhooks at 8x8 could not be restored: 8x8 is away.")
    assert told[-1].endswith("Run voicecli webhooks restore.")


class Unanswered(At8x8):
    """No answer comes when a webhook is set."""

    def take(self, *_: object, **__: object) -> list[str]:
        raise OutcomeUnknown("8x8 did not answer within 10 s: the change may have been made.")

    def restore(self) -> list[str]:
        return []


async def test_a_webhook_that_may_have_been_set_is_no_call_that_may_have_been_placed(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="8x8 did not answer within 10 s"):
        await reports(tmp_path, Unanswered(), []).__aenter__()


async def test_who_gets_no_vcas_does_not_stay_for_an_answer(tmp_path: Path) -> None:
    """It may be a question of a process that was killed."""
    account, told = AccountId("https://voice.8x8.com", "ours"), list[str]()
    with SqliteStore(tmp_path) as store:
        question = voice_message(NUMBER, "Press 1", source="+33199000000", capture=Capture())
        Attempts(store, account).begin(question, asks="1", flow=question.callflow)
    stay = QuestionWait(
        StorePlace(tmp_path), account, lambda words, _: told.append(words), requests=EndRequests()
    )
    assert await stay.is_needed()
    async with asyncio.timeout(DEADLINE), reports(tmp_path, ElsewhereForVca(), told, stay):
        pass
    assert not [words for words in told if "it stays" in words]


async def test_who_is_to_end_at_once_does_not_look_for_open_questions_for_ever(tmp_path: Path) -> None:
    """Signals that come while it looks into the store, and not while it waits, cancel nothing."""

    class Watched(QuestionWait):
        looks = 0

        def _reason(self) -> object:
            self.looks += 1
            assert self.looks < 100, "it looks for ever, and nothing else happens"
            return super()._reason()

    account, told, requests = AccountId("https://voice.8x8.com", "ours"), list[str](), EndRequests()
    with SqliteStore(tmp_path) as store:
        question = voice_message(NUMBER, "Press 1", source="+33199000000", capture=Capture())
        Attempts(store, account).begin(question, asks="1", flow=question.callflow)
    stay = Watched(StorePlace(tmp_path), account, lambda words, _: told.append(words), requests=requests)
    async with asyncio.timeout(DEADLINE), reports(tmp_path, At8x8(), told, stay):
        for number in (signal.SIGINT, signal.SIGINT):
            requests.add(number)
    assert stay.looks > 0


async def test_an_interrupt_stays_an_interrupt_whatever_can_t_be_put_back(tmp_path: Path) -> None:
    inside = asyncio.Event()

    async def wait() -> None:
        async with reports(tmp_path, At8x8(), []):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.wait_for(inside.wait(), DEADLINE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_interrupt_while_webhooks_are_put_back_hides_no_result(tmp_path: Path) -> None:
    """What the command exits with is known by then."""

    class Interrupted(At8x8):
        def restore(self) -> list[str]:
            loop.call_soon_threadsafe(task.cancel)
            return []

    async def wait() -> str:
        async with reports(tmp_path, Interrupted(), []):
            return "completed"

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(wait())
    async with asyncio.timeout(DEADLINE):
        assert await task == "completed"


async def test_ended_as_it_takes_over_from_a_listener_it_ends_though_nothing_can_be_undone(
    tmp_path: Path,
) -> None:
    class Away(At8x8):
        def __init__(self) -> None:
            super().__init__()
            self.taking, self.go_on = threading.Event(), threading.Event()

        def take(self, *_: object, **__: object) -> list[str]:
            self.taking.set()
            self.go_on.wait(DEADLINE)
            raise Unreachable("8x8 is away.")

    at_8x8, told = Away(), list[str]()
    lock = Lock.take(tmp_path / "guests-0", shared=True)
    assert lock is not None
    taking_over = reports(tmp_path, at_8x8, told)
    taking_over._tenant = Tenant(tmp_path / "listener-0", lock)
    taking_over._watching = asyncio.create_task(taking_over._watch_listener())
    await asyncio.to_thread(at_8x8.taking.wait, DEADLINE)
    ending = asyncio.create_task(taking_over.__aexit__(None, None, None))
    asyncio.get_running_loop().call_later(0.05, at_8x8.go_on.set)
    async with asyncio.timeout(DEADLINE):
        await ending
    assert told[-1].startswith("The webhooks at 8x8 could not be restored: 8x8 is away.")


async def test_what_went_wrong_inside_is_what_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"):
        async with reports(tmp_path, At8x8(), []):
            raise ValueError("inside")


async def test_another_that_hangs_as_it_starts_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_lock, "PATIENCE", 0.2)
    monkeypatch.setattr(start_lock, "LISTENER_PATIENCE", 0.2)
    gate = Lock.take(start_lock._path(tmp_path))
    assert gate is not None
    with pytest.raises(InUse, match="starting or ending a listener"):
        async with reports(tmp_path, At8x8(), []):
            pass
    gate.close()
    told: list[str] = []
    async with reports(tmp_path, At8x8(), told):
        gate = Lock.take(start_lock._path(tmp_path))
        assert gate is not None
    gate.close()
    assert any("Another voicecli has been starting or ending" in text for text in told)


async def test_what_keeps_reports_away_arrives_as_a_warning_and_other_talk_does_not(tmp_path: Path) -> None:
    """Programs get no talk."""
    told, warned = list[str](), list[str]()

    async def until_warned(beginning: str) -> None:
        await asyncio.to_thread(wait_until, lambda: any(text.startswith(beginning) for text in warned))

    async with asyncio.timeout(DEADLINE):
        async with reports(tmp_path, Moved(), told, warned=warned, every=0.01) as ours:
            service = ours._service
            assert service is not None
            assert service.webhook_watch is not None
            await until_warned("8x8 can't reach this machine at http://127.0.0.1:9")
            service.reachability.unreachable = None  # as if it had led here
            watch = asyncio.create_task(service.reachability.watch(every=0.01))
            await until_warned("8x8 can't reach this machine any more")
            watch.cancel()
            await until_warned("The VSS webhook is not set any more.")
            service._refused_unauthorised()
            await until_warned("a request with a wrong token")
            service._listener.events.report_error(StoreFailed("Events can't be kept: the disk is full."))
            await until_warned("Events can't be kept")
            service.reachability.tunnel_changed(TunnelChange(False, None, "its agent ended", 1.0))
            await until_warned("The tunnel is down: its agent ended; trying again in 1 s")
            service.reachability.tunnel_changed(TunnelChange(True, "http://127.0.0.1:10", "", None))
            await until_warned("8x8 can't be given the new address. 8x8 is away from http://127.0.0.1:10.")
    assert "The tunnel is up again: http://127.0.0.1:10" in told
    assert not [text for text in warned if text.startswith(("Warning", "The tunnel is up", "Registered"))]


def test_a_listener_that_has_ended_is_relied_upon_no_more(tmp_path: Path) -> None:
    relying = reports(tmp_path, At8x8(), [])
    assert not relying._has_listener()
    for is_there in (True, False):
        relying._tenant = cast("Tenant", SimpleNamespace(is_there=lambda is_there=is_there: is_there))
        assert relying._has_listener() == is_there
