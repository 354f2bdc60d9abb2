"""``voicecli broadcast --start-at``: what is seen of the wait, what ends it, and what is checked after it."""

import io
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from conftest import DEADLINE, RunningSandbox, wait_until
from lists import ANN, BOB, MESSAGE, Broadcast, people, write
from test_terminal import ESCAPE, Terminal

from voicecli.cli.broadcast import waiting as waiting_for_start
from voicecli.cli.broadcast.waiting import LATEST, countdown, wait_for_start
from voicecli.cli.context import Context
from voicecli.errors import Interrupted, InvalidInput

START = datetime(2026, 11, 29, 10, tzinfo=UTC)


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


class Clock:
    """A wall clock, and what happens to it in each step of the wait."""

    def __init__(self, *before_start: float) -> None:
        self._moments = iter(START - timedelta(seconds=seconds) for seconds in before_start)
        self.moment = next(self._moments)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment = next(self._moments)


def waited(clock: Clock, form: str = "people") -> str:
    talk = io.StringIO()
    context = Context(stderr=talk, environment={}, format=form)
    wait_for_start(context, START, now=clock.now, sleep=clock.sleep)
    return talk.getvalue()


def test_it_waits_by_the_wall_clock_and_says_so_once_in_a_pipe() -> None:
    clock = Clock(7200, 7199, 3600.5, 9000, 0.25, -0.01)
    assert waited(clock) == (
        "Waiting for Sun 29 Nov 10:00 UTC, in 2 h. Ctrl-C ends it: nobody is called before.\n"
    )
    assert clock.slept == [1.0, 1.0, 1.0, 1.0, 0.25]


def test_programs_are_told_of_the_wait_on_stderr_and_who_wants_only_the_identifier_is_not() -> None:
    words = "Waiting for Sun 29 Nov 10:00 UTC, in 2 h. Ctrl-C ends it: nobody is called before."
    assert json.loads(waited(Clock(7200, -1), "json")) == {
        "waiting": {"message": words, "until": "2026-11-29T10:00:00+00:00"}
    }
    assert waited(Clock(7200, -1), "quiet") == ""


def test_a_machine_that_slept_a_little_too_long_still_calls() -> None:
    waited(Clock(60, -LATEST.total_seconds()))


def test_a_start_that_was_slept_through_calls_nobody() -> None:
    with pytest.raises(InvalidInput, match=r"was missed by 13 h: nobody was called\.") as caught:
        waited(Clock(60, -13 * 3600))
    assert "Run the command again" in caught.value.hint


def test_an_interrupt_says_that_nobody_was_called() -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt(signal.SIGTERM)

    with pytest.raises(Interrupted, match="Interrupted before Sun 29 Nov 10:00 UTC: nobody was called"):
        wait_for_start(
            Context(stderr=io.StringIO(), environment={}), START, now=Clock(60).now, sleep=interrupted
        )


def test_the_countdown_has_hours_minutes_and_seconds() -> None:
    assert [countdown(seconds) for seconds in (0.2, 59, 60, 3599.5, 3600, 100_000)] == [
        *("0:00:01", "0:00:59", "0:01:00", "1:00:00", "1:00:00", "27:46:40"),
    ]


# -- the command -------------------------------------------------------------------------------------


def in_an_hour() -> str:
    return f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--start-at", "noon"), "'noon' is not a time"),
        (("--start-at", "10:00", "--region", "US"), "US has several time zones"),
        (("--start-at", "2020-01-01T00:00Z"), "is over"),
    ],
)
def test_a_wrong_start_is_told_before_anything_is_read(
    broadcast: Broadcast, arguments: tuple[str, ...], says: str
) -> None:
    write("people.csv", "nothing that could be called")
    done = broadcast("people.csv", MESSAGE, "--yes", *arguments)
    assert (done.code, says in done.err, broadcast.called) == (2, True, []), done


def test_all_is_checked_before_the_wait(broadcast: Broadcast) -> None:
    """Each of these would wait an hour otherwise."""
    start = ("--yes", "--start-at", in_an_hour())
    write("people.csv", people(ANN, BOB))
    assert broadcast("people.csv", "Hello {nobody}", *start).code == 2
    assert broadcast("people.csv", MESSAGE, "--start-at", in_an_hour()).code == 2
    assert broadcast(write("bad.csv", people(ANN) + "nobody,Nob\n"), MESSAGE, *start).code == 2
    broken = broadcast("people.csv", MESSAGE, *start, "--confirm", "1", "--public-url", "nowhere")
    assert broken.code in (2, 3)
    assert broadcast("people.csv", MESSAGE, *start, EIGHT_X_EIGHT_API_KEY="wrong-key-of-mine").code == 4
    of = broadcast.identifier("people.csv", MESSAGE, "--yes")
    assert broadcast("people.csv", MESSAGE, *start).code == 9
    assert broadcast("list", "-q").out == f"{of}\n"


def test_the_plan_is_of_the_start(broadcast: Broadcast) -> None:
    """The hours are those of the start, in which everybody sleeps who is awake now."""
    write("people.csv", people(ANN, BOB))
    hour = (datetime.now(UTC) + timedelta(hours=12)).replace(minute=30, second=0, microsecond=0)
    options = ("--start-at", f"{hour:%Y-%m-%dT%H:%MZ}", "--not-between", "0:00-23:30")
    figures = broadcast("people.csv", MESSAGE, *options, "--dry-run", "--json").json
    assert datetime.fromisoformat(figures["startAt"]) == hour
    zone = figures["outsideHoursZones"]
    assert all(datetime.fromisoformat(one["until"]) >= hour for one in zone)
    shown = broadcast("people.csv", MESSAGE, *options, "--dry-run").out
    assert f"It starts on {hour:%a %d %b %H:%M} UTC, in " in shown
    assert ("can't be called then" in shown) == bool(zone)


def test_who_may_be_called_again_by_then_is_not_left_out(broadcast: Broadcast) -> None:
    broadcast.identifier(write("people.csv", people(ANN, BOB)), MESSAGE, "--yes")
    left_out = {}
    for minutes in (30, 90):
        start = f"{datetime.now(UTC) + timedelta(minutes=minutes):%Y-%m-%dT%H:%MZ}"
        options = ("--again", "--at-most", "1/1h", "--start-at", start, "--dry-run", "--json")
        left_out[minutes] = broadcast("people.csv", MESSAGE, *options).json["calledTooOften"]
    assert left_out == {30: 2, 90: 0}


def test_who_comes_to_the_do_not_call_list_during_the_wait_is_not_called(
    broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("people.csv", people(ANN, BOB))
    never = write("never.txt", "+33199009999\n")
    monkeypatch.setattr(waiting_for_start, "wait_for_start", lambda *_: write(never, f"{ANN}\n"))
    arguments = ("people.csv", MESSAGE, "--yes", "--do-not-call", never, "--start-at", in_an_hour())
    assert (broadcast(*arguments).code, broadcast.called) == (0, [BOB])


@pytest.fixture
def waiting(broadcast: Broadcast) -> Iterator[Terminal]:
    write("people.csv", people(ANN, BOB))
    arguments = ("broadcast", "people.csv", MESSAGE, "--yes", "--start-at", in_an_hour())
    with Terminal(*arguments, columns=60, env=broadcast.sandbox.environment) as terminal:
        terminal.wait_for(r"Starts in 0:59:\d\d, ")
        yield terminal


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)])
def test_a_signal_ends_the_wait_and_nothing_was_begun(
    broadcast: Broadcast, waiting: Terminal, number: int
) -> None:
    waiting.process.send_signal(number)
    assert waiting.process.wait(DEADLINE) == 130
    assert "Error: Interrupted before" in ESCAPE.sub("", waiting.end())
    assert (broadcast("list", "-q").out, broadcast.called) == ("", [])
    assert broadcast("people.csv", MESSAGE, "--yes").code == 0, "nothing stands in its way"


@pytest.mark.process
@pytest.mark.soak
def test_who_unsubscribes_or_is_called_during_the_wait_is_looked_at_again(broadcast: Broadcast) -> None:
    """The wait is long enough for a slow machine to begin it, and for another to send the list meanwhile."""
    write("people.csv", people(ANN, BOB))
    start = f"{datetime.now(UTC) + timedelta(seconds=12):%Y-%m-%dT%H:%M:%SZ}"
    with broadcast.under_way("people.csv", MESSAGE, "--yes", "--start-at", start) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Waiting for ")
        of = broadcast.identifier("people.csv", MESSAGE, "--yes")
        _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, sorted(broadcast.called)) == (9, [ANN, BOB])
    assert f"as broadcast {of}" in err
    wait_until(lambda: broadcast("list", "-q").out == f"{of}\n")


@pytest.mark.process
@pytest.mark.soak
def test_it_calls_when_the_time_has_come(broadcast: Broadcast) -> None:
    write("people.csv", people(ANN, BOB))
    start = (datetime.now(UTC) + timedelta(seconds=8)).replace(microsecond=0)
    done = broadcast("people.csv", MESSAGE, "--yes", "--start-at", f"{start:%Y-%m-%dT%H:%M:%SZ}", "-q")
    assert (done.code, sorted(broadcast.called)) == (0, [ANN, BOB])
    assert datetime.now(UTC) >= start
