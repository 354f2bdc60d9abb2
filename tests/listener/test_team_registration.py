"""Listeners of a team that share the webhooks of an account, and the public URL before them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import RunningSandbox, wait_until

from voicecli.account import AccountId
from voicecli.errors import InUse
from voicecli.listener import team_claim
from voicecli.listener.instances import InstanceRecord
from voicecli.listener.registration import Registration
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.store import listeners, postgresql_leases
from voicecli.store.listeners import TeamListener
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import set_webhook

OURS, OTHER = "https://calls.example.com", "https://elsewhere.example.com"
BEFORE = "https://example.com/before"
TOKEN = "token-of-these-tests"


class Team:
    """Machines of a team, each with its own folder, and one account of the sandbox."""

    def __init__(self, sandbox: RunningSandbox, place: StorePlace, folder: Path) -> None:
        self.sandbox = sandbox.sandbox
        self.place = place
        self.told: list[str] = []
        self._folder = folder
        self._open: list[Registration] = []
        self.client = Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=self.sandbox.url, retries=0)
        self.client.send(set_webhook("VSS", BEFORE))

    @property
    def account(self) -> AccountId:
        return self.client.account.identity

    def machine(self) -> Registration:
        place = self.place._replace(folder=self._folder / str(len(self._open)))
        self._open.append(Registration(self.client, place, notify=self.told.append))
        return self._open[-1]

    def listener(self, *types: str, url: str = OURS, token: str | None = TOKEN) -> Registration:
        """One that has registered."""
        registration = self.machine()
        registration.take(types or ["VSS"], url, token=token)
        registration.announce(url)
        return registration

    @property
    def urls(self) -> dict[str, str]:
        return {kind: target.url for kind, target in self.sandbox._delivery.targets.items()}

    def live(self) -> list[TeamListener]:
        with open_store(self.place) as store:
            return listeners.live_listeners(store, self.account)

    def kill(self, registration: Registration) -> None:
        """As if its process had been killed, so long ago that its lease is over."""
        claim = registration._claim
        assert isinstance(claim, team_claim.TeamClaim)
        claim._over.set()
        with open_store(self.place) as store:
            store.execute_many("UPDATE listeners SET lease_until = 0 WHERE id = ?", [(claim.instance,)])

    def close(self) -> None:
        for registration in self._open:
            registration.close()
        self.client.close()


@pytest.fixture
def world(
    sandbox: RunningSandbox, team: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Team]:
    monkeypatch.setattr(team_claim, "RENEW_EVERY", 0.05)
    monkeypatch.setattr(team_claim, "LEASE", -1.0)  # nobody waits for the end of one
    sandbox.sandbox._delivery.targets.clear()
    made = Team(sandbox, team, tmp_path)
    yield made
    made.close()
    sandbox.sandbox._delivery.targets.clear()


def ours(kind: str) -> str:
    return f"{OURS}/api/webhooks/{kind.lower()}"


def test_the_last_of_them_puts_back_what_was_there(world: Team) -> None:
    first = world.listener("VSS", "VCA")
    second = world.listener("VSS", "VCA")
    assert world.urls == {"VSS": ours("VSS"), "VCA": ours("VCA")}
    assert [one.registered for one in world.live()] == [("VSS", "VCA")] * 2
    assert any("lead to other listeners of the team, too" in text for text in world.told)
    assert first.restore() == []
    first.close()
    assert world.urls == {"VSS": ours("VSS"), "VCA": ours("VCA")}
    assert second.restore() == ["VCA", "VSS"]
    assert world.urls == {"VSS": BEFORE}
    second.close()
    assert world.live() == []


@pytest.mark.soak
def test_who_goes_puts_back_what_nobody_else_gets(world: Team) -> None:
    first = world.listener("VSS", "VCS")
    world.listener("VSS")
    assert first.restore() == ["VCS"]
    assert world.urls == {"VSS": ours("VSS")}


def test_one_that_was_killed_is_cleared_up_after_by_who_is_left(world: Team) -> None:
    killed = world.listener("VSS", "VCS")
    left = world.listener("VSS")
    world.kill(killed)
    left.check()
    assert world.urls == {"VSS": ours("VSS")}
    assert [one.registered for one in world.live()] == [("VSS",)]
    assert left.restore() == ["VSS"]
    assert world.urls == {"VSS": BEFORE}


@pytest.mark.soak
def test_one_that_was_killed_alone_is_cleared_up_after_by_the_next_start(world: Team) -> None:
    world.kill(world.listener("VSS", url=OTHER))
    following = world.listener("VCA")
    assert world.urls == {"VSS": BEFORE, "VCA": ours("VCA")}
    assert following.restore() == ["VCA"]


@pytest.mark.soak
def test_webhooks_restore_puts_back_what_a_killed_one_has_left_and_nothing_of_a_living_one(
    world: Team,
) -> None:
    living = world.listener("VSS")
    with pytest.raises(InUse, match="has registered for subaccount"):
        world.machine().restore()
    world.kill(living)
    assert world.machine().restore() == ["VSS"]
    assert world.urls == {"VSS": BEFORE}


def test_another_public_url_is_refused_and_who_has_registered_is_named(world: Team) -> None:
    world.listener("VSS")
    [there] = world.live()
    for force in (False, True):
        with pytest.raises(InUse) as refused:
            world.machine().take(["VCA"], OTHER, token=TOKEN, force=force)
        assert f"{there.host} (process {there.process}) has registered" in refused.value.message
        assert OURS in refused.value.message
    assert world.urls == {"VSS": ours("VSS")}


@pytest.mark.soak
@pytest.mark.parametrize("token", ["another", None])
def test_another_token_is_refused_since_its_events_would_be(world: Team, token: str | None) -> None:
    world.listener("VSS")
    with pytest.raises(InUse, match="with another token") as refused:
        world.machine().take(["VSS"], OURS, token=token)
    assert "WEBHOOK_AUTH_TOKEN" in refused.value.hint


@pytest.mark.soak
def test_one_that_others_took_for_dead_registers_again(world: Team) -> None:
    cut_off = world.listener("VSS")
    claim = cut_off._claim
    with open_store(world.place) as store:
        listeners.forget(store, claim.instance)
    world.client.send(set_webhook("VSS", BEFORE))  # as the last of the others did
    wait_until(claim.renew)
    cut_off.check()
    assert world.urls == {"VSS": ours("VSS")}
    assert cut_off.restore() == ["VSS"]
    assert world.urls == {"VSS": BEFORE}


def test_others_know_which_types_lead_to_a_listener(world: Team) -> None:
    watching = world.machine()
    world.listener("VSS")
    watching.observe(OURS, token=TOKEN)
    watching.check()
    watching.announce(OURS)

    def found() -> list[TeamListener]:
        return [one for one in world.live() if one.id == watching.instance]

    wait_until(found)
    [there] = found()
    assert (there.public_url, there.registered, there.types) == (OURS, (), ("VSS",))


@pytest.mark.soak
def test_one_that_was_killed_here_a_moment_ago_is_waited_for(
    world: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can't be started again with a new token, or in a new tunnel, before its lease is over."""
    killed, again = world.listener("VSS", token="made for one run"), world.machine()
    claim = killed._claim
    assert isinstance(claim, team_claim.TeamClaim)
    claim._over.set()

    def expire(_seconds: float) -> None:
        world.kill(killed)

    monkeypatch.setattr(again._claim, "_pause", expire)
    monkeypatch.setattr(team_claim, "LEASE", 20.0)
    assert again.take(["VSS"], OURS, token="made for the next") == ["VSS"]
    assert any("A listener was killed here a moment ago" in text for text in world.told)
    assert again.restore() == ["VSS"]
    assert world.urls == {"VSS": BEFORE}


@pytest.mark.soak
def test_one_that_lives_here_is_not_waited_for(world: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    living, other = world.listener("VSS"), world.machine()
    record = InstanceRecord(other._place.local_folder, living.instance)
    monkeypatch.setattr(team_claim, "LEASE", 20.0)
    with pytest.raises(InUse, match="with another token"):
        other.take(["VSS"], OURS, token="another")
    assert not any("was killed" in text for text in world.told)
    record.close()


def test_who_has_slept_while_it_waited_changes_nothing(world: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """By then others may be changing the webhooks."""
    dead, late = world.listener("VSS"), world.machine()
    world.kill(dead)

    def sleep(_seconds: float) -> None:
        later = [one + postgresql_leases.SECONDS for one in postgresql_leases._clocks()]
        monkeypatch.setattr(postgresql_leases, "_clocks", lambda: later)

    monkeypatch.setattr(late._claim, "_pause", sleep)
    with pytest.raises(InUse, match="took too long"):
        late.take(["VSS"], OTHER, token=TOKEN)
    assert world.urls == {"VSS": ours("VSS")}
