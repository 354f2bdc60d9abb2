"""Callflows made of what is to be said, played and asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from voicecli import phone
from voicecli.account import DEFAULT_VOICE
from voicecli.errors import InvalidInput, quote
from voicecli.phone import caller_id
from voicecli.voice_api.callflow import DEFAULT_VALIDITY, HANGUP, CallRequest, call_request, make_call
from voicecli.voice_api.callflow_rules import (
    MAX_REPETITION,
    MAX_SPEED,
    MAX_TEXT,
    MIN_SPEED,
    Action,
    audio_url_problem,
    has_unspeakable,
)
from voicecli.voice_api.speech_problems import has_words

MAX_REPEAT = 10  # our own limit for a message, as the users of the example project know it


@dataclass(frozen=True, slots=True)
class Capture:
    """The digits to wait for after a message (8x8's action sayAndCapture). 8x8 reports them by VCA webhook,
    and takes no such call where the subaccount has none (-1004).

    The fields are 8x8's params; ``timeout`` is the overallTimeout, and half of it the digitTimeout. All are
    sent: the defaults of 8x8's guide and of its reference differ.
    """

    min_digits: int = 1
    max_digits: int = 1
    complete_on_hash: bool = False
    success_message: str | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=10)
    tries: int = 3

    def action(self, params: Mapping[str, object], repeat: int) -> Action:
        if not 1 <= repeat <= MAX_REPETITION:
            raise InvalidInput(
                f"A message that waits for digits is said from 1 to {MAX_REPETITION} times, not {repeat}.",
                hint=f"It is said again if nothing is pressed, {self.tries} times in all.",
            )
        milliseconds = self.timeout // timedelta(milliseconds=1)
        success = {} if self.success_message is None else {"successMessage": self.success_message}
        return {
            "action": "sayAndCapture",
            "params": {
                "speed": 1.0,
                **params,
                "repetition": repeat,
                "minDigits": self.min_digits,
                "maxDigits": self.max_digits,
                "digitTimeout": milliseconds // 2,  # between two digits: less than for all of them (-1006)
                "overallTimeout": milliseconds,
                "completeOnHash": self.complete_on_hash,
                "noOfTries": self.tries,
                **success,
            },
        }


def voice_message(
    to: str | phone.PhoneNumber,
    text: str,
    *,
    source: str,
    repeat: int = 1,
    voice_profile: str = DEFAULT_VOICE,
    speed: float = 1.0,
    spell_digits: bool = False,
    capture: Capture | None = None,
    message_id: str | None = None,
    valid_for: timedelta = DEFAULT_VALIDITY,
) -> CallRequest:
    """A call that says ``text`` ``repeat`` times (1 to 10; to ``capture`` digits, 1 to 3) and hangs up. A
    call that captures digits ends with the question: the reply to its VCA webhook hangs up.

    ``to`` and ``source`` are E.164 numbers, ``speed`` is a factor from 0.5 to 2, ``spell_digits`` spells out
    what is plainly a code, in the capture's success message, too: AB12 as "A, B, 1, 2;". The text may have
    3,000 characters; what else ``call_request`` takes holds here, too. Limits are those of 8x8's page "Send
    Callflow". Raises InvalidInput.
    """
    text = speakable_text(text, spell_digits=spell_digits)
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise InvalidInput(f"The speed must be from 0.5 to 2, not {speed:g}.")
    if not voice_profile.strip() or not voice_profile.isprintable():
        raise InvalidInput("The voice profile is empty or unreadable.", hint=f"For example: {DEFAULT_VOICE}.")
    params: dict[str, object] = {"voiceProfile": voice_profile}
    if speed != 1.0:
        params["speed"] = speed
    if capture is None:
        actions = [*_repeated("say", {"text": text, **params}, repeat), HANGUP]
    else:  # 8x8's page on sayAndCapture: with a hangup right after it, the digits are ignored
        if spell_digits and capture.success_message is not None:
            thanks = speakable_text(capture.success_message, spell_digits=True)
            capture = replace(capture, success_message=thanks)
        actions = [capture.action({"promptMessage": text, **params}, repeat)]
    flow = [make_call(caller_id(source), _destination(to)), *actions]
    return call_request(flow, message_id=message_id, valid_for=valid_for)


def audio_message(
    to: str | phone.PhoneNumber,
    url: str,
    *,
    source: str,
    repeat: int = 1,
    message_id: str | None = None,
    valid_for: timedelta = DEFAULT_VALIDITY,
) -> CallRequest:
    """A call that plays the mp3 or wav at ``url`` (at most 5 MB) ``repeat`` times (1 to 10) and hangs up.

    8x8 keeps the file for an hour by its URL (page "Send Callflow"). Raises InvalidInput.
    """
    if problem := audio_url_problem(url):
        raise InvalidInput(
            f"{quote(url, 200)} can't be played: it {problem}.",
            hint="8x8 fetches the file itself: put it on a web server." if "URL" in problem else "",
        )
    flow = [
        make_call(caller_id(source), _destination(to)),
        *_repeated("playFile", {"fileUrl": url}, repeat),
        HANGUP,
    ]
    return call_request(flow, message_id=message_id, valid_for=valid_for)


def _destination(to: str | phone.PhoneNumber) -> str:
    return to.e164 if isinstance(to, phone.PhoneNumber) else phone.parse(to).e164


def _repeated(action: str, params: Mapping[str, object], repeat: int) -> list[Action]:
    """The action, as often as it takes: 8x8 repeats one action at most three times (10 = 3 + 3 + 3 + 1)."""
    if not 1 <= repeat <= MAX_REPEAT:
        raise InvalidInput(f"The number of repetitions must be from 1 to {MAX_REPEAT}, not {repeat}.")
    full, rest = divmod(repeat, MAX_REPETITION)
    counts = [MAX_REPETITION] * full + [rest] * (rest > 0)
    return [{"action": action, "params": {**params, "repetition": count}} for count in counts]


def speakable_text(text: str, *, spell_digits: bool = False) -> str:
    """The text as it is said. Raises InvalidInput for one that can't be, without showing it."""
    spoken = text
    if spell_digits and len(text) <= MAX_TEXT:  # it gets longer
        from voicecli.voice_api.spelled_out import spell_codes

        spoken = spell_codes(text)
    if len(spoken) > MAX_TEXT or has_unspeakable(text) or not has_words(text):
        raise _text_complaint(spoken, is_spelled=spoken != text)
    return spoken


def _text_complaint(text: str, *, is_spelled: bool) -> InvalidInput:
    from voicecli.plurals import counted

    count = counted(len(text), "character")
    if not text:
        return InvalidInput(f"The message is empty ({count}).", hint="Give a text to say.")
    if not has_words(text):
        return InvalidInput(
            f"The message has nothing to say: {count}, and no letter or digit among them.",
            hint="Emoji, punctuation and invisible characters are not spoken.",
        )
    if len(text) > MAX_TEXT:
        spelled_out = " with its codes spelled out" if is_spelled else ""
        return InvalidInput(
            f"The message has {count}{spelled_out}; 8x8 takes at most {MAX_TEXT:,}.", hint="Shorten it."
        )
    return InvalidInput(f"The message has characters that can't be sent, among its {count}.")
