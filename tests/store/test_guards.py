"""The guard of ``--once``: what holds a call, what gives it up, and what is said of the one before."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from past import OTHER, SESSION, event, keep

from voicecli.account import AccountId
from voicecli.clock import local_time, now
from voicecli.errors import PlacedBefore
from voicecli.platforms.identity import user_at_host
from voicecli.sessions.attempt import AttemptState
from voicecli.store import attempt_outcomes, pruning, runs
from voicecli.store.attempts import Attempts
from voicecli.store.engine import Store
from voicecli.store.guards import Guards, Once
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api import event_fields
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.messages import voice_message

SOURCE, NUMBER, NUMBER_2, NUMBER_3 = "+33199000000", "+33199001234", "+33199001235", "+33199001236"
ACCOUNT = AccountId("https://voice.8x8.com", "some_sub")
HALF_AN_HOUR = timedelta(minutes=30)
ONCE, ONCE_NAMED = Once(HALF_AN_HOUR, named=False), Once(HALF_AN_HOUR, named=True)
ME = user_at_host()
PROCESS = 123
MINUTE = 60_000_000
DIGIT = event("VCA", "ACTION_COMPLETED", digits={"dtmf": "1"})
OTHER_DIGIT = event("VCA", "ACTION_COMPLETED", digits={"dtmf": "2"})
SILENCE = event("VCA", "ACTION_COMPLETED", digits={"dtmf": None})
CONNECTED = event("VCS", "CALL_CONNECTED")


def ended(status: str, session: str = SESSION) -> dict[str, Any]:
    return event("VSS", status, session)


def message(number: str = NUMBER, text: str = "Hello", message_id: str | None = None) -> CallRequest:
    return voice_message(number, text, source=SOURCE, message_id=message_id)


def alert(*numbers: str, name: str = "disk") -> list[CallRequest]:
    return [message(number, message_id=f"{name}-{number[1:]}") for number in numbers]


class World:
    """A store, and what is placed and reported there."""

    def __init__(self, home: Path, store: Store) -> None:
        self.home, self.store = home, store
        self.attempts, self.guards = Attempts(store, ACCOUNT), Guards(store, ACCOUNT)

    def begin_alert(self, requests: Sequence[CallRequest], once: Once | None = ONCE_NAMED) -> int:
        return self.guards.begin_run(requests, PROCESS, joint=True, once=once)

    def place(
        self,
        request: CallRequest,
        session: str | None = SESSION,
        *events: dict[str, Any],
        run: int | None = None,
        asks: str | None = "1",
        ago: float = 0.0,
    ) -> None:
        number = self.attempts.begin(request, asks=asks, run=run, guarded=now() + MINUTE)
        state = AttemptState.UNKNOWN if session is None else AttemptState.ACCEPTED
        self.attempts.record_answer(number, state, session)
        for document in events:
            keep(self.home, document, ago=ago)

    def change(self, statement: str, *parameters: object) -> None:
        with self.store.transaction() as transaction:
            transaction(statement, parameters)

    def end(self, run: int) -> None:
        with self.store.transaction() as transaction:
            runs.end(transaction, run)

    def kill(self) -> None:
        """Whoever has a lease renews it no more, and it is over."""
        self.change("UPDATE runs SET lease_until = ? WHERE lease_until > 0", now() - 1)

    def pass_time(self, minutes: float) -> None:
        self.change("UPDATE calls SET placed = placed - ?", round(minutes * MINUTE))

    def held(self, *requests: CallRequest, once: Once = ONCE_NAMED) -> str:
        """Why these can't be placed now; empty where they can, and then they are claimed."""
        try:
            if len(requests) == 1:
                self.guards.claim(requests[0], once)
            else:
                self.begin_alert(requests, once)
        except PlacedBefore as error:
            return error.message
        return ""


@pytest.fixture
def world(tmp_path: Path) -> Any:
    with SqliteStore(tmp_path) as store:
        yield World(tmp_path, store)


ENDINGS: list[tuple[str, str | None, list[dict[str, Any]], str]] = [
    ("nothing reported", None, [], f"was placed at {{placed}} by {ME} as session {SESSION}; nobody knows"),
    ("only progress", None, [CONNECTED], "nobody knows how it ended"),
    (
        "completed",
        None,
        [ended("COMPLETED")],
        f"was placed by {ME} as session {SESSION}, and completed at",
    ),
    ("no answer", None, [ended("NO_ANSWER")], ""),
    ("busy", None, [ended("BUSY")], ""),
    ("canceled", None, [ended("CANCELED")], ""),
    ("failed", None, [ended("FAILED")], ""),
    ("error", None, [ended("ERROR")], ""),
    ("confirmed", "1", [DIGIT, ended("COMPLETED")], "was confirmed at"),
    ("confirmed, no summary yet", "1", [DIGIT], "was confirmed at"),
    ("confirmed, then an error", "1", [DIGIT, ended("ERROR")], "was confirmed at"),
    ("another key", "1", [OTHER_DIGIT, ended("COMPLETED")], ""),
    ("silent", "1", [SILENCE, ended("COMPLETED")], ""),
    ("answered, no summary yet", "1", [SILENCE], "nobody knows how it ended"),
    ("no answer where a key was asked for", "1", [ended("NO_ANSWER")], ""),
    ("its VCA may come yet", "1", [ended("COMPLETED")], "nobody knows how it ended"),
    ("a code was typed", "", [DIGIT, ended("COMPLETED")], "completed at"),
    ("no code was typed", "", [SILENCE, ended("COMPLETED")], ""),
]


@pytest.mark.parametrize("number", range(len(ENDINGS)), ids=[ending[0] for ending in ENDINGS])
def test_what_ended_without_being_taken_can_be_placed_again(world: World, number: int) -> None:
    _, asks, events, words = ENDINGS[number]
    in_a_run = number % 2 == 1
    run = world.begin_alert([message(message_id="m-1")], None) if in_a_run else None
    world.place(message(message_id="m-1"), SESSION, *events, run=run, asks=asks)
    if run is not None:
        world.kill()
    placed = world.store.read_number("SELECT placed FROM calls")
    told = world.held(message(message_id="m-1", text="Other words"))
    if not words:
        assert told == ""
        return
    assert words.format(placed=local_time(placed)) in told
    assert f"It can be placed again at {local_time(placed + 30 * MINUTE)}." in told
    world.pass_time(31)
    assert world.held(message(message_id="m-1")) == "", "its time is over"


def test_a_vca_that_a_summary_overtook_is_waited_for_and_no_longer(world: World) -> None:
    world.place(message(message_id="m-1"), SESSION, ended("COMPLETED"), ago=4.0)
    assert "nobody knows" in world.held(message(message_id="m-1"))
    world.change("UPDATE events SET received = received - 2000000")
    assert world.held(message(message_id="m-1")) == ""


def test_a_request_without_an_answer_may_have_been_placed_until_its_summary_comes(world: World) -> None:
    world.place(message(message_id="m-1"), None)
    told = world.held(message(message_id="m-1"))
    assert "may have been placed at" in told
    assert "nobody knows how it ended" in told
    keep(world.home, event("VSS", "BUSY", clientRequestId="m-1"))
    assert world.held(message(message_id="m-1")) == ""


def test_without_a_name_the_same_words_to_the_same_number_are_the_same(world: World) -> None:
    number = world.guards.claim(message(), ONCE)
    world.attempts.record_answer(number, AttemptState.ACCEPTED, SESSION)
    assert f"as session {SESSION}" in world.held(message(), once=ONCE)
    assert world.held(message(text="Hello!"), once=ONCE) == ""
    assert world.held(message(NUMBER_2), once=ONCE) == ""
    keep(world.home, ended("BUSY"))
    assert world.held(message(), once=ONCE) == ""


def test_when_it_was_confirmed_is_when_the_key_was_pressed(world: World) -> None:
    pressed = event("VCA", "ACTION_COMPLETED", digits="1", timestamp="2026-11-28T10:00:00Z")
    world.place(message(message_id="m-1"), SESSION, pressed, ended("COMPLETED"))
    moment = local_time(event_fields.parse_time("2026-11-28T10:00:00Z") or 0)
    assert f"was confirmed at {moment}" in world.held(message(message_id="m-1"))


def test_a_later_summary_that_says_completed_counts(world: World) -> None:
    first = event("VSS", "NO_ANSWER", endTime="2026-11-28T10:00:00Z")
    later = event("VSS", "COMPLETED", endTime="2026-11-28T10:00:01Z")
    world.place(message(message_id="m-1"), SESSION, first, later, asks=None)
    assert "completed" in world.held(message(message_id="m-1"))


# -- runs --------------------------------------------------------------------------------------------


def test_a_run_that_lives_holds_all_its_calls(world: World) -> None:
    run = world.begin_alert(alert(NUMBER, NUMBER_2))
    world.place(alert(NUMBER)[0], SESSION, ended("BUSY"), run=run)
    for requests in (
        alert(NUMBER, NUMBER_2),
        alert(NUMBER_2, NUMBER),
        alert(NUMBER_3, NUMBER_2),
        alert(NUMBER_2),
    ):
        told = world.held(*requests)
        assert f"is being placed by process {PROCESS} of {ME}, which began at " in told
    assert world.held(*alert(NUMBER, NUMBER_3, name="another")) == ""


@pytest.mark.parametrize(
    ("so_far", "words"),
    [
        ("nothing", "It has placed no call yet."),
        ("sending", "It may have placed a call."),
        ("accepted", f"It has placed a call as session {SESSION}."),
    ],
)
def test_of_a_run_that_may_have_been_killed_is_said_what_is_known(
    world: World, so_far: str, words: str
) -> None:
    run = world.begin_alert(alert(NUMBER, NUMBER_2))
    if so_far != "nothing":
        world.place(alert(NUMBER)[0], SESSION if so_far == "accepted" else None, run=run)
    began, until = next(world.store.rows("SELECT began, lease_until FROM runs"))
    world.change("UPDATE runs SET began = ?", began - MINUTE)
    assert world.held(*alert(NUMBER, NUMBER_2)) == (
        f"The same call is being placed by process {PROCESS} of {ME}, which began at "
        f"{local_time(began - MINUTE)} and was last seen alive at {local_time(until - 30_000_000)}: nothing "
        f"was sent. {words} If it was killed, its lease ends at {local_time(until)}; from then on its calls "
        "count by how they ended."
    )


TAKEN = [ended("COMPLETED", OTHER), event("VCA", "ACTION_COMPLETED", OTHER, digits="1")]


@pytest.mark.parametrize(
    ("numbers", "way"),
    [((NUMBER, NUMBER_2), "ended"), ((NUMBER_3, NUMBER_2), "killed"), ((NUMBER_3,), "killed")],
)
@pytest.mark.parametrize(
    ("second", "words"),
    [(TAKEN, "was confirmed"), ([ended("BUSY", OTHER)], ""), ([], "nobody knows"), (None, "")],
)
def test_the_calls_of_an_alert_stand_for_each_other(
    world: World, second: list[dict[str, Any]] | None, words: str, numbers: tuple[str, ...], way: str
) -> None:
    """Also for one that was not called."""
    whole = alert(NUMBER, NUMBER_2, NUMBER_3)
    run = world.begin_alert(whole)
    world.place(whole[0], SESSION, ended("NO_ANSWER"), run=run)
    if second is not None:
        world.place(whole[1], OTHER, *second, run=run)
    world.end(run) if way == "ended" else world.kill()
    told = world.held(*alert(*numbers))
    assert words in told
    assert bool(told) == bool(words)


def test_of_several_that_all_are_to_be_called_each_stands_for_itself(world: World) -> None:
    requests = alert(NUMBER, NUMBER_2)
    run = world.guards.begin_run(requests, PROCESS, joint=False, once=ONCE_NAMED)
    for request, session, status in zip(requests, (SESSION, OTHER), ("COMPLETED", "BUSY"), strict=True):
        number = world.guards.claim(request, ONCE_NAMED, run=run)
        world.attempts.record_answer(number, AttemptState.ACCEPTED, session)
        assert "is being placed by" in world.held(request)
        keep(world.home, ended(status, session))
    assert "completed" in world.held(requests[0])
    assert world.held(requests[1]) == "", "though the run lives"


def test_a_run_without_once_is_found_by_its_names(world: World) -> None:
    world.begin_alert(alert(NUMBER, NUMBER_2), once=None)
    world.begin_alert(alert(NUMBER, NUMBER_2), once=None)
    assert "is being placed by" in world.held(*alert(NUMBER_2, NUMBER_3))


def test_a_run_whose_lease_is_over_goes_on_unless_another_has_taken_over(world: World) -> None:
    """As after a pause: who was stopped does not know it."""
    requests = alert(NUMBER, NUMBER_2, NUMBER_3)
    run = world.begin_alert(requests)
    world.kill()
    world.place(requests[0], SESSION, ended("BUSY"), run=run)
    assert "is being placed by" in world.held(*requests), "it has renewed its lease"
    world.kill()
    assert world.held(*requests[1:]) == ""
    with pytest.raises(PlacedBefore, match="Another voicecli has taken over"):
        world.attempts.begin(requests[1], run=run)
    with world.store.transaction() as transaction:
        assert not runs.renew(world.store, transaction, run)


def test_alerts_of_long_ago_are_not_looked_at_for_ever(world: World) -> None:
    for number in range(3):
        run = world.begin_alert(alert(NUMBER, NUMBER_2))
        session = f"s-{number}"
        world.place(alert(NUMBER)[0], session, ended("BUSY", session), run=run)
        world.end(run)
    assert world.store.read_number("SELECT count(DISTINCT run) FROM guards") == 1
    assert world.store.read_number("SELECT count(*) FROM runs") == 3


def test_a_refused_claim_takes_nothing_over(world: World) -> None:
    stopped = world.begin_alert(alert(NUMBER, NUMBER_2))
    world.kill()
    world.begin_alert(alert(NUMBER_3))
    assert "is being placed by" in world.held(*alert(NUMBER, NUMBER_3))
    world.place(alert(NUMBER)[0], run=stopped)


@pytest.mark.parametrize(
    ("events", "fields"),
    [
        (None, {"earlier": "running", "process": PROCESS, "sessionId": None, "guardUntil": None}),
        ([], {"earlier": "unknown", "process": None, "sessionId": SESSION}),
        ([DIGIT], {"earlier": "confirmed", "process": None, "sessionId": SESSION}),
    ],
)
def test_programs_are_told_the_same(
    world: World, events: list[dict[str, Any]] | None, fields: dict[str, object]
) -> None:
    if events is None:
        world.begin_alert(alert(NUMBER, NUMBER_2))
    else:
        world.place(alert(NUMBER)[0], SESSION, *events)
    with pytest.raises(PlacedBefore) as caught:
        world.begin_alert(alert(NUMBER))
    data = caught.value.data()
    assert fields.items() <= data.items()
    assert str(data["at"]).endswith("Z")
    assert data["placedBy"] == ME
    assert (data["guardUntil"] is None) == (data["leaseUntil"] is not None) == (data["lastSeen"] is not None)
    assert str(data["at"]) < str(data["guardUntil"] or data["leaseUntil"])


def test_what_tells_that_somebody_took_it_is_not_deleted_before_its_time(world: World) -> None:
    run = world.begin_alert(alert(NUMBER, NUMBER_2))
    world.place(alert(NUMBER)[0], SESSION, DIGIT, ended("COMPLETED"), run=run)
    world.end(run)
    list(pruning.prune(world.store, now() + 1, rest=lambda _: None))
    assert "was confirmed" in world.held(*alert(NUMBER, NUMBER_2))
    world.change("UPDATE calls SET guarded = 1")
    list(pruning.prune(world.store, now() + 1, rest=lambda _: None))
    for table in ("events", "calls", "runs", "guards"):
        assert list(world.store.rows(f"SELECT * FROM {table}")) == []


@pytest.mark.parametrize(("status", "words"), [("NO_ANSWER", ""), ("COMPLETED", "completed at")])
def test_where_events_are_gone_what_was_noted_counts(world: World, status: str, words: str) -> None:
    world.place(message(message_id="m-1"), SESSION, ended(status), asks=None)
    attempt_outcomes.update_outcomes(world.store)
    world.change("DELETE FROM events")
    told = world.held(message(message_id="m-1"))
    assert words in told
    assert bool(told) == bool(words)
