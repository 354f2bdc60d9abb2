"""When a broadcast is to begin, as people write it: 10:00, 2026-11-30T10:00, 10:00 Europe/Paris."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from voicecli import phone
from voicecli.errors import InvalidInput, quote
from voicecli.spelling import nearest

LONGEST_WAIT = timedelta(days=31)
MOST_ZONES = 12  # that a hint lists; of more, one for those that agree
HINT = 'Give a time such as 10:00, 2026-11-30T10:00 or "10:00 Europe/Paris".'
_OFFSET = r"Z|[+-]\d\d:?\d\d"
_START = (
    r"(?:(\d{4}-\d\d-\d\d)[T ] *)?(\d\d?)(?::(\d\d))?(?::(\d\d))? *"
    rf"({_OFFSET}|(?![ap]m$)[A-Za-z][\w/+-]*)?"
)


def parse_start(text: str, region: str | None, now: datetime | None = None) -> datetime:
    """The moment that is meant, in its time zone: the one that the text names, else that of ``region`` (such
    as FR), else this machine's. A time without a date is the next one, today or tomorrow. ``now`` is for
    tests. Raises InvalidInput for what is no time, is over, comes never, or is not the same in all time zones
    of the region."""
    now = now or datetime.now(UTC)
    found = re.fullmatch(_START, text.strip(), re.ASCII)
    if found is None:
        raise InvalidInput(f"{quote(text)} is not a time.", hint=HINT)
    try:
        day = None if found[1] is None else date.fromisoformat(found[1])
        clock = time(int(found[2]), int(found[3] or 0), int(found[4] or 0))
        if found[5] is None and region is not None:
            zone: tzinfo | None = _zone_of_region(region, day, clock, now)
        else:
            zone = None if found[5] is None else _named_zone(found[5])
        return _moment(text, day, clock, zone, now)
    except (ValueError, OverflowError, OSError) as error:  # 10:60, +99:00, and the last day of the calendar
        raise InvalidInput(f"{quote(text)} is not a time: {error}.", hint=HINT) from error


def describe_start(moment: datetime) -> str:
    """Such as ``Sun 29 Nov 10:00 Europe/Paris``."""
    zone = getattr(moment.tzinfo, "key", moment.tzname())
    return f"{moment:%a %d %b %H:%M}{f'{moment::%S}' if moment.second else ''} {zone}"


def _zone_of_region(region: str, day: date | None, clock: time, now: datetime) -> ZoneInfo:
    """The one of its time zones, or the first of several that show the same then. Raises InvalidInput."""
    text = f"{f'{day}T' if day else ''}{clock:%H:%M}"
    zones: dict[frozenset[datetime], ZoneInfo] = {}
    known = _zones_of(region)
    for zone in map(ZoneInfo, known):
        zones.setdefault(frozenset(_moments(day, clock, zone, now)), zone)
    if len(zones) > 1:
        names = known if len(known) <= MOST_ZONES else [zone.key for zone in zones.values()]
        raise InvalidInput(
            f"{region.upper()} has several time zones, and {text} is not the same moment in all of them.",
            hint=f'Name one, as in "{text} {names[0]}". There are {", ".join(names)}.',
        )
    return next(iter(zones.values()))


def _zones_of(region: str) -> list[str]:
    """The time zones of a region (ISO 3166), first those that the tz database names for all that agree with
    them now. Raises InvalidInput."""
    phone.check_region(region)
    zones = [zone for code, _, zone, *_ in _table("zone.tab") if code == region.upper()]
    if not zones:
        raise InvalidInput(f"No time zone of {region.upper()} is known.", hint=HINT)
    main = {zone for _, _, zone, *_ in _table("zonenow.tab")}
    return sorted(zones, key=lambda zone: zone not in main)


def _table(name: str) -> Iterator[list[str]]:
    """The rows of a table of the tz database."""
    from importlib.resources import files

    lines = files("tzdata.zoneinfo").joinpath(name).read_text("utf-8").splitlines()
    return (line.split("\t") for line in lines if not line.startswith("#"))


def _named_zone(name: str) -> tzinfo:
    """Raises InvalidInput where there is none of that name."""
    if re.fullmatch(_OFFSET, name):
        zone = datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo
        return zone or UTC
    with suppress(KeyError, ValueError, OSError):  # unknown, no name at all, or a folder of zones
        return ZoneInfo(name)
    names = available_timezones()
    meant = sorted(one for one in names if name.lower() in (one.lower(), one.rpartition("/")[2].lower()))
    near = meant[0] if meant else nearest(name, sorted(names))
    hint = f"Did you mean {near}?" if near else "Give its name in the tz database, such as Europe/Paris."
    raise InvalidInput(f"There is no time zone {quote(name)}.", hint=hint)


def _moment(text: str, day: date | None, clock: time, zone: tzinfo | None, now: datetime) -> datetime:
    """The next moment after ``now`` at which a clock there shows this; None is this machine's zone. Raises
    InvalidInput."""
    moments = [*_moments(day, clock, zone, now)]
    following = next((moment for moment in moments if moment > now), None)
    if following is None and moments and day is not None:
        there = describe_start(now.astimezone(zone).replace(second=0))
        raise InvalidInput(f"{quote(text)} is over: it is {there}.", hint="Give a time that is to come.")
    if following is None:
        raise InvalidInput(
            f"{quote(text)} does not come: the clocks are put forward then.", hint="Give another time."
        )
    if following - now > LONGEST_WAIT:
        raise InvalidInput(f"{quote(text)} is more than {LONGEST_WAIT.days} days away.", hint=HINT)
    return following.astimezone(zone)


def _moments(day: date | None, clock: time, zone: tzinfo | None, now: datetime) -> Iterator[datetime]:
    """The moments (UTC) at which a clock there shows this, on the day, else today or tomorrow: none where it
    is put forward beyond it, two where it is put back."""
    today = now.astimezone(zone).date()
    for one in [day] if day else [today, today + timedelta(days=1)]:
        for fold in (0, 1):
            shown = datetime.combine(one, clock).replace(fold=fold)
            moment = (shown.astimezone() if zone is None else shown.replace(tzinfo=zone)).astimezone(UTC)
            if moment.astimezone(zone).replace(tzinfo=None) == shown.replace(fold=0):
                yield moment
