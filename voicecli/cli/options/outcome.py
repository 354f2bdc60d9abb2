"""Options about the outcome of calls: waiting, confirming, codes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import duration

TIMEOUT = "How long to wait for an outcome."


@dataclass(frozen=True, slots=True)
class OutcomeOptions:
    """Whether to wait for the outcome of calls, and what to ask the people who are called."""

    PANEL: ClassVar[str] = "Outcome"

    wait: Annotated[bool, flag("Wait for the outcome; exit code 0 only if every call was completed.")] = False
    confirm: Annotated[
        str | None,
        option("KEYS", "Ask for a key, such as 1 or 1,2, and wait; exit code 0 only if it is pressed."),
    ] = None
    keys: Annotated[
        str | None,
        option(
            "KEY=NAME",
            "Ask for a key with a meaning, such as 1=yes,2=no,9=stop, and wait. Who presses stop is not "
            "called again.",
        ),
    ] = None
    accept: Annotated[
        str | None,
        option("NAMES", "With --keys: the answers for exit code 0. Default: every name but stop."),
    ] = None
    digits: Annotated[
        str | None,
        option("N-M", "Ask for a code of N to M digits, such as 4-6, and wait; call -q prints it."),
    ] = None
    hash_ends: Annotated[bool, flag("With --digits: the # key ends the code.", "--hash")] = False
    thanks: Annotated[str | None, option("TEXT", "What to say once a key was pressed.")] = None
    timeout: Annotated[timedelta | None, option("TIME", f"{TIMEOUT} Default: 5m.", parser=duration)] = None
    vca_elsewhere: Annotated[
        bool,
        flag(
            "With --callflow: your own application gets the VCA webhook, and replies with what follows "
            "a question."
        ),
    ] = False

    @property
    def waits(self) -> bool:
        return self.wait or self.wants_key or self.digits is not None

    @property
    def wants_key(self) -> bool:
        """Whether a key is asked for."""
        return self.confirm is not None or self.keys is not None


@dataclass(frozen=True, slots=True)
class AlertOptions:
    """What goes with ``confirm`` and ``keys``."""

    PANEL: ClassVar[str] = "Outcome"

    until_confirmed: Annotated[
        bool, flag("With --confirm or --keys: call one number after the other, until somebody confirms.")
    ] = False
    tell_anyway: Annotated[
        bool,
        flag("With --confirm or --keys: call even if no key could arrive, but ask nothing; exit code 16."),
    ] = False
