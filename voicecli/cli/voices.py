"""``voicecli voices``: the voices for messages."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from voicecli.cli import answers, wiring
from voicecli.cli.context import Context, context_of
from voicecli.cli.options import common
from voicecli.cli.options.records import option
from voicecli.cli.options.values import one_of
from voicecli.errors import VoicecliError
from voicecli.json_values import Json
from voicecli.output import Column, TableRow
from voicecli.voice_api.operations.voices import list_speech_profiles

EXAMPLES = """\
voicecli voices --locale en
voicecli voices --locale fr-FR --gender F
voicecli voices --locale fr-FR --gender F -q | head -1
"""
GENDERS = ("F", "M")


def voices(
    ctx: typer.Context,
    locale: Annotated[
        str | None, option("LOCALE", "List only voices of this locale: en-GB, or en for all English ones.")
    ] = None,
    gender: Annotated[str | None, option("F|M", "List only female or male voices.")] = None,
    quiet: common.QuietFlag = False,  # noqa: ARG001
) -> None:
    """List the voices for messages.

    The first column is the value for --voice and VOICE_PROFILE.
    """
    context = context_of(ctx)
    wanted_gender = "" if gender is None else one_of(gender, GENDERS, "gender")
    wanted_locale = "" if locale is None else _normalised(locale)
    with wiring.subaccount_client(context) as client:
        profiles = client.send(list_speech_profiles())
    keep_for_completion(context, profiles)
    found = [
        profile
        for profile in profiles
        if _matches_locale(_normalised(answers.field(profile, "localeCode")), wanted_locale)
        and answers.field(profile, "gender").upper().startswith(wanted_gender)
    ]
    if not found:
        context.output.note(
            "8x8 lists no voice with that locale and gender." if profiles else "8x8 lists no voices."
        )
    found.sort(key=lambda profile: (answers.field(profile, "localeCode"), voice_of(profile)))
    columns = (
        answers.column("voice", map(voice_of, found)),
        Column("locale", 8),
        Column("gender", 6),
        Column("language", 0),
    )
    names = ("speechProfileCode", "localeCode", "gender", "localeDescription")
    context.output.table(
        TableRow(columns, [answers.field(profile, name) for name in names], profile) for profile in found
    )


def keep_for_completion(context: Context, profiles: Sequence[Json]) -> None:
    """What TAB offers after --voice. The list is the answer: it is shown where this can't be written, too."""
    from voicecli.store import voices as kept

    with suppress(VoicecliError, OSError):
        kept.keep(wiring.home(context.settings({})), sorted(filter(None, map(voice_of, profiles))))


def voice_of(profile: Json) -> str:
    """Its name; empty where it has none."""
    return answers.field(profile, "speechProfileCode")


def _normalised(locale: str) -> str:
    return locale.strip().replace("_", "-").lower()


def _matches_locale(locale: str, wanted: str) -> bool:
    return not wanted or locale == wanted or locale.startswith(f"{wanted}-")
