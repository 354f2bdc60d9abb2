"""Webhooks at 8x8 that point to a listener: taken, watched, and put back after every kind of end."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import RunningSandbox
from strict_webhooks import IgnoringSandbox, StrictSandbox

from voicecli.account import AccountId
from voicecli.errors import ConfigurationError, InUse, Refused, StoreFailed, Unreachable, VoicecliError
from voicecli.listener import webhook_changes, webhook_troubles
from voicecli.listener.registration import Registration
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.sandbox.server import Sandbox
from voicecli.store import webhooks as stored_webhooks
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore
from voicecli.store.webhooks import DELETED, replaced_webhooks
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import Webhook, delete_webhook, list_webhooks, set_webhook
from voicecli.voice_api.wire import Operation

OURS = "http://127.0.0.1:9"
BEFORE = "https://example.com/before"


class World:
    def __init__(self, url: str, home: Path) -> None:
        self.client = Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=url, retries=0)
        self.url = url
        self.home = home
        self.told: list[str] = []

    def registration(self, home: Path | None = None) -> Registration:
        return Registration(self.client, StorePlace(home or self.home), notify=self.told.append)

    @contextmanager
    def refused(self, registration: Registration) -> Iterator[None]:
        """Meanwhile 8x8 refuses whatever it asks for."""
        replaced = registration._replaced
        with Client(api_key="a-wrong-key", subaccount_id=SUBACCOUNT, base_url=self.url) as wrong:
            registration._client = replaced._client = wrong
            yield
        registration._client = replaced._client = self.client

    def put(self, kind: str, url: str, **options: Any) -> None:
        """Somebody else sets a webhook, whatever is set."""
        if kind in self.webhooks():
            self.client.send(delete_webhook(kind))
        self.client.send(set_webhook(kind, url, **options))

    def webhooks(self) -> dict[str, Webhook]:
        return {webhook.type: webhook for webhook in self.client.send(list_webhooks())}


@contextmanager
def _world(home: Path, sandbox: type[Sandbox]) -> Iterator[World]:
    with RunningSandbox(sandbox, time_scale=1000) as running:
        here = World(running.sandbox.url, home)
        with here.client:
            yield here


@pytest.fixture(
    params=[
        pytest.param(StrictSandbox, id="delete first"),
        pytest.param(Sandbox, id="setting replaces", marks=pytest.mark.soak),
    ]
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Under both readings of 8x8's documents."""
    with _world(tmp_path / "home", request.param) as here:
        yield here


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[World]:
    """Where 8x8 refuses to set a webhook because one is set."""
    with _world(tmp_path / "home", StrictSandbox) as here:
        yield here


class Killed(BaseException):
    """The process ends here."""


def stop_at(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException, *, after: str
) -> None:
    """Let the next operation of this name fail once one of the other name was carried out."""
    send, seen = world.client.send, []

    def fail(operation: Operation[Any], **options: Any) -> Any:
        if operation.name == name and after in seen:
            monkeypatch.undo()
            raise error
        seen.append(operation.name)
        return send(operation, **options)

    monkeypatch.setattr(world.client, "send", fail)


SET, DELETE, LIST = set_webhook("VSS", "").name, delete_webhook("VSS").name, list_webhooks().name


def test_what_was_there_is_put_back(world: World) -> None:
    world.client.send(set_webhook("VSS", "https://example.com/vss", enabled=False))
    before = world.webhooks()
    registration = world.registration()
    registration.take(["VCA", "VSS"], OURS, token="a-token")
    assert world.webhooks() == {
        kind: Webhook(kind, f"{OURS}/api/webhooks/{kind.lower()}", enabled=True, has_authorization=True)
        for kind in ("VCA", "VSS")
    }
    assert registration.restore() == ["VCA", "VSS"]
    assert world.webhooks() == before
    assert registration.restore() == []


def test_after_a_kill_the_next_start_puts_back_what_was_there_at_first(world: World) -> None:
    world.client.send(set_webhook("VSS", "https://example.com/vss"))
    before = world.webhooks()
    killed = world.registration()
    killed.take(["VSS"], OURS, token="a-token")
    killed.close()  # as the system does, without anything being put back
    after = world.registration()
    after.take(["VSS"], "http://127.0.0.1:10", token="another")
    assert world.webhooks()["VSS"].url == "http://127.0.0.1:10/api/webhooks/vss"
    after.restore()
    after.close()
    assert world.webhooks() == before


def test_an_authorization_that_could_not_be_put_back_stops_it(world: World) -> None:
    world.client.send(set_webhook("VSS", "https://example.com/vss", authorization="theirs"))
    before = world.webhooks()
    registration = world.registration()
    with pytest.raises(ConfigurationError, match="Authorization header, which 8x8 does not reveal"):
        registration.take(["VCA", "VSS"], OURS, token="a-token")
    assert world.webhooks() == before
    registration.take(["VCA", "VSS"], OURS, token="a-token", force=True)
    registration.restore()
    registration.close()
    assert world.webhooks() == {"VSS": Webhook("VSS", "https://example.com/vss", True, False)}
    assert any("without its Authorization header" in text for text in world.told)


def test_two_on_one_machine_notice_each_other(world: World) -> None:
    first, second = world.registration(), world.registration()
    first.take(["VSS"], OURS, token="a-token")
    for attempt in (lambda: second.take(["VSS"], OURS, token="b", force=True), second.restore):
        with pytest.raises(InUse, match="Another voicecli listen"):
            attempt()
    first.close()
    assert second.restore() == ["VSS"]


def test_after_the_folder_was_removed_others_are_locked_out_and_a_kill_loses_nothing(world: World) -> None:
    world.put("VSS", BEFORE)
    first, second = world.registration(), world.registration()
    first.take(["VSS"], OURS, token="a-token")
    shutil.rmtree(world.home)
    second.require_unregistered()
    assert first.check() == []
    with pytest.raises(InUse):
        second.restore()
    first.close()  # as the system does when it is killed
    assert second.restore() == ["VSS"]
    assert world.webhooks()["VSS"].url == BEFORE


def texts(registration: Registration) -> list[str]:
    return [news.text for news in registration.check()]


def test_a_webhook_that_somebody_has_moved_is_told_once_and_left_alone(world: World) -> None:
    registration = world.registration()
    registration.take(["VCA", "VSS"], OURS, token="a-token")
    assert texts(registration) == []
    world.put("VSS", "https://example.com/other")
    assert texts(registration) == [
        "The VSS webhook points to https://example.com/other: its events do not come here. "
        "Somebody has moved it: it is left alone."
    ]
    assert texts(registration) == []
    assert not registration.leads_here("VSS")
    assert world.webhooks()["VSS"].url == "https://example.com/other"
    assert registration.restore() == ["VCA"]
    assert list(world.webhooks()) == ["VSS"]
    assert world.webhooks()["VSS"].url == "https://example.com/other"


def take_away(world: World, kind: str) -> None:
    world.client.send(delete_webhook(kind))


def disable(world: World, kind: str) -> None:
    world.put(kind, world.webhooks()[kind].url, enabled=False, authorization="a-token")


def lose_token(world: World, kind: str) -> None:
    world.put(kind, world.webhooks()[kind].url)


LOSSES = {
    "is not set: its events do not come here": take_away,
    "is disabled: its events do not come here": disable,
    "has no token: its events are refused here": lose_token,
}


@pytest.mark.parametrize(
    "led_here",
    [
        pytest.param(False, id="taken"),
        pytest.param(True, id="led here before", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("what", LOSSES)
def test_a_webhook_that_is_not_as_it_was_set_is_set_again(world: World, what: str, led_here: bool) -> None:
    if led_here:
        world.client.send(set_webhook("VSS", f"{OURS}/api/webhooks/vss", authorization="a-token"))
    before = world.webhooks()
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    ours = world.webhooks()
    for _ in range(2):  # each time is news
        LOSSES[what](world, "VSS")
        assert texts(registration) == [f"The VSS webhook {what}. It is set again."]
        assert (world.webhooks(), texts(registration)) == (ours, [])
        assert registration.leads_here("VSS")
    registration.restore()
    registration.close()
    assert world.webhooks() == before


OTHER_TOKEN = (
    "The VSS webhook carries another token than ours (somebody may have set it again): its "
    "events are refused "
    "here."
)
SET_IT = f"voicecli webhooks set vss {OURS}/api/webhooks/vss"


@pytest.mark.parametrize("led_here", [False, True], ids=["taken", "led here before"])
def test_one_that_carries_another_token_is_set_again_once_an_hour(
    world: World, monkeypatch: pytest.MonkeyPatch, led_here: bool
) -> None:
    """What was sent before it was set again may still come, and does not count."""
    now = 1000.0
    monkeypatch.setattr(webhook_troubles, "monotonic", lambda: now)
    if led_here:
        world.client.send(set_webhook("VSS", f"{OURS}/api/webhooks/vss", authorization="another"))
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")

    def told(refused: int) -> list[str]:
        return [news.text for news in registration.check(other_token={"VSS": refused} if refused else {})]

    assert told(1) == [f"{OTHER_TOKEN} It is set again."]
    assert (told(1), told(3)) == ([], [])  # late
    now += webhook_troubles.LATE
    left = f"{OTHER_TOKEN} It was set again, and is left alone now. To set it once more: {SET_IT}"
    assert (told(3), told(4), told(5)) == ([], [left], [])
    assert registration.leads_here("VSS")  # for all that is known
    assert (told(0), told(1)) == (["The VSS webhook points here again."], [left])
    now += webhook_troubles.SET_TOKEN_EVERY
    assert told(2) == [f"{OTHER_TOKEN} It is set again."]
    registration.restore()
    registration.close()


def test_where_nothing_is_registered_another_token_is_told_and_left(world: World) -> None:
    world.client.send(set_webhook("VSS", f"{OURS}/api/webhooks/vss", authorization="another"))
    registration = world.registration()
    registration.observe(OURS, token="a-token")
    assert texts(registration) == []
    news = registration.check(other_token={"VSS": 1})
    assert [one.text for one in news] == [f"{OTHER_TOKEN} To set it again: {SET_IT}"]


@pytest.mark.parametrize(
    "what",
    [pytest.param(what, marks=pytest.mark.soak if number else ()) for number, what in enumerate(LOSSES)],
)
def test_where_nothing_is_registered_it_is_told_and_left(world: World, what: str) -> None:
    world.client.send(set_webhook("VSS", f"{OURS}/api/webhooks/vss", authorization="a-token"))
    registration = world.registration()
    registration.observe(OURS, token="a-token")
    assert (texts(registration), registration.leads_here("VSS")) == ([], True)
    LOSSES[what](world, "VSS")
    now = world.webhooks()
    assert texts(registration) == [
        f"The VSS webhook {what}. To set it again: voicecli webhooks set vss {OURS}/api/webhooks/vss"
    ]
    assert (world.webhooks(), texts(registration), registration.leads_here("VSS")) == (now, [], False)
    world.put("VSS", f"{OURS}/api/webhooks/vss", authorization="a-token")
    assert texts(registration) == ["The VSS webhook points here again."]
    assert texts(registration) == []


def test_without_a_token_none_is_missed(world: World) -> None:
    registration = world.registration()
    registration.take(["VSS"], OURS, token=None)
    assert texts(registration) == []
    registration.restore()


def test_a_listing_that_fails_proves_nothing(world: World) -> None:
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    with world.refused(registration), pytest.raises(VoicecliError):
        registration.check()
    assert (texts(registration), registration.leads_here("VSS")) == ([], True)
    registration.restore()


def test_one_that_can_not_be_set_again_is_told_once_and_tried_until_it_can(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    take_away(world, "VSS")
    for told in (
        [
            "The VSS webhook is not set: its events do not come here. It can't be set again now, "
            "and is tried again later. 8x8 is away."
        ],
        [],
    ):
        with monkeypatch.context() as broken:
            stop_at(world, broken, SET, Unreachable("8x8 is away."), after=LIST)
            assert texts(registration) == told
    [text] = texts(registration)
    assert text.endswith("It is set again.")
    registration.restore()


@pytest.mark.soak
def test_where_8x8_accepts_it_and_changes_nothing_that_is_told_once_and_tried_ever_more_rarely(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_changes, "LIST_AGAIN_AFTER", (0.0,) * 4)
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    take_away(world, "VSS")
    send, sets = world.client.send, []

    def ignore(operation: Operation[Any], **options: Any) -> Any:
        if operation.name == SET:
            sets.append(operation)
            return ()
        return send(operation, **options)

    monkeypatch.setattr(world.client, "send", ignore)
    [text] = texts(registration)
    assert text.endswith(webhook_changes.IGNORED)
    tried = []
    for check in range(1, 46):
        before = len(sets)
        assert (texts(registration), registration.leads_here("VSS")) == ([], False)
        tried += [check] * (len(sets) - before)
    assert tried == [2, 6, 14, 30]
    monkeypatch.undo()
    [text] = texts(registration)
    assert text.endswith("It is set again.")
    assert registration.leads_here("VSS")
    registration.restore()


@pytest.mark.parametrize("before", ["https://example.com/vss", pytest.param(None, marks=pytest.mark.soak)])
def test_what_8x8_accepts_and_ignores_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.setattr(webhook_changes, "LIST_AGAIN_AFTER", (0.0,) * 4)
    with _world(tmp_path / "home", IgnoringSandbox) as world:
        if before is not None:
            with monkeypatch.context() as usual:
                usual.setattr(IgnoringSandbox, "ignored", ())
                world.put("VSS", before)
        registration = world.registration()
        registration.take(["VSS", "VCA"], OURS, token="a-token")
        found = "is not set" if before is None else f"points to {before}"
        assert world.told == [
            f"The VSS webhook {found}: its events do not come here. "
            "8x8 accepted the change, but does not list it."
        ]
        assert (registration.leads_here("VSS"), registration.leads_here("VCA")) == (False, True)
        registration.restore()


@pytest.mark.parametrize(
    "listing",
    ["late, then refused", *(pytest.param(one, marks=pytest.mark.soak) for one in ("late", "refused"))],
)
def test_a_list_that_is_late_or_refused_says_nothing_against_it(
    world: World, monkeypatch: pytest.MonkeyPatch, listing: str
) -> None:
    monkeypatch.setattr(webhook_changes, "LIST_AGAIN_AFTER", (0.0,) * 4)
    registration, send, after = world.registration(), world.client.send, []

    def answer(operation: Operation[Any], **options: Any) -> Any:
        after.extend([operation.name] if after or operation.name == SET else [])
        if after and after.count(LIST) in range(1, 5):  # the first looks after setting
            if listing == "refused" or (listing == "late, then refused" and after.count(LIST) == 2):
                raise Refused("Resource not accessible.", status_code=403)
            return ()
        return send(operation, **options)

    monkeypatch.setattr(world.client, "send", answer)
    registration.take(["VSS"], OURS, token="a-token")
    assert after == [SET, *([LIST] * {"refused": 1, "late, then refused": 2, "late": 5}[listing])]
    assert (world.told, registration.leads_here("VSS")) == ([], True)
    monkeypatch.undo()
    registration.restore()


def test_a_new_address_is_told_to_8x8_and_still_put_back(world: World) -> None:
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    registration.move("http://127.0.0.1:11", token="a-token")
    assert world.webhooks()["VSS"].url == "http://127.0.0.1:11/api/webhooks/vss"
    registration.restore()
    registration.close()
    assert world.webhooks() == {}


def test_a_new_address_leaves_alone_what_somebody_has_moved(world: World) -> None:
    registration = world.registration()
    registration.take(["VCA", "VSS"], OURS, token="a-token")
    world.put("VSS", "https://example.com/other")
    assert [news.text for news in registration.move("http://127.0.0.1:11", token="a-token")] == [
        "The VSS webhook points to https://example.com/other: its events do not come here. "
        "Somebody has moved it: it is left alone."
    ]
    assert (registration.leads_here("VCA"), registration.leads_here("VSS")) == (True, False)
    assert {kind: webhook.url for kind, webhook in world.webhooks().items()} == {
        "VCA": "http://127.0.0.1:11/api/webhooks/vca",
        "VSS": "https://example.com/other",
    }
    assert registration.move("http://127.0.0.1:12", token="a-token") == []
    assert texts(registration) == []
    world.put("VSS", f"{OURS}/api/webhooks/vss")  # where nobody listens any more
    assert texts(registration) == [
        f"The VSS webhook points to {OURS}/api/webhooks/vss: its events do not come here. It is set again."
    ]
    assert world.webhooks()["VSS"].url == "http://127.0.0.1:12/api/webhooks/vss"
    assert sorted(registration.restore()) == ["VCA", "VSS"]
    assert world.webhooks() == {}


def test_a_new_address_is_set_though_the_webhooks_can_not_be_listed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    send = world.client.send

    def list_none(operation: Operation[Any], **options: Any) -> Any:
        if operation.method == "GET":
            raise Unreachable("8x8 is away.")
        return send(operation, **options)

    with monkeypatch.context() as broken:
        broken.setattr(world.client, "send", list_none)
        assert registration.move("http://127.0.0.1:11", token="a-token") == []
    assert world.webhooks()["VSS"].url == "http://127.0.0.1:11/api/webhooks/vss"
    registration.restore()


def test_what_led_here_already_does_not_follow_a_new_address_and_that_is_told(world: World) -> None:
    before = f"{OURS}/api/webhooks/vss"
    world.client.send(set_webhook("VSS", before, authorization="theirs"))
    registration = world.registration()
    registration.take(["VCA", "VSS"], OURS, token="a-token")
    assert [news.text for news in registration.move("http://127.0.0.1:11", token="a-token")] == [
        f"The VSS webhook points to {before}: its events do not come here. It was not set by this listener: "
        "it is left alone. To point it here: voicecli webhooks set vss http://127.0.0.1:11/api/webhooks/vss"
    ]
    assert not registration.leads_here("VSS")
    assert texts(registration) == []
    assert registration.restore() == ["VCA"]
    assert world.webhooks()["VSS"].url == before


def test_who_puts_back_what_others_left_does_not_keep_others_out(world: World) -> None:
    killed, plain, after = world.registration(), world.registration(), world.registration()
    killed.take(["VSS"], OURS, token="a-token")
    killed.close()
    assert plain.restore() == ["VSS"]
    after.take(["VSS"], OURS, token="a-token")
    assert after.restore() == ["VSS"]


def test_a_move_that_8x8_did_not_hear_of_is_put_back_all_the_same(world: World) -> None:
    world.client.send(set_webhook("VSS", "https://example.com/vss"))
    before = world.webhooks()
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    with world.refused(registration):
        for number in (11, 12):
            with pytest.raises(VoicecliError):
                registration.move(f"http://127.0.0.1:{number}", token="a-token")
    registration.close()  # and a kill
    assert world.registration().restore() == ["VSS"]
    assert world.webhooks() == before


def test_a_move_can_be_tried_again(world: World) -> None:
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    with world.refused(registration):
        with pytest.raises(VoicecliError):
            registration.move("http://127.0.0.1:11", token="a-token")
    registration.move("http://127.0.0.1:11", token="a-token")
    assert world.webhooks()["VSS"].url == "http://127.0.0.1:11/api/webhooks/vss"
    assert registration.restore() == ["VSS"]
    assert world.webhooks() == {}


def test_a_webhook_that_leads_here_already_keeps_its_authorization(world: World) -> None:
    world.client.send(set_webhook("VSS", f"{OURS}/api/webhooks/vss", authorization="theirs"))
    before = world.webhooks()
    registration = world.registration()
    registration.take(["VCA", "VSS"], OURS, token="a-token")
    assert [text for text in world.told if "points here already" in text]
    assert registration.restore() == ["VCA"]
    assert world.webhooks() == before


def test_a_new_token_is_not_in_a_header_that_is_there_already(world: World) -> None:
    world.client.send(set_webhook("VSS", f"{OURS}/api/webhooks/vss", authorization="theirs"))
    registration = world.registration()
    with pytest.raises(ConfigurationError, match="has an Authorization header"):
        registration.take(["VSS"], OURS, token="a-token", new_token=True)
    registration.close()


def test_webhooks_are_put_back_whatever_became_of_the_store(world: World) -> None:
    registration = world.registration()
    registration.take(["VCA"], OURS, token="a-token")
    (world.home / "voicecli.sqlite3").write_bytes(b"no database at all " * 100)
    assert registration.restore() == ["VCA"]
    assert world.webhooks() == {}


def test_a_move_that_fails_again_and_again_is_remembered_once(world: World) -> None:
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    with world.refused(registration):
        for _ in range(3):
            with pytest.raises(VoicecliError):
                registration.move("http://127.0.0.1:11", token="a-token")
    with SqliteStore(world.home) as store:
        [webhook] = replaced_webhooks(store, AccountId(world.url, SUBACCOUNT))
    assert len(webhook.own_urls) == 2
    registration.restore()


def test_one_that_can_not_be_put_back_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registration = world.registration()
    registration.take(["VCA", "VSS"], OURS, token="a-token")
    send = world.client.send

    def refuse_one(operation: Any, **_: object) -> Any:
        if operation.name == delete_webhook("VCA").name and "VCA" in operation.path:
            raise Refused("Not now.", status_code=500)
        return send(operation)

    with monkeypatch.context() as broken:
        broken.setattr(world.client, "send", refuse_one)
        with pytest.raises(Refused, match="Not now"):
            registration.restore()
    assert list(world.webhooks()) == ["VCA"]
    assert world.registration().restore() == ["VCA"]
    assert world.webhooks() == {}


def test_what_can_not_be_forgotten_is_found_to_be_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.client.send(set_webhook("VSS", "https://example.com/vss"))
    before = world.webhooks()
    registration = world.registration()
    registration.take(["VCA", "VSS"], OURS, token="a-token")

    def full(*_: object) -> None:
        raise StoreFailed("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(stored_webhooks, "forget_webhook", full)
        assert registration.restore() == ["VCA", "VSS"]
    assert world.webhooks() == before
    assert world.registration().restore() == []
    assert (world.told, world.webhooks()) == ([], before)


def test_the_lock_is_the_owners_alone(world: World) -> None:
    registration = world.registration()
    registration.take(["VSS"], OURS, token="a-token")
    [lock] = world.home.glob("*.lock")
    assert lock.stat().st_mode & 0o777 == 0o600
    registration.restore()


def test_a_start_that_fails_half_way_can_be_put_back(world: World) -> None:
    registration = world.registration()
    with pytest.raises(Refused, match="refused"):
        registration.take(["VSS", "XYZ"], OURS, token="a-token")
    assert registration.restore() == ["VSS"]
    registration.close()
    assert world.webhooks() == {}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Killed(), id="killed"),
        pytest.param(Unreachable("8x8 is away."), id="unreachable", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("step", ["take", "move", "put back"])
def test_nothing_is_lost_between_a_deletion_and_setting_anew(
    strict: World, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    strict.client.send(set_webhook("VSS", "https://example.com/vss", enabled=False))
    before = strict.webhooks()
    registration = strict.registration()

    steps = {
        "take": lambda: registration.take(["VSS"], OURS, token="a-token"),
        "move": lambda: registration.move("http://127.0.0.1:11", token="a-token"),
        "put back": registration.restore,
    }
    if step != "take":
        steps["take"]()
    with monkeypatch.context() as broken:
        stop_at(strict, broken, SET, error, after=DELETE)
        with pytest.raises(type(error)):
            steps[step]()
    registration.close()
    assert strict.webhooks() == {}
    assert strict.registration().restore() == ["VSS"]
    assert strict.webhooks() == before
    assert strict.registration().restore() == []


def test_what_was_there_is_on_disk_before_it_is_deleted(
    strict: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict.client.send(set_webhook("VSS", "https://example.com/vss"))
    before = strict.webhooks()
    registration = strict.registration()
    with monkeypatch.context() as broken:
        stop_at(strict, broken, DELETE, Killed(), after=SET)
        with pytest.raises(Killed):
            registration.take(["VSS"], OURS, token="a-token")
    registration.close()
    with SqliteStore(strict.home) as store:
        [webhook] = replaced_webhooks(store, AccountId(strict.url, SUBACCOUNT))
    assert (webhook.url, webhook.own_urls[-1]) == ("https://example.com/vss", DELETED)
    assert strict.webhooks() == before


def test_a_webhook_that_nobody_can_change_is_told(strict: World) -> None:
    strict.client.send(set_webhook("VNU", "https://example.com/vnu"))
    before = strict.webhooks()
    registration = strict.registration()
    with pytest.raises(Refused, match=r"VNU webhook still points to https://example\.com/vnu: .*no request"):
        registration.take(["VSS", "VNU"], OURS, token="a-token")
    assert registration.restore() == ["VSS"]
    assert strict.webhooks() == before


def test_one_that_8x8_can_not_delete_is_disabled_in_the_end(
    strict: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StrictSandbox, "replaces", True)
    registration = strict.registration()
    registration.take(["VNU"], OURS, token="a-token")
    assert registration.restore() == ["VNU"]
    assert strict.webhooks() == {"VNU": Webhook("VNU", f"{OURS}/api/webhooks/vnu", False, False)}
    assert strict.told == [
        "The VNU webhook was not set before, and 8x8's API can't delete it: it is disabled."
    ]
    assert strict.registration().restore() == []
