"""``voicecli doctor``: would a call with ``--wait`` work, and if not, what is in the way?"""

import typer

from voicecli.cli import context as contexts
from voicecli.cli import interrupts
from voicecli.cli.checkup import Checkup, Finding, State
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options import common
from voicecli.cli.options.public_access import Domain, NgrokConfig, Port, PublicUrl
from voicecli.listener.public_access import PublicAccess
from voicecli.output import Column, Record

EXAMPLES = """Examples:
  voicecli doctor
  voicecli doctor --public-url https://calls.example.com
  voicecli doctor --json"""
_COLUMNS = (Column("check", 11), Column("state", 7), Column("what", 0))

_STYLES = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "red", State.SKIPPED: "dim"}


def doctor(
    ctx: typer.Context,
    port: Port = None,
    domain: Domain = None,
    ngrok_config: NgrokConfig = None,
    public_url: PublicUrl = None,
    as_json: common.JsonFlag = False,  # noqa: ARG001
    debug: common.DebugFlag = False,  # noqa: ARG001
) -> ExitCode:
    """Check that a call with --wait would work, and say what to do where it would not.

    It places no call and changes nothing at 8x8. To see whether 8x8 would get through, it opens the way in
    for a moment, as voicecli listen does. Exit code 0 means that a call with --wait would work.
    """
    context = contexts.of(ctx)
    way = PublicAccess(domain, public_url, ngrok_config)

    def show(finding: Finding) -> None:
        cells = (finding.check, finding.state, f"{finding.words} {finding.advice}".strip())
        context.output.piece(Record(_COLUMNS, cells, finding.data(), _STYLES[finding.state]))

    checkup = Checkup(context, way, tell=show)
    with contexts.of(ctx).output.in_background():
        interrupts.run(checkup.run({"port": port, "public_url": domain}))
    failures = [finding for finding in checkup.findings if finding.state is State.FAILED]
    code = failures[0].code if failures else ExitCode.DONE
    verdict = "A call with --wait would work."
    if failures:
        verdict = f"A call with --wait would not work: {', '.join(finding.check for finding in failures)}."
    checks = [finding.data() for finding in checkup.findings]
    context.output.result(verdict, {"ok": not failures, "exitCode": code, "checks": checks})
    return code
