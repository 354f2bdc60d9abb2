"""Options of the commands that show the results of a broadcast."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from voicecli.cli.options.common import FILTERS
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import one_of
from voicecli.errors import InvalidInput, quote
from voicecli.voice_api import codes

if TYPE_CHECKING:
    from voicecli.broadcast.result_filter import ResultFilter
    from voicecli.sessions.key_names import KeyNames

List = Annotated[str | None, option("FILE", "The list, if it has moved.", "--list")]
Show = Annotated[
    str | None,
    option("COLUMNS", "The columns of the list to show, such as name,city. Default: the one with names."),
]


@dataclass(frozen=True, slots=True)
class ResultFilterOptions:
    """Which rows are shown: those for which all that is given holds."""

    PANEL: ClassVar[str] = FILTERS

    status: Annotated[
        str | None,
        option("STATES", "Only rows with these statuses or outcomes, such as refused,unknown or NO_ANSWER."),
    ] = None
    result: Annotated[
        str | None, option("NAMES", "Only people who pressed a key of these names, such as reschedule.")
    ] = None
    not_reached: Annotated[
        bool, flag("Only people still to be reached: nobody answered, and they may be called.")
    ] = False
    confirmed: Annotated[bool, flag("Only people who confirmed.")] = False
    unconfirmed: Annotated[bool, flag("Only people who did not confirm.")] = False

    def chosen(self, keys: "KeyNames | None") -> "ResultFilter":
        """``keys`` is what keys mean in the broadcast. Raises InvalidInput."""
        from voicecli.broadcast.result_filter import ResultFilter

        if self.confirmed and self.unconfirmed:
            raise InvalidInput(
                "--confirmed and --unconfirmed can't be given together.", hint="Leave one of them out."
            )
        asked = self.confirmed or self.unconfirmed
        if keys is None and (asked or self.result is not None):
            raise InvalidInput("This broadcast has asked nobody to press a key that has a name.")
        return ResultFilter(
            statuses=_states(self.status),
            results=_results(self.result, keys),
            not_reached=self.not_reached,
            confirmed=self.confirmed if asked else None,
            keys=keys,
        )


def _words(option: str, text: str | None) -> list[str]:
    """What stands between commas; nothing where it is not given. Raises InvalidInput where nothing does."""
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if text is not None and not words:
        raise InvalidInput(f"{option} is empty: it takes one or more words, with commas between them.")
    return words


def _results(text: str | None, keys: "KeyNames | None") -> frozenset[str]:
    """Raises InvalidInput for what is no name of a key."""
    known = {} if keys is None else {name.casefold(): name for name in keys.names.values()}
    wanted = _words("--result", text)
    for word in wanted:
        if word.casefold() not in known:
            raise InvalidInput(
                f"No key of this broadcast is called {quote(word)}.",
                hint=f"Its keys are: {', '.join(dict.fromkeys(known.values()))}.",
            )
    return frozenset(known[word.casefold()] for word in wanted)


def _states(text: str | None) -> frozenset[str]:
    """Raises InvalidInput for what is neither a state of a row nor an outcome."""
    from voicecli.store.broadcasts import RowState

    states = {state.value: state.name for state in RowState}
    names = [*states.values(), *(outcome.value for outcome in codes.Outcome)]
    chosen = {one_of(word, names, "status or outcome") for word in _words("--status", text)}
    return frozenset(name.lower() if name in states.values() else name for name in chosen)
