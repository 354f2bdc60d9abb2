"""Options that say what is spoken or played."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from voicecli import account
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import real, whole
from voicecli.voice_api.callflow_rules import MAX_SPEED, MIN_SPEED
from voicecli.voice_api.messages import MAX_REPEAT


@dataclass(frozen=True, slots=True)
class MessageOptions:
    """What is said and how, or what is done instead; None where it was not given."""

    PANEL: ClassVar[str] = "Message"

    repeat: Annotated[
        int | None,
        option("N", f"Say it N times, 1 to {MAX_REPEAT}.", "-r", "--repeat", parser=whole(1, MAX_REPEAT)),
    ] = None
    voice: Annotated[
        str | None, option("PROFILE", f"The voice. Default: VOICE_PROFILE, else {account.DEFAULT_VOICE}.")
    ] = None
    speed: Annotated[
        float | None,
        option(
            "FACTOR",
            f"The speed of the voice, {MIN_SPEED:g} to {MAX_SPEED:g}; 1 is normal.",
            parser=real(MIN_SPEED, MAX_SPEED),
        ),
    ] = None
    spell_digits: Annotated[bool, flag("Say codes character by character: AB12 as A, B, 1, 2.")] = False
    file: Annotated[str | None, option("FILE", "Read the message from this file.")] = None
    play: Annotated[str | None, option("URL", "Play this mp3 or wav file (5 MB at most) instead.")] = None
    callflow: Annotated[
        str | None, option("FILE", "Send a callflow of your own: a JSON file, or - for standard input.")
    ] = None
