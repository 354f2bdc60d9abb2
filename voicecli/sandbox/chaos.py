"""How webhooks really arrive: as documented when calm, and otherwise as seen in the wild and on older pages.

Chaos never hides how a call ended: the leg's status says it where sessionStatus is FAILED, and the summary
with the latest endTime where there are two.
"""

from dataclasses import dataclass

from voicecli.sandbox.payloads import Json
from voicecli.sandbox.seeded_random import SeededRandom
from voicecli.voice_api.codes import Outcome

_OLD_SPELLINGS = {"NO_ANSWER": "NO ANSWER", "CANCELED": "CANCELLED"}
_MAY_BE_FAILED = (Outcome.BUSY, Outcome.NO_ANSWER, Outcome.CANCELED)
_OTHER_WORDS = {"CALL_INITIATED": "RINGING", "CALL_CONNECTED": "ANSWERED"}


@dataclass(frozen=True, slots=True)
class Chaos:
    """Decides by the session's random, so that a seed gives the same storm again."""

    random: SeededRandom
    enabled: bool

    def delays(self) -> list[float]:
        """When to deliver one event, in seconds from now: more than one entry is a duplicate."""
        if not self.enabled:
            return [0.0]
        late = self.random.choice((0.0, 0.0, self.random.uniform(0, 8)))
        return [late] if self.random.random() < 0.6 else [late, late + self.random.uniform(0, 4)]

    def happens(self, chance: float) -> bool:
        return self.enabled and self.random.random() < chance

    def leg_prefix(self) -> str:
        return self.random.choice(("call", "Call")) if self.enabled else "call"

    def source_ref(self) -> tuple[str, str]:
        """Name and value of a leg's sourceRefId: one of 8x8's samples has a capital S and the text null."""
        return ("SourceRefId", "null") if self.happens(0.5) else ("sourceRefId", "SANDBOX-SOURCE")

    def spelled(self, status: str) -> str:
        """Older pages of 8x8 spell two outcomes differently."""
        return _OLD_SPELLINGS.get(status, status) if self.happens(0.5) else status

    def session_status(self, status: Outcome) -> str:
        """The API introduction says that FAILED covers busy and no answer; the leg's status is exact."""
        return Outcome.FAILED if status in _MAY_BE_FAILED and self.happens(0.3) else self.spelled(status)

    def last_action(self, action: str) -> str:
        return "PLAY_TTS" if action == "SAY" and self.happens(0.5) else action

    def progress(self, status: str, *, is_first_leg: bool) -> tuple[str, str | None]:
        """A VCS's callStatus, and its callDirection where it is not the leg's. The API introduction has words
        of its own; in the IVR guides' sample an outbound call begins as CALL_RECEIVED, INBOUND."""
        if status == "CALL_INITIATED" and is_first_leg and self.happens(0.3):
            return "CALL_RECEIVED", "INBOUND"
        return _OTHER_WORDS.get(status, status) if self.happens(0.3) else status, None

    def digits(self, digits: str | None) -> tuple[str, Json]:
        """A VCA's callStatus, and the fields that hold its digits: an object in the documents, a bare text in
        a recorded payload, beside asrCaptured or without eventData on older pages."""
        objects: list[Json] = [{"eventData": {"dtmf": digits}}]
        if not self.enabled:
            return "ACTION_COMPLETED", objects[0]
        heard = self.random.choice((None, "hello world"))
        objects += [{"eventData": digits}, {"eventData": {"dtmf": digits, "asrCaptured": heard}}]
        if digits is not None and self.happens(0.25):
            return "DTMF_RECEIVED", {"dtmf": digits}
        return "ACTION_COMPLETED", self.random.choice(objects)
