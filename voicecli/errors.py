"""Every error a user can meet. No exit codes and no printing here: that is the CLI's.

VoicecliError
├── InvalidInput           what was asked for can't be sent; nothing was sent
├── ConfigurationError     a setting is missing or wrong; nothing was sent
│   └── InUse              another process of this machine has what only one can have
├── Refused                8x8 said no; no call was placed
│   └── RateLimited        8x8 said "not now" (HTTP 429); no call was placed
├── Unreachable            8x8 could not be reached, or its answer to a mere question not be read;
│                          no call was placed
├── OutcomeUnknown         the request left and no readable answer came; a call may have been placed
├── PlacedBefore           the same call was placed a short while ago, or is being placed; nothing was sent
├── CalledTooOften         somebody was called so often that they are not to be called now; nothing was sent
├── Unsubscribed           somebody whom it would call does not want to be called; nothing was sent
├── OutOfTime              what was waited for did not happen in the time that it was given
├── Interrupted            the user stopped it; the message says what may have happened
├── OutputFailed           what happened could not be written to standard output
└── StoreFailed            the store could not be read or written
    ├── StoreBusy          another process holds it; a little later it may be free
    ├── StoreRefused       it may only be read, or this user lacks a right; nothing was written
    └── StoreUnreachable   the database could not be reached, or the connection broke; what was being
                           written may be there or not
"""

from collections.abc import Collection, Mapping


class VoicecliError(Exception):
    """One sentence that says what is wrong, and one that says what to do about it.

    ``code`` is the error's stable name in JSON; ``retryable`` says whether the same command can simply
    be tried again without the danger of calling twice; ``details`` are more fields of the JSON form;
    ``settings`` are the variables that the hint names and says to check.
    """

    code = "fault"
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        details: Mapping[str, object] = {},
        settings: Collection[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details
        self.settings = settings

    def data(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            **self.details,
        }


def quote(text: str, longest: int = 60) -> str:
    """A text inside a sentence: whole or not at all, since a part of a secret could not be masked."""
    return repr(text) if len(text) <= longest else f"what was given ({len(text):,} characters)"


class InvalidInput(VoicecliError):
    code = "invalid_input"


class ConfigurationError(VoicecliError):
    code = "configuration"


class InUse(ConfigurationError):
    """Only one process of this machine can have it at a time."""


class Refused(VoicecliError):
    """8x8 answered that it did not do it. ``status_code`` is 8x8's own (-1014), or else HTTP's, which is
    ``http_status`` in any case."""

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status_code: int,
        http_status: int | None = None,
        retryable: bool = False,
        settings: Collection[str] = (),
    ) -> None:
        super().__init__(message, hint=hint, details={"statusCode": status_code}, settings=settings)
        self.status_code = status_code
        self.http_status = status_code if http_status is None else http_status
        self.retryable = retryable

    @property
    def is_missing(self) -> bool:
        """Whether it was about something that there is not."""
        return self.http_status == 404


class RateLimited(Refused):
    """HTTP 429. ``retry_after`` is in seconds, None where 8x8 named no time."""

    code = "rate_limited"

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint, status_code=429, retryable=True)
        self.retry_after = retry_after


class Unreachable(VoicecliError):
    code = "unreachable"
    retryable = True


class OutcomeUnknown(VoicecliError):
    """``client_request_id`` is what to look for in the session summaries (VSS) and in 8x8's logs."""

    code = "unknown"

    def __init__(self, message: str, *, hint: str = "", client_request_id: str | None = None) -> None:
        details = {"clientRequestId": client_request_id} if client_request_id else {}
        super().__init__(message, hint=hint, details=details)
        self.client_request_id = client_request_id


class PlacedBefore(VoicecliError):
    """``session_id`` is that of the call before, as far as it is known; ``details`` say how it stands."""

    code = "placed_before"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        session_id: str | None = None,
        details: Mapping[str, object] = {},
    ) -> None:
        super().__init__(message, hint=hint, details={"sessionId": session_id, **details})
        self.session_id = session_id


class CalledTooOften(VoicecliError):
    """By --at-most; ``details`` say whom, when that person was called last, and from when on they may be
    called again."""

    code = "called_too_often"


class Unsubscribed(VoicecliError):
    """``number`` (E.164) is who does not want to be called."""

    code = "unsubscribed"

    def __init__(self, number: str) -> None:
        super().__init__(
            f"{number} has unsubscribed: nothing was sent.",
            hint=f"voicecli broadcast allow {number} allows calls to that person again, if they agree; "
            "--call-unsubscribed (callUnsubscribed) calls anyway, in an emergency.",
            details={"destination": number, "number": number},
        )
        self.number = number


class OutOfTime(VoicecliError):
    code = "out_of_time"
    retryable = True


class Interrupted(VoicecliError):
    """``details`` say which calls it may be about, where requests were under way."""

    code = "interrupted"


class OutputFailed(VoicecliError):
    code = "output"


class StoreFailed(VoicecliError):
    code = "store"


class StoreBusy(StoreFailed):
    """Another process held the store for longer than was waited for it."""


class StoreRefused(StoreFailed):
    """Somebody has to allow it first: the store may only be read, say. Nothing of it took place."""


class ValueRefused(StoreFailed):
    """What was to be written is such that the store will never take it, as it takes others."""


class StoreUnreachable(StoreFailed):
    """The store is a database that can't be reached, or the connection to it broke: what was being written
    then may be there, or come to be there a little later, or not."""


def is_store_busy(error: BaseException | None) -> bool:
    """Whether it was raised because another process holds the store, or because of such an error."""
    return _is_caused_by(StoreBusy, error)


def is_store_unreachable(error: BaseException | None) -> bool:
    """Whether it was raised because the database can't be reached, or because of such an error."""
    return _is_caused_by(StoreUnreachable, error)


def _is_caused_by(kind: type[VoicecliError], error: BaseException | None) -> bool:
    return error is not None and (isinstance(error, kind) or _is_caused_by(kind, error.__cause__))


def as_voicecli_error(error: Exception) -> VoicecliError:
    """The error itself; for any other exception, one that says so, with that as its cause."""
    if isinstance(error, VoicecliError):
        return error
    kind = type(error).__name__
    fault = VoicecliError(f"Internal error of voicecli ({kind}).", hint="--debug shows where.")
    fault.__cause__ = error
    return fault
