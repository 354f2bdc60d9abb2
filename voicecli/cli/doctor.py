"""``voicecli doctor``: checks what a call with ``--wait`` needs."""

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from voicecli.checks.finding import Finding, FindingState, failed, ok, warning
from voicecli.cli import interrupts, wiring
from voicecli.cli.context import CONNECTION, Context, context_of
from voicecli.cli.exit_codes import ExitCode, exit_code
from voicecli.cli.options.public_access import Domain, NgrokConfig, Port, PublicUrl
from voicecli.errors import VoicecliError
from voicecli.listener.public_access import PublicAccess
from voicecli.output import Column, TableRow
from voicecli.platforms.private_files import is_readable_by_others
from voicecli.setting_files import Rank
from voicecli.setting_table import SETTINGS
from voicecli.settings import Settings
from voicecli.threads import iterate_in_thread

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
_OPTIONAL = ("webhook_token", "webhook_base_url", "ngrok_token", "home", "store", "store_key")


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


def _exposed_files(settings: Settings) -> Finding:
    """Of the files of settings, and those of secrets that settings name."""
    files = {file.place: file.path for file, _ in settings.files}
    found = [settings.found(setting.name) for setting in SETTINGS]
    files |= {str(one.file): one.file for one in found if one is not None and one.file is not None}
    exposed = [name for name, path in files.items() if is_readable_by_others(path)]
    if not exposed:
        return ok(".env", "Others on this machine can read no file of settings or secrets.")
    words = f"Others on this machine can read {', '.join(exposed)}."
    return warning(".env", words, f"Fix it: chmod 600 {' '.join(map(shlex.quote, exposed))}")


async def _check_teams_store(
    context: Context, flags: Mapping[str, str | None], show: Callable[[Finding], None]
) -> None:
    """Where settings of the account are missing: who sets up a team may have got no further."""
    from voicecli.checks.store import check_store

    with suppress(VoicecliError):
        if (place := wiring.store_place(context.settings(flags))).is_shared:
            async for finding in iterate_in_thread(check_store(place)):
                show(finding)


async def _check(
    context: Context, flags: Mapping[str, str | None], access: PublicAccess, show: Callable[[Finding], None]
) -> None:
    """Check the settings, then what they name, and show each finding."""
    from voicecli.checks.checkup import checkup

    try:
        values = context.settings(flags)
        show(_exposed_files(values))
        own = values.require(*CONNECTION, "source", "voice_profile", "port", *values.given(*_OPTIONAL))
        store = wiring.store_place(values)
    except VoicecliError as error:
        show(failed("settings", error))
        await _check_teams_store(context, flags, show)
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
            store=store,
            notify=context.output.note,
        ):
            show(replace(finding, hint=values.with_origins(finding.hint, finding.settings)))
