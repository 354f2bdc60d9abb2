"""The pace: one limit for all that share a file, and what a 429 makes of it."""

import fcntl
import heapq
import math
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count, product
from pathlib import Path
from typing import Any

import pytest
from conftest import DEADLINE, wait_until
from hypothesis import given, settings, strategies as st

from voicecli.broadcast import pace_file, pace_rules, pacing
from voicecli.broadcast.pace_file import PaceFile
from voicecli.broadcast.pacing import Pace
from voicecli.errors import StoreFailed

START = 5_000.0  # seconds that the machine has been up


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pace]]:
    """Makes what several processes have: each its own, all with one file and one clock. A busy machine may
    stop this one for a moment while it has the file."""
    monkeypatch.setattr(pace_file, "WRITTEN_WITHIN", DEADLINE)
    made: list[Pace] = []

    def one(rate: float | None = None) -> Pace:
        made.append(Pace(tmp_path / "home" / "pace", rate, clock=clock))
        return made[-1]

    yield one
    for each in made:
        each.close()


def taken(one: Pace) -> int:
    """How many calls may leave at this very moment."""
    calls = 0
    while calls < 10_000 and one.take() is None:
        calls += 1
    return calls


def limit_of(one: Pace) -> float | None:
    """What holds now, in calls per second over all broadcasts; None for no limit."""
    now = one._clock()
    interval = one._file.read(now).interval_for(one._rate, now)
    return 1 / interval if interval else None


def answer(one: Pace, clock: Clock, *, rate: float, seconds: float) -> None:
    """8x8 takes so many calls a second for so long."""
    for _ in range(round(rate * seconds)):
        clock.now += 1 / rate
        one.answered()


# -- our own limit -----------------------------------------------------------------------------------


def test_without_a_limit_every_call_may_leave(pace: Callable[..., Pace]) -> None:
    free = pace()
    assert taken(free) == 10_000
    assert (limit_of(free), free.paused) == (None, 0.0)


def test_calls_leave_one_by_one(pace: Callable[..., Pace], clock: Clock) -> None:
    five = pace(5)
    assert limit_of(five) == 5
    for _ in range(10):
        assert five.take() is None
        wait = five.take()
        assert wait == pytest.approx(0.2)
        clock.now += wait + 1e-9


def test_a_limit_may_be_less_than_a_call_a_second(pace: Callable[..., Pace], clock: Clock) -> None:
    one = pace(0.5)
    assert (limit_of(one), taken(one), one.take()) == (0.5, 1, 2.0)
    clock.now += 2
    assert taken(one) == 1


def test_two_broadcasts_share_one_limit(pace: Callable[..., Pace], clock: Clock) -> None:
    both = [pace(5), pace(5)]
    calls = [0, 0]
    while clock.now < START + 10:
        for index, one in enumerate(both):
            calls[index] += one.take() is None
        both.reverse()
        calls.reverse()
        clock.now += 0.005
    assert 49 <= sum(calls) <= 51


def test_a_slow_broadcast_that_is_over_keeps_nobody_waiting(pace: Callable[..., Pace], clock: Clock) -> None:
    slow = pace(1 / 3600)
    assert taken(slow) == 1
    fast = pace(10)
    assert taken(fast) == 0, "the last call has just left"
    clock.now += 0.1
    assert taken(fast) == 1
    assert pace().take() is None


def test_a_slow_broadcast_does_not_hold_up_a_fast_one(pace: Callable[..., Pace], clock: Clock) -> None:
    slow, fast = pace(1 / 60), pace(20)
    calls = [0, 0]
    while clock.now < START + 70:
        for index, one in enumerate((slow, fast)):
            calls[index] += taken(one)
        clock.now += 0.02
    assert calls[0] == 2
    assert sum(calls) == pytest.approx(1_400, abs=30)


def test_a_limit_is_forgotten_when_nobody_calls(pace: Callable[..., Pace], clock: Clock) -> None:
    one = pace()
    one.too_many(5)
    clock.now += 5 + pace_rules.FORGOTTEN
    assert limit_of(one) is not None
    clock.now += 1
    assert limit_of(one) is None


@pytest.mark.soak
def test_who_slept_a_little_too_long_makes_up_for_it(pace: Callable[..., Pace], clock: Clock) -> None:
    thousand = pace(1000)
    calls = 0
    for _ in range(500):
        calls += taken(thousand)
        clock.now += 0.02
    assert calls == pytest.approx(10_000, abs=25)


def test_nothing_bursts_at_the_start_or_after_a_rest(pace: Callable[..., Pace], clock: Clock) -> None:
    thousand = pace(1000)
    assert taken(thousand) == 1
    clock.now += 60
    assert taken(thousand) == 1
    clock.now += pacing.CATCH_UP
    assert taken(thousand) <= 50


@pytest.mark.soak
@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=50), st.sampled_from([0.5, 5, 200, 1000]))
def test_never_more_than_the_rate_and_what_may_be_made_up_for(
    tmp_path_factory: pytest.TempPathFactory, sleeps: list[float], rate: float
) -> None:
    clock = Clock()
    one = Pace(tmp_path_factory.mktemp("home") / "pace", rate, clock=clock)
    calls = 0
    for sleep in sleeps:
        calls += taken(one)
        clock.now += sleep
    one.close()
    assert calls <= (clock.now - START) * rate + 1.001


# -- what a 429 makes of it --------------------------------------------------------------------------


def test_a_429_stops_everybody_for_as_long_as_it_says(pace: Callable[..., Pace], clock: Clock) -> None:
    one, other = pace(), pace(100)
    one.too_many(3)
    assert other.take() == pytest.approx(3)
    assert other.paused == pytest.approx(3)
    clock.now += 2
    assert one.take() == pytest.approx(1)
    clock.now += 1.001
    assert other.paused == 0.0
    assert taken(one) + taken(other) == 1, "a burst after a pause"


@pytest.mark.parametrize(
    ("retry_after", "pause"), [(None, 1.0), (0, 0.0), (-5, 0.0), (1e9, 3600.0), (float("nan"), 0.0)]
)
def test_a_pause_is_never_longer_than_an_hour(
    pace: Callable[..., Pace], retry_after: float | None, pause: float
) -> None:
    one = pace()
    one.too_many(retry_after)
    assert one.paused == pytest.approx(pause)


def test_the_longest_pause_holds(pace: Callable[..., Pace], clock: Clock) -> None:
    one = pace()
    one.too_many(10)
    one.too_many(2)
    assert one.paused == pytest.approx(10)
    clock.now += 4
    one.too_many(7)
    assert one.paused == pytest.approx(7)


def test_the_first_429_takes_less_than_what_was_measured(pace: Callable[..., Pace], clock: Clock) -> None:
    one, other = pace(), pace(1000)
    for _ in range(200):
        answer(one, clock, rate=50, seconds=0.02)
        other.answered()
        other.answered()  # 50 by one, 100 by the other
    one.too_many(1)
    assert limit_of(one) == pytest.approx(0.7 * 150, rel=0.1)
    assert limit_of(other) == limit_of(one)


def test_429s_of_one_pause_count_once(pace: Callable[..., Pace], clock: Clock) -> None:
    one, other = pace(), pace()
    answer(one, clock, rate=100, seconds=5)
    one.too_many(2)
    limit = limit_of(one)
    for _ in range(30):
        clock.now += 0.05
        other.too_many(1)
    assert limit_of(one) == limit
    clock.now += 10
    other.too_many(1)
    assert limit is not None
    assert limit_of(one) == pytest.approx(0.7 * limit)


def test_429s_that_name_no_time_to_wait_count_once_too(pace: Callable[..., Pace], clock: Clock) -> None:
    one = pace()
    answer(one, clock, rate=100, seconds=5)
    for _ in range(50):
        one.too_many(0)
        clock.now += 0.01
    assert limit_of(one) == pytest.approx(70, rel=0.05)


def test_a_limit_rises_while_answers_come_until_there_is_none(
    pace: Callable[..., Pace], clock: Clock
) -> None:
    one = pace()
    answer(one, clock, rate=100, seconds=5)
    one.too_many(1)
    clock.now += 1
    first = limit_of(one)
    assert first is not None
    answer(one, clock, rate=70, seconds=1)
    second = limit_of(one)
    assert second is not None
    assert 1.05 < second / first < 1.1
    answer(one, clock, rate=70, seconds=30)
    assert limit_of(one) is None
    assert taken(one) == 10_000
    one.too_many(1)
    assert limit_of(one) == pytest.approx(0.7 * 70, rel=0.1), "it does not begin again"


def test_without_answers_a_limit_stays(pace: Callable[..., Pace], clock: Clock) -> None:
    one = pace()
    answer(one, clock, rate=100, seconds=5)
    one.too_many(1)
    limit = limit_of(one)
    clock.now += pace_rules.FORGOTTEN
    assert limit_of(one) == limit


def test_the_lower_of_two_limits_holds(pace: Callable[..., Pace], clock: Clock) -> None:
    slow, free = pace(5), pace()
    answer(free, clock, rate=100, seconds=5)
    free.too_many(1)
    assert limit_of(slow) == pytest.approx(5)
    assert limit_of(free) == pytest.approx(70, rel=0.05)


def test_refusals_without_end_do_not_stop_it_for_good(pace: Callable[..., Pace], clock: Clock) -> None:
    one = pace()
    for _ in range(200):
        one.too_many(1)
        clock.now += 2
    assert limit_of(one) == pytest.approx(pace_rules.LEAST)
    assert one.take() is None
    assert one.take() == pytest.approx(60)


# -- against a server --------------------------------------------------------------------------------


class Server:
    """A token bucket that says 429, with whole seconds to wait. ``rate`` tells what it allows at a moment."""

    def __init__(self, rate: Callable[[float], float]) -> None:
        self._rate = rate
        self._tokens, self._last = rate(0), 0.0

    def answer(self, now: float) -> int | None:
        """None, or the seconds to wait."""
        rate = self._rate(now)
        self._tokens = min(rate, self._tokens + (now - self._last) * rate)
        self._last = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return math.ceil((1 - self._tokens) / rate)


def run(paces: list[Pace], clock: Clock, server: Server, seconds: float) -> tuple[list[float], list[float]]:
    """Everybody calls as fast as it may, 32 at once, each call 50 ms long: when calls were taken, and when
    refused."""
    took: list[float] = []
    refused: list[float] = []
    order = count()
    open_ = [0] * len(paces)
    agenda: list[tuple[float, int, int, str, int | None]] = []

    def plan(moment: float, who: int, what: str, wait: int | None = None) -> None:
        heapq.heappush(agenda, (moment, next(order), who, what, wait))

    for who in range(len(paces)):
        plan(0.0, who, "ask")
    while agenda[0][0] < seconds:
        now, _, who, what, wait = heapq.heappop(agenda)
        clock.now = START + now
        match what:
            case "ask" if open_[who] == 32:
                plan(now + 0.01, who, "ask")
            case "ask":
                seconds_to_wait = paces[who].take()
                plan(now + (seconds_to_wait or 0) + 1e-6, who, "ask")
                if seconds_to_wait is None:
                    open_[who] += 1
                    plan(now + 0.025, who, "arrive")
            case "arrive":
                answer = server.answer(now)
                (took if answer is None else refused).append(now)
                plan(now + 0.025, who, "answered", answer)
            case "answered":
                open_[who] -= 1
                if wait is None:
                    paces[who].answered()
                else:
                    paces[who].too_many(wait)
    return took, refused


@pytest.mark.soak
@pytest.mark.parametrize(
    ("rate", "processes"),
    [
        (20, 3),
        *product((5, 100), (1, 3)),
        (20, 1),
    ],
)
def test_a_server_gets_nearly_all_that_it_allows_and_refuses_little(
    pace: Callable[..., Pace], clock: Clock, rate: float, processes: int
) -> None:
    took, refused = run([pace() for _ in range(processes)], clock, Server(lambda _: rate), 120)
    assert len(took) > 0.75 * rate * 120
    later = [moment for moment in refused if moment > 2]  # than the first volley
    cycles = 120 / 6
    assert len(later) <= 3 * cycles * processes
    assert len([moment for moment in refused if moment <= 2]) <= 32 * processes


@pytest.mark.soak
def test_it_recovers_when_the_server_allows_more(pace: Callable[..., Pace], clock: Clock) -> None:
    server = Server(lambda now: 20 if now < 60 else 100)
    took, _ = run([pace()], clock, server, 180)
    assert len([moment for moment in took if 20 < moment < 60]) > 0.75 * 20 * 40
    assert len([moment for moment in took if 120 < moment < 180]) > 0.75 * 100 * 60


@pytest.mark.soak
def test_it_slows_down_when_the_server_allows_less(pace: Callable[..., Pace], clock: Clock) -> None:
    server = Server(lambda now: 100 if now < 20 else 10)
    took, refused = run([pace()], clock, server, 140)
    assert len([moment for moment in took if 50 < moment < 140]) > 0.75 * 10 * 90
    assert len([moment for moment in refused if moment > 50]) < 40


@pytest.mark.soak
def test_a_server_that_refuses_nothing_more_is_called_without_a_limit(
    pace: Callable[..., Pace], clock: Clock
) -> None:
    one = pace()
    run([one], clock, Server(lambda now: 20 if now < 30 else 1e6), 60)
    assert limit_of(one) is None


# -- the file ----------------------------------------------------------------------------------------


def test_only_the_owner_can_read_it(pace: Callable[..., Pace], tmp_path: Path) -> None:
    pace(5).take()
    assert stat.S_IMODE((tmp_path / "home" / "pace").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:50],
        lambda whole: b"something else entirely " * 50,
        lambda whole: whole[:40] + bytes([whole[40] ^ 1]) + whole[41:],
        lambda whole: bytes(len(whole)),
    ],
    ids=["empty", "short", "foreign", "damaged", "zeros"],
)
def test_what_is_in_a_damaged_file_is_forgotten(
    pace: Callable[..., Pace], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    one = pace(5)
    one.take()
    one.too_many(60)
    path = tmp_path / "home" / "pace"
    path.write_bytes(damage(path.read_bytes()))
    assert one.paused == 0.0
    assert taken(pace(5)) == 1
    assert limit_of(one) == 5


class Stopped:
    """Somebody who was stopped while he had the file, in a process of his own for all that a lock knows."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def end(self) -> None:
        self._file.close()


def test_a_file_that_a_stopped_process_has_holds_up_nobody(pace: Callable[..., Pace], clock: Clock) -> None:
    one, other = pace(5), pace(5)
    assert one.take() is None
    path = one._file._path
    stopped = Stopped(path)
    assert one.take() == pacing.BUSY
    one.too_many(3)
    assert one.paused == pytest.approx(3), "what 8x8 said meanwhile is not forgotten"
    wait_until(lambda: one.take() != pacing.BUSY)
    assert one.take() == pytest.approx(3)
    wait_until(lambda: other.take() != pacing.BUSY)
    assert other.take() == pytest.approx(3), "both go on by one pace"
    stopped.end()
    clock.now += 3.1
    assert taken(one) + taken(other) == 1


def test_who_was_stopped_takes_no_slot_that_others_do_not_see(
    pace: Callable[..., Pace], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, other = pace(5), pace(5)
    write = PaceFile.write

    def stop(file: PaceFile, *arguments: Any) -> None:
        monkeypatch.undo()
        wait_until(lambda: other.take() is None)
        write(file, *arguments)

    monkeypatch.setattr(PaceFile, "write", stop)
    assert stopped.take() == pacing.BUSY
    assert other.take() == pytest.approx(0.2)
    wait_until(lambda: stopped.take() != pacing.BUSY)
    assert stopped.take() == pytest.approx(0.2)


@pytest.mark.parametrize("up", [1.0, 60.0, START - 1])
def test_what_was_before_the_machine_was_started_anew_is_forgotten(
    pace: Callable[..., Pace], clock: Clock, up: float
) -> None:
    one = pace(5)
    one.take()
    one.too_many(600)
    clock.now = up
    assert pace(5).paused == 0.0
    assert taken(pace(5)) == 1


def test_what_lies_too_far_ahead_is_forgotten(
    pace: Callable[..., Pace], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = pace(5)
    with monkeypatch.context() as other:
        other.setattr(pacing, "LONGEST", 1e6)
        one.too_many(4000)
    assert one.paused == 0.0


def test_a_file_that_cant_be_used_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="can't be used: Is a directory"):
        Pace(tmp_path, 5)
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match="can't be used: File exists"):
        Pace(tmp_path / "file" / "pace", 5)


def test_a_disk_that_is_full_stops_the_next_call(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no disk that is always full")
    path = tmp_path / "pace"
    path.symlink_to(full)
    one = Pace(path, 5)
    with pytest.raises(StoreFailed, match="No space left"):
        one.take()
    one.close()


CALLER = """
import sys, time; from pathlib import Path; from voicecli.broadcast.pacing import Pace
pace = Pace(Path(sys.argv[1]), float(sys.argv[2]))
print("ready", flush=True)
start, end = (float(moment) for moment in sys.stdin.readline().split())
calls = 0
while time.monotonic() < start:
    time.sleep(0.001)
while (now := time.monotonic()) < end:
    wait = pace.take()
    if wait is None:
        calls += 1
    else:
        time.sleep(min(wait, end - now))
print(calls)
"""


def start_caller(path: Path, rate: float) -> "subprocess.Popen[str]":
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(path), str(rate)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert caller.stdout is not None
    assert caller.stdout.readline() == "ready\n"
    return caller


@pytest.mark.soak
@pytest.mark.process
def test_processes_together_make_the_calls_of_one(tmp_path: Path) -> None:
    rate, seconds = 200, 0.5
    callers = [start_caller(tmp_path / "pace", rate) for _ in range(2)]
    start = time.monotonic() + 0.05
    for caller in callers:
        assert caller.stdin is not None
        caller.stdin.write(f"{start} {start + seconds}\n")
        caller.stdin.flush()
    calls = [int(caller.communicate()[0]) for caller in callers]
    assert (
        sum(calls) <= rate * seconds + 3
    )  # the first one, and one each that was checked just before the end
    assert sum(calls) > 0.3 * rate * seconds, "far too slow, even for a busy machine"


@pytest.mark.process
def test_whoever_is_killed_leaves_a_file_that_can_be_used(
    tmp_path: Path,
) -> None:
    path = tmp_path / "pace"
    for _ in range(2):
        victim = start_caller(path, 1e6)
        assert victim.stdin is not None
        victim.stdin.write(f"0 {time.monotonic() + 60}\n")
        victim.stdin.flush()
        before = path.read_bytes()
        wait_until(lambda before=before: path.read_bytes() != before)
        victim.kill()
        victim.communicate()
        one = Pace(path, 1e6)
        assert one.take() in (None, pytest.approx(0, abs=0.001))
        assert limit_of(one) == 1e6
        one.close()
