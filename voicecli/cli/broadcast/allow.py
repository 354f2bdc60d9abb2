"""``voicecli broadcast allow``: take people off the list of those who have unsubscribed."""

from typing import Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of

EXAMPLES = """\
voicecli broadcast allow +33199001234
voicecli broadcast allow +33199001234 +33199005678
voicecli broadcast allow $(cat agreed.txt)
"""


def allow(
    ctx: typer.Context,
    numbers: Annotated[
        list[str],
        typer.Argument(metavar="NUMBER...", help="The numbers of these people, such as +33199001234."),
    ],
) -> None:
    """Allow calls again to people who had unsubscribed and now agree to be called."""
    from voicecli import phone
    from voicecli.store import unsubscribed

    context = context_of(ctx)
    destinations = [phone.e164(number, any_number=True) for number in numbers]  # all, before one is allowed
    with wiring.store(context) as store:
        for destination in destinations:
            there = unsubscribed.allow(store, destination)
            words = f"{destination} can be called again" if there else f"{destination} had not unsubscribed"
            context.output.result(
                words, {"destination": destination, "allowed": there}, identifier=destination
            )
