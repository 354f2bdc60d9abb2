"""Options about the outcome of calls: waiting, confirming, codes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from voicecli.cli.options.values import duration

OUTCOME = {"rich_help_panel": "Outcome"}
Timeout = Annotated[
    timedelta | None,
    typer.Option(
        metavar="TIME", parser=duration, help="How long to wait for the outcome. Default: 5m.", **OUTCOME
    ),
]
HashEnds = Annotated[bool, typer.Option("--hash", help="With --digits: the # key ends the code.", **OUTCOME)]
Thanks = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What to say once a key was pressed.", **OUTCOME)
]
VcaElsewhere = Annotated[
    bool,
    typer.Option(
        "--vca-elsewhere",
        help="With --callflow: your own application gets the VCA webhook, and replies with what follows a "
        "question.",
        **OUTCOME,
    ),
]


@dataclass(frozen=True, slots=True)
class OutcomeOptions:
    """Whether to wait for the outcome of calls, and what to ask the people who are called."""

    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the outcome; the exit code says which it is.", **OUTCOME)
    ] = False
    timeout: Timeout = None
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="KEYS",
            help="Ask for a key, such as 1 or 1,2, and wait; exit code 0 only if one of these is pressed.",
            **OUTCOME,
        ),
    ] = None
    until_confirmed: Annotated[
        bool,
        typer.Option(
            "--until-confirmed",
            help="With --confirm: call one number after the other, until somebody confirms.",
            **OUTCOME,
        ),
    ] = False
    digits: Annotated[
        str | None,
        typer.Option(
            metavar="N-M",
            help="Ask for a code of N to M digits, such as 4-6, wait, and print it; with -q, only the code.",
            **OUTCOME,
        ),
    ] = None
    hash_ends: HashEnds = False
    thanks: Thanks = None
    tell_anyway: Annotated[
        bool,
        typer.Option(
            "--tell-anyway",
            help="With --confirm: call even if no key could arrive, without the question; exit code 16.",
            **OUTCOME,
        ),
    ] = False
    vca_elsewhere: VcaElsewhere = False

    @property
    def waits(self) -> bool:
        return self.wait or self.confirm is not None or self.digits is not None
