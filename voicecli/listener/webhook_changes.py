"""Changes of webhooks that 8x8 refuses at first: one may have to be deleted before another can be set, and
those of some types can't be deleted."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from enum import Enum, auto

from voicecli.errors import RateLimited, Refused, VoicecliError
from voicecli.listener.webhook_check import WebhookCheck, check_webhook
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import Webhook, delete_webhook, list_webhooks, set_webhook
from voicecli.voice_api.webhook_events import UNDELETABLE_WEBHOOKS

ACCESS_DENIED = (401, 403)  # HTTP: then nothing else is allowed either
CONFLICT = 409  # HTTP
LIST_AGAIN_AFTER = (1.0, 2.0, 3.0, 4.0)
"""Seconds between looks at the list, in which what was set just now may not be yet: as long in all as any
other request to 8x8 is waited for."""
IGNORED = "8x8 accepted the change, but does not list it."
ALREADY_SET = re.compile("already|exist|duplicate|delete", re.IGNORECASE)
"""In 8x8's own words, which are not documented."""


class Deletion(Enum):
    """What became of a webhook that was to be deleted."""

    DELETED = auto()
    NOT_SET = auto()
    DISABLED = auto()  # since 8x8 can't delete one of this type


def current_webhooks(client: Client, *, retries: int | None = None) -> dict[str, Webhook]:
    """The webhooks at 8x8, by type. Raises what the client raises."""
    return {webhook.type: webhook for webhook in client.send(list_webhooks(), retries=retries)}


def list_changed(
    client: Client, wanted: Mapping[str, Collection[str]], *, needs_token: bool
) -> dict[str, WebhookCheck]:
    """How 8x8 listed the webhooks that were just set when it could be asked last, by type with the URLs that
    are right. It has LIST_AGAIN_AFTER to list them so; empty where it can't be asked at all."""
    checks: dict[str, WebhookCheck] = {}
    with suppress(VoicecliError):
        for look in _looks(client, wanted, needs_token=needs_token):
            checks = look
    return checks


def ignored(
    client: Client, wanted: Mapping[str, Collection[str]], *, needs_token: bool
) -> list[WebhookCheck]:
    """Which of the webhooks that were just set 8x8 accepted, and yet does not list so, though it had
    LIST_AGAIN_AFTER for it; none where any look at the list fails: then nobody knows."""
    checks: dict[str, WebhookCheck] = {}
    try:
        for look in _looks(client, wanted, needs_token=needs_token):
            checks = look
    except VoicecliError:
        return []
    return [check for check in checks.values() if not check.is_ok]


def delete_or_disable(client: Client, kind: str) -> Deletion:
    """Stop reporting one type; one that 8x8 can't delete is disabled. Raises what the client raises."""
    try:
        client.send(delete_webhook(kind))
        return Deletion.DELETED
    except Refused as refusal:
        if kind not in UNDELETABLE_WEBHOOKS or is_about_the_account(refusal):
            if refusal.is_missing:
                return Deletion.NOT_SET
            raise
    left = current_webhooks(client).get(kind)
    if left is None:
        return Deletion.NOT_SET
    if left.enabled:
        try:
            client.send(set_webhook(kind, left.url, enabled=False))
        except Refused as error:
            raise _unchangeable(left, error) from error
    return Deletion.DISABLED


def delete_to_set_anew(client: Client, kind: str) -> None:
    """Delete a webhook that is to be set anew."""
    try:
        client.send(delete_webhook(kind))
    except Refused as error:
        if kind in UNDELETABLE_WEBHOOKS and (left := current_webhooks(client).get(kind)) is not None:
            raise _unchangeable(left, error) from error
        if not error.is_missing:  # else it is gone already
            raise


def is_about_the_account(refusal: Refused) -> bool:
    """Whether 8x8 would refuse anything else as well."""
    return isinstance(refusal, RateLimited) or refusal.http_status in ACCESS_DENIED


def may_be_in_the_way(refusal: Refused) -> bool:
    """Whether 8x8 may have refused to set a webhook because one is set."""
    return not (is_about_the_account(refusal) or refusal.is_missing)


def is_in_the_way(refusal: Refused) -> bool:
    """Whether 8x8 says so."""
    return refusal.http_status == CONFLICT or ALREADY_SET.search(refusal.message) is not None


def _looks(
    client: Client, wanted: Mapping[str, Collection[str]], *, needs_token: bool
) -> Iterator[dict[str, WebhookCheck]]:
    """How 8x8 lists these webhooks, look by look, until all are right or LIST_AGAIN_AFTER is over. Raises
    what the client raises."""
    for pause in (0.0, *LIST_AGAIN_AFTER) if wanted else ():
        client.pause(pause)
        now = current_webhooks(client, retries=0)
        checks = {
            kind: check_webhook(kind, now.get(kind), urls, needs_token=needs_token)
            for kind, urls in wanted.items()
        }
        yield checks
        if all(check.is_ok for check in checks.values()):
            break


def _unchangeable(webhook: Webhook, refusal: Refused) -> Refused:
    return Refused(
        f"The {webhook.type} webhook still points to {webhook.url}: 8x8 refuses to change it, and its API "
        "has no request that deletes it.",
        hint="Ask 8x8's support to change it.",
        status_code=refusal.status_code,
        http_status=refusal.http_status,
    )
