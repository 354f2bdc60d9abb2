"""Options that say what is spoken or played."""

from dataclasses import dataclass
from typing import Annotated

import typer

from voicecli import account
from voicecli.cli.options.values import real, whole
from voicecli.voice_api.callflow_rules import MAX_SPEED, MIN_SPEED
from voicecli.voice_api.messages import MAX_REPEAT


@dataclass(frozen=True, slots=True)
class MessageOptions:
    """What is said and how, or what is done instead; None where it was not given."""

    repeat: Annotated[
        int | None,
        typer.Option(
            "-r",
            "--repeat",
            metavar="N",
            parser=whole(1, MAX_REPEAT),
            help=f"Say it N times, 1 to {MAX_REPEAT}.",
        ),
    ] = None
    voice: Annotated[
        str | None,
        typer.Option(
            metavar="PROFILE", help=f"The voice. Default: VOICE_PROFILE, else {account.DEFAULT_VOICE}."
        ),
    ] = None
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR",
            parser=real(MIN_SPEED, MAX_SPEED),
            help=f"The speed of the voice, {MIN_SPEED:g} to {MAX_SPEED:g}; 1 is normal.",
        ),
    ] = None
    spell_digits: Annotated[
        bool, typer.Option(help='Say numbers digit by digit: 123456 as "1 2 3 4 5 6".')
    ] = False
    file: Annotated[str | None, typer.Option(metavar="FILE", help="Read the message from this file.")] = None
    play: Annotated[
        str | None, typer.Option(metavar="URL", help="Play this mp3 or wav file (5 MB at most) instead.")
    ] = None
    callflow: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Send a callflow of your own: a JSON file, or - for standard input."
        ),
    ] = None
