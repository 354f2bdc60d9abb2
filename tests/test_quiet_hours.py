"""Quiet hours: by the clock on the wall of whoever is called, whatever the clocks do that day."""

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import product
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings, strategies as st

from voicecli.errors import InvalidInput
from voicecli.quiet_hours import HORIZON, Hours, parse_quiet_hours

NIGHT = Hours((time(21), time(8)), weekdays=False)
MINUTE = timedelta(minutes=1)
TRANSITIONS = (  # a zone, and a day on which its clocks are changed
    ("Europe/Paris", date(2026, 3, 29)),  # 02:00 → 03:00
    ("Europe/Paris", date(2026, 10, 25)),  # 03:00 → 02:00
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # by half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that Samoa did not have
    ("Africa/Casablanca", date(2026, 2, 15)),  # for Ramadan
    ("America/Havana", date(2026, 3, 8)),  # 00:00 → 01:00: midnight does not exist
    ("America/St_Johns", date(2011, 3, 13)),  # 00:01 → 01:01
)
ZONES = sorted(available_timezones())


def at(zone: str, text: str, fold: int = 0) -> datetime:
    """A moment that a clock on the wall shows there; the later one of two with ``fold``."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def is_quiet(now: time, start: time, end: time) -> bool:
    """The rule once more, minute by minute: walk from the start until the end."""
    minutes = [one.hour * 60 + one.minute for one in (now, start, end)]
    since_start, length = (minutes[0] - minutes[1]) % 1440, (minutes[2] - minutes[1]) % 1440
    return since_start < length


# -- at one moment -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quiet", "wall", "allowed"),
    [
        ("21:00-08:00", "2026-07-01 20:59:59.999999", True),
        ("21:00-08:00", "2026-07-01 21:00", False),
        ("21:00-08:00", "2026-07-01 00:00", False),
        ("21:00-08:00", "2026-07-01 07:59:59.999999", False),
        ("21:00-08:00", "2026-07-01 08:00", True),
        ("12:00-14:00", "2026-07-01 11:59", True),
        ("12:00-14:00", "2026-07-01 12:00", False),
        ("12:00-14:00", "2026-07-01 14:00", True),
        ("22:00-24:00", "2026-07-01 23:59", False),
        ("22:00-24:00", "2026-07-01 00:00", True),
        ("00:00-08:00", "2026-07-01 00:00", False),
        ("00:00-08:00", "2026-07-01 23:59", True),
    ],
)
def test_quiet_hours_begin_at_their_start_and_end_at_their_end(quiet: str, wall: str, allowed: bool) -> None:
    hours = Hours(parse_quiet_hours(quiet), weekdays=False)
    assert hours.allow(["Asia/Singapore"], at("Asia/Singapore", wall)) is allowed


def test_all_of_the_zones_must_allow_it() -> None:
    nine_in_new_york = at("America/New_York", "2026-07-01 09:00")
    assert NIGHT.allow(["America/New_York"], nine_in_new_york)
    assert not NIGHT.allow(["America/Los_Angeles"], nine_in_new_york)
    assert not NIGHT.allow(["America/New_York", "America/Los_Angeles"], nine_in_new_york)
    assert NIGHT.open_at(["America/New_York", "America/Los_Angeles"], nine_in_new_york) == at(
        "America/Los_Angeles", "2026-07-01 08:00"
    )


@pytest.mark.parametrize(
    "zones", [[], ["Etc/Unknown"], ["Europe/Paris", "Etc/Unknown"], [""], ["../etc"], ["Europe"]]
)
@pytest.mark.parametrize("hours", [NIGHT, Hours(None, weekdays=False)])
def test_where_nobody_knows_the_time_nothing_is_allowed(hours: Hours, zones: list[str]) -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert not hours.allow(zones, noon)
    assert hours.open_at(zones, noon) is None


def test_a_moment_that_depends_on_this_machine_is_none() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        NIGHT.allow(["Europe/Paris"], datetime(2026, 7, 1, 12))  # noqa: DTZ001


def test_the_same_moment_is_judged_alike_in_whatever_zone_it_is_told() -> None:
    noon = at("Europe/Paris", "2026-07-01 12:00")
    for hours in range(-12, 13):
        assert NIGHT.allow(["Europe/Paris"], noon.astimezone(timezone(timedelta(hours=hours))))
        assert not NIGHT.allow(["Pacific/Honolulu"], noon.astimezone(timezone(timedelta(hours=hours))))


def test_the_zone_of_this_machine_changes_nothing() -> None:
    script = (
        "import os, time as clock\n"
        "from datetime import UTC, datetime, time; from voicecli.quiet_hours import Hours\n"
        "hours, noon = Hours((time(21), time(8)), weekdays=True), datetime(2026, 7, 1, 12, tzinfo=UTC)\n"
        "for os.environ['TZ'] in ('UTC', 'Pacific/Honolulu', 'Pacific/Apia'):\n"
        "    clock.tzset()\n"
        "    print(*[hours.allow([zone], noon) for zone in ('Europe/Paris', 'Pacific/Honolulu')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "False"] * 3, done.stderr


@pytest.mark.parametrize(
    ("wall", "allowed"),
    [
        ("2026-07-03 20:59", True),  # a Friday
        ("2026-07-03 21:00", False),
        ("2026-07-04 08:00", False),
        ("2026-07-05 12:00", False),
        ("2026-07-06 07:59", False),
        ("2026-07-06 08:00", True),
    ],
)
def test_weekdays_are_those_of_whoever_is_called(wall: str, allowed: bool) -> None:
    hours = Hours((time(21), time(8)), weekdays=True)
    for zone in ("Pacific/Auckland", "Pacific/Honolulu"):
        assert hours.allow([zone], at(zone, wall)) is allowed
    assert hours.open_at(["Asia/Tokyo"], at("Asia/Tokyo", "2026-07-03 21:00")) == at(
        "Asia/Tokyo", "2026-07-06 08:00"
    )


def test_without_quiet_hours_a_weekday_is_open_from_midnight() -> None:
    hours = Hours(None, weekdays=True)
    assert hours.allow(["Europe/Paris"], at("Europe/Paris", "2026-07-06 00:00"))
    assert hours.open_at(["Europe/Paris"], at("Europe/Paris", "2026-07-04 12:34:56")) == at(
        "Europe/Paris", "2026-07-06 00:00"
    )


# -- when clocks are changed -------------------------------------------------------------------------


QUIET = ("21:00-08:00", "02:30-02:45", "01:45-02:15", "23:30-00:30", "02:00-03:00")
CHANGES = [(*change, quiet) for change, quiet in product(TRANSITIONS, QUIET)]


@pytest.mark.parametrize("changes", [CHANGES[::7], pytest.param(CHANGES, marks=pytest.mark.soak)])
def test_around_a_change_every_minute_is_judged_by_the_wall(changes: list[tuple[str, date, str]]) -> None:
    for change in changes:
        every_minute_is_judged_by_the_wall(*change)


def every_minute_is_judged_by_the_wall(zone: str, day: date, quiet: str) -> None:
    start, end = parse_quiet_hours(quiet)
    hours = Hours((start, end), weekdays=False)
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    moments = [first + MINUTE * minute for minute in range(3 * 1440)]
    walls = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    assert len({wall.utcoffset() for wall in walls}) == 2, "no clock was changed"
    allowed = [hours.allow([zone], moment) for moment in moments]
    assert allowed == [not is_quiet(wall.time(), start, end) for wall in walls]
    nights = [index for index in range(1, len(moments)) if allowed[index - 1] and not allowed[index]]
    for index in nights:
        opens = next((moments[later] for later in range(index, len(moments)) if allowed[later]), None)
        if opens is not None:
            assert hours.open_at([zone], moments[index]) == opens


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    hours = Hours((time(2), time(3)), weekdays=False)
    paris = ["Europe/Paris"]
    assert not hours.allow(paris, at("Europe/Paris", "2026-10-25 02:30"))
    assert not hours.allow(paris, at("Europe/Paris", "2026-10-25 02:30", fold=1))
    assert at("Europe/Paris", "2026-10-25 02:30", fold=1) - at(
        "Europe/Paris", "2026-10-25 02:30"
    ) == timedelta(hours=1)
    assert hours.open_at(paris, at("Europe/Paris", "2026-10-25 02:00")) == datetime(
        2026, 10, 25, 2, tzinfo=UTC
    )


def test_an_end_that_does_not_exist_is_over_when_the_clock_has_passed_it() -> None:
    hours = Hours((time(22), time(2, 30)), weekdays=False)
    assert hours.open_at(["Europe/Paris"], at("Europe/Paris", "2026-03-29 01:59")) == at(
        "Europe/Paris", "2026-03-29 03:00"
    )


def test_a_night_that_loses_a_day_ends_on_the_day_after() -> None:
    weekdays = Hours((time(21), time(8)), weekdays=True)
    thursday = at("Pacific/Apia", "2011-12-29 23:00")  # the next day there was a Saturday
    assert NIGHT.open_at(["Pacific/Apia"], thursday) == at("Pacific/Apia", "2011-12-31 08:00")
    assert weekdays.open_at(["Pacific/Apia"], thursday) == at("Pacific/Apia", "2012-01-02 08:00")


MOMENTS = given(
    zone=st.sampled_from(ZONES),
    moment=st.datetimes(datetime(1975, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    edges=st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda both: both[0] != both[1]),
    weekdays=st.booleans(),
)


def no_minute_of_quiet_hours_is_allowed(
    zone: str, moment: datetime, edges: tuple[int, int], weekdays: bool
) -> None:
    start, end = (time(*divmod(edge, 60)) for edge in edges)
    hours = Hours((start, end), weekdays=weekdays)
    there = moment.astimezone(ZoneInfo(zone))
    expected = not is_quiet(there.time(), start, end) and not (weekdays and there.isoweekday() > 5)
    assert hours.allow([zone], moment) is expected
    opens = hours.open_at([zone], moment)
    if opens is None:  # one minute a day can be lost to a change of the clocks
        assert (start.hour * 60 + start.minute - edges[1]) % 1440 < 90
    else:
        assert hours.allow([zone], opens)
        assert moment <= opens <= moment + HORIZON + MINUTE
        assert opens == moment or not hours.allow([zone], opens - timedelta(microseconds=1))


@settings(max_examples=15)
@MOMENTS
def test_no_minute_of_quiet_hours_is_allowed_in_any_zone(
    zone: str, moment: datetime, edges: tuple[int, int], weekdays: bool
) -> None:
    no_minute_of_quiet_hours_is_allowed(zone, moment, edges, weekdays)


@pytest.mark.soak
@settings(max_examples=300, deadline=None)
@MOMENTS
def test_no_minute_of_quiet_hours_is_allowed_in_many_zones(
    zone: str, moment: datetime, edges: tuple[int, int], weekdays: bool
) -> None:
    no_minute_of_quiet_hours_is_allowed(zone, moment, edges, weekdays)


def test_where_two_zones_never_agree_there_is_no_moment() -> None:
    hours = Hours((time(9), time(8)), weekdays=False)  # open for one hour a day
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert hours.open_at(["Asia/Tokyo", "Europe/Paris"], noon) is None


# -- as people write them ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("21:00-08:00", (time(21), time(8))),
        ("21-8", (time(21), time(8))),
        (" 21:30 – 7 ", (time(21, 30), time(7))),
        ("22-24", (time(22), time(0))),
        ("0:00-06:15", (time(0), time(6, 15))),
    ],
)
def test_quiet_hours_are_read_as_people_write_them(text: str, hours: tuple[time, time]) -> None:
    assert parse_quiet_hours(text) == hours


@pytest.mark.parametrize(
    "text", ["", "21", "21-", "25-8", "21:60-8", "24:01-8", "9pm-8am", "21:0-8", "٢١-٨", "-21-8"]
)
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a time span"):
        parse_quiet_hours(text)


def test_ten_minutes_of_a_day_are_enough() -> None:
    assert parse_quiet_hours("8:10-8") == (time(8, 10), time(8))


@pytest.mark.parametrize("text", ["8-8", "0-24", "08:00-8", "8:09-8"])
def test_a_whole_day_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="whole day"):
        parse_quiet_hours(text)


# -- until when --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "length"), [("2026-10-25", 11), ("2026-03-29", 9)], ids=["an hour more", "an hour less"]
)
def test_a_change_of_the_clocks_moves_the_beginning_of_quiet_hours(day: str, length: int) -> None:
    """From ten in the evening to eight in the morning it is 10 hours, but not that night."""
    hours = Hours((time(8), time(20)), weekdays=False)
    evening = datetime.fromisoformat(f"{day} 22:00").replace(tzinfo=ZoneInfo("Europe/Paris"))
    evening -= timedelta(days=1)
    morning = at("Europe/Paris", f"{day} 08:00")
    assert morning - evening.astimezone(UTC) == timedelta(hours=length)
    for moment in (evening, evening.astimezone(UTC)):
        assert hours.open_until(["Europe/Paris"], moment, moment + timedelta(days=1)) == morning


@pytest.mark.parametrize("step", [577, pytest.param(97, marks=pytest.mark.soak)])
@pytest.mark.parametrize(("zone", "day"), TRANSITIONS)
def test_around_a_change_all_is_open_until_then_and_quiet_from_then_on(
    zone: str, day: date, step: int
) -> None:
    hours = Hours((time(2, 30), time(3, 15)), weekdays=False)
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    for start in range(0, 2 * 1440, step):
        moment = first + MINUTE * start + timedelta(seconds=42)
        if not hours.allow([zone], moment) or not hours.allow([zone], moment + MINUTE):
            continue
        until = hours.open_until([zone], moment.astimezone(ZoneInfo(zone)), moment + timedelta(days=3))
        assert until > moment
        assert not hours.allow([zone], until)
        between = (until - moment) // MINUTE
        assert all(hours.allow([zone], moment + MINUTE * minute) for minute in range(between + 1))


def test_nothing_is_open_longer_than_it_is_asked_for() -> None:
    noon = at("Europe/Paris", "2026-07-01 12:00:30")
    latest = noon + timedelta(seconds=90)
    assert NIGHT.open_until(["Europe/Paris"], noon, latest) == latest
    both = ["Europe/Paris", "Asia/Tokyo"]  # there it is 19:00
    assert NIGHT.open_until(both, noon, noon + timedelta(days=1)) == at("Asia/Tokyo", "2026-07-01 21:00")
