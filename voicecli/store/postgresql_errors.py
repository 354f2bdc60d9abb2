"""What psycopg's errors mean to us, in words that tell neither the password nor what the store has in it."""

from collections.abc import Sequence
from typing import Final

import psycopg

from voicecli.errors import StoreBusy, StoreFailed, StoreRefused, StoreUnreachable, ValueRefused

_BUSY: Final = {
    "55P03",  # lock_not_available
    "40P01",  # deadlock_detected
    "40001",  # serialization_failure
    "57014",  # query_canceled: a statement_timeout of the server's
}
_OF_VALUES: Final = ("22", "23", "54")
"""Classes of states: a value that does not fit, or that breaks a constraint, or is too large."""
# It stops, starts, has too many connections, or has ended ours since it stood still.
_AWAY: Final = {"57P01", "57P02", "57P03", "53300", "57P05", "25P03", "25P04"}
_REFUSED: Final = ("authentication failed", "does not exist", "no pg_hba.conf entry", "no password supplied")
"""How a server says that it does not want us: where no connection is made, there is no sqlstate. In another
language than English it counts as one that can't be reached."""
_PARAMETERS: Final = ("certificate", "private key file", "sslmode", "SSL was required", "invalid port")
"""How libpq says that a connection is not to be made as the URL wants it."""
_NOT_ALLOWED: Final = {
    "42501": "This user of the database lacks a right: voicecli help team lists the GRANTs.",
    "25006": "It takes no changes: name the server that does (target_session_attrs=read-write).",
}
_HINTS: Final = {
    "42P01": "voicecli store migrate makes what is missing.",
    "3F000": "voicecli store migrate makes what is missing.",
    "42703": "voicecli store migrate makes what is missing.",
}
_LOOK_AT_SETTING: Final = (
    "The server refuses: check user and database in VOICECLI_STORE, and the password there, in PGPASSWORD"
    " or ~/.pgpass."
)
_LOOK_AT_PARAMETERS: Final = (
    "Check what VOICECLI_STORE asks for, such as sslmode and sslrootcert: voicecli help team."
)
_LOOK_AT_SERVER: Final = "Is the server running, and can this machine reach it?"


def is_away(error: BaseException) -> bool:
    """Whether there is no connection any more, or none to be had; not where the server does not want us."""
    state = getattr(error, "sqlstate", None)
    if state is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return not any(words in str(error) for words in (*_REFUSED, *_PARAMETERS))
    return state is not None and (state.startswith("08") or state in _AWAY)


def as_store_failed(error: Exception, failure: str, advice: str, secrets: Sequence[str]) -> StoreFailed:
    """Ours in its place. ``failure`` is a sentence without its end."""
    words = f"{failure}: {reason(error, secrets)}."
    if is_away(error):
        return StoreUnreachable(words, hint=_LOOK_AT_SERVER)
    state = getattr(error, "sqlstate", None)
    if state is not None and state.startswith(_OF_VALUES):
        return ValueRefused(words, hint=advice)
    if state in _NOT_ALLOWED:
        return StoreRefused(words, hint=_NOT_ALLOWED[state])
    if state in _BUSY:
        return StoreBusy(words, hint="Try again a little later.")
    if state is None and isinstance(error, psycopg.OperationalError):
        is_parameter = any(one in str(error) for one in _PARAMETERS)
        return StoreFailed(words, hint=_LOOK_AT_PARAMETERS if is_parameter else _LOOK_AT_SETTING)
    return StoreFailed(words, hint=_HINTS.get(state or "", advice))


def no_answer(failure: str) -> StoreUnreachable:
    """Where the connection was cut, since the server was silent for too long."""
    return StoreUnreachable(f"{failure}: the server did not answer in time.", hint=_LOOK_AT_SERVER)


def reason(error: Exception, secrets: Sequence[str]) -> str:
    """As a clause."""
    state = getattr(error, "sqlstate", None)
    if not isinstance(error, psycopg.Error) or (state or "").startswith("22"):
        return f"it has or gets a value that does not fit ({state or type(error).__name__})"
    # Below the first line are libpq's hints, and its further attempts.
    words = error.diag.message_primary or " ".join(str(error).partition("\n")[0].split())
    words = words.removeprefix("connection failed: ").rstrip(".")
    if without_secrets(error, secrets) is None:
        return "the reason can't be shown, since it has the password in it"
    return words or "the server gives no reason"


def without_secrets(error: Exception, secrets: Sequence[str]) -> Exception | None:
    """The error itself, None where its words have a secret in them: then nobody is to see it."""
    return None if any(secret in str(error) for secret in secrets) else error
