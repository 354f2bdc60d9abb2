"""Whether 8x8 has the voices of a broadcast, before its first call."""

from contextlib import suppress

from voicecli.account import DEFAULT_VOICE
from voicecli.broadcast.plan import Plan
from voicecli.cli import wiring
from voicecli.cli.context import Context
from voicecli.errors import InvalidInput, VoicecliError, quote
from voicecli.plurals import counted
from voicecli.settings import Settings
from voicecli.spelling import nearest
from voicecli.store import voices as kept

REQUEST_TIMEOUT = 5.0  # seconds: a broadcast does not wait longer for a mere check


def refuse_unknown(context: Context, settings: Settings, plan: Plan) -> None:
    """Raises InvalidInput for voices that the account does not have. It is asked only about those that it
    did not list before; where it can't be asked, nothing is refused."""
    wanted = plan.voices - {DEFAULT_VOICE}
    with suppress(VoicecliError, OSError, ValueError):
        wanted -= set(kept.seen(wiring.home(settings)))
    listed = _ask(context, settings) if wanted else []
    known = {voice.casefold() for voice in listed}
    if not known or not (unknown := [voice for voice in sorted(wanted) if voice.casefold() not in known]):
        return
    near = nearest(unknown[0], listed, 0.5)
    others = f", nor {counted(len(unknown) - 1, 'other')} of the list" if len(unknown) > 1 else ""
    raise InvalidInput(
        f"8x8 has no voice {quote(unknown[0])}{others}: nobody was called.",
        hint=(f"The nearest is {near}. " if near else "") + "voicecli voices lists them.",
    )


def _ask(context: Context, settings: Settings) -> list[str]:
    """The voices of the account; none where it can't be asked."""
    from voicecli.cli.voices import keep_for_completion, voice_of
    from voicecli.voice_api.operations.voices import list_speech_profiles

    try:
        with context.client(settings, request_timeout=REQUEST_TIMEOUT, retries=0, is_main=False) as client:
            profiles = client.send(list_speech_profiles())
    except VoicecliError:
        return []
    keep_for_completion(context, profiles)
    return [voice for profile in profiles if (voice := voice_of(profile))]
