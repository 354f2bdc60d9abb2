"""Places calls, each recorded in the store before its request leaves, and none to who must not be called
(``do_not_call``)."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from voicecli.account import Account
from voicecli.calling import questions, say_limit
from voicecli.calling.do_not_call import refuse_unsubscribed
from voicecli.calling.ledger import Ledger, Unreported
from voicecli.calling.results import accepted_words
from voicecli.clock import now
from voicecli.errors import (
    ConfigurationError,
    OutcomeUnknown,
    Refused,
    StoreFailed,
    StoreUnreachable,
    VoicecliError,
    is_store_unreachable,
)
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.key_names import KeyNames
from voicecli.store.attempts import AttemptDetails, Attempts, attempt_of_session
from voicecli.store.engine import Store
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_guarded
from voicecli.store.read_positions import last_event_number
from voicecli.voice_api.callflow import CallRequest, destinations, sources
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.calls import Session, send_callflow
from voicecli.voice_api.wire import Operation

if TYPE_CHECKING:
    from voicecli.at_most import AtMost
    from voicecli.calling.run_lease import RunLease
    from voicecli.store.guards import Once

T = TypeVar("T")
TookPlace = Callable[[], bool] | None
"""Whether a report shows that 8x8 carried a request out."""


def attempt_of(request: CallRequest, asks: str | None = None, key_names: str | None = None) -> Attempt:
    """The attempt for a request that is not in the store."""
    source, whom = next(iter(sources(request.callflow)), ""), next(iter(destinations(request.callflow)), "")
    known = (0, now(), AttemptState.SENDING, None, request.client_request_id, source, whom)
    return Attempt(*known, asks=asks, key_names=key_names)


def _is_of_another(store: Store, session_id: str, number: int | None) -> bool:
    """Whether the store has a session for another attempt than this one. Raises StoreFailed."""
    attempt = attempt_of_session(store, session_id)
    return attempt is not None and attempt.id != number


class Placer:
    """Places calls with one client. A request is in the store before it leaves, its session before the result
    is given. Of a callflow with a question only the part up to it is sent; the whole is stored for the reply
    to its VCA. ``once``: place no call twice; ``call_unsubscribed``: call unsubscribed people, too;
    ``needs_store``: place no call that can't be recorded, rather than ``warn``; ``at_most``: call nobody more
    often, which needs the store; ``keys``: what each means, None where they mean nothing;
    ``vca_elsewhere``: an application replies to VCAs."""

    def __init__(
        self,
        client: Client,
        account: Account,
        store: StorePlace,
        *,
        ledger: Ledger,
        warn: Callable[[str], None],
        once: "Once | None" = None,
        call_unsubscribed: bool = False,
        needs_store: bool = False,
        at_most: "AtMost | None" = None,
        keys: KeyNames | None = None,
        vca_elsewhere: bool = False,
    ) -> None:
        self.ledger = ledger
        self._keys = keys
        self._vca_elsewhere = vca_elsewhere
        self._tells = False
        self._client = client
        self._account = account
        self.store = store
        self._once = once
        self._call_unsubscribed = call_unsubscribed
        self._store_is_needed = needs_store
        self._at_most = at_most
        self._warn = warn
        self._numbers: dict[str, int] = {}  # in the store, by clientRequestId
        self._run: RunLease | None = None

    def without_question(self) -> "Placer":
        """For the same run, a placer of calls without their question: they count as not confirmed, and need
        no store."""
        without_question = copy(self)
        without_question._tells = True  # noqa: SLF001 - one of ours
        without_question._store_is_needed = False  # noqa: SLF001
        return without_question

    def place(self, request: CallRequest) -> Session:
        """Place a call; 8x8's answer. Raises PlacedBefore, Unsubscribed, ConfigurationError, and what the
        client raises."""
        sent = questions.up_to_question(request)

        def place(was_carried_out: TookPlace) -> Session:
            try:
                return self._client.send(send_callflow(sent), was_carried_out=was_carried_out)
            except Refused as error:
                if (instead := say_limit.instead(error, sent)) is None:
                    raise
            return self._client.send(send_callflow(instead), was_carried_out=was_carried_out)

        return self._place(request, place, lambda session: session.session_id)

    def send(self, request: CallRequest, operation: Operation[T], session_id: Callable[[T], str | None]) -> T:
        """Place a call by another operation; ``session_id`` finds the session in its result."""

        def send(was_carried_out: TookPlace) -> T:
            return self._client.send(operation, was_carried_out=was_carried_out)

        return self._place(questions.ending_in_hangup(request), send, session_id)

    def _place(
        self,
        request: CallRequest,
        send: Callable[[TookPlace], T],
        session_id: Callable[[T], str | None],
    ) -> T:
        with ExitStack() as stack:
            stored = self._begin(request, stack)
            was_carried_out = stored and partial(self._is_reported, request, *stored)
            state, session = AttemptState.UNKNOWN, None
            try:
                result = send(was_carried_out)
                state, session = AttemptState.ACCEPTED, session_id(result)
                if session is not None:
                    words = accepted_words(request, session, self._account.service_name)
                    self.ledger.accepted[request.client_request_id] = Unreported(words, session)
                self._client.in_doubt = None  # there is none any more
                return result
            finally:
                if stored is not None:
                    store, number, _ = stored
                    is_sent = state is AttemptState.ACCEPTED or self._client.in_doubt is not None
                    trouble = (
                        "voicecli sessions will not know the session of this call"
                        if is_sent
                        else "this call counts as perhaps placed, though it was not"
                    )
                    with self._warn_of(trouble):
                        self._record_answer(store, number, state if is_sent else None, session)

    def _is_reported(self, request: CallRequest, store: Store, number: int, after: int) -> bool:
        """Whether a summary that came after that event names this request, the attempt with this number, and
        is not of a call that has an answer."""
        from voicecli.sessions.pending import PendingCall
        from voicecli.store import event_queries

        call = PendingCall(attempt_of(request))
        try:
            return any(
                call.names(received.event) and not _is_of_another(store, received.event.session_id, number)
                for received in event_queries.summaries_after(store, after, naming="")
            )
        except StoreFailed:
            return False

    def asks(self, request: CallRequest) -> str | None:
        """As ``Attempt.asks``: None also if an application replies. A call without its question counts as
        asked and not confirmed."""
        asks = "" if self._keys is None else self._keys.asks
        return asks if self._tells or (questions.has_question(request) and not self._vca_elsewhere) else None

    @property
    def key_names(self) -> str | None:
        """As ``Attempt.key_names`` of what asks something."""
        return None if self._keys is None else self._keys.stored_names

    def record_answer(self, request: CallRequest, session_id: str) -> None:
        """Record the session of a call whose answer was lost."""
        number = self._numbers[request.client_request_id]
        with self._warn_of("voicecli sessions will not know its session"), open_guarded(self.store) as store:
            self._record_answer(store, number, AttemptState.ACCEPTED, session_id)

    def is_of_another(self, store: Store, request: CallRequest, session_id: str) -> bool:
        """Whether the store has a session for another call than this one."""
        return _is_of_another(store, session_id, self._numbers.get(request.client_request_id))

    def lost(self, request: CallRequest, error: OutcomeUnknown) -> None:
        """Move a lost answer from the client to the ledger: the caller waits for its summary."""
        self.ledger.lost[request.client_request_id] = error
        self._client.in_doubt = None

    def accepted_words(self, request: CallRequest) -> str:
        """Of a request whose result was not shown yet."""
        return self.ledger.accepted[request.client_request_id].words

    def stop(self) -> None:
        """Send no request any more."""
        self._client.stop()

    def begin_run(self, requests: Sequence[CallRequest], *, joint: bool) -> None:
        """Place these calls as one run, visible to other processes, until ``end_run``; does nothing if one
        has begun. ``joint``: the calls are one alert, claimed together and done when one is confirmed. Raises
        PlacedBefore; for a single call Unsubscribed and CalledTooOften; ConfigurationError if a needed store
        can't be used."""
        from voicecli.calling.run_lease import RunLease
        from voicecli.store.guards import Guards

        if self._run is not None:
            return
        try:
            with nothing_sent(), open_guarded(self.store) as store:
                if len(requests) == 1 and not self._call_unsubscribed:
                    refuse_unsubscribed(store, requests[0])
                if len(requests) == 1:
                    self._refusal_of_too_often(store, requests[0])()
                guards = Guards(store, self._account.identity)
                number = guards.begin_run(requests, os.getpid(), joint=joint, once=self._once)
                self._run = RunLease(self.store, number, joint=joint)
        except ConfigurationError:
            if self._needs_store:
                raise

    def end_run(self) -> None:
        """End the run, if one has begun."""
        run, self._run = self._run, None
        if run is not None:
            run.end()

    # -- the store -----------------------------------------------------------------------------------

    def _attempts(self, store: Store) -> Attempts:
        return Attempts(store, self._account.identity)

    def _record_answer(
        self, store: Store, number: int, state: AttemptState | None, session_id: str | None
    ) -> None:
        """Once more where the connection broke: to write it twice does no harm."""
        attempts = self._attempts(store)
        try:
            attempts.record_answer(number, state, session_id)
        except StoreUnreachable:
            attempts.record_answer(number, state, session_id)

    def _begin(self, request: CallRequest, stack: ExitStack) -> tuple[Store, int, int] | None:
        """Record a request before it leaves: the store, its number there, and that of the newest event; None
        if the store can't be used and is not needed. Raises Unsubscribed and CalledTooOften."""
        once, run = self._once, self._run
        whom = " or ".join(destinations(request.callflow)) or "somebody"
        trouble = (
            f"it is not known whether {whom} has unsubscribed, and voicecli sessions will not know this call"
        )
        try:
            with nothing_sent():
                store = stack.enter_context(open_guarded(self.store))
                newest = last_event_number(store)
                if not self._call_unsubscribed:
                    refuse_unsubscribed(store, request)
                trouble = "voicecli sessions will not know this call"
                details = self._details(request)
                of_run = None if run is None else run.number
                may_leave = self._refusal_of_too_often(store, request)
                if once is None or (run is not None and run.joint):
                    details["guarded"] = 0 if once is None else store.now() + once.microseconds
                    number = self._attempts(store).begin(request, run=of_run, may_leave=may_leave, **details)
                else:
                    from voicecli.store.guards import Guards

                    guards = Guards(store, self._account.identity)
                    number = guards.claim(request, once, run=of_run, may_leave=may_leave, **details)
        except ConfigurationError as error:
            if self._needs_store or self._is_set_up_wrongly(error):
                raise
            error.message = error.message.removesuffix(_NOTHING_SENT)
            self._warn_that(trouble, error)
            return None
        self._numbers[request.client_request_id] = number
        return store, number, newest

    def _details(self, request: CallRequest) -> AttemptDetails:
        if (asks := self.asks(request)) is None:
            return {}
        flow = None if self._tells else request.callflow
        return {"asks": asks, "key_names": self.key_names, "flow": flow}

    def _refusal_of_too_often(self, store: Store, request: CallRequest) -> Callable[[], None]:
        """What raises CalledTooOften where whom it calls was called so often, once it is asked."""
        if (at_most := self._at_most) is None:
            return lambda: None
        from voicecli.store import contacts

        contacts.read_outcomes(store)
        return partial(contacts.refuse_too_often, store, destinations(request.callflow)[:1], at_most)

    def _is_set_up_wrongly(self, error: ConfigurationError) -> bool:
        """Whether a team's store can't be used though the database is there: with another key, say."""
        return self.store.is_shared and not isinstance(error.__cause__, StoreFailed)

    @property
    def _needs_store(self) -> bool:
        claimed = self._run is not None and self._run.joint
        is_guarded = self._at_most is not None or (self._once is not None and not claimed)
        return self._store_is_needed or is_guarded

    @contextmanager
    def _warn_of(self, trouble: str) -> Iterator[None]:
        """Warn if the store fails: the call was placed all the same."""
        try:
            yield
        except VoicecliError as error:
            self._warn_that(trouble, error)

    def _warn_that(self, trouble: str, error: VoicecliError) -> None:
        self._warn(" ".join(filter(None, (f"{trouble}.", error.message, error.hint))))


_NOTHING_SENT = " Nothing was sent."


@contextmanager
def nothing_sent() -> Iterator[None]:
    """Inside, no request leaves: a store that fails is as one that can't be opened. Raises
    ConfigurationError."""
    try:
        yield
    except StoreFailed as error:
        raise ConfigurationError(f"{error.message}{_NOTHING_SENT}", hint=error.hint) from error
    except ConfigurationError as error:
        if is_store_unreachable(error):
            error.message += _NOTHING_SENT
        raise
