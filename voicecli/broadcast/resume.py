"""Resumes a broadcast that was interrupted or stopped."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from voicecli.account import AccountId
from voicecli.broadcast import report_recording, same_list
from voicecli.broadcast.begin import plan_broadcast
from voicecli.broadcast.options import BroadcastOptions, Content
from voicecli.broadcast.plan import Plan
from voicecli.broadcast.run import OpenBroadcast
from voicecli.errors import ConfigurationError, InvalidInput, StoreFailed, VoicecliError
from voicecli.store import broadcasts, sealing
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcast_rows import StoredBroadcast
from voicecli.store.broadcasts import Broadcast, BroadcastState, RowState
from voicecli.store.engine import Store
from voicecli.store.journals import open_journal
from voicecli.store.opening import before_first_call


@before_first_call()
def reopen_broadcast(
    store: Store,
    beginning: str,
    account: AccountId,
    *,
    read_list: Callable[[Broadcast], bytes],
    read_do_not_call: Callable[[BroadcastOptions], frozenset[str]] = lambda options: frozenset(),
    changes: Mapping[str, object] | None = None,
    retry: Sequence[RowState] = (),
) -> OpenBroadcast:
    """Go on with the broadcast whose id begins so, as it was begun but for ``changes`` of its options; what
    is left of its ``max_calls`` holds unless they name another. Rows in the states of ``retry`` are called
    once more. ``read_list`` gives its list, and ``read_do_not_call`` the numbers (E.164) that are not called,
    beside those that were not in the beginning.

    Raises ConfigurationError where it is another account's, InUse where another process works on it, and
    InvalidInput where there is none, where it is done, and where the list has changed.
    """
    broadcast = _find(store, beginning, account)
    journal = open_journal(store, broadcast)
    with ExitStack() as stack:
        stack.callback(journal.close)
        _refuse_finished(journal)
        if journal.broadcast.state is not BroadcastState.OPEN:
            # Only then: a stop that comes just now would be lost else.
            journal.set_state(BroadcastState.OPEN)
        journal.mark_interrupted_rows()
        options = BroadcastOptions.from_mapping({**broadcast.options, **(changes or {})})
        try:
            plan = _plan(store, broadcast, options, read_list(broadcast))
            eligibility = options.eligibility(read_do_not_call(options))
        except VoicecliError:
            if journal.state is BroadcastState.OPEN:  # and not stopped meanwhile
                journal.set_state(broadcast.state)
            raise
        journal.plan_left_out_again()
        report_recording.record_reports(journal, options.policy())
        if (changes or {}).get("max_calls") is None:
            options = options._replace(max_calls=_calls_left(journal))
        for state in retry:
            journal.plan_rows_again(state)
        as_kept = options._asdict()
        kept = {name: as_kept[name] for name in changes or {} if name != "max_calls"}
        journal.keep_options({**broadcast.options, **kept})
        journal.reserve()
        stack.pop_all()
    return OpenBroadcast(journal, plan, options, eligibility)


@before_first_call()
def join_broadcast(
    store: Store,
    beginning: str,
    account: AccountId,
    *,
    read_list: Callable[[Broadcast], bytes],
    read_do_not_call: Callable[[BroadcastOptions], frozenset[str]] = lambda options: frozenset(),
    changes: Mapping[str, object] | None = None,
) -> OpenBroadcast:
    """Work on the broadcast whose id begins so beside the machines that do, or as the first of them where
    they were interrupted. ``changes`` of its options, such as the concurrency, are for this process alone.
    Its --rate and --max-calls hold for all together. The others as in ``reopen_broadcast``.

    Raises ConfigurationError where the store is this machine's own or the broadcast another account's, and
    InvalidInput where there is none, where it is stopped or done, and where the list is another one.
    """
    if not store.is_shared:
        raise ConfigurationError(
            "To work on one broadcast together, machines need a store that they share.",
            hint="Set VOICECLI_STORE to a PostgreSQL database: see voicecli help team. Without one, --shard "
            "divides a list.",
        )
    from voicecli.store.shared_journal import SharedJournal

    broadcast = _find(store, beginning, account)
    _refuse_finished(StoredBroadcast(store, broadcast))
    SharedJournal.require_open(broadcast)
    options = BroadcastOptions.from_mapping({**broadcast.options, **(changes or {})})
    plan = _plan(store, broadcast, options, read_list(broadcast))
    eligibility = options.eligibility(read_do_not_call(options))
    return OpenBroadcast(SharedJournal.join(store, broadcast), plan, options, eligibility)


def _find(store: Store, beginning: str, account: AccountId) -> Broadcast:
    """The one of this account whose id begins so. Raises InvalidInput and ConfigurationError."""
    broadcast = broadcasts.find(store, beginning)
    if broadcast.account != account:
        raise ConfigurationError(
            f"Broadcast {broadcast.id} is of subaccount {broadcast.subaccount} at {broadcast.service}.",
            hint="Resume it with the settings that it was started with.",
        )
    return broadcast


def _refuse_finished(stored: StoredBroadcast) -> None:
    broadcast = stored.broadcast
    if not broadcast.sealed and stored.is_finished:
        raise InvalidInput(
            f"Broadcast {broadcast.id} is done: 8x8 accepted all calls.",
            hint=f"voicecli broadcast results {broadcast.id} shows their outcomes.",
        )


def _plan(store: Store, broadcast: Broadcast, options: BroadcastOptions, people: bytes) -> Plan:
    """Raises InvalidInput where ``people`` is another list than the broadcast's, and what ``_content``
    raises."""
    recipients = options.read_list(people)
    same_list.refuse_another(store, broadcast, recipients, people)
    return plan_broadcast(recipients, options, _content(store, broadcast))


def _content(store: Store, broadcast: Broadcast) -> Content:
    """What it says, sealed in the store as long as somebody is left to call: it outlives the process, and
    nobody is to read it there. Raises ConfigurationError where it can't be read any more."""
    try:
        packed = sealing.unseal(store, broadcast.sealed, broadcast.id.encode())
    except (ConfigurationError, StoreFailed) as error:
        raise ConfigurationError(
            f"The message of broadcast {broadcast.id} can't be read.",
            hint="It can't be resumed. voicecli broadcast results shows who was called.",
        ) from error
    return Content.unpacked(packed)


def _calls_left(journal: Journal) -> int | None:
    """An interruption does not lift --max-calls; but once as many were made, to resume is to call the
    others."""
    most = BroadcastOptions.from_mapping(journal.broadcast.options).max_calls
    left = 0 if most is None else most - journal.attempts
    return left if left > 0 else None
