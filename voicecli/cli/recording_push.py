"""``voicecli recording-push``: where 8x8 sends recordings to."""

from typing import Annotated

import typer

from voicecli import interrupts
from voicecli.cli import answers, wiring
from voicecli.cli import context as contexts
from voicecli.cli.context import Context
from voicecli.cli.options.values import one_of
from voicecli.errors import ConfigurationError, InvalidInput
from voicecli.json_values import Json
from voicecli.settings import Settings
from voicecli.voice_api.operations.recordings import (
    delete_recording_push_config,
    get_recording_push_config,
    set_recording_push_config,
)

EXAMPLES = """Examples:
  voicecli recording-push show
  voicecli recording-push set --protocol sftp --host sftp.example.com --username me --path /calls
  pass show s3 | voicecli recording-push set --protocol s3 --host eu-west-1 --username me --password-stdin
  voicecli recording-push delete"""
HELP = "Look at and change where 8x8 sends recordings to: an SFTP server or S3."
PORTS = {"SFTP": 22, "S3": 443}
_FACTS = ("protocol", "host", "port", "username", "path")

recording_push = typer.Typer(no_args_is_help=True)


@recording_push.command("show")
def show(ctx: typer.Context) -> None:
    """Show where recordings go; the password is never told."""
    context = contexts.of(ctx)
    with wiring.subaccount_client(context) as client:
        config = answers.ask(client, get_recording_push_config())
    if config is None:
        context.output.result("Recordings are not sent anywhere", {"configured": False})
        return
    password = "set" if config.get("passwordSet") is True else "not set"
    told = {name: answers.field(config, name) for name in _FACTS} | {"password": password}
    lines = [(f"{name:<10}{value}", "") for name, value in told.items()]
    context.output.figure(lines, {"configured": True, **_facts(config)})


@recording_push.command("set")
def set_(
    ctx: typer.Context,
    protocol: Annotated[str, typer.Option(metavar="sftp|s3", help="How 8x8 is to send them.")],
    host: Annotated[str, typer.Option(metavar="HOST", help="The server; for S3, the region.")],
    username: Annotated[str, typer.Option(metavar="NAME", help="Who 8x8 is to log in as.")],
    port: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=65535, help="Default: 22 for SFTP, 443 for S3.")
    ] = None,
    path: Annotated[str, typer.Option(metavar="FOLDER", help="Where to put them there.")] = "/",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Send recordings to a server of yours from now on.

    The password comes from RECORDING_PUSH_PASSWORD, from standard input with --password-stdin, or is asked
    for on a terminal. It is no option, since everybody on this machine can see those of a running command.
    """
    context = contexts.of(ctx)
    kind = one_of(protocol, tuple(PORTS), "protocol")
    for flag, text in (("--host", host), ("--username", username), ("--path", path)):
        if not text.strip() or not text.isprintable():
            raise InvalidInput(f"{flag} is empty or unreadable.")
    if "/" in host or " " in host:
        raise InvalidInput("--host must be the name of a host or region, without https:// and path.")
    settings = context.settings({})
    password = _password(context, settings, from_stdin=password_stdin)
    context.output.hide(password)
    port = PORTS[kind] if port is None else port
    operation = set_recording_push_config(
        protocol=kind, host=host, port=port, username=username, password=password, path=path
    )
    with wiring.subaccount_client(context, settings) as client:
        client.send(operation)
    data = {"protocol": kind, "host": host, "port": port, "username": username, "path": path}
    context.output.result(
        f"Recordings go to {kind} {host}:{port}, path {path}", {"configured": True, **data}, happened=True
    )


@recording_push.command("delete")
def delete(ctx: typer.Context) -> None:
    """Stop sending recordings."""
    context = contexts.of(ctx)
    with wiring.subaccount_client(context) as client:
        deleted = answers.ask(client, delete_recording_push_config())
    if deleted is None:
        context.output.result("Recordings were not sent anywhere", {"deleted": False})
        return
    context.output.result("Recordings are not sent anywhere any more", {"deleted": True}, happened=True)


def _facts(config: Json) -> dict[str, object]:
    return {name: config.get(name) for name in (*_FACTS, "passwordSet")}


def _password(context: Context, settings: Settings, *, from_stdin: bool) -> str:
    """Raises InvalidInput for an empty one, and ConfigurationError where there is nobody to ask."""
    if from_stdin:
        password = context.read_text("-", limit=4096).rstrip("\r\n")
    elif (configured := settings.for_8x8("recording_push_password")) is not None:
        password = configured
    elif context.stdin is not None and context.stdin.isatty():
        import getpass

        with interrupts.waiting():
            password = getpass.getpass("Password: ", context.stderr)
    else:
        raise ConfigurationError(
            "The password is missing.",
            hint="Set RECORDING_PUSH_PASSWORD, or pipe it in with --password-stdin.",
        )
    if not password or "\n" in password:
        raise InvalidInput("The password is empty or has more than one line.")
    return password
