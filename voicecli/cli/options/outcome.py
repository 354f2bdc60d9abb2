"""Options about the outcome of calls: waiting, confirming, codes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from voicecli.cli.options.values import duration

OUTCOME = {"rich_help_panel": "What becomes of it"}
Timeout = Annotated[
    timedelta | None,
    typer.Option(metavar="TIME", parser=duration, help="How long to wait for it. Default: 5m.", **OUTCOME),
]
HashEnds = Annotated[bool, typer.Option("--hash", help="The # key ends the code.", **OUTCOME)]
Thanks = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What is said once digits were pressed.", **OUTCOME)
]
VcaElsewhere = Annotated[
    bool,
    typer.Option(
        "--vca-elsewhere",
        help="With --callflow: your own application has the VCA webhook, and says what follows a question.",
        **OUTCOME,
    ),
]


@dataclass(frozen=True, slots=True)
class OutcomeOptions:
    """Whether to wait for the outcome of calls, and what to ask the people who are called."""

    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until the outcome is known, and exit by it.", **OUTCOME)
    ] = False
    timeout: Timeout = None
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="KEYS",
            help="Ask for a key, and wait: 0 only if one of these is pressed, such as 1 or 1,2.",
            **OUTCOME,
        ),
    ] = None
    until_confirmed: Annotated[
        bool,
        typer.Option(
            "--until-confirmed", help="Call one after the other, until somebody confirms.", **OUTCOME
        ),
    ] = False
    digits: Annotated[
        str | None,
        typer.Option(
            metavar="N-M",
            help="Ask for a code of that many digits, such as 4-6, wait, and print it; with -q, it alone.",
            **OUTCOME,
        ),
    ] = None
    hash_ends: HashEnds = False
    thanks: Thanks = None
    tell_anyway: Annotated[
        bool,
        typer.Option(
            "--tell-anyway",
            help="With --confirm: where no key could arrive, tell everybody all the same; exits with 16.",
            **OUTCOME,
        ),
    ] = False
    vca_elsewhere: VcaElsewhere = False

    @property
    def waits(self) -> bool:
        return self.wait or self.confirm is not None or self.digits is not None
