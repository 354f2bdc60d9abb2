"""Reports one session: progress, questions, the summary, the recording; in order when calm, each by itself in
chaos."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from voicecli.sandbox import payloads
from voicecli.sandbox.account import SUBACCOUNT
from voicecli.sandbox.chaos import Chaos
from voicecli.sandbox.delivery import WebhookDelivery
from voicecli.sandbox.numbers import Behaviour
from voicecli.sandbox.payloads import Json, PlayedLeg, fresh_id
from voicecli.sandbox.seeded_random import SeededRandom
from voicecli.voice_api.codes import Outcome


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended, as its summary says it."""

    legs: Sequence[PlayedLeg]
    status: str
    start: datetime
    end: datetime
    last_action: str
    error: Json | None
    behaviour: Behaviour


class SessionReports:
    """The events of one session. Where ``has_request_id`` is None, chaos decides whether the summary has the
    clientRequestId."""

    def __init__(
        self,
        session_id: str,
        client_request_id: str | None,
        *,
        random: SeededRandom,
        chaos: Chaos,
        delivery: WebhookDelivery,
        has_request_id: bool | None,
    ) -> None:
        self._ids: Json = {"sessionId": session_id, "subAccountId": SUBACCOUNT}
        self._client_request_id = client_request_id
        self._random = random
        self._chaos = chaos
        self._delivery = delivery
        self._has_request_id = has_request_id
        self._previous: asyncio.Task[bytes | None] | None = None

    def leg_changed(self, leg: PlayedLeg, status: str, now: datetime, *, is_first_leg: bool) -> None:
        """Report progress (VCS)."""
        event_id = fresh_id(self._random)
        if self._are_needed("VCS"):
            word, direction = self._chaos.progress(status, is_first_leg=is_first_leg)
            event = payloads.call_status(
                leg, word, now, event_id=event_id, session=self._ids, direction=direction
            )
            self._post("VCS", event)

    def ask(
        self, leg: PlayedLeg, digits: str | None, now: datetime, client_action_id: str | None
    ) -> "asyncio.Task[bytes | None] | None":
        """Ask what comes next (VCA): the body of the reply, or None where nobody is to be asked."""
        status, fields = self._chaos.digits(digits)
        event = payloads.call_action(
            leg,
            fields,
            now,
            status=status,
            event_id=fresh_id(self._random),
            session={**self._ids, "clientActionId": client_action_id},
        )
        return self._post("VCA", event) if self._delivery.has("VCA") else None

    def summarize(self, ended: SessionEnd) -> None:
        """Send the summary (VSS); with a number whose summary is corrected a wrong one a second before it,
        and in chaos sometimes behind it. The right one is the one with the later endTime."""
        if not self._are_needed("VSS"):
            return
        behaviour = ended.behaviour
        status = behaviour.summary_status or self._chaos.session_status(Outcome(ended.status))
        summary = self._summary(replace(ended, status=status))
        if (wrong := behaviour.first_summary_status) is not None and ended.legs[0].connected:
            self._post("VSS", self._unanswered(ended, wrong))
            self._post("VSS", summary, after=1)
            return
        arrived = self._post("VSS", summary)
        if ended.status == Outcome.COMPLETED and ended.legs[0].connected and self._chaos.happens(0.1):
            self._post("VSS", self._unanswered(ended, Outcome.NO_ANSWER), behind=arrived)

    def _summary(self, ended: SessionEnd) -> Json:
        has_id = self._has_request_id
        if has_id is None:  # where an answer is lost, it alone leads from the summary to the request
            has_id = ended.behaviour.fault is not None or not self._chaos.happens(0.3)
        return payloads.session_summary(
            [replace(leg, status=self._chaos.spelled(leg.status)) for leg in ended.legs],
            session=self._ids,
            status=ended.status,
            start=ended.start,
            end=ended.end,
            last_action=self._chaos.last_action(ended.last_action),
            client_request_id=self._client_request_id if has_id else None,
            error=ended.error,
            leg_prefix=self._chaos.leg_prefix(),
            source_ref=self._chaos.source_ref(),
        )

    def _unanswered(self, ended: SessionEnd, status: str) -> Json:
        """A summary that takes the first leg for one that nobody answered, and ends before it was."""
        leg = ended.legs[0]
        end = leg.initiated + timedelta(seconds=1)
        wrong = replace(leg, connected=None, disconnected=end, status=status, quality={})
        return self._summary(replace(ended, legs=[wrong], status=status, end=end, last_action="MAKE_CALL"))

    def record(self, leg: PlayedLeg, start: datetime) -> Json:
        """Report the recording of a leg (VRU); what 8x8's API shows of it."""
        recording_id, seconds, began = fresh_id(self._random), leg.duration(), leg.connected or start
        event = payloads.recording_uploaded(str(self._ids["sessionId"]), recording_id, began, seconds)
        if self._are_needed("VRU"):
            self._post("VRU", event)
        return {
            "recordingId": recording_id,
            "sessionid": self._ids["sessionId"],  # so spelled in 8x8's API reference
            "subAccountId": SUBACCOUNT,
            "status": "UPLOAD_COMPLETED",
            "externalFileUrl": str(event["payload"]["filePath"]),  # type: ignore[index]
            "duration": seconds,
            "startRecordingTime": payloads.timestamp(began),
        }

    def _are_needed(self, kind: str) -> bool:
        """Whether events of this type are worth making. Chaos needs all of them: each takes its random
        numbers, and may be delivered so late that somebody wants it by then."""
        return self._chaos.enabled or self._delivery.has(kind)

    def _post(
        self,
        kind: str,
        event: Json,
        *,
        after: float = 0,
        behind: "asyncio.Task[bytes | None] | None" = None,
    ) -> "asyncio.Task[bytes | None]":
        """Deliver an event ``after`` seconds; in chaos, ``behind`` another one where that is given. The task
        gives the body of the first response."""
        first, *repeated = self._chaos.delays()
        previous = behind if self._chaos.enabled else self._previous

        async def deliver(delay: float, *, again: bool) -> bytes | None:
            if previous is not None:
                await asyncio.wait([previous])
            return await self._delivery.deliver(kind, event, after=after + delay, again=again)

        # A question about a live call is not asked again once the moment is over.
        task = self._delivery.spawn(deliver(first, again=kind != "VCA"))
        for delay in repeated:
            self._delivery.spawn(deliver(delay, again=True))
        self._previous = task
        return task
