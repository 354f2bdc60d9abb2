"""How webhooks really arrive: as documented when calm, and otherwise as seen in the wild."""

from dataclasses import dataclass

from voicecli.sandbox.dice import Dice

_OLD_SPELLINGS = {"NO_ANSWER": "NO ANSWER", "CANCELED": "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Weather:
    """Decides by the session's dice, so that a seed gives the same storm again."""

    dice: Dice
    chaos: bool

    def delays(self) -> list[float]:
        """When to deliver one event, in seconds from now: more than one entry is a duplicate."""
        if not self.chaos:
            return [0.0]
        late = self.dice.choice((0.0, 0.0, self.dice.uniform(0, 8)))
        return [late] if self.dice.random() < 0.6 else [late, late + self.dice.uniform(0, 4)]

    def leg_prefix(self) -> str:
        return self.dice.choice(("call", "Call")) if self.chaos else "call"

    def status(self, status: str) -> str:
        """Older pages of 8x8 spell two outcomes differently."""
        return _OLD_SPELLINGS.get(status, status) if self.chaos and self.dice.random() < 0.5 else status

    def event_data(self, digits: str | None) -> object:
        """An object in the documents, a bare string in a recorded payload; either may be null."""
        if not self.chaos:
            return {"dtmf": digits}
        if digits is None:
            return self.dice.choice((None, {"dtmf": None}))
        return self.dice.choice((digits, {"dtmf": digits}))
