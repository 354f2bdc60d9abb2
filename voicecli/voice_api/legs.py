"""The legs of a session: its calls, as its summary (VSS) has them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from voicecli.voice_api import codes
from voicecli.voice_api.event_fields import Json, number_field, object_field, text_field


@dataclass(frozen=True, slots=True)
class Leg:
    """One call of a session, as its VSS has it. ``seconds`` is how long it was answered (0 where not, or
    unknown), ``connected`` whether it was."""

    payload: Json
    seconds: float = field(init=False, repr=False, compare=False)
    connected: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        seconds = number_field(self.payload, "callDuration") or 0
        object.__setattr__(self, "seconds", seconds if seconds > 0 else 0)
        object.__setattr__(self, "connected", seconds > 0 or "connectedTimestamp" in self.payload)

    @property
    def source(self) -> str:
        return text_field(self.payload, "source")

    @property
    def destination(self) -> str:
        return text_field(self.payload, "destination")

    @property
    def inbound(self) -> bool:
        """Whether they called us. 8x8's page has the field as direction, its samples as callDirection."""
        return "INBOUND" in (text_field(self.payload, "callDirection"), text_field(self.payload, "direction"))

    @property
    def outcome(self) -> str:
        """How it ended, in one spelling; nothing where that is not said."""
        return str(codes.outcome(text_field(self.payload, "callStatus")))

    @property
    def ringing(self) -> float | None:
        """Seconds until it was answered or given up; None for less than one, or where it is unknown."""
        end = "connectedTimestamp" if self.connected else "disconnectedTimestamp"
        try:
            ended = datetime.fromisoformat(text_field(self.payload, end))
            initiated = datetime.fromisoformat(text_field(self.payload, "initiatedTimestamp"))
            seconds = (ended - initiated).total_seconds()
        except (ValueError, TypeError, OverflowError):  # no times, or one with a zone and one without
            return None
        return seconds if seconds >= 1 else None

    @property
    def mos(self) -> float | None:
        return self._quality("mos")

    @property
    def words(self) -> str:
        """How it went: ``completed, rang 6 s, talked 13 s, MOS 4.5 excellent``."""
        parts = [codes.describe_outcome(text_field(self.payload, "callStatus")) or "no status"]
        if (ringing := self.ringing) is not None:
            parts.append(f"rang {ringing:.0f} s")
        if self.seconds > 0:
            parts.append(f"talked {self.seconds:g} s")
        if (mos := self.mos) is not None:
            parts.append(describe_mos(mos))
        for name, field_, unit in (("loss", "packetLossRate", "%"), ("jitter", "jitter", "ms")):
            if (value := self._quality(field_)) is not None:
                parts.append(f"{name} {value:g} {unit}")
        return ", ".join(parts)

    def _quality(self, name: str) -> float | None:
        return number_field(object_field(self.payload, "callQuality"), name)


def legs_of(payload: Json) -> Sequence[Leg]:
    """Their keys are callA or CallA, then callB."""
    details = payload.get("details")
    if not isinstance(details, dict):
        return []
    return [Leg(leg) for _, leg in sorted(details.items(), key=_leg_key) if isinstance(leg, dict)]


def _leg_key(item: tuple[object, object]) -> str:
    return str(item[0]).lower()


def describe_mos(mos: float) -> str:
    return f"MOS {mos:g} {codes.describe_quality(mos)}"
