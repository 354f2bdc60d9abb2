"""How a broadcast is carried out."""

from dataclasses import dataclass

from voicecli.at_most import AtMost
from voicecli.sessions.key_names import KeyNames


@dataclass(frozen=True, slots=True)
class Policy:
    """Times are in seconds. ``retry`` has the outcomes that another attempt is made after, ``every`` later,
    up to ``attempts`` in all. With ``wait`` it goes on until the outcomes are there, at most ``timeout``
    after the last call. ``digits`` is whether the calls ask for some, and ``keys`` has what each
    means, None where any count. ``at_most`` is how often the same person may be called."""

    concurrency: int = 32
    max_calls: int | None = None
    retry: frozenset[str] = frozenset()
    attempts: int = 1
    every: float = 600.0
    wait: bool = False
    timeout: float = 300.0
    digits: bool = False
    keys: KeyNames | None = None
    at_most: AtMost | None = None

    def is_final(self, digits: str | None) -> bool:
        """Whether these are an answer after which nobody calls there again."""
        if not self.digits or digits is None:
            return False
        return self.keys is None or self.keys.is_final(digits)

    @property
    def final_keys(self) -> frozenset[str] | None:
        """These answers, empty where all digits are; None where nothing is asked for."""
        if not self.digits:
            return None
        return frozenset() if self.keys is None else self.keys.final

    @property
    def asks(self) -> str | None:
        """What confirms, as an attempt has it; None where nothing is asked for."""
        if not self.digits:
            return None
        return "" if self.keys is None else self.keys.asks

    @property
    def key_names(self) -> str | None:
        """What keys mean, as an attempt has it."""
        return None if self.keys is None else self.keys.stored_names
