"""``voicecli numbers``: the subaccount's phone numbers."""

from typing import Annotated

import typer

from voicecli.cli import answers, wiring
from voicecli.cli.context import context_of
from voicecli.cli.help_format import HelpGroup
from voicecli.cli.options import common, values
from voicecli.errors import Refused
from voicecli.json_values import Json
from voicecli.output import Column, TableRow
from voicecli.voice_api.operations.numbers import check_number, list_numbers

EXAMPLES = """\
voicecli numbers
voicecli numbers --json | jq -r .msisdn
voicecli numbers check +33199000000
"""
CHECK_EXAMPLES = """\
voicecli numbers check +33199000000
voicecli numbers check +33199000000 --json
voicecli numbers check +33199000000 || echo "not ours"
"""
HELP = "List the subaccount's phone numbers and their health, or check one."


numbers = typer.Typer(invoke_without_command=True, subcommand_metavar="[check NUMBER]", cls=HelpGroup)


@numbers.callback()
def list_(
    ctx: typer.Context,
    as_json: common.JsonFlag = False,  # noqa: ARG001
    quiet: common.QuietFlag = False,  # noqa: ARG001
    debug: common.DebugFlag = False,  # noqa: ARG001
) -> None:
    if ctx.invoked_subcommand is not None:
        return
    context = context_of(ctx)
    with wiring.subaccount_client(context) as client:
        found = client.send(list_numbers())
    if not found:
        context.output.note("The subaccount has no numbers.")
    kinds = [answers.field(number, "numberType") for number in found]
    columns = (
        Column("number", 16),
        Column("country", 7),
        answers.column("type", kinds),
        Column("status", 10),
        Column("health", 0),
    )
    context.output.table(_row(columns, number) for number in found)


def _row(columns: tuple[Column, ...], number: Json) -> TableRow:
    health, style = _health(number)
    names = ("countryCode", "numberType", "operationalStatus")
    cells = (answers.msisdn(number), *(answers.field(number, name) for name in names), health)
    return TableRow(columns, cells, number, style)


def _health(number: Json) -> tuple[str, str]:
    """A number's health in words, and the colour of these."""
    health = number.get("numberHealth")
    if number.get("numberHealthCheckEnabled") is False or not isinstance(health, dict):
        return "not checked", "dim"
    ill = health.get("isHealthy") is False
    words = answers.field(health, "status") or ("Unhealthy" if ill else "unknown")
    checked = answers.field(health, "lastCheckedTime")
    return f"{words} ({checked})" if checked else words, "red" if ill else ""


@numbers.command("check", epilog=CHECK_EXAMPLES)
def check(
    ctx: typer.Context, number: Annotated[str, typer.Argument(metavar="NUMBER", help="Such as +33199000000.")]
) -> None:
    """Check whether a number belongs to the subaccount.

    Exit code 0 means that it does, 4 that it does not.
    """
    context = context_of(ctx)
    wanted = values.number("NUMBER", number)
    with wiring.subaccount_client(context) as client:
        found = answers.ask(client, check_number(wanted))
    if found is None:
        raise Refused(
            f"{wanted} is not a number of this subaccount.",
            hint="voicecli numbers lists those that are.",
            status_code=404,
        )
    facts = {"country": "countryCode", "reference": "referenceId"}
    told = [f"{word} {value}" for word, name in facts.items() if (value := answers.field(found, name))]
    words = f" ({', '.join(told)})" if told else ""
    context.output.result(f"{wanted} is a number of this subaccount{words}", found)
