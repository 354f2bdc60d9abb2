"""What 8x8 says of the key, the subaccount, the caller ID, the voice, and the time."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TypeVar

from voicecli import json_values
from voicecli.checks.finding import Finding, failed, ok, skipped, warning
from voicecli.errors import ConfigurationError, Refused, VoicecliError
from voicecli.voice_api import callflow
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.numbers import list_numbers
from voicecli.voice_api.operations.voices import list_speech_profiles
from voicecli.voice_api.operations.webhooks import Webhook
from voicecli.voice_api.wire import Operation

ASKED_OF_8X8 = (
    "API",
    "key",
    "subaccount",
    "caller ID",
    "voice",
    "clock",
    "VSS webhook",
    "VCA webhook",
)  # each builds on the ones before
UNAUTHORIZED = (401, 403)  # HTTP
FINE_OFFSET = timedelta(seconds=30)

T = TypeVar("T")


def check_account(
    client: Client, webhooks: Mapping[str, Webhook] | VoicecliError, *, source: str, voice: str
) -> Iterator[Finding]:
    """``webhooks`` are those that are set, by type, or why 8x8 does not tell; ``source`` is the caller ID,
    ``voice`` a voice profile."""
    account = client.account
    passed = (
        ok("API", f"{account.base_url} answers."),
        ok("key", "The API key is valid."),
        ok("subaccount", f"{account.subaccount_id} is there."),
    )
    if isinstance(webhooks, VoicecliError):
        refused = _refused(webhooks)
        yield from passed[:refused]
        yield failed(ASKED_OF_8X8[refused], webhooks)
        yield from (skipped(check, "8x8 could not be asked.") for check in ASKED_OF_8X8[refused + 1 :])
        return
    yield from passed
    yield _caller_id(client, source)
    yield _voice(client, voice)
    yield _clock(client.clock_offset)


def _refused(error: VoicecliError) -> int:
    """Which of ASKED_OF_8X8 an error is about."""
    if isinstance(error, Refused) and error.http_status in UNAUTHORIZED:
        return ASKED_OF_8X8.index("key")
    return ASKED_OF_8X8.index("subaccount" if isinstance(error, Refused) and error.is_missing else "API")


def _ask(check: str, client: Client, operation: Operation[T]) -> T | Finding:
    """The answer to a question that no call depends on, or a warning where there is none."""
    try:
        return client.send(operation)
    except VoicecliError as error:
        return warning(check, f"That can't be checked. {error.message}", error.hint, settings=error.settings)


def _caller_id(client: Client, source: str) -> Finding:
    numbers = _ask("caller ID", client, list_numbers())
    if isinstance(numbers, Finding):
        return numbers
    known = {(json_values.text(number.get("msisdn")) or "").lstrip("+") for number in numbers}
    if source.lstrip("+") in known:
        return ok("caller ID", f"{source} is one of the subaccount's numbers.")
    words = f"{source} is not one of the subaccount's numbers."
    return warning("caller ID", words, "8x8 refuses it unless it is whitelisted.")


def _voice(client: Client, voice: str) -> Finding:
    profiles = _ask("voice", client, list_speech_profiles())
    if isinstance(profiles, Finding):
        return profiles
    if voice in [profile.get("speechProfileCode") for profile in profiles]:
        return ok("voice", f"{voice} is one of 8x8's voices.")
    hint = "Set VOICE_PROFILE to one that voicecli voices lists."
    words = f"{voice} is not one of 8x8's voices."
    return failed("voice", ConfigurationError(words, hint=hint, settings=("VOICE_PROFILE",)))


def _clock(offset: timedelta | None) -> Finding:
    """A validUntil that is over by 8x8's clock is refused (-1015)."""
    if offset is None:
        return warning("clock", "8x8's answers carry no time.", "")
    seconds = abs(offset.total_seconds())
    side = "behind" if offset > timedelta(0) else "ahead of"
    words = f"This machine's clock is {seconds:.0f} s {side} 8x8's."
    hint = "Correct it: calls are valid until a time by this clock."
    if offset >= callflow.DEFAULT_VALIDITY:
        return failed("clock", ConfigurationError(words, hint=hint))
    if seconds > FINE_OFFSET.total_seconds():
        return warning("clock", words, hint)
    return ok("clock", "This machine's clock agrees with 8x8's.")
