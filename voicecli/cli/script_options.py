"""The options that say what a call does, for the commands that place calls."""

from datetime import timedelta
from typing import Annotated

import typer

from voicecli import account
from voicecli.cli import options
from voicecli.voice_api import rules
from voicecli.voice_api.messages import MAX_REPEAT

THE_CALL = {"rich_help_panel": "The call"}
OUTCOME = {"rich_help_panel": "What becomes of it"}
NETWORK = {"rich_help_panel": "The network"}

Repeat = Annotated[
    int | None,
    typer.Option("-r", "--repeat", metavar="N", min=1, max=MAX_REPEAT, help="Say it N times."),
]
Voice = Annotated[
    str | None,
    typer.Option(metavar="PROFILE", help=f"Else VOICE_PROFILE, else {account.DEFAULT_VOICE}."),
]
Speed = Annotated[
    float | None,
    typer.Option(metavar="FACTOR", min=rules.MIN_SPEED, max=rules.MAX_SPEED, help="1 is normal."),
]
SpellDigits = Annotated[bool, typer.Option("--spell-digits", help='Read every 123456 as "1 2 3 4 5 6".')]
MessageFile = Annotated[str | None, typer.Option(metavar="FILE", help="Read the message from a file.")]
Play = Annotated[
    str | None, typer.Option(metavar="URL", help="Play an mp3 or wav file (at most 5 MB) instead.")
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Stay until the outcome is known, and exit by it.", **OUTCOME)
]
Timeout = Annotated[
    timedelta | None,
    typer.Option(
        metavar="TIME", parser=options.duration, help="How long to wait for it. Default: 5m.", **OUTCOME
    ),
]
Confirm = Annotated[
    str | None,
    typer.Option(
        metavar="KEYS",
        help="Ask for a key, and wait: 0 only if one of these is pressed, such as 1 or 1,2.",
        **OUTCOME,
    ),
]
Digits = Annotated[
    str | None,
    typer.Option(
        metavar="N-M",
        help="Ask for a code of that many digits, such as 4-6, wait, and print it; with -q, it alone.",
        **OUTCOME,
    ),
]
HashEnds = Annotated[bool, typer.Option("--hash", help="The # key ends the code.", **OUTCOME)]
Thanks = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What is said once digits were pressed.", **OUTCOME)
]
ValidFor = Annotated[
    timedelta | None,
    typer.Option(
        metavar="TIME",
        parser=options.duration,
        help="Do not start it later than in 30s, 10m, 2h. Default: 1h.",
        **THE_CALL,
    ),
]
Source = Annotated[
    str | None,
    typer.Option("--from", metavar="NUMBER", help="The caller ID; else OUTBOUND_PHONE_NUMBER.", **THE_CALL),
]
Region = Annotated[
    str | None,
    typer.Option(metavar="CC", help="TO is a national number there, such as FR.", **THE_CALL),
]
TellAnyway = Annotated[
    bool,
    typer.Option(
        "--tell-anyway",
        help="With --confirm: where no key could arrive, tell everybody all the same; exits with 16.",
        **OUTCOME,
    ),
]
VcaElsewhere = Annotated[
    bool,
    typer.Option(
        "--vca-elsewhere",
        help="With --callflow: your own application has the VCA webhook, and says what follows a question.",
        **OUTCOME,
    ),
]
CallUnsubscribed = Annotated[
    bool,
    typer.Option("--call-unsubscribed", help="Call even those who have unsubscribed.", **THE_CALL),
]
AnyNumber = Annotated[
    bool,
    typer.Option(
        "--any-number", help="Call a number of the right length in a range that is not known.", **THE_CALL
    ),
]
RequestTimeout = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0.1, max=600, help="How long to wait for the answer.", **NETWORK),
]
