"""The voices that 8x8 can speak with ("Speech profiles")."""

from voicecli.json_values import Json
from voicecli.voice_api.wire import Operation, required_objects


def list_speech_profiles() -> Operation[tuple[Json, ...]]:
    """The voices: speechProfileCode, localeCode, localeDescription, gender."""
    return Operation(
        "speech profiles", "GET", "/speech-profiles", lambda d: required_objects(d, "speechProfiles")
    )
