"""``voicecli webhooks``: the URLs that 8x8 reports events to."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import Context, context_of
from voicecli.cli.help_format import HelpGroup
from voicecli.cli.options.records import flag
from voicecli.cli.options.values import one_of
from voicecli.errors import ConfigurationError, Refused, VoicecliError
from voicecli.output import Column, TableRow
from voicecli.settings import Settings
from voicecli.urls import check_web_url
from voicecli.voice_api.operations.webhooks import Webhook, list_webhooks, set_webhook
from voicecli.voice_api.webhook_events import WEBHOOK_TYPES

if TYPE_CHECKING:
    from voicecli.listener.replaced_webhooks import ReplacedWebhooks
    from voicecli.voice_api.client import Client

EXAMPLES = """\
voicecli webhooks list
voicecli webhooks set vss https://example.com/hooks/vss
voicecli webhooks delete vcs
voicecli webhooks restore
"""
LIST_EXAMPLES = """\
voicecli webhooks list
voicecli webhooks list --json
voicecli webhooks list --json | jq -r .url
"""
SET_EXAMPLES = """\
voicecli webhooks set vss https://example.com/hooks/vss
voicecli webhooks set vca https://example.com/hooks/vca --json
voicecli webhooks set vcs https://example.com/hooks/vcs --no-auth
"""
DELETE_EXAMPLES = """\
voicecli webhooks delete vcs
voicecli webhooks delete vss --json
for type in vca vss vcs; do voicecli webhooks delete $type; done
"""
RESTORE_EXAMPLES = """\
voicecli webhooks restore
voicecli webhooks restore --json
voicecli webhooks restore --debug
"""
HELP = "Show and change the URLs that 8x8 reports events to."
_COLUMNS = (Column("type", 4), Column("state", 8), Column("auth", 7), Column("url", 0))

webhooks = typer.Typer(no_args_is_help=True, subcommand_metavar="COMMAND", cls=HelpGroup)
Type = Annotated[str, typer.Argument(metavar="TYPE", help="vca, vss, vcs, vru or vnu.")]


@webhooks.command("list", epilog=LIST_EXAMPLES)
def list_(ctx: typer.Context) -> None:
    """List the subaccount's webhooks."""
    context = context_of(ctx)
    with wiring.subaccount_client(context) as client:
        found = {webhook.type: webhook for webhook in client.send(list_webhooks())}
    kinds = (*WEBHOOK_TYPES, *sorted(found.keys() - {*WEBHOOK_TYPES}))
    context.output.table(_row(kind, found.get(kind)) for kind in kinds)


def _row(kind: str, webhook: Webhook | None) -> TableRow:
    if webhook is None:
        return TableRow(_COLUMNS, (kind, "not set", "", ""), {"type": kind, "url": None})
    data = {
        "type": kind,
        "url": webhook.url,
        "enabled": webhook.enabled,
        "hasAuthorization": webhook.has_authorization,
    }
    state = "enabled" if webhook.enabled else "disabled"
    auth = "token" if webhook.has_authorization else "none"
    return TableRow(_COLUMNS, (kind, state, auth, webhook.url), data)


@webhooks.command("set", epilog=SET_EXAMPLES)
def set_(
    ctx: typer.Context,
    type_: Type,
    url: Annotated[str, typer.Argument(metavar="URL", help="The URL to report to.")],
    no_auth: Annotated[bool, flag("Set no token: anybody could send events there.", "--no-auth")] = False,
) -> None:
    """Set the URL for one type of event.

    8x8 sends WEBHOOK_AUTH_TOKEN there as the Authorization header. Each type has one URL: this replaces the
    former one. If 8x8 refuses that, the former one is deleted first.
    """
    context = context_of(ctx)
    kind = one_of(type_, WEBHOOK_TYPES, "type of event")
    url = check_web_url(url, "URL")
    settings = context.settings({})
    token = None if no_auth else settings.for_8x8("webhook_token")
    if token is None and not no_auth:
        raise ConfigurationError(
            "Without a token, anybody could send events there.",
            hint="Set WEBHOOK_AUTH_TOKEN to a secret of your own, or give --no-auth.",
        )
    from voicecli.listener.webhook_changes import IGNORED, ignored

    with wiring.subaccount_client(context, settings) as client:
        replaced = _replaced(context, settings, client)
        try:
            client.send(set_webhook(kind, url, authorization=token))
        except Refused as refusal:
            replaced.replace(kind, url, token=token, refusal=refusal)
        if ignored(client, {kind: [url]}, needs_token=token is not None):
            hint = "voicecli webhooks list shows its state. Set it in 8x8 Connect, or ask 8x8."
            raise Refused(f"The {kind} webhook is not set. {IGNORED}", hint=hint, status_code=200)
        how = "without a token" if token is None else "with the token"
        data = {"type": kind, "url": url, "hasAuthorization": token is not None}
        context.output.result(f"{kind} events go to {url}, {how}", data, happened=True)
        _forget(context, replaced, kind)


@webhooks.command("delete", epilog=DELETE_EXAMPLES)
def delete(ctx: typer.Context, type_: Type) -> None:
    """Delete the webhook for one type of event.

    8x8's API does not document deleting vnu: if it refuses, the webhook is disabled instead.
    """
    context = context_of(ctx)
    kind = one_of(type_, WEBHOOK_TYPES, "type of event")
    from voicecli.listener.webhook_changes import Deletion, delete_or_disable

    settings = context.settings({})
    with wiring.subaccount_client(context, settings) as client:
        replaced = _replaced(context, settings, client)
        deletion = delete_or_disable(client, kind)
        deleted, disabled = deletion is Deletion.DELETED, deletion is Deletion.DISABLED
        data = {"type": kind, "deleted": deleted, "disabled": disabled}
        if not deleted and not disabled:
            context.output.result(f"{kind} was not set", data)
            return
        why = ": the webhook is disabled, since 8x8's API can't delete one of this type" if disabled else ""
        context.output.result(f"{kind} events are no longer reported{why}", data, happened=True)
        _forget(context, replaced, kind)


@webhooks.command("restore", epilog=RESTORE_EXAMPLES)
def restore(ctx: typer.Context) -> None:
    """Restore the webhooks that a killed listener had replaced."""
    context = context_of(ctx)
    with closing(wiring.registration(context, context.settings({}), notify=context.output.note)) as changes:
        done = changes.restore()
    words = f"Restored: {', '.join(done)}" if done else "There is nothing to restore"
    context.output.result(words, {"restored": done}, happened=bool(done))


def _replaced(context: Context, settings: Settings, client: "Client") -> "ReplacedWebhooks":
    from voicecli.listener.replaced_webhooks import ReplacedWebhooks

    return ReplacedWebhooks(client, wiring.store_place(settings), context.output.warning)


def _forget(context: Context, replaced: "ReplacedWebhooks", kind: str) -> None:
    """Let no listener restore an older webhook over the one that was set now."""
    try:
        replaced.forget(kind)
    except VoicecliError as error:
        context.output.warning(f"A listener may still restore the former webhook. {error.message}")
