"""When a broadcast begins: times as people write them, in zones whose clocks jump, or are several."""

from datetime import UTC, datetime

import pytest

from voicecli.broadcast.start_time import describe_start, parse_start
from voicecli.errors import InvalidInput

NOON = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)  # a Saturday; in Paris it is 13:30
AUTUMN = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # in Paris it is midnight, and 02:30 comes twice
SPRING = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)  # in Paris 02:30 is over, and does not come on the next day


@pytest.mark.parametrize(
    ("text", "region", "meant"),
    [
        ("14:00 Europe/Paris", None, "2026-11-28T14:00+01:00"),
        ("13:00 Europe/Paris", None, "2026-11-29T13:00+01:00"),
        ("13:30 Europe/Paris", None, "2026-11-29T13:30+01:00"),
        (" 14 Europe/Paris ", None, "2026-11-28T14:00+01:00"),
        ("14:00:05Europe/Paris", None, "2026-11-28T14:00:05+01:00"),
        ("14:00", "FR", "2026-11-28T14:00+01:00"),
        ("14:00", "fr", "2026-11-28T14:00+01:00"),
        ("14:00", "DE", "2026-11-28T14:00+01:00"),  # two zones that always agree
        ("14:00 Asia/Tokyo", "US", "2026-11-29T14:00+09:00"),
        ("2026-11-30T10:00", "FR", "2026-11-30T10:00+01:00"),
        ("2026-11-30 10:00 America/New_York", None, "2026-11-30T10:00-05:00"),
        ("2026-11-30T10:00Z", "US", "2026-11-30T10:00+00:00"),
        ("2026-11-30T10:00+05:30", None, "2026-11-30T10:00+05:30"),
        ("10:00 UTC", None, "2026-11-29T10:00+00:00"),
    ],
)
def test_a_time_is_the_next_one_in_its_zone(text: str, region: str | None, meant: str) -> None:
    start = parse_start(text, region, NOON)
    assert start.isoformat() == datetime.fromisoformat(meant).isoformat()


def test_without_a_zone_it_is_this_machine_s() -> None:
    local = NOON.astimezone()
    start = parse_start(f"{local.hour:02}:{local.minute + 1:02}", None, NOON)
    assert (start - NOON).total_seconds() == 60
    assert start.utcoffset() == local.utcoffset()


@pytest.mark.parametrize(
    ("text", "region", "says"),
    [
        ("", None, "is not a time"),
        ("noon", None, "is not a time"),
        ("10am", None, "is not a time"),
        ("1000", None, "is not a time"),
        ("10:0", None, "is not a time"),
        ("25:00", None, "hour must be in"),
        ("10:60", None, "minute must be in"),
        ("2026-02-30T10:00", None, "is not a time"),
        ("٠9:00", None, "is not a time"),
        ("10:00 Paris", None, "Did you mean Europe/Paris"),
        ("10:00 europe/paris", None, "Did you mean Europe/Paris"),
        ("10:00 Europe", None, "no time zone 'Europe'"),
        ("10:00 ../etc/passwd", None, "is not a time"),
        ("10:00 xyz/../../etc", None, "is not a time"),
        ("10:00", "XX", "'XX' is not a region"),
        ("10:00", "US", "America/New_York, America/Chicago, America/Denver, America/Los_Angeles"),
        ("10:00", "AU", "Australia/Sydney"),
        ("2026-11-28T12:00Z", None, "is over: it is Sat 28 Nov 12:30 UTC"),
        ("2026-11-28T13:00", "FR", "is over: it is Sat 28 Nov 13:30 Europe/Paris"),
        ("2026-11-28T13:30 Europe/Paris", None, "is over"),
        ("2027-11-28T12:00Z", None, "more than 31 days away"),
        ("10:00+99:00", None, "is not a time"),
        ("9999-12-31T23:59-12:00", None, "is not a time"),
        ("0001-01-01T00:00 Asia/Tokyo", None, "is not a time"),
        ("0001-01-01T00:00", "SG", "is not a time"),
    ],
)
def test_what_is_no_moment_to_come_is_refused(text: str, region: str | None, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_start(text, region, NOON)
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_a_time_that_the_clock_jumps_over_does_not_come() -> None:
    for text in ("02:30 Europe/Paris", "2026-03-29T02:30 Europe/Paris"):
        with pytest.raises(InvalidInput, match="does not come: the clocks are put forward"):
            parse_start(text, None, SPRING)
    assert parse_start("03:00 Europe/Paris", None, SPRING) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_of_a_time_that_comes_twice_it_is_the_next_one() -> None:
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    third = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    for now, meant in ((AUTUMN, first), (first, second), (second, third)):
        assert parse_start("02:30 Europe/Paris", None, now).astimezone(UTC) == meant


def test_a_start_is_told_with_its_day_and_zone() -> None:
    assert describe_start(parse_start("10:00", "FR", NOON)) == "Sun 29 Nov 10:00 Europe/Paris"
    assert describe_start(parse_start("10:00:30 UTC", None, NOON)) == "Sun 29 Nov 10:00:30 UTC"
    assert describe_start(parse_start("10:00+05:30", None, NOON)) == "Sun 29 Nov 10:00 UTC+05:30"
