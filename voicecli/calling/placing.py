"""Places calls, and keeps in the store that they were placed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from voicecli import api
from voicecli.account import Account
from voicecli.api import Session
from voicecli.callflow import CallRequest
from voicecli.calling.results import destination
from voicecli.client import Client
from voicecli.errors import ConfigurationError, OutcomeUnknown, StoreFailed, VoicecliError
from voicecli.sessions.attempts import AttemptState
from voicecli.store.attempts import Attempts
from voicecli.store.sqlite import Store


class Once(NamedTuple):
    """Do not place the same call again within this time; ``named`` is whether its user gave it an id."""

    within: timedelta
    named: bool


class Unreported(NamedTuple):
    """A call that 8x8 accepted, and that nobody has been told of."""

    destination: str
    session_id: str


@dataclass(slots=True)
class Ledger:
    """What an interrupt has to tell of: calls that were accepted and that nobody has been told of, and those
    whose answer was lost; both by clientRequestId."""

    accepted: dict[str, Unreported] = field(default_factory=dict)
    lost: dict[str, OutcomeUnknown] = field(default_factory=dict)

    def report(self, request: CallRequest) -> None:
        """It has been told what became of this one."""
        self.accepted.pop(request.client_request_id, None)
        self.lost.pop(request.client_request_id, None)


class Placing:
    """Places calls with one client; each is in the store before its request leaves. With ``once`` it is
    guarded against being placed twice; with that or ``ahead`` one that can't be kept is not placed. ``warn``
    is told what could not be kept."""

    def __init__(
        self,
        client: Client,
        account: Account,
        home: Path,
        *,
        once: Once | None,
        ahead: bool,
        ledger: Ledger,
        warn: Callable[[str], None],
    ) -> None:
        self.ledger = ledger
        self._client = client
        self._home = home
        self._account = account
        self._once = once
        self._must_be_kept = ahead or once is not None
        self._warn = warn
        self._numbers: dict[str, int] = {}  # in the store, by clientRequestId

    @contextmanager
    def placed(self, request: CallRequest) -> Iterator[Session]:
        """Place it; inside, 8x8 has accepted it. What became of it is kept at the end, so as not to keep
        anybody waiting. Raises PlacedBefore, and what the client raises."""
        number = self._begin(request)
        session: Session | None = None
        try:
            session = self._client.send(api.send_callflow(request))
            unreported = Unreported(destination(request), session.session_id)
            self.ledger.accepted[request.client_request_id] = unreported
            self._client.in_doubt = None  # there is none any more
            yield session
        finally:
            self._end(number, session)

    def record_answer(self, request: CallRequest, session_id: str) -> None:
        """The session of a call that was kept ahead, and whose answer was lost, has become known."""
        number = self._numbers[request.client_request_id]
        with self._warn_of("voicecli sessions will not know its session"), Store(self._home) as store:
            self._attempts(store).record_answer(number, AttemptState.ACCEPTED, session_id)

    def lost(self, request: CallRequest, error: OutcomeUnknown) -> None:
        """Somebody else tells of the answer that was lost."""
        self.ledger.lost[request.client_request_id] = error
        self._client.in_doubt = None

    def stop(self) -> None:
        """Let no request leave from now on."""
        self._client.stop()

    def refuse_repetition(self, requests: Sequence[CallRequest]) -> None:
        """See beforehand that none of these was placed. Raises PlacedBefore, and ConfigurationError."""
        if self._once is None:
            return
        with self._nothing_sent(), Store(self._home) as store:
            for request in requests:
                self._attempts(store).refuse_repetition(
                    request, named=self._once.named, within=self._once.within
                )

    def _attempts(self, store: Store) -> Attempts:
        return Attempts(store, self._account.identity)

    def _begin(self, request: CallRequest) -> int | None:
        number: int | None = None
        trouble = "voicecli sessions will not know this call"
        kept = self._nothing_sent() if self._must_be_kept else self._warn_of(trouble)
        with kept, Store(self._home) as store:
            attempts = self._attempts(store)
            if self._once is None:
                number = attempts.begin(request)
            else:
                number = attempts.claim(request, named=self._once.named, within=self._once.within)
            self._numbers[request.client_request_id] = number
        return number

    def _end(self, number: int | None, session: Session | None) -> None:
        session_id = None if session is None else session.session_id
        state: AttemptState | None = AttemptState.ACCEPTED
        if session is None:
            state = None if self._client.in_doubt is None else AttemptState.UNKNOWN
        if number is None:
            return
        trouble = "voicecli sessions will not know the session of this call"
        if state is None:
            trouble = "this call counts as perhaps placed, though it was not"
        with self._warn_of(trouble), Store(self._home) as store:
            self._attempts(store).record_answer(number, state, session_id)

    @contextmanager
    def _nothing_sent(self) -> Iterator[None]:
        try:
            yield
        except StoreFailed as error:
            raise ConfigurationError(f"{error.message} Nothing was sent.", hint=error.hint) from error

    @contextmanager
    def _warn_of(self, trouble: str) -> Iterator[None]:
        """The call was placed, whatever becomes of the note about it."""
        try:
            yield
        except VoicecliError as error:
            self._warn(f"{trouble}. {error.message}")
