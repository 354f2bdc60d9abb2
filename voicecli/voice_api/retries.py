"""When Client sends a request again: only what provably never happened, after the time in Retry-After.

For a broadcast's requests see ``broadcast.pacing``."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from voicecli.errors import RateLimited

T = TypeVar("T")

RETRIES = 3
FIRST_PAUSE = 0.5  # seconds; twice as long each time
MAX_PAUSE = 60.0  # seconds; a longer Retry-After is an error with that time


class NotSent(Exception):
    """The request did not begin to leave; why, as a clause."""


def send_with_retries(
    send: Callable[[], T],
    *,
    retries: int,
    raise_if_carried_out: Callable[[], None],
    is_stopped: Callable[[], bool],
    wait: Callable[[str, float], None],
) -> T:
    """What ``send`` returns; while it raises NotSent or RateLimited, again, at most ``retries`` times.

    After a 429 ``raise_if_carried_out`` is called before the request is sent again or given up. ``wait`` gets
    the reason and the seconds.
    """
    attempt, limited = 0, False
    while True:
        pause = min(FIRST_PAUSE * 2**attempt, MAX_PAUSE)
        try:
            if limited:
                raise_if_carried_out()
            return send()
        except RateLimited as error:
            limited = True
            if error.retry_after is not None:
                error.hint = f"8x8 asks to wait {error.retry_after:.0f} s. {error.hint}"
                pause = max(FIRST_PAUSE, error.retry_after)
            if attempt == retries or pause > MAX_PAUSE:
                raise_if_carried_out()
                raise
            reason = "8x8 has too many requests at once"
        except NotSent as error:
            if is_stopped() or attempt == retries:
                raise
            reason = f"8x8 could not be reached ({error})"
        wait(reason, pause)
        attempt += 1


def parse_retry_after(header: str) -> float | None:
    """Seconds until the time in a Retry-After header, which has seconds or a date (RFC 9110, 10.2.3)."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", header.strip(), re.ASCII):
        return float(header)
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
