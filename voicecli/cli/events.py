"""``voicecli events``: stored events; with ``-f`` also new ones as they arrive."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, islice, takewhile
from typing import Annotated

import typer

from voicecli import interrupts
from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.interrupts import refuse_hangup
from voicecli.cli.options import common, filters, values
from voicecli.cli.options.filters import FilterOptions
from voicecli.cli.options.records import flag
from voicecli.clock import microseconds
from voicecli.errors import InvalidInput, StoreFailed, StoreUnreachable
from voicecli.output import Output
from voicecli.output.event_rows import EventRow
from voicecli.store import event_queries as stored_events
from voicecli.store.engine import Store
from voicecli.store.following import Follower
from voicecli.store.read_positions import last_event_number
from voicecli.voice_api.webhook_events import Received

EXAMPLES = """\
voicecli events --since 1h --only vss
voicecli events -f --status BUSY
voicecli events --session 5a3eab76 --json | jq .words
"""
LAST = 10  # events before those that are followed
POLL = 0.25  # seconds between two looks at the store


def events(
    ctx: typer.Context,
    follow: Annotated[
        bool, flag(f"Show the last {LAST}, then new ones as they arrive, until Ctrl-C.", "-f", "--follow")
    ] = False,
    since: common.Since = None,
    *,
    chosen: FilterOptions,
    limit: common.Limit = None,
    mask_numbers: filters.MaskNumbers = False,
    quiet: common.QuietFlag = False,  # noqa: ARG001
) -> None:
    """Show the events that voicecli listen has stored, oldest first.

    voicecli replay takes the number of an event.
    """
    context = context_of(ctx)
    if chosen.session == "":
        raise InvalidInput("The session's id is empty.", hint="voicecli sessions lists them.")
    start = microseconds(since)
    most = LAST if follow and limit is None and since is None else values.most(limit, since)
    with wiring.store(context) as store:
        newest = last_event_number(store)
        kept, are_more = _stored_events(store, chosen, start, most, newest)
        coming = _new_events(context.output, store, chosen, newest) if follow else ()
        try:
            shown = context.output.table(
                EventRow(one, mask_numbers, dated=True) for one in chain(kept, coming)
            )
        except KeyboardInterrupt as interrupt:  # this is how following ends
            if not follow:
                raise
            refuse_hangup(interrupt)
            return
        if are_more and not follow:
            context.output.note(f"There are more than {most:,}: see --limit and --since.")
        if not shown:
            context.output.note("No such event is stored. Stored are events that voicecli listen receives.")


def _stored_events(
    store: Store, chosen: FilterOptions, start: int, most: int | None, newest: int
) -> tuple[Iterable[Received], bool]:
    """The chosen events up to the one with the number ``newest``, and whether there are more than ``most``.
    With ``most`` they are the last ones."""

    def is_wanted(kept: Received) -> bool:
        interrupts.check()
        return kept.received >= start and kept.id <= newest and chosen.shows_event(kept)

    of_session = stored_events.events_of_sessions(store, chosen.session) if chosen.session else None
    if most is None:
        since = stored_events.events_since(store, start) if of_session is None else of_session
        return filter(is_wanted, since), False
    backwards = stored_events.newest_events(store) if of_session is None else reversed(of_session)
    recent = takewhile(lambda kept: kept.received >= start, backwards)
    found = list(islice(filter(is_wanted, recent), most + 1))
    return reversed(found[:most]), len(found) > most


def _new_events(output: Output, store: Store, chosen: FilterOptions, number: int) -> Iterator[Received]:
    """The chosen events after the one with this number, as they come, for as long as anybody reads them."""
    is_away, is_news = False, True
    with Follower(store, every=POLL) as follower:
        while output.streams.is_read():
            try:
                if follower.is_back() if is_away else is_news:
                    for kept in follower.read_now(partial(stored_events.events_after, store, number)):
                        number = kept.id
                        if chosen.shows_event(kept):
                            yield kept
                    if is_away:
                        output.note("The store can be read again.")
                    is_away = False
            except StoreUnreachable as error:
                if not is_away:
                    output.warning(f"{error.message} Events are shown as soon as it can be read again.")
                is_away = True
            if not store.is_there():
                raise StoreFailed(f"The store {store.name} was removed.", hint="Start voicecli events again.")
            is_news = follower.wait()
