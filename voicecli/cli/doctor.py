"""``voicecli doctor``: checks what a call with ``--wait`` needs."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from voicecli import settings
from voicecli.checks.finding import Finding, FindingState, failed, ok, warning
from voicecli.cli import interrupts, wiring
from voicecli.cli.context import CONNECTION, Context, context_of
from voicecli.cli.exit_codes import ExitCode, exit_code
from voicecli.cli.options.public_access import Domain, NgrokConfig, Port, PublicUrl
from voicecli.errors import VoicecliError
from voicecli.listener.public_access import PublicAccess
from voicecli.output import Column, TableRow
from voicecli.platforms.private_files import is_own, is_readable_by_others
from voicecli.setting_files import Rank
from voicecli.setting_table import SETTINGS

if TYPE_CHECKING:
    from voicecli.listener.plan import ListenerPlan

EXAMPLES = """\
voicecli doctor
voicecli doctor --public-url https://calls.example.com
voicecli doctor --json
"""
_COLUMNS = (Column("check", 11), Column("state", 7), Column("what", 0))

_STYLES = {
    FindingState.OK: "green",
    FindingState.WARNING: "yellow",
    FindingState.FAILED: "red",
    FindingState.SKIPPED: "dim",
}
_OPTIONAL = ("webhook_token", "webhook_base_url", "ngrok_token", "home")


def doctor(
    ctx: typer.Context,
    port: Port = None,
    domain: Domain = None,
    ngrok_config: NgrokConfig = None,
    public_url: PublicUrl = None,
) -> ExitCode:
    """Check everything that a call with --wait needs, and say how to fix what is wrong.

    Places no call and changes nothing at 8x8. To check whether 8x8 can reach this machine, it opens the
    tunnel for a moment. Exit code 0 means that a call with --wait would work.
    """
    context = context_of(ctx)
    findings: list[Finding] = []

    def show(finding: Finding) -> None:
        findings.append(finding)
        cells = (finding.check, finding.state, f"{finding.words} {finding.hint}".strip())
        context.output.partial_row(TableRow(_COLUMNS, cells, finding.data(), _STYLES[finding.state]))

    access = PublicAccess(domain, public_url, ngrok_config)
    with context.output.streams.in_background():
        interrupts.run(_check(context, {"port": port, "webhook_base_url": domain}, access, show))
    errors = {finding.check: finding.error for finding in findings if finding.error is not None}
    code = exit_code(next(iter(errors.values()))) if errors else ExitCode.DONE
    verdict = "A call with --wait would work."
    if errors:
        verdict = f"A call with --wait would not work: {', '.join(errors)}."
    checks = [finding.data() for finding in findings]
    context.output.result(verdict, {"ok": not errors, "exitCode": code, "checks": checks})
    return code


async def _check(
    context: Context, flags: Mapping[str, str | None], access: PublicAccess, show: Callable[[Finding], None]
) -> None:
    """Check the settings, then what they name, and show each finding."""
    from voicecli.checks.checkup import checkup

    if exposed := [*_exposed(context)]:
        words = f"Others on this machine can read {' and '.join(exposed)}."
        show(warning(".env", words, f"Fix it: chmod 600 {shlex.join(exposed)}"))
    else:
        show(ok(".env", "No file of settings can be read by others on this machine."))
    try:
        values = context.settings(flags)
        own = values.require(*CONNECTION, "source", "voice_profile", "port", *values.given(*_OPTIONAL))
    except VoicecliError as error:
        show(failed("settings", error))
        return
    found = [one for one in map(values.found, own) if one is not None and one.rank is not Rank.DEFAULT]
    found.sort(key=lambda one: [*Rank].index(one.rank))
    places = ", ".join(dict.fromkeys(one.place for one in found))
    show(ok("settings", f"All that a call needs is set (from {places}), and well formed."))
    try:
        plan: ListenerPlan | VoicecliError = wiring.listening_plan(context, values, access, register=True)
    except VoicecliError as error:
        plan = error
    with wiring.subaccount_client(context, values) as client:
        async for finding in checkup(
            client,
            source=own["source"],
            voice=own["voice_profile"],
            plan=plan,
            home=wiring.home(values),
            notify=context.output.note,
        ):
            show(replace(finding, hint=values.with_origins(finding.hint)))


def _exposed(context: Context) -> Iterator[str]:
    """The files of settings and of secrets that others can read."""
    for file in settings.files(context.environment, context.folder, context.env_file):
        if is_readable_by_others(file.path):
            yield file.place
    with suppress(VoicecliError):  # the next check tells it
        values = context.settings({})
        found = filter(None, (values.found(one.name) for one in SETTINGS if one.secret))
        for path in {one.file: None for one in found if one.file is not None}:
            if is_readable_by_others(path) and is_own(path):
                yield str(path)
