"""Plays one session from dialling to its summary, as a real one would go.

Time is the session's own: every step adds whole seconds to a clock that starts at the request, and the
sandbox sleeps for them divided by its time scale. So the times and durations in the webhooks always add up.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from voicecli.json_values import json_object, text, whole_number
from voicecli.sandbox import payloads
from voicecli.sandbox.account import VOICES
from voicecli.sandbox.chaos import Chaos
from voicecli.sandbox.delivery import WebhookDelivery
from voicecli.sandbox.numbers import Behaviour, behaviour_of
from voicecli.sandbox.payloads import Json, PlayedLeg, fresh_id
from voicecli.sandbox.reading import Reading, Step, steps
from voicecli.sandbox.seeded_random import SeededRandom
from voicecli.sandbox.session_reports import SessionEnd, SessionReports
from voicecli.voice_api import codes
from voicecli.voice_api.callflow import destinations
from voicecli.voice_api.callflow_rules import Action, problems
from voicecli.voice_api.codes import Outcome

CHARACTERS_PER_SECOND = 15  # an ordinary reading voice, some 150 words a minute
FILE_SECONDS = 10  # no file is fetched: each is taken to last this long
BRIDGE_SECONDS = 20  # how long two bridged people talk
LISTEN_SECONDS = 2  # how long the callee stays when there is nothing left to do
MAX_SECONDS = 4 * 3600  # a call is ended then: VCA replies could keep it going for ever
MAX_REPLY_ACTIONS = 100
MAX_LEGS = 2  # of one session
LAST_ACTIONS = {
    "makeCall": "MAKE_CALL",
    "say": "SAY",
    "sayAndCapture": "SAY_AND_CAPTURE",
    "playFile": "PLAY_FILE",
    "hangup": "HANGUP",
}


class _SessionOver(Exception):
    """The session is over."""


class PlayedSession:
    """One session, which begins now. ``body`` is that of its valid request. ``play`` runs it; afterwards
    ``status`` and ``legs`` are final. ``played`` has the actions that were begun, in order.
    ``has_request_id`` is for ``SessionReports``."""

    def __init__(
        self,
        body: Mapping[str, object],
        *,
        random: SeededRandom,
        chaos: Chaos,
        delivery: WebhookDelivery,
        reading: Reading,
        has_request_id: bool | None,
    ) -> None:
        self.session_id, self.request_id = fresh_id(random), fresh_id(random)
        self.client_request_id = text(body.get("clientRequestId"))
        self.status: Outcome | None = None
        self.legs: list[PlayedLeg] = []
        self.recordings: list[Json] = []
        self.played: list[Action] = []
        callflow = cast("list[Action]", body["callflow"])
        self._left = steps(callflow)
        self.destination = next(iter(destinations(callflow)), "")
        self._client_action_id = text(body.get("clientActionId"))
        self._start = self._now = datetime.now(UTC)
        self._loop_start = asyncio.get_running_loop().time()
        self._random = random
        self._time_scale = delivery.time_scale
        self._reading = reading
        self._last_action = "MAKE_CALL"
        self._behaviour = Behaviour()
        self._recorded = False
        self._error: Json | None = None
        self._reports = SessionReports(
            self.session_id,
            self.client_request_id,
            random=random,
            chaos=chaos,
            delivery=delivery,
            has_request_id=has_request_id,
        )

    def describe_end(self) -> str:
        """How it ended, in words, for the sandbox's log."""
        if self.status is None:
            return "is cut off"
        words = codes.OUTCOMES[self.status]
        if self._error is not None:
            words += f": {self._error['errorMsg']} ({self._error['errorCode']})"
        return f"{words}, after {(self._now - self._start).total_seconds():.0f} s"

    async def play(self) -> None:
        try:
            while self._left:
                step = self._left.pop(0)
                digits = await self._act(step)
                if self._reading.sends_vca_after(step, legs=len(self.legs), left=self._left):
                    await self._ask(step, digits)
            await self._pass(LISTEN_SECONDS)  # nothing more to do: the callee hangs up
        except _SessionOver:
            pass
        self._finish()

    def fail(self) -> None:
        """End the session, whatever state it is in, so that its summary comes."""
        self.status = Outcome.ERROR
        self._error = payloads.error_details(-2001, self.request_id)
        self._finish()

    # -- actions -------------------------------------------------------------------------------------

    async def _act(self, step: Step) -> str | None:
        """Carry out one action; the digits that it brought."""
        kind, params = step.kind, step.params
        if kind == "makeCall" and len(self.legs) == MAX_LEGS:
            self._end_with_error(-2003, kind)
        self.played.append(step.action)
        self._last_action = LAST_ACTIONS.get(kind, "MAKE_CALL")
        if self._behaviour.error in payloads.ERRORS_AFTER_ANSWER and kind not in ("makeCall", "hangup"):
            self._end_with_error(self._behaviour.error, kind)
        match kind:
            case "makeCall" if not self.legs:
                await self._dial_first(params)
            case "makeCall":
                await self._bridge(params)
            case "say":
                await self._pass(_speech(params, "text"))
            case "playFile":
                await self._pass(FILE_SECONDS * _whole(params.get("repetition"), 1))
            case "sayAndCapture" if step.ignores_digits:
                await self._pass(_speech(params, "promptMessage"))
            case "sayAndCapture":
                return await self._capture(params)
            case "hangup":
                raise _SessionOver
        return None

    async def _dial_first(self, params: Mapping[str, object]) -> None:
        self._behaviour = behaviour_of(str(params["destination"]))
        if self._behaviour.outcome is Outcome.UNSUBSCRIBED_CONTACT:
            self.status = self._behaviour.outcome
            raise _SessionOver
        await self._connect(params, self._behaviour)
        self._recorded = bool(params.get("callRecording"))

    async def _bridge(self, params: Mapping[str, object]) -> None:
        """The second leg: the first hears it ring, and then the two talk."""
        await self._connect(params, behaviour_of(str(params["destination"])))
        self._report(self.legs[0], "CALL_UPDATED")
        await self._pass(BRIDGE_SECONDS)
        self._disconnect(self.legs[-1])

    async def _connect(self, params: Mapping[str, object], behaviour: Behaviour) -> None:
        """Dial one leg. Where nobody answers, the session is over, and has that leg's status: in 8x8's sample
        both legs end together where the second is busy, lastAction MAKE_CALL."""
        while_speaking = behaviour.error in payloads.ERRORS_AFTER_ANSWER
        if behaviour.error is not None and not while_speaking:
            leg = self._leg(params)
            leg.sip_code, leg.status = 503, Outcome.ERROR
            self._end_with_error(behaviour.error, None)
        if not await self._ring(params, Behaviour() if while_speaking else behaviour):
            self.status = behaviour.outcome
            raise _SessionOver

    async def _ring(self, params: Mapping[str, object], behaviour: Behaviour) -> bool:
        """Dial one leg; whether it was answered."""
        leg = self._leg(params)
        self._report(leg, "CALL_INITIATED")
        await self._pass(self._random.randint(3, 9) if behaviour.ringing is None else behaviour.ringing)
        leg.sip_code = behaviour.sip_code
        if behaviour.sip_code != 200:
            leg.status = behaviour.outcome
            self._disconnect(leg)
            return False
        leg.connected = self._now
        self._report(leg, "CALL_CONNECTED")
        return True

    async def _capture(self, params: Mapping[str, object]) -> str | None:
        digits = None
        for _ in range(_whole(params.get("noOfTries"), 3)):
            await self._pass(_speech(params, "promptMessage"))
            patience = _whole(params.get("overallTimeout"), 30_000) / 1000
            digits = self._pressed(params, patience)
            await self._pass(patience if digits is None else self._behaviour.press_after)
            if digits is not None:
                break
        leg = self.legs[0]
        if digits is not None:
            self._report(leg, "DTMF_RECEIVED")
        outcome_message = "failureMessage" if digits is None else "successMessage"
        if params.get(outcome_message):
            await self._pass(_speech(params, outcome_message))
        return digits

    def _pressed(self, params: Mapping[str, object], patience: float) -> str | None:
        """What 8x8 would take of the digits that this callee presses."""
        if not self._behaviour.digits or self._behaviour.press_after > patience:
            return None
        typed = self._behaviour.digits
        if params.get("completeOnHash") is not False:
            typed = typed.partition("#")[0]
        typed = re.sub("[^0-9*#]", "", typed)[: _whole(params.get("maxDigits"), 25)]
        return typed if len(typed) >= _whole(params.get("minDigits"), 1) else None

    async def _ask(self, step: Step, digits: str | None) -> None:
        """Send the VCA and go on as its reply and the reading say."""
        asking = self._reports.ask(self.legs[0], digits, self._now, self._client_action_id)
        if asking is None:
            return  # there is no webhook, or it was deleted during the call
        reply = self._reply_steps(await asking)
        self._left = [] if reply is None else self._reading.continued(reply, self._left)
        if not self._left:
            self._end_with_error(-2003, step.kind)

    def _reply_steps(self, reply: bytes | None) -> list[Step] | None:
        """The reply's callflow, or None for one that is not valid."""
        document = None if reply is None else json_object(reply)
        if document is None or any(problems(document.get("callflow"), in_call=True)):
            return None
        actions = cast("Sequence[Action]", document["callflow"])
        legs = len(self.legs) + len(destinations(actions))
        if unknown_voice(actions) or len(actions) > MAX_REPLY_ACTIONS or legs > MAX_LEGS:
            return None
        self._client_action_id = text(document.get("clientActionId")) or self._client_action_id
        return steps(actions)

    # -- the clock, the events, the end --------------------------------------------------------------

    async def _pass(self, seconds: float) -> None:
        left = MAX_SECONDS - (self._now - self._start).total_seconds()
        self._now += timedelta(seconds=min(max(0, round(seconds)), left))
        elapsed = (self._now - self._start).total_seconds() / self._time_scale
        await asyncio.sleep(self._loop_start + elapsed - asyncio.get_running_loop().time())
        if seconds > left:
            raise _SessionOver

    def _leg(self, params: Mapping[str, object]) -> PlayedLeg:
        """A leg that is being dialled."""
        leg = PlayedLeg(
            fresh_id(self._random), str(params["source"]), str(params["destination"]), initiated=self._now
        )
        self.legs.append(leg)
        return leg

    def _disconnect(self, leg: PlayedLeg) -> None:
        leg.disconnected = self._now
        if leg.connected is not None:
            leg.quality = {
                "mos": round(self._random.uniform(3.0, 4.6), 1),
                "packetLossRate": self._random.choice((0, 0, 0, 1, 2)),
                "jitter": self._random.randint(5, 40),
            }
        self._report(leg, "CALL_DISCONNECTED")

    def _end_with_error(self, code: int, action: str | None) -> None:
        self.status = Outcome.ERROR
        self._error = payloads.error_details(code, self.request_id)
        self._error |= {} if action is None else {"action": action}
        raise _SessionOver

    def _finish(self) -> None:
        if self.status is None:
            self.status = self._behaviour.outcome
        if self._behaviour.error is not None and self.legs:
            self.legs[0].status = Outcome.ERROR
        for leg in self.legs:
            if leg.disconnected is None:
                self._disconnect(leg)
        start, end, last_action = self._start, self._now, self._last_action
        ended = SessionEnd(self.legs, self.status, start, end, last_action, self._error, self._behaviour)
        self._reports.summarize(ended)
        if self.legs and self.legs[0].connected and self._recorded:
            self.recordings.append(self._reports.record(self.legs[0], self._start))

    def _report(self, leg: PlayedLeg, status: str) -> None:
        self._reports.leg_changed(leg, status, self._now, is_first_leg=leg is self.legs[0])


def unknown_voice(actions: object) -> str | None:
    """A voice profile in the callflow that there is not (-1002)."""
    for action in actions if isinstance(actions, list) else ():
        voice = Step(action).params.get("voiceProfile")
        if isinstance(voice, str) and voice not in VOICES:
            return voice
    return None


def _speech(params: Mapping[str, object], name: str) -> float:
    """Seconds of speech: the text's length, times the repetitions, over the speed."""
    speed = params.get("speed")
    factor = float(speed) if isinstance(speed, int | float) else 1.0
    repetition = _whole(params.get("repetition"), 1) if name in ("text", "promptMessage") else 1
    return max(1.0, len(str(params[name])) / CHARACTERS_PER_SECOND * repetition / factor)


def _whole(value: object, default: int) -> int:
    """A whole number within reason, so that it can be reckoned with."""
    number = whole_number(value)
    return default if number is None else min(number, 10**9)
