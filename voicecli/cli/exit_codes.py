"""The exit codes, and which error ends in which. Scripts rely on them: a code never changes its meaning."""

from enum import IntEnum

from voicecli.errors import (
    ConfigurationError,
    Interrupted,
    InvalidInput,
    OutcomeUnknown,
    Refused,
    Unreachable,
    VoicecliError,
)


class ExitCode(IntEnum):
    DONE = 0, "done: what was asked for happened"
    FAULT = 1, "a fault of voicecli's own, or its output could not be written: look before you call again"
    USAGE = 2, "wrong usage or invalid input: nothing was sent"
    CONFIGURATION = 3, "a setting is missing or wrong: nothing was sent"
    REFUSED = 4, "8x8 refused: no call was placed"
    UNREACHABLE = 5, "8x8 could not be reached: no call was placed"
    UNKNOWN = 6, "the request left and no answer came: the call may have been placed"
    INTERRUPTED = 130, "interrupted; the message says whether a call may have been placed"

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "ExitCode":
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


_CODES: tuple[tuple[type[VoicecliError], ExitCode], ...] = (
    (InvalidInput, ExitCode.USAGE),
    (ConfigurationError, ExitCode.CONFIGURATION),
    (Refused, ExitCode.REFUSED),
    (Unreachable, ExitCode.UNREACHABLE),
    (OutcomeUnknown, ExitCode.UNKNOWN),
    (Interrupted, ExitCode.INTERRUPTED),
)


def exit_code(error: VoicecliError) -> ExitCode:
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAULT)
