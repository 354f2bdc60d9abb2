"""The exit codes, and which error ends in which. Scripts rely on them: a code never changes its meaning."""

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

from voicecli.errors import (
    CalledTooOften,
    ConfigurationError,
    Interrupted,
    InvalidInput,
    OutcomeUnknown,
    OutOfTime,
    PlacedBefore,
    Refused,
    Unreachable,
    Unsubscribed,
    VoicecliError,
)

if TYPE_CHECKING:
    from voicecli.calling.results import CallResults, Result
    from voicecli.cli.context import Context


class ExitCode(IntEnum):
    DONE = 0, "done: what was asked for happened; with --wait, the call was completed"
    FAULT = 1, "an internal error of voicecli, or its output could not be written: look before you call again"
    USAGE = 2, "wrong usage or invalid input: nothing was sent"
    CONFIGURATION = 3, "a setting is missing or wrong: nothing was sent"
    REFUSED = 4, "8x8 refused: no call was placed"
    UNREACHABLE = 5, "8x8 could not be reached: no call was placed"
    UNKNOWN = 6, "the request left and no answer came: the call may have been placed"
    SOME_FAILED = 7, "of several calls, some failed or are left"
    OUT_OF_TIME = 8, "out of time: what was waited for, such as the outcome of a call, had not come yet"
    PLACED_BEFORE = (
        9,
        "sent before: the call (--once), the list of a broadcast, or enough calls (--at-most), so nothing "
        "was sent now",
    )
    NO_ANSWER = 10, "--wait: no answer"
    BUSY = 11, "--wait: busy"
    CANCELED = 12, "--wait: canceled"
    FAILED = 13, "--wait: failed"
    ERROR = 14, "--wait: error, or an outcome that voicecli does not know"
    UNSUBSCRIBED = (
        15,
        "unsubscribed: earlier, so nothing was sent; or, with --wait or --keys, during the call",
    )
    NOT_CONFIRMED = (
        16,
        "--confirm, --keys, --digits: answered, but not with such a key or code; --until-confirmed: nobody "
        "confirmed",
    )
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
    (PlacedBefore, ExitCode.PLACED_BEFORE),
    (CalledTooOften, ExitCode.PLACED_BEFORE),
    (Unsubscribed, ExitCode.UNSUBSCRIBED),
    (OutOfTime, ExitCode.OUT_OF_TIME),
    (Interrupted, ExitCode.INTERRUPTED),
)


def exit_code(error: VoicecliError) -> ExitCode:
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAULT)


def fail(context: "Context", error: VoicecliError, cause: BaseException | None = None) -> ExitCode:
    """Print an error, and return its exit code."""
    if context.debug:
        context.output.traceback(cause or error)
    if error.settings:
        error.hint = context.with_origins(error.hint, error.settings)
    error.hint = error.hint.replace("voicecli store", f"{context.program} store")  # of the same store
    context.output.error(error)
    return exit_code(error)


def result_code(result: "Result") -> ExitCode:
    """The exit code for one call: that of its error, or of how it ended."""
    from voicecli.calling.endings import Ending

    if result.error is not None:
        return exit_code(result.error)
    codes = {
        Ending.ACCEPTED: ExitCode.DONE,
        Ending.DONE: ExitCode.DONE,
        Ending.NO_ANSWER: ExitCode.NO_ANSWER,
        Ending.BUSY: ExitCode.BUSY,
        Ending.CANCELED: ExitCode.CANCELED,
        Ending.FAILED: ExitCode.FAILED,
        Ending.ERROR: ExitCode.ERROR,
        Ending.UNSUBSCRIBED: ExitCode.UNSUBSCRIBED,
        Ending.NOT_CONFIRMED: ExitCode.NOT_CONFIRMED,
        Ending.OUT_OF_TIME: ExitCode.OUT_OF_TIME,
    }
    return codes[result.ending]


def all_calls_code(results: "Sequence[Result]") -> ExitCode:
    """The exit code for calls that were all to succeed."""
    codes = {result_code(result) for result in results}
    if len(results) == 1 or codes in ({ExitCode.DONE}, {ExitCode.PLACED_BEFORE}):
        return result_code(results[0])
    return ExitCode.SOME_FAILED


def until_confirmed_code(results: "Sequence[Result]") -> ExitCode:
    """The exit code for calls one after the other until somebody confirms. If it is unknown whether somebody
    did, the code says so; if no call was placed, it is that of the last one."""
    from voicecli.calling.results import nobody_confirmed

    if nobody_confirmed(results):
        return ExitCode.NOT_CONFIRMED
    codes = {result_code(result) for result in results}
    order = (ExitCode.DONE, ExitCode.UNKNOWN, ExitCode.OUT_OF_TIME)
    return next((code for code in order if code in codes), result_code(results[-1]))


def waited_calls_code(ended: "CallResults", *, until_confirmed: bool) -> ExitCode:
    """The exit code for calls that were waited for, to their end or for a key
    (``calling.endings.ending_of`` decides which result a call has)."""
    if ended.error is not None:
        return exit_code(ended.error)
    if ended.only_told and any(result.placed for result in ended.results):
        return ExitCode.NOT_CONFIRMED
    judge = until_confirmed_code if until_confirmed and not ended.only_told else all_calls_code
    return judge(ended.results)
