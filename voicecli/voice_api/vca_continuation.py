"""The reply to a VCA of a call of ours: a callflow is sent up to its first question, and what follows is the
reply to the VCA webhooks. ``calling.vca_replier`` gives it, and ``listener.vca_repliers`` for other calls.

8x8's pages disagree on when a VCA comes. ``capture``, the documented way: after a sayAndCapture, and when the
actions have run out without a hangup. ``say``: after every action. ``connect``: upon connecting, too. They do
not say whether a reply comes before what was left of the callflow or in its place. The rule here is exact
under the first, and under all of them it shortens no call and dials no number twice.
"""

import math
from collections.abc import Iterable, Sequence
from json import dumps
from typing import NamedTuple

from voicecli.voice_api.call_length import RINGING, longest, params_of, shortest, shortest_to_its_end
from voicecli.voice_api.callflow_rules import Action, split_at_question
from voicecli.voice_api.replies import EMPTY_REPLY, Reply
from voicecli.voice_api.webhook_events import Event, Received

TOLERANCE = 1.0  # seconds by which timestamps in whole seconds can be wrong


def continue_call(
    flow: Sequence[Action],
    *,
    accepted: int | None = None,
    started: Received | None = None,
    earlier: Iterable[Received],
    event: Received,
) -> Reply | None:
    """The reply to a VCA of a call of ours: what is left of its whole callflow, up to the next question or to
    its end. None where nothing is left and the callflow has no hangup: the call has nothing more to do.

    ``accepted`` is when 8x8 took the request (microseconds since 1970); a callflow that is itself a reply has
    ``started`` with the VCA that it answered, and goes on from its beginning there. ``earlier`` has the
    call's events that came before this one, in that order: its VCAs, which have moved it on, and its VCSs,
    which tell of the legs. The same VCA again (same eventId) gets the same reply.
    """
    if not flow or flow[0].get("action") != "makeCall":  # what is left of a scenario is unknown
        return EMPTY_REPLY
    progress = _CallProgress(flow, accepted, started)
    answered: set[bytes] = set()
    wanted = _event_identity(event.event)
    if started is not None and _event_identity(started.event) == wanted:
        return Reply(split_at_question(flow)[0][1:])
    for received in earlier:
        if received.event.type == "VCS":
            progress.add_status(received)
        elif received.event.type == "VCA" and (identity := _event_identity(received.event)) not in answered:
            reply = progress.reply(received)
            if identity == wanted:
                return reply
            answered.add(identity)
    return progress.reply(event)


class _Moment(NamedTuple):
    """When something happened, by 8x8's clock where the event has a timestamp, and when its event came, by
    ours: microseconds since 1970."""

    timestamp: int | None
    received: int

    def seconds_since(self, earlier: "_Moment") -> float:
        if (
            self.timestamp is not None
            and earlier.timestamp is not None
            and self.timestamp >= earlier.timestamp
        ):
            return (self.timestamp - earlier.timestamp) / 1e6
        return (self.received - earlier.received) / 1e6


class _CallProgress:
    """How far a call has come in its callflow, by what was reported of it."""

    def __init__(self, flow: Sequence[Action], accepted: int | None, started: Received | None) -> None:
        self._flow = flow
        self._accepted = accepted
        self._next = 1  # the action that comes next; the first one calls
        self._sent = len(split_at_question(flow)[0])  # 8x8 has got the actions before this one
        self._last: _Moment | None = None  # of a VCA
        self._connected = None if started is None else _moment(started)
        self._bridge = next(
            (index for index, one in enumerate(flow) if index and _kind(one) == "makeCall"), 0
        )
        self._bridge_began = False
        self._bridge_ended: _Moment | None = None

    def add_status(self, received: Received) -> None:
        """Apply a VCS."""
        status, moment = received.event.status, _moment(received)
        if self._is_of_bridge(received.event):
            self._bridge_began = True
            if status == "CALL_DISCONNECTED":
                self._bridge_ended = moment
        elif status in ("CALL_CONNECTED", "ANSWERED") and self._connected is None:
            self._connected = moment

    def reply(self, received: Received) -> Reply | None:
        """Move on by a VCA, and say what is left."""
        now = _moment(received)
        left = self._elapsed(now), self._next
        self._move(received.event, now)
        self._last = now
        question = _next_question(self._flow, self._next)
        end = len(self._flow) if question is None else question + 1
        if self._next <= self._bridge < min(end, self._sent) and self._bridge_may_have_begun(*left):
            return EMPTY_REPLY
        self._sent = max(self._sent, end)
        return Reply(self._flow[self._next : end]) if self._next < end else None

    def _move(self, event: Event, now: _Moment) -> None:
        """Apply a VCA: find the action that comes next."""
        since = self._elapsed(now)
        bridged = self._bridge_began and self._next <= self._bridge < self._sent
        if bridged:  # it is over, or no VCA would come
            self._next = self._bridge + 1
            since = 0.0 if self._bridge_ended is None else now.seconds_since(self._bridge_ended)
        question = _next_question(self._flow, self._next)
        if event.digits is not None and question is not None:
            self._next = question + 1
        elif (awaited := self._last_before_vca(question)) is not None and self._may_be_over(awaited, since):
            before = self._flow[self._next : awaited]
            again = bool(before) and sum(map(longest, before)) >= since
            self._next = awaited if again else awaited + 1
        elif self._last is not None and not bridged and self._next < self._end_of_work():
            self._next += 1

    def _end_of_work(self) -> int:
        """Where the callflow has nothing more but its hangup, or ends."""
        return len(self._flow) - (_kind(self._flow[-1]) == "hangup")

    def _last_before_vca(self, question: int | None) -> int | None:
        """After which action the next VCA is documented to come: the question, else the last action where no
        hangup follows it. None where the callflow hangs up by itself."""
        if question is not None:
            return question
        hangs_up = self._end_of_work() < len(self._flow)
        return None if hangs_up or self._next >= len(self._flow) else len(self._flow) - 1

    def _elapsed(self, now: _Moment) -> float:
        """Seconds in which the actions from the next one on can have been carried out; less than none where
        nobody knows."""
        start = self._last or self._connected
        if start is not None:
            return now.seconds_since(start)
        return -math.inf if self._accepted is None else (now.received - self._accepted) / 1e6 - RINGING

    def _may_be_over(self, awaited: int, elapsed: float) -> bool:
        """Whether the actions up to this one can have been carried out in so many seconds."""
        before = sum(map(shortest, self._flow[self._next : awaited]))
        needed = before + shortest_to_its_end(self._flow[awaited])
        return elapsed >= needed - min(TOLERANCE, needed / 10)

    def _bridge_may_have_begun(self, elapsed: float, at: int) -> bool:
        """Whether 8x8 can have dialled the second leg when it had that much time since the action ``at``. A
        VCS tells; but it may be late, or there are none."""
        return self._connected is None or elapsed >= sum(map(longest, self._flow[at : self._bridge]))

    def _is_of_bridge(self, event: Event) -> bool:
        called = [_called_number(action) for action in (self._flow[0], self._flow[self._bridge])]
        return called[0] != called[1] == event.destination.lstrip("+")


def _kind(action: Action) -> object:
    return action.get("action")


def _called_number(action: Action) -> str:
    return str(params_of(action).get("destination")).lstrip("+")


def _next_question(callflow: Sequence[Action], start: int) -> int | None:
    kinds = map(_kind, callflow[start:])
    return next((start + index for index, kind in enumerate(kinds) if kind == "sayAndCapture"), None)


def _moment(received: Received) -> _Moment:
    return _Moment(received.event.timestamp, received.received)


def _event_identity(event: Event) -> bytes:
    return event.identity(lambda: dumps(event.payload, sort_keys=True).encode())
