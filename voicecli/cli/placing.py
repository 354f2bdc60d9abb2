"""Places calls, and keeps in the store that they were placed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from voicecli import api
from voicecli.api import Session
from voicecli.callflow import CallRequest
from voicecli.cli import context as contexts
from voicecli.cli.context import Accepted, Context
from voicecli.cli.results import destination
from voicecli.client import Client
from voicecli.errors import ConfigurationError, StoreFailed, VoicecliError
from voicecli.sessions.attempts import AttemptState
from voicecli.settings import Settings
from voicecli.store.attempts import Attempts
from voicecli.store.sqlite import Store


class Once(NamedTuple):
    """Do not place the same call again within this time; ``named`` is whether its user gave it an id."""

    within: timedelta
    named: bool


class Placing:
    """Places calls with one client; each is in the store before its request leaves. With ``once`` it is
    guarded against being placed twice. With that or ``must_be_kept`` one that can't be kept is not placed."""

    def __init__(
        self,
        context: Context,
        settings: Settings,
        client: Client,
        *,
        once: Once | None = None,
        must_be_kept: bool,
    ) -> None:
        self._context = context
        self._client = client
        self._home = contexts.home(settings)
        self._account = contexts.account(settings).identity
        self._other_end = settings.other_end
        self._once = once
        self._must_be_kept = must_be_kept or once is not None
        self._numbers: dict[str, int] = {}  # in the store, by clientRequestId

    @contextmanager
    def placed(self, request: CallRequest) -> Iterator[Session]:
        """Place it; inside, 8x8 has accepted it. What became of it is kept at the end, so as not to keep
        anybody waiting. Raises PlacedBefore, and what the client raises."""
        number = self._begin(request)
        session: Session | None = None
        try:
            session = self._context.send(self._client, api.send_callflow(request))
            words = self.accepted(request, session)
            self._context.accepted[request.client_request_id] = Accepted(words, session.session_id)
            self._client.in_doubt = None  # there is none any more
            yield session
        finally:
            self._end(number, session)

    def accepted(self, request: CallRequest, session: Session) -> str:
        """That it was, in one line that fits into 80 columns."""
        return f"{self._other_end} accepted session {session.session_id} to {destination(request)}"

    def told(self, request: CallRequest) -> None:
        """An interrupt need not tell of it any more."""
        self._context.accepted.pop(request.client_request_id, None)

    def settle(self, request: CallRequest, session_id: str) -> None:
        """The session of a call that was kept ahead, and whose answer was lost, has become known."""
        number = self._numbers[request.client_request_id]
        with self._kept_or_told("voicecli sessions will not know its session"), Store(self._home) as store:
            Attempts(store, self._account).record_answer(number, AttemptState.ACCEPTED, session_id)

    def forget_doubt(self) -> None:
        """Somebody else tells of the answer that was lost."""
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
                Attempts(store, self._account).refuse_repetition(
                    request, named=self._once.named, within=self._once.within
                )

    def _begin(self, request: CallRequest) -> int | None:
        number: int | None = None
        must = self._must_be_kept
        words = "voicecli sessions will not know this call"
        with self._nothing_sent() if must else self._kept_or_told(words), Store(self._home) as store:
            attempts = Attempts(store, self._account)
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
        with self._kept_or_told(trouble), Store(self._home) as store:
            Attempts(store, self._account).record_answer(number, state, session_id)

    @contextmanager
    def _nothing_sent(self) -> Iterator[None]:
        try:
            yield
        except StoreFailed as error:
            raise ConfigurationError(f"{error.message} Nothing was sent.", hint=error.hint) from error

    @contextmanager
    def _kept_or_told(self, trouble: str) -> Iterator[None]:
        """The call was placed, whatever becomes of the note about it."""
        try:
            yield
        except VoicecliError as error:
            self._context.output.warning(f"{trouble}. {error.message}")
