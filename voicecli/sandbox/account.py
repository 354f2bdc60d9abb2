"""The sandbox's one customer: key, subaccount, number and voices."""

from voicecli.account import SANDBOX_API_KEY

PORT = 5680
API_KEY = SANDBOX_API_KEY
SUBACCOUNT = "voicecli_sandbox"
SOURCE = "+33199000000"

SPEECH_PROFILES = (
    ("en-US-BenjaminRUS", "en-US", "English US", "M"),
    ("en-US-ZiraRUS", "en-US", "English US", "F"),
    ("en-US-Neural2-C", "en-US", "English US", "F"),
    ("en-US-Standard-A", "en-US", "English US", "F"),
    ("en-GB-Emma", "en-GB", "English UK", "F"),
    ("en-GB-Brian", "en-GB", "English UK", "M"),
    ("fr-FR-Celine", "fr-FR", "French", "F"),
    ("id-ID-Gadis", "id-ID", "Indonesian", "F"),
    ("da-DK-Naja", "da-DK", "Danish", "F"),
)
VOICES = frozenset(code for code, *_ in SPEECH_PROFILES)


def environment(url: str) -> dict[str, str]:
    """The variables that point voicecli at a sandbox."""
    return {
        "EIGHT_X_EIGHT_BASE_URL": url,
        "EIGHT_X_EIGHT_API_KEY": API_KEY,
        "EIGHT_X_EIGHT_SUBACCOUNT_ID": SUBACCOUNT,
        "OUTBOUND_PHONE_NUMBER": SOURCE,
    }
