"""How a broadcast is carried out."""

from dataclasses import dataclass

from voicecli.at_most import AtMost


@dataclass(frozen=True, slots=True)
class Policy:
    """Times are in seconds. ``retry`` has the outcomes that another attempt is made after, ``every`` later,
    up to ``attempts`` in all. With ``wait`` it goes on until the outcomes are there, at most ``timeout``
    after the last call. ``digits`` is whether the calls ask for some, and ``confirming`` has those that
    confirm, empty where any do. ``at_most`` is how often the same person may be called."""

    concurrency: int = 32
    max_calls: int | None = None
    retry: frozenset[str] = frozenset()
    attempts: int = 1
    every: float = 600.0
    wait: bool = False
    timeout: float = 300.0
    digits: bool = False
    confirming: frozenset[str] = frozenset()
    at_most: AtMost | None = None

    def accepts(self, digits: str | None) -> bool:
        """Whether these are an answer that counts, so that nobody calls there again."""
        if not self.digits or digits is None:
            return False
        return not self.confirming or digits in self.confirming

    @property
    def keys(self) -> str | None:
        """What confirms, as the field ``asks`` of an attempt has it; None where nothing is asked for."""
        return ",".join(sorted(self.confirming)) if self.digits else None
