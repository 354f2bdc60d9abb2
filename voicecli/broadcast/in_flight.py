"""The requests of a broadcast: each is made for a row of the journal, is sent, and is answered or lost."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.policy import Policy
from voicecli.calling import questions, say_limit
from voicecli.errors import InvalidInput, Refused, Unreachable, VoicecliError
from voicecli.sessions.attempt import AttemptState
from voicecli.store.attempts import Attempts
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.voice_api.async_client import AsyncClient
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.operations.calls import Session, send_callflow


@dataclass(slots=True, eq=False)
class InFlight:
    """A request and what came of it. ``row`` is its row of the journal as it is now, ``before`` as it was
    before this request; ``sent`` is the part of ``request`` that leaves, up to its first question;
    ``attempt`` is its row of store.attempts, and ``attempt_id`` the id of that, 0 until it is written. Before
    it left, the newest event had the number ``after``."""

    before: BroadcastRow
    row: BroadcastRow
    request: CallRequest
    sent: CallRequest
    attempt: tuple[object, ...]
    attempt_id: int = 0
    after: int = 0
    task: "asyncio.Task[None] | None" = None
    session: Session | None = None
    error: Exception | None = None

    @property
    def was_not_placed(self) -> bool:
        """Whether its answer says that certainly no call was placed."""
        return self.session is None and isinstance(self.error, Refused | InvalidInput | Unreachable)

    def answered_row(self) -> BroadcastRow:
        """The row by what was answered to a request of which it is not certain that no call was placed."""
        if self.session is not None:
            return self.row._replace(state=RowState.ACCEPTED, session=self.session.session_id)
        error = self.error
        fault = f"an internal error of voicecli ({type(error).__name__})"
        reason = error.message if isinstance(error, VoicecliError) else fault
        return self.row._replace(state=RowState.UNKNOWN, reason=reason)

    def attempt_answer(self) -> tuple[AttemptState | None, str | None]:
        """State and session of the attempt, as store.attempts takes them: None for certainly not placed."""
        if self.session is not None:
            return AttemptState.ACCEPTED, self.session.session_id
        if self.row.state is not RowState.SENDING:  # 8x8 has reported it
            return AttemptState.ACCEPTED, self.row.session
        return None if self.was_not_placed else AttemptState.UNKNOWN, None


class RequestSender:
    """Makes and sends the requests of a broadcast. ``make_request`` makes the one for a row, with this
    clientRequestId; with ``vca_elsewhere`` somebody else answers the questions of the calls."""

    def __init__(
        self,
        journal: Journal,
        client: AsyncClient,
        policy: Policy,
        eligibility: Eligibility,
        make_request: Callable[[BroadcastRow, str], CallRequest],
        *,
        vca_elsewhere: bool,
    ) -> None:
        self._broadcast = journal.broadcast
        self._client = client
        self._eligibility = eligibility
        self._make_request = make_request
        self._vca_elsewhere = vca_elsewhere
        self._asks, self._key_names = policy.asks, policy.key_names
        self._takes_one_say = False  # so it is learned, of the account
        self._attempts = Attempts(journal.store, journal.broadcast.account)

    def prepare(self, before: BroadcastRow) -> InFlight:
        """The request for the next attempt of a row. Raises InvalidInput where there can be none."""
        row = BroadcastRow(before.line, before.destination, RowState.SENDING, before.attempts + 1)
        request = self._make_request(row, self._broadcast.request_id(row))
        request = self._eligibility.hours.limit_validity(row.destination, request)
        has_question = questions.has_question(request) and not self._vca_elsewhere
        attempt = self._attempts.row(
            request,
            asks=self._asks if self._asks is not None or not has_question else "",
            key_names=self._key_names,
            flow=request.callflow if has_question else None,
            broadcast=self._broadcast.number,
            line=row.line,
        )
        return InFlight(before, row, request, questions.up_to_question(request), attempt)

    async def send(self, flight: InFlight) -> None:
        """Send it, and note in it how that went: this raises nothing."""
        try:
            flight.session = await self._place(flight.sent)
        except asyncio.CancelledError:
            operation = send_callflow(flight.request)
            flight.error = operation.unknown_outcome("It was ended before 8x8 had answered")
        except Exception as error:  # noqa: BLE001 - whatever it is, the row must not be called again
            flight.error = error

    async def _place(self, request: CallRequest) -> Session:
        if self._takes_one_say:
            request = say_limit.in_one_say(request) or request
        try:
            return await self._client.send(send_callflow(request))
        except Refused as error:
            if (instead := say_limit.instead(error, request)) is None:
                raise
        session = await self._client.send(send_callflow(instead))
        self._takes_one_say = True
        return session
