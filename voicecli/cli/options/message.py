"""Options that say what is spoken or played."""

from dataclasses import dataclass
from typing import Annotated

import typer

from voicecli import account
from voicecli.voice_api import callflow_rules
from voicecli.voice_api.messages import MAX_REPEAT


@dataclass(frozen=True, slots=True)
class MessageOptions:
    """What is said and how, or the file that is played; None where it was not given."""

    repeat: Annotated[
        int | None, typer.Option("-r", "--repeat", metavar="N", min=1, max=MAX_REPEAT, help="Say it N times.")
    ] = None
    voice: Annotated[
        str | None, typer.Option(metavar="PROFILE", help=f"Else VOICE_PROFILE, else {account.DEFAULT_VOICE}.")
    ] = None
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR", min=callflow_rules.MIN_SPEED, max=callflow_rules.MAX_SPEED, help="1 is normal."
        ),
    ] = None
    spell_digits: Annotated[
        bool, typer.Option("--spell-digits", help='Read every 123456 as "1 2 3 4 5 6".')
    ] = False
    file: Annotated[str | None, typer.Option(metavar="FILE", help="Read the message from a file.")] = None
    play: Annotated[
        str | None, typer.Option(metavar="URL", help="Play an mp3 or wav file (at most 5 MB) instead.")
    ] = None
