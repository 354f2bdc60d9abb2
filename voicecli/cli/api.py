"""``voicecli api``: any request of the Voice API, for what has no command."""

import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote

import typer

from voicecli import json_values
from voicecli.cli import wiring
from voicecli.cli.context import Context, context_of
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import one_of
from voicecli.errors import InvalidInput
from voicecli.json_values import Json
from voicecli.output.secrets import secret_values
from voicecli.settings import Settings
from voicecli.voice_api import callflow, callflow_rules
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.callflow_rules import Action
from voicecli.voice_api.wire import Operation

if TYPE_CHECKING:
    from voicecli.voice_api.client import Client

EXAMPLES = """\
voicecli api GET /webhooks
voicecli api POST /webhooks \\
  --data '{"type": "VNU", "url": "https://example.com/vnu"}'
voicecli api POST /callflows --data @callflow.json --dry-run
"""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PATH = re.compile(r"/(?!/)[!-~]*", re.ASCII)  # from a slash on, so that no other host can be meant


def api(
    ctx: typer.Context,
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET, POST, PUT, PATCH or DELETE.")],
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="Such as /webhooks; or the whole path, which begins with /api/."),
    ],
    data: Annotated[
        str | None, option("JSON", "The body: a JSON object, @FILE, or - for standard input.")
    ] = None,
    call_unsubscribed: Annotated[
        bool, flag("Call even people who have unsubscribed.", "--call-unsubscribed")
    ] = False,
    dry_run: Annotated[bool, flag("Show the request without sending it.", "--dry-run")] = False,
) -> None:
    """Send any request to the Voice API, and print its JSON answer.

    PATH is the part that follows /api/v1/subaccounts/{subAccountId} in 8x8's reference. A POST to /callflows
    places a call.

    Exit code 6 means that no answer came, and that the request may have been carried out.
    """
    context = context_of(ctx)
    verb = one_of(method, METHODS, "method")
    if not _PATH.fullmatch(path) or "#" in path or {".", ".."} & set(re.split("[/?]", path)):
        raise InvalidInput(
            "PATH must be the path of an operation, such as /webhooks.",
            hint="It begins with a slash; special characters are percent-encoded.",
        )
    body = None if data is None else _body(context, data)
    if body is not None and verb == "GET":
        raise InvalidInput("A GET has no --data.", hint="Put it into PATH, after a question mark.")
    secrets = [*secret_values(body)]
    for secret in secrets:
        context.output.hide(secret)
    operation: Operation[Json] = Operation(
        "api",
        verb,
        path,
        dict,
        body=body,
        changes=verb != "GET",
        client_request_id=json_values.text((body or {}).get("clientRequestId")),
        private=(*secrets, *callflow.spoken_texts(_actions(body or {}))),  # no error may quote these
    )
    request = _call_request(verb, path, body or {})
    if call_unsubscribed and request is None:
        raise InvalidInput("--call-unsubscribed has an effect only on a POST to /callflows.")
    if request is not None and callflow_rules.has_hangup_after_question(request.callflow):
        context.output.warning("8x8 ignores the digits of a sayAndCapture that a hangup follows.")
    if dry_run:
        context.show(context.settings({}), operation)
        return
    settings = context.settings({})
    with wiring.subaccount_client(context, settings) as client:
        if request is None:
            answer = client.send(operation)
        else:
            answer = _place(
                context, settings, client, request, operation, call_unsubscribed=call_unsubscribed
            )
    context.output.result(context.output.json_for_people(answer), answer, happened=operation.changes)


def _actions(body: Json) -> list[Action]:
    """The actions of a callflow, without what is not an action at all."""
    actions = body.get("callflow")
    return [action for action in actions if isinstance(action, dict)] if isinstance(actions, list) else []


def _call_request(method: str, path: str, body: Json) -> CallRequest | None:
    """The call that a request places; None if it places none."""
    place = unquote(path.partition("?")[0]).rstrip("/")
    if method != "POST" or not place.endswith("/callflows"):
        return None
    return CallRequest(
        tuple(_actions(body)),
        json_values.text(body.get("clientRequestId")) or "",
        json_values.text(body.get("clientActionId")),
    )


def _place(
    context: Context,
    settings: Settings,
    client: "Client",
    request: CallRequest,
    operation: Operation[Json],
    *,
    call_unsubscribed: bool,
) -> Json:
    """Place a call as ``voicecli call`` does; what is sent is the operation."""
    from voicecli.calling.ledger import Ledger
    from voicecli.calling.placing import Placer

    context.ledger = Ledger()
    placer = Placer(
        client,
        wiring.account(settings),
        wiring.store_place(settings),
        call_unsubscribed=call_unsubscribed,
        ledger=context.ledger,
        warn=context.output.warning,
    )
    return placer.send(request, operation, lambda answer: json_values.text(answer.get("sessionId")))


def _body(context: Context, data: str) -> Json:
    """Raises InvalidInput for what is no JSON object."""
    from_elsewhere = data == "-" or data.startswith("@")
    text = context.read_text(data.removeprefix("@")) if from_elsewhere else data
    document = json_values.json_object(text.encode(errors="surrogatepass"))
    if document is None:
        raise InvalidInput(
            "--data must be a JSON object.", hint='Such as \'{"type": "VSS"}\', or @FILE for one in a file.'
        )
    return document
