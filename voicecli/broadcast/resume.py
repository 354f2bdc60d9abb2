"""Resumes a broadcast that was interrupted or stopped."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from voicecli.account import AccountId
from voicecli.broadcast import outcomes
from voicecli.broadcast.begin import plan_broadcast
from voicecli.broadcast.options import BroadcastOptions, Content
from voicecli.broadcast.run import OpenBroadcast
from voicecli.errors import ConfigurationError, InvalidInput, StoreFailed, VoicecliError
from voicecli.store import broadcasts, former_keys, sealing
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import Broadcast, BroadcastState, RowState
from voicecli.store.engine import Store


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
    broadcast = broadcasts.find(store, beginning)
    if broadcast.account != account:
        raise ConfigurationError(
            f"Broadcast {broadcast.id} is of subaccount {broadcast.subaccount} at {broadcast.service}.",
            hint="Resume it with the settings that it was started with.",
        )
    journal = Journal.open(store, broadcast)
    with ExitStack() as stack:
        stack.callback(journal.close)
        if not broadcast.sealed and journal.is_finished:
            raise InvalidInput(
                f"Broadcast {broadcast.id} is done: 8x8 accepted all calls.",
                hint=f"voicecli broadcast results {broadcast.id} shows their outcomes.",
            )
        if journal.broadcast.state is not BroadcastState.OPEN:
            # Only then: a stop that comes just now would be lost else.
            journal.set_state(BroadcastState.OPEN)
        journal.mark_interrupted_rows()
        options = BroadcastOptions.from_mapping({**broadcast.options, **(changes or {})})
        try:
            people = read_list(broadcast)
            _refuse_another_list(store, broadcast, people)
            plan = plan_broadcast(people, options, _content(store, broadcast))
            eligibility = options.eligibility(read_do_not_call(options))
        except VoicecliError:
            if journal.state is BroadcastState.OPEN:  # and not stopped meanwhile
                journal.set_state(broadcast.state)
            raise
        outcomes.record_reports(journal, options.policy())
        if (changes or {}).get("max_calls") is None:
            options = options._replace(max_calls=_calls_left(journal))
        for state in retry:
            journal.plan_rows_again(state)
        journal.reserve()
        stack.pop_all()
    return OpenBroadcast(journal, plan, options, eligibility)


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


def _refuse_another_list(store: Store, broadcast: Broadcast, people: bytes) -> None:
    if broadcast.fingerprint not in former_keys.fingerprints(store, people):
        raise InvalidInput(
            f"The list has changed since broadcast {broadcast.id} was begun: nobody was called.",
            hint="Restore it. voicecli broadcast results shows who was called already.",
        )


def _calls_left(journal: Journal) -> int | None:
    """An interruption does not lift --max-calls; but once as many were made, to resume is to call the
    others."""
    most = BroadcastOptions.from_mapping(journal.broadcast.options).max_calls
    left = 0 if most is None else most - journal.attempts
    return left if left > 0 else None
