"""What a call does, apart from whom it calls: the same for one call and for a list of a million."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from voicecli import account
from voicecli.errors import InvalidInput
from voicecli.phone import PhoneNumber
from voicecli.sessions.key_names import KeyNames
from voicecli.voice_api import callflow, callflow_rules
from voicecli.voice_api.callflow import HANGUP, CallRequest
from voicecli.voice_api.messages import Capture, audio_message, speakable_text, voice_message

DIGITS_PATIENCE = timedelta(seconds=30)  # for a code, which takes longer than one key
CHARACTERS_PER_SECOND = 15  # an ordinary reading voice, some 150 words a minute
ANYBODY, _ANYTHING = "+33199001234", "Hello"  # to try out what does not depend on them


@dataclass(frozen=True, slots=True)
class Script:
    """What a call does: it says ``text`` or plays ``play``, one of the two. Options are as people write them;
    None and False where they were not asked for, so that one without effect can be told."""

    source: str
    text: str | None = field(default=None, repr=False)
    play: str | None = None  # the URL of an mp3 or wav file
    repeat: int | None = None
    voice: str | None = None
    speed: float | None = None
    spell_digits: bool = False
    confirm: str | None = None  # keys: 1, or 1,2
    keys: str | None = None  # 1=confirmed,2=reschedule,9=stop
    accept: str | None = None  # names of these: confirmed
    digits: str | None = None  # how many: 6, or 4-6
    hash_ends: bool = False
    thanks: str | None = field(default=None, repr=False)
    valid_for: timedelta | None = None

    @property
    def captures(self) -> bool:
        """Whether digits are asked for."""
        return self.question is not None

    @property
    def question(self) -> str | None:
        """The option that asks for digits, if one does."""
        return next((name for name, value in self.questions().items() if value is not None), None)

    def questions(self) -> dict[str, object]:
        """The options that ask for digits, by name; None where one was not given."""
        return {"--confirm": self.confirm, "--keys": self.keys, "--digits": self.digits}

    def key_names(self) -> KeyNames | None:
        """What keys mean; None where they mean nothing. Raises InvalidInput."""
        if self.keys is not None:
            return KeyNames.parse(self.keys, self.accept)
        return None if self.confirm is None else KeyNames.of_confirm(_keys(self.confirm))

    def confirming(self) -> frozenset[str]:
        """The keys that confirm. Raises InvalidInput, also where keys have names of their own: who knows
        only the keys would call again who pressed stop."""
        if self.keys is not None:
            raise InvalidInput("These keys have names.", hint="Give keys=script.key_names() in their place.")
        names = self.key_names()
        return frozenset() if names is None else names.accepted

    def speech(self) -> dict[str, object]:
        """The options that only go with something that is said, by name; None where one was not given."""
        return {
            "--voice": self.voice,
            "--speed": self.speed,
            "--spell-digits": self.spell_digits or None,
            **self.questions(),
        }

    def check(self) -> None:
        """Raises InvalidInput for options that exclude each other, have no effect or are wrong: after it,
        only the text can be wrong. A ``source`` that is not known yet may be empty."""
        if self.play is not None:
            refuse_conflicts("--play", {"MESSAGE": self.text, **self.speech()})
        if self.keys is None and self.accept is not None:
            refuse_without("--keys", ["--accept"])
        if self.question != "--digits" and (question := self.question) is not None:
            others = {name: value for name, value in self.questions().items() if name != question}
            refuse_conflicts(question, {**others, "--hash": self.hash_ends or None})
        if (names := self.key_names()) is not None:
            names.check()
        if self.thanks is not None and not self.captures:
            refuse_without("--confirm, --keys or --digits", ["--thanks"])
        if self.hash_ends and self.digits is None:
            refuse_without("--digits", ["--hash"])
        text = _ANYTHING if self.play is None else None
        replace(self, source=self.source or ANYBODY, text=text).request(ANYBODY)

    def check_text(self, text: str) -> str:
        """How this would be said instead, for many texts with the same options. Raises InvalidInput."""
        return speakable_text(text, spell_digits=self.spell_digits)

    def check_thanks(self) -> None:
        """Raises InvalidInput for thanks that can't be said."""
        try:
            self.check_text(self.thanks or "")
        except InvalidInput as error:
            raise InvalidInput(f"--thanks: {error.message}", hint=error.hint) from error

    def seconds(self, text: str) -> float:
        """How long it takes to say this, roughly."""
        return len(text) * (self.repeat or 1) / (self.speed or 1.0) / CHARACTERS_PER_SECOND

    def request(
        self, number: PhoneNumber | str, *, text: str | None = None, message_id: str | None = None
    ) -> CallRequest:
        """The request for a call to ``number``, which as a text is E.164 that was checked before: all that
        happens in the call, also what follows a question. ``text`` is said in place of the script's. Raises
        InvalidInput."""
        to = number if isinstance(number, PhoneNumber) else PhoneNumber(number, "")
        repeat = 1 if self.repeat is None else self.repeat
        validity = callflow.DEFAULT_VALIDITY if self.valid_for is None else self.valid_for
        if self.play is not None:
            return audio_message(
                to, self.play, source=self.source, repeat=repeat, message_id=message_id, valid_for=validity
            )
        if self.thanks is not None:
            self.check_thanks()
        request = voice_message(
            to,
            (self.text if text is None else text) or "",
            source=self.source,
            repeat=repeat,
            voice_profile=account.DEFAULT_VOICE if self.voice is None else self.voice,
            speed=1.0 if self.speed is None else self.speed,
            spell_digits=self.spell_digits,
            capture=self._capture() if self.captures else None,
            message_id=message_id,
            valid_for=validity,
        )
        return replace(request, callflow=(*request.callflow, HANGUP)) if self.captures else request

    def _capture(self) -> Capture:
        if self.digits is None:
            self.key_names()
            return Capture(success_message=self.thanks)
        few, many = _how_many(self.digits)
        return Capture(few, many, self.hash_ends, self.thanks, DIGITS_PATIENCE)


def refuse_conflicts(chosen: str, others: Mapping[str, object]) -> None:
    """Raises InvalidInput where one of ``others`` was given, which ``chosen`` excludes."""
    if given := [name for name, value in others.items() if value is not None]:
        raise InvalidInput(
            f"{' and '.join(given)} can't be given together with {chosen}.", hint="Leave one of them out."
        )


def refuse_without(condition: str, options: Iterable[str]) -> None:
    """Raises InvalidInput where an option was given that has no effect without others."""
    for name in options:
        raise InvalidInput(
            f"{name} has no effect without {condition}.", hint=f"Add what it needs, or leave {name} out."
        )


def _keys(text: str) -> frozenset[str]:
    keys = frozenset(text.replace(" ", "").split(",")) - {""}
    if not (keys and all(re.fullmatch("[0-9*#]", key) for key in keys)):
        meant = ",".join(re.findall("[0-9*#]", text)) or "1"
        raise InvalidInput(
            "--confirm takes keys of a telephone, such as 1 or 1,2.", hint=f"Did you mean --confirm {meant}?"
        )
    return keys


def _how_many(text: str) -> tuple[int, int]:
    """The least and the most digits."""
    least, dash, most = text.partition("-")
    bounds = (least, most if dash else least)
    few, many = (int(bound) if re.fullmatch("[0-9]{1,2}", bound) else 0 for bound in bounds)
    if not 1 <= few <= many <= callflow_rules.MAX_DIGITS:
        raise InvalidInput(
            f"--digits takes a number of digits, such as 6 or 4-6, up to {callflow_rules.MAX_DIGITS}.",
            hint=_digits_hint(text),
        )
    return few, many


def _digits_hint(text: str) -> str:
    """What may be meant by a number of digits that is none: 6-4, 4,6 or 4-."""
    most = callflow_rules.MAX_DIGITS
    match sorted({int(number) for number in re.findall("[0-9]{1,4}", text)}):
        case [few, many] if few >= 1 and many <= most:
            return f"Did you mean {few}-{many}?"
        case [few] if 1 <= few < most:
            return f"Did you mean {few} or {few}-{most}?"
        case _:
            return ""
