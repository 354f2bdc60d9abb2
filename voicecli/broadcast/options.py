"""The options of a broadcast, as values that the journal keeps, so that another process can resume it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli.at_most import AtMost
from voicecli.broadcast.policy import Policy
from voicecli.calling.script import Script
from voicecli.errors import InvalidInput, quote
from voicecli.listener.public_access import PublicAccess
from voicecli.sessions.key_names import KeyNames
from voicecli.voice_api import timeouts

if TYPE_CHECKING:
    from voicecli.broadcast.eligibility import Eligibility
    from voicecli.broadcast.lists.recipients import Recipients

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}  # of time that a rate is given in, in seconds
MAX_RATE = 10_000.0  # calls per second
FORMER_NAMES = {"quiet": "not_between"}
"""Options by the names that journals of earlier versions have, and what they are called now."""
_USUAL = Policy()
_KEPT_OF_ACCESS = ("domain", "public_url", "ngrok_config", "install_ngrok")


class BroadcastOptions(NamedTuple):
    """All options but the content, as they were given. Times are in seconds, ``retry`` has outcomes."""

    to_column: str | None = None
    sheet: str | None = None
    hidden: bool = False
    region: str | None = None
    source: str = ""
    repeat: int | None = None
    voice: str | None = None
    speed: float | None = None
    spell_digits: bool = False
    confirm: str | None = None
    keys: str | None = None
    accept: str | None = None
    digits: str | None = None
    hash_ends: bool = False
    valid_for: float | None = None
    rate: str | None = None
    concurrency: int = _USUAL.concurrency
    max_calls: int | None = None
    not_between: str | None = None
    weekdays: bool = False
    do_not_call: str | None = None
    call_unsubscribed: bool = False
    at_most: str | None = None
    any_number: bool = False
    vca_elsewhere: bool = False
    retry: tuple[str, ...] = ()
    attempts: int = _USUAL.attempts
    every: float = _USUAL.every
    wait: bool = False
    timeout: float = _USUAL.timeout
    request_timeout: float = timeouts.REQUEST_TIMEOUT

    @classmethod
    def from_mapping(cls, options: Mapping[str, object]) -> "BroadcastOptions":
        """By name, as the journal has them, or as they were given: lengths of time may be timedelta. What is
        missing or None has its default, and what is no option of a broadcast is left out. Former names count
        where the present one is missing, and ``confirm`` where ``keys`` is."""
        options = {**{new: options[old] for old, new in FORMER_NAMES.items() if old in options}, **options}
        known: dict[str, Any] = {
            name: value.total_seconds() if isinstance(value, timedelta) else value
            for name, value in options.items()
            if name in cls._fields and value is not None
        }
        if "keys" in known:
            known.pop("confirm", None)
        return cls(**{**known, "retry": tuple(known.get("retry", ()))})

    def kept(self) -> dict[str, object]:
        """For the journal. Former names stand beside the present ones: a machine of the team that has an
        earlier version may go on with the broadcast, and must not call anybody at night, nor without the
        question."""
        kept = self._asdict()
        if self.keys is not None and (keys := self.key_names()) is not None:
            kept["confirm"] = ",".join(sorted(keys.accepted or keys.names))
        return {**kept, **{old: kept[new] for old, new in FORMER_NAMES.items()}}

    def read_list(self, people: bytes) -> "Recipients":
        """Raises InvalidInput."""
        from voicecli.broadcast.lists import recipients

        return recipients.read(people, sheet=self.sheet, hidden=self.hidden)

    def script(self, content: "Content") -> Script:
        return Script(
            source=self.source,
            text=content.text,
            play=content.play,
            repeat=self.repeat,
            voice=self.voice,
            speed=self.speed,
            spell_digits=self.spell_digits,
            confirm=self.confirm,
            keys=self.keys,
            accept=self.accept,
            digits=self.digits,
            hash_ends=self.hash_ends,
            thanks=content.thanks,
            valid_for=None if self.valid_for is None else timedelta(seconds=self.valid_for),
        )

    @property
    def waits(self) -> bool:
        """Whether the outcomes are waited for."""
        return self.wait or self.captures or bool(self.retry)

    @property
    def captures(self) -> bool:
        return self.script(Content()).captures

    def key_names(self) -> KeyNames | None:
        """What keys mean; None where they mean nothing. Raises InvalidInput."""
        return self.script(Content()).key_names()

    def policy(self) -> Policy:
        return Policy(
            concurrency=self.concurrency,
            max_calls=self.max_calls,
            retry=frozenset(self.retry),
            attempts=self.attempts,
            every=self.every,
            wait=self.waits,
            timeout=self.timeout,
            digits=self.captures,
            keys=self.key_names(),
            at_most=self.contact_limit(),
        )

    def contact_limit(self) -> AtMost | None:
        """How often the same person may be called; None for any number of times. Raises InvalidInput."""
        return None if self.at_most is None else AtMost.parse(self.at_most)

    def eligibility(self, do_not_call: frozenset[str] = frozenset()) -> "Eligibility":
        """Who may be called; ``do_not_call`` has numbers (E.164) that are not. Raises InvalidInput."""
        from voicecli.broadcast.eligibility import Eligibility
        from voicecli.quiet_hours import Hours, parse_quiet_hours

        hours = None
        if self.not_between is not None or self.weekdays:
            quiet = None if self.not_between is None else parse_quiet_hours(self.not_between)
            hours = Hours(quiet, weekdays=self.weekdays)
        return Eligibility(hours, do_not_call, call_unsubscribed=self.call_unsubscribed)

    def calls_per_second(self) -> float | None:
        """None for no limit. Raises InvalidInput."""
        if self.rate is None:
            return None
        match = re.fullmatch(
            r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(?:/([smh]))?", self.rate.replace(" ", ""), re.ASCII
        )
        rate = float(match[1]) / UNITS[match[2] or "s"] if match else 0.0
        if not 0 < rate <= MAX_RATE:
            meant = re.fullmatch(r"([0-9.]+) *(?:/|per|a)? *(s|m|h)[a-z]*", self.rate.strip().lower())
            raise InvalidInput(
                f"--rate takes a pace such as 5/s or 90/m, not {quote(self.rate)}.",
                hint=f"Did you mean {meant[1]}/{meant[2]}?" if meant and not match else "",
            )
        return rate


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Options that only the start of a broadcast has: ``shard`` is the part of the list, from 1, and how
    many parts there are; with ``again`` a list that was sent before is sent again; with ``all_faults`` the
    problems of all rows are kept; ``start`` is when it is to begin, None for at once. Whoever begins it waits
    until then."""

    shard: tuple[int, int] = (1, 1)
    skip_invalid: bool = False
    again: bool = False
    all_faults: bool = False
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """How the reports of outcomes arrive, where they are waited for."""

    access: PublicAccess = field(default_factory=PublicAccess)
    port: str | None = None
    force: bool = False

    @classmethod
    def from_mapping(cls, kept: Mapping[str, object]) -> "ReceiverOptions":
        """As the journal has it."""
        known = {name: value for name, value in kept.items() if name in _KEPT_OF_ACCESS}
        if known.get("ngrok_config") is not None:
            known["ngrok_config"] = Path(str(known["ngrok_config"]))
        return cls(PublicAccess(**known), kept.get("port"), bool(kept.get("force")))  # type: ignore[arg-type]

    def kept(self) -> dict[str, object]:
        """For the journal."""
        access = self.access._asdict()
        config = None if self.access.ngrok_config is None else str(self.access.ngrok_config.resolve())
        kept = {name: access[name] for name in _KEPT_OF_ACCESS} | {"ngrok_config": config}
        return {**kept, "port": self.port, "force": self.force}


class Content(NamedTuple):
    """What people hear. It is stored only sealed."""

    text: str | None = None
    play: str | None = None
    thanks: str | None = None
    callflow: str | None = None  # JSON

    def packed(self) -> bytes:
        return json.dumps(self).encode()

    def document(self) -> object:
        """The callflow of the user's own; None where there is none."""
        return None if self.callflow is None else json.loads(self.callflow)

    @classmethod
    def unpacked(cls, packed: bytes) -> "Content":
        return cls(*json.loads(packed))
