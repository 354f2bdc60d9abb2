"""What a check found."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from voicecli.errors import ConfigurationError, StoreRefused, VoicecliError
from voicecli.output.json_fields import with_former_names


class FindingState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``error`` is what keeps a call from working; only a failed check has one.
    ``settings`` are the variables that the hint names and says to check."""

    check: str
    state: FindingState
    words: str
    hint: str = ""
    error: VoicecliError | None = None
    settings: Collection[str] = ()

    def data(self) -> Mapping[str, object]:
        """The JSON form."""
        found = {"check": self.check, "state": self.state, "words": self.words, "hint": self.hint}
        return with_former_names("check", found)


def ok(check: str, words: str, hint: str = "") -> Finding:
    return Finding(check, FindingState.OK, words, hint)


def warning(check: str, words: str, hint: str, *, settings: Collection[str] = ()) -> Finding:
    return Finding(check, FindingState.WARNING, words, hint, settings=settings)


def failed(check: str, error: VoicecliError) -> Finding:
    if isinstance(error, StoreRefused):
        error = ConfigurationError(error.message, hint=error.hint)
    return Finding(check, FindingState.FAILED, error.message, error.hint, error, error.settings)


def skipped(check: str, words: str) -> Finding:
    return Finding(check, FindingState.SKIPPED, words)
