"""All that a store has, copied into another."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from voicecli.clock import now
from voicecli.errors import InUse
from voicecli.store import attempt_outcomes, broadcasts, unsubscribed
from voicecli.store.broadcasts import BroadcastState
from voicecli.store.copying import contents
from voicecli.store.copying.broadcasts import CopyingBroadcasts
from voicecli.store.copying.kinds import Copied, Copying
from voicecli.store.copying.people import copy_people, copy_waiting_keys
from voicecli.store.engine import Store
from voicecli.store.former_keys import keep_former_key

Notify = Callable[[Copied], None]


def copy_store(source: Store, target: Store, notify: Notify = lambda _: None) -> list[Copied]:
    """Bring into ``target``, which others may use meanwhile, what ``source`` has, and compare: what became of
    each kind of rows. ``notify`` gets how far it is. The source stays as it is; what is written to it
    meanwhile is not copied.

    Raises InUse while somebody places calls with the source, or works on a broadcast of it; StoreFailed, also
    where something is not there at the end. Then it can be done again.
    """
    unsubscribed.update(source)
    attempt_outcomes.update_outcomes(source)
    with ExitStack() as stack:
        _keep_broadcasts(source, stack)
        stack.enter_context(_one_moment(source))
        _refuse_live_runs(source)
        return _copy(source, target, notify)


def unfinished_broadcasts(source: Store) -> list[str]:
    """The ids of those that can be resumed."""
    return [one.id for one in broadcasts.newest_first(source) if one.state is not BroadcastState.DONE]


def _copy(source: Store, target: Store, notify: Notify) -> list[Copied]:
    name = keep_former_key(target, source.secret("once"))
    urls = Copying(contents.FORMER_URLS, source, target)
    events = contents.CopyingEvents(source, target)
    runs = contents.CopyingRuns(source, target)
    webhooks = Copying(contents.WEBHOOKS, source, target)
    done = [_all(urls, notify), copy_people(source, target, name), _all(events, notify), _all(runs, notify)]
    lists = CopyingBroadcasts(source, target, notify)
    done += lists.copy()
    calls = contents.CopyingCalls(source, target, broadcasts=lists.numbers, runs=runs.numbers())
    done += [_all(calls, notify), _all(webhooks, notify)]
    copy_waiting_keys(source, target, name)
    contents.copy_dropped_webhooks(source, target)
    attempt_outcomes.update_outcomes(target)

    different = lists.compare()
    for copying in (urls, events, runs, calls, webhooks):
        different[copying.kind.name] = copying.compare()
    return [copied._replace(different=different.get(copied.kind, 0)) for copied in done]


def _all(copying: Copying, notify: Notify) -> Copied:
    copied = Copied(copying.kind.name)
    for copied in copying.copy():
        notify(copied)
    return copied


def _keep_broadcasts(source: Store, stack: ExitStack) -> None:
    """Nobody goes on with a broadcast while it is copied. Raises InUse."""
    for broadcast_id in unfinished_broadcasts(source):
        lock = broadcasts.take_lock(source, broadcast_id)
        stack.callback(lock.close, remove=True)


@contextmanager
def _one_moment(source: Store) -> Iterator[None]:
    """All that is read inside is of one moment; others may write meanwhile."""
    list(source.rows("BEGIN"))
    try:
        yield
    finally:
        list(source.rows("ROLLBACK"))


def _refuse_live_runs(source: Store) -> None:
    """What a run holds can't be held in two stores."""
    for (process,) in source.rows("SELECT process FROM runs WHERE lease_until > ?", (now(),)):
        raise InUse(
            f"Process {process} places calls with the store {source.name}: nothing was copied.",
            hint="Copy when it has ended; one that was killed counts as ended after half a minute.",
        )
