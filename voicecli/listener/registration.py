"""Points a subaccount's webhooks at a listener, and puts back what was there.

What was there is on disk before it is changed, so that it can be put back after any kind of end. Where 8x8
refuses to set a webhook because one is set, that one is deleted first.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from enum import Enum, auto
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from voicecli.account import AccountId
from voicecli.errors import ConfigurationError, InUse, RateLimited, Refused, VoicecliError
from voicecli.listener import health
from voicecli.listener.webhook_check import WebhookCheck, WebhookState, check_webhook
from voicecli.output.json_fields import with_former_names
from voicecli.platforms.locks import Lock
from voicecli.store import webhooks as stored_webhooks
from voicecli.store.sqlite import Store
from voicecli.store.webhooks import DELETED, ReplacedWebhook
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import Webhook, delete_webhook, list_webhooks, set_webhook
from voicecli.voice_api.webhook_events import UNDELETABLE_WEBHOOKS, webhook_url

ACCESS_DENIED = (401, 403)  # HTTP: then nothing else is allowed either
CONFLICT = 409  # HTTP
LIST_AGAIN_AFTER = (1.0, 2.0, 3.0, 4.0)
"""Seconds between looks at the list, in which what was set just now may not be yet: as long in all as any
other request to 8x8 is waited for."""
LATE = 120.0  # seconds in which events may still come that 8x8 sent before a webhook was set again
SET_TOKEN_EVERY = 3600.0  # seconds, where a webhook carries another token: not to fight whoever sets it
TRY_AT_LEAST_EVERY = 16  # checks, where setting a webhook again changed nothing
IGNORED = "8x8 accepted the change, but does not list it."
ALREADY_SET = re.compile("already|exist|duplicate|delete", re.IGNORECASE)
"""In 8x8's own words, which are not documented."""


class Deletion(Enum):
    """What became of a webhook that was to be deleted."""

    DELETED = auto()
    NOT_SET = auto()
    DISABLED = auto()  # since 8x8 can't delete one of this type


class WebhookNews(NamedTuple):
    """What is new about a webhook: how it was found, and whether it is set again."""

    check: WebhookCheck
    set_again: bool
    text: str

    def record(self) -> Mapping[str, object]:
        """For programs."""
        news = {
            "record": "webhook",
            "type": self.check.type,
            "state": self.check.state,
            "url": self.check.url,
            "setAgain": self.set_again,
            "words": self.text,
        }
        return with_former_names("talk", news)


def ignored(
    client: Client, wanted: Mapping[str, Collection[str]], *, needs_token: bool
) -> list[WebhookCheck]:
    """Which of the webhooks that were just set, by type with the URLs that are right, 8x8 accepted and yet
    does not list so, though it had LIST_AGAIN_AFTER for it. One request, and more looks only where something
    is wrong; none where 8x8 can't be asked: then nobody knows."""

    def look() -> list[WebhookCheck]:
        now = {webhook.type: webhook for webhook in client.send(list_webhooks(), retries=0)}
        found = [check_webhook(kind, now.get(kind), wanted[kind], needs_token=needs_token) for kind in wanted]
        return [check for check in found if not check.is_ok]

    try:
        found = look() if wanted else []
        for pause in LIST_AGAIN_AFTER if found else ():
            client.pause(pause)
            if not (found := look()):
                break
        return found
    except VoicecliError:
        return []


class _InVain(NamedTuple):
    """Setting a webhook again changed nothing."""

    check: WebhookCheck  # how it stayed
    every: int  # checks until it is tried again
    left: int  # of these


class _TokenSet(NamedTuple):
    """A webhook was set again, since it carried another token."""

    at: float  # by the monotonic clock
    refused: int  # events that were refused until then


class Registration:
    """The webhooks of one subaccount as far as they are ours. Blocks on the network: use it in a thread, and
    in one at a time.

    ``notify`` gets what a person should know. From ``take`` to ``put_back`` or ``close`` no other process of
    this machine can take webhooks of the same subaccount.
    """

    def __init__(self, client: Client, home: Path, *, notify: Callable[[str], None]) -> None:
        self._client = client
        self._home = home
        self._account = client.account.identity
        self._notify = notify
        self._lock: Lock | None = None
        self._taken: dict[str, ReplacedWebhook] = {}  # by type
        self._left: dict[str, str] = {}  # the URLs of those that led here already, by type
        self._observed: str | None = None  # the receiver, where none is taken
        self._token: str | None = None  # that a webhook has to carry
        self._troubles: dict[str, WebhookCheck] = {}  # what was told of those that are not right, by type
        self._in_vain: dict[str, _InVain] = {}  # by type
        self._token_set: dict[str, _TokenSet] = {}  # by type

    def set_now(self) -> dict[str, Webhook]:
        """The webhooks at 8x8, by type. Raises what the client raises."""
        return {webhook.type: webhook for webhook in self._client.send(list_webhooks())}

    def take(
        self,
        kinds: Sequence[str],
        receiver: str,
        *,
        token: str | None,
        new_token: bool = False,
        force: bool = False,
        optional: Sequence[str] = (),
        if_unset: Sequence[str] = (),
    ) -> list[str]:
        """Point the webhooks of these types at ``receiver``, after putting back what an earlier run may have
        left; the types of those that now are ours. One that leads there already, with an Authorization
        header, is left alone unless the token is new. The ``optional`` ones are taken where nothing is lost
        by that, those in ``if_unset`` where none is set.

        Raises ConfigurationError where that would lose something (unless ``force``): a webhook whose
        Authorization header can't be put back, or another listener's. Raises InUse, StoreFailed, and what
        the client raises.
        """
        self._lock_out_others()
        self._put_all_back()
        found = self.set_now()
        harmless = [
            one for one in optional if force or one not in found or not objection(found[one], receiver)
        ]
        free = [kind for kind in if_unset if kind not in found]
        kinds = list(dict.fromkeys((*kinds, *harmless, *free)))
        may_stay = not (force or new_token)
        there = [kind for kind in kinds if may_stay and is_there(found.get(kind), receiver)]
        kinds = [kind for kind in kinds if kind not in there]
        if not force:
            for kind in kinds:
                if kind in found and (error := objection(found[kind], receiver)) is not None:
                    raise error
        for kind in kinds:
            url = webhook_url(receiver, kind)
            taken = _replaced(kind, found.get(kind), own_urls=(url,))
            self._remember(taken)
            self._set(taken, url, token=token, is_set=kind in found)
        for kind in there:
            self._notify(
                f"The {kind} webhook leads here already, with an Authorization header: it is left as it is. "
                "If its events are refused, it is set again."
            )
            self._left[kind] = webhook_url(receiver, kind)
        self._token = token
        urls = {kind: own for kind, own in self._wanted().items() if kind in kinds}
        for check in ignored(self._client, urls, needs_token=token is not None):
            self._troubles[check.type] = check
            self._notify(f"{check.words} {IGNORED}")
        return kinds

    def observe(self, receiver: str, *, token: str | None) -> None:
        """From now on ``check`` sees whether the webhooks that lead to ``receiver`` stay as they are; none
        is changed."""
        self._observed, self._token = receiver, token
        self._left = {kind: webhook_url(receiver, kind) for kind in self._left}

    @property
    def account(self) -> AccountId:
        """Whose webhooks they are."""
        return self._account

    def leads_here(self, kind: str) -> bool:
        """Whether events of this type come to where it was pointed last, as far as that is known. That it
        carries another token is not, once somebody may have set it right: 8x8 does not tell."""
        trouble = self._troubles.get(kind)
        is_clear = trouble is None or trouble.state is WebhookState.OTHER_TOKEN
        return is_clear and kind in self._wanted()

    def checks(self) -> list[WebhookCheck]:
        """How the webhooks that are to lead here were found last."""
        return [
            self._troubles.get(kind) or WebhookCheck(kind, WebhookState.OK, urls[-1])
            for kind, urls in self._wanted().items()
        ]

    def move(self, receiver: str, *, token: str | None) -> list[WebhookNews]:
        """Point what is ours at a new address, except what somebody has moved, as far as 8x8 tells; what is
        new of those that don't lead there. Raises StoreFailed, and what the client raises; then it can be
        tried again."""
        self._token = token
        now: Mapping[str, Webhook] = {}
        with suppress(VoicecliError):  # then nobody knows, and all are set
            now = self._list()
        elsewhere: list[WebhookCheck] = []
        for kind, taken in list(self._taken.items()):
            url = webhook_url(receiver, kind)
            if taken.own_urls != (url,):
                moving = taken._replace(own_urls=(*(own for own in taken.own_urls if own != url), url))
                self._remember(moving)
                if kind in now and now[kind].url not in moving.own_urls:
                    elsewhere.append(WebhookCheck(kind, WebhookState.MOVED, now[kind].url))
                    continue
                self._set(moving, url, token=token, is_set=True)
                self._remember(taken._replace(own_urls=(url,)))
        for kind, before in self._left.items():
            self._left[kind] = webhook_url(receiver, kind)
            points_to = now[kind].url if kind in now else before
            if points_to != self._left[kind]:
                elsewhere.append(WebhookCheck(kind, WebhookState.MOVED, points_to))
        return [news for check in elsewhere if (news := self._news(check, check, {})) is not None]

    def put_back(self) -> list[str]:
        """Put back what runs that ended have left, and what this one has taken; the types of these. Then
        others may take them.

        A webhook that points elsewhere by now is left alone. Raises InUse, StoreFailed, and what the client
        raises; what could not be put back stays in the store.
        """
        if not self._to_put_back():
            return []
        self._lock_out_others()
        try:
            return self._put_all_back()
        finally:
            self.close()

    def replace(self, kind: str, url: str, *, token: str | None, refusal: Refused) -> None:
        """Delete a webhook and set it anew, where 8x8's ``refusal`` to set it may be because of the one that
        is set. That one is in the store until ``forget``, and put back at once where this fails.

        Raises ``refusal`` where that is not the reason, or where an Authorization header could be lost for
        nothing; StoreFailed, and what the client raises.
        """
        found = self.set_now().get(kind) if _may_be_in_the_way(refusal) else None
        if found is None:
            raise refusal
        if found.has_authorization and not _is_in_the_way(refusal):
            refusal.hint = (
                f"It points to {found.url} now, with an Authorization header that could not be restored. "
                f"If that one has to go first: voicecli webhooks delete {kind.lower()}"
            )
            raise refusal
        stored = {webhook.type: webhook for webhook in self._to_put_back()}
        before = stored.get(kind) or _replaced(kind, found, own_urls=())
        self._remember(_with_deletion(before))
        try:
            self._make_room(kind)
            self._client.send(set_webhook(kind, url, authorization=token))
        except BaseException as error:
            words = "may be deleted now: voicecli webhooks restore sets it again"
            if isinstance(error, VoicecliError):
                with suppress(VoicecliError):
                    words = "is set again" if self._put_all_back(only=kind) else ""
            if words:
                self._notify(f"The {kind} webhook to {found.url} {words}.")
            raise

    def delete(self, kind: str) -> Deletion:
        """Stop reporting one type; one that 8x8 can't delete is disabled. Raises what the client raises."""
        try:
            self._client.send(delete_webhook(kind))
            return Deletion.DELETED
        except Refused as refusal:
            if kind not in UNDELETABLE_WEBHOOKS or _is_about_the_account(refusal):
                if refusal.is_missing:
                    return Deletion.NOT_SET
                raise
        left = self.set_now().get(kind)
        if left is None:
            return Deletion.NOT_SET
        if left.enabled:
            try:
                self._client.send(set_webhook(kind, left.url, enabled=False))
            except Refused as error:
                raise _unchangeable(left, error) from error
        return Deletion.DISABLED

    def forget(self, kind: str) -> None:
        """What was there before is not to be put back any more. Raises StoreFailed."""
        self._taken.pop(kind, None)
        with Store(self._home, fitted_before=True) as store:
            stored_webhooks.forget_webhook(store, self._account, kind)

    def check(self, *, other_token: Mapping[str, int] = {}) -> list[WebhookNews]:
        """Compare the webhooks at 8x8 with what they should be; what is new. Of those that were taken, one
        that has no token or another one, is disabled or is not set is set again; one that points elsewhere
        was moved by somebody, and is left alone. ``other_token`` says how many events of 8x8's were refused
        for their token since the last one with ours, by type: the list does not tell. Raises what the client
        raises where nothing could be found out."""
        self._renew()
        now = self._list()
        if self._observed is not None:
            for kind, webhook in now.items():
                if webhook.url == webhook_url(self._observed, kind):
                    self._left[kind] = webhook.url
        found = {
            kind: self._judge_token(self._compare(kind, now), other_token.get(kind, 0))
            for kind in self._wanted()
        }
        failures = {} if self._observed is not None else self._set_again(found)
        for kind in failures:
            if failures[kind] is None and found[kind].state is WebhookState.OTHER_TOKEN:
                self._token_set[kind] = _TokenSet(monotonic(), other_token[kind])
        after, accepted = found, [kind for kind, failure in failures.items() if failure is None]
        for pause in (0.0, *LIST_AGAIN_AFTER) if accepted else ():  # see whether 8x8 does as it says
            self._client.pause(pause)
            try:
                now = self._list()
            except VoicecliError:  # then nobody knows
                break
            after = found | {kind: self._compare(kind, now) for kind in accepted}
            if all(after[kind].is_ok for kind in accepted):
                break
        return [
            news for kind in found if (news := self._news(found[kind], after[kind], failures)) is not None
        ]

    def _list(self) -> dict[str, Webhook]:
        """As ``set_now``, in one attempt: who looks often need not try again at once."""
        return {webhook.type: webhook for webhook in self._client.send(list_webhooks(), retries=0)}

    def _wanted(self) -> dict[str, list[str]]:
        """Where the webhooks should point that are to lead here, by type; the newest URL comes last."""
        left, taken = [*self._left.items()], [*self._taken.values()]  # another thread may change them
        own = {one.type: [url for url in one.own_urls if url != DELETED] for one in taken}
        return {kind: [url] for kind, url in left} | own

    def _compare(self, kind: str, now: Mapping[str, Webhook]) -> WebhookCheck:
        newest = self._wanted()[kind][-1:]
        return check_webhook(kind, now.get(kind), newest, needs_token=self._token is not None)

    def _judge_token(self, check: WebhookCheck, refused: int) -> WebhookCheck:
        """With the events that were ``refused`` for their token; those do not count that 8x8 may have sent
        before the webhook was set again for this."""
        if (before := self._token_set.get(check.type)) is not None:
            is_late = monotonic() - before.at < LATE
            before = before._replace(refused=refused if is_late else min(before.refused, refused))
            self._token_set[check.type] = before
        has_other = refused > (0 if before is None else before.refused)
        return check._replace(state=WebhookState.OTHER_TOKEN) if check.is_ok and has_other else check

    def _set_again(self, found: Mapping[str, WebhookCheck]) -> dict[str, VoicecliError | None]:
        """Set those again that nobody has moved; by type why that failed, or None where 8x8 accepted it."""
        failures: dict[str, VoicecliError | None] = {}
        for kind, check in found.items():
            *former, url = self._wanted()[kind]
            moved = check.state is WebhookState.MOVED and check.url not in former
            if check.is_ok or moved or self._waits(check):
                continue
            is_set = check.url is not None
            try:
                if (taken := self._taken.get(kind)) is not None:
                    self._set(taken, url, token=self._token, is_set=is_set)
                    if taken.own_urls != (url,):
                        self._remember(taken._replace(own_urls=(url,)))
                else:  # it led here before, and is to do so afterwards
                    before = ReplacedWebhook(kind, (url,), url, enabled=True, had_authorization=True)
                    self._set(before, url, token=self._token, is_set=is_set, needs_store=False)
                    if kind in self._taken:
                        self.forget(kind)
                failures[kind] = None
            except VoicecliError as error:
                failures[kind] = error
        return failures

    def _waits(self, check: WebhookCheck) -> bool:
        """Whether setting it again was in vain, and the next attempt is not due yet."""
        if check.state is WebhookState.OTHER_TOKEN:
            before = self._token_set.get(check.type)
            return before is not None and monotonic() - before.at < SET_TOKEN_EVERY
        vain = self._in_vain.get(check.type)
        if vain is None or vain.check != check or vain.left <= 1:
            return False
        self._in_vain[check.type] = vain._replace(left=vain.left - 1)
        return True

    def _news(
        self, found: WebhookCheck, after: WebhookCheck, failures: Mapping[str, VoicecliError | None]
    ) -> WebhookNews | None:
        """What to tell of a webhook that was ``found`` so, and is so ``after`` setting it again, unless that
        was told before."""
        kind = found.type
        told = self._troubles.pop(kind, None)
        accepted = kind in failures and failures[kind] is None
        vain = self._in_vain.get(kind)
        if after.is_ok:
            self._in_vain.pop(kind, None)
        # Where it is found so still, 8x8 could not be asked again.
        if accepted and (after.is_ok or (after is found and vain is None)):
            return WebhookNews(found, True, f"{found.words} It is set again.")
        if after.is_ok:
            return (
                None if told is None else WebhookNews(after, False, f"The {kind} webhook leads here again.")
            )
        self._troubles[kind] = after
        if accepted:
            every = 2 if vain is None or vain.check != after else min(2 * vain.every, TRY_AT_LEAST_EVERY)
            self._in_vain[kind] = _InVain(after, every, every)
        if told == after:
            return None
        return WebhookNews(after, False, f"{after.words} {self._remedy(after, failures)}")

    def _remedy(self, check: WebhookCheck, failures: Mapping[str, VoicecliError | None]) -> str:
        kind = check.type
        set_again = f"voicecli webhooks set {kind.lower()} {self._wanted()[kind][-1]}"
        if self._observed is not None:
            return f"To set it again: {set_again}"
        if check.state is WebhookState.MOVED and kind not in self._taken:
            return f"It was not set by this listener: it is left alone. To point it here: {set_again}"
        if check.state is WebhookState.MOVED and check.url not in self._wanted()[kind]:
            return "Somebody has moved it: it is left alone."
        if check.state is WebhookState.OTHER_TOKEN and kind not in failures:
            return f"It was set again, and is left alone now. To set it once more: {set_again}"
        if (failure := failures.get(kind)) is not None:
            return f"It can't be set again now, and is tried again later. {failure.message}"
        return IGNORED

    def require_unregistered(self) -> None:
        """Raises InUse where another process of this machine has taken webhooks of the subaccount."""
        self._lock_out_others()
        self.close()

    @contextmanager
    def without_waits(self) -> Iterator[None]:
        """Meanwhile a thread that waits until it may ask 8x8 again gives up."""
        self._client.stop()
        try:
            yield
        finally:
            self._client.resume()

    def close(self) -> None:
        """Let others take webhooks."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _set(
        self,
        replaced: ReplacedWebhook,
        url: str,
        *,
        token: str | None,
        is_set: bool,
        enabled: bool = True,
        needs_store: bool = True,
    ) -> None:
        """Set a webhook that is remembered. Where 8x8 refuses that and one is set, delete that one first."""
        operation = set_webhook(replaced.type, url, authorization=token, enabled=enabled)
        try:
            self._client.send(operation)
            return
        except Refused as refusal:
            if not is_set or not _may_be_in_the_way(refusal):
                raise
        with nullcontext() if needs_store else suppress(VoicecliError):
            self._remember(_with_deletion(replaced))
        self._make_room(replaced.type)
        self._client.send(operation)
        if needs_store:
            self._remember(replaced)

    def _make_room(self, kind: str) -> None:
        """Delete a webhook that is to be set anew."""
        try:
            self._client.send(delete_webhook(kind))
        except Refused as error:
            if kind in UNDELETABLE_WEBHOOKS and (left := self.set_now().get(kind)) is not None:
                raise _unchangeable(left, error) from error
            if not error.is_missing:  # else it is gone already
                raise

    def _remember(self, webhook: ReplacedWebhook) -> None:
        with Store(self._home, fitted_before=True) as store:
            stored_webhooks.remember_webhook(store, self._account, webhook)
        self._taken[webhook.type] = webhook

    def _to_put_back(self) -> list[ReplacedWebhook]:
        """What is in the store; and what is ours, whatever became of the store."""
        stored: dict[str, ReplacedWebhook] = {}
        try:
            with Store(self._home, fitted_before=True) as store:
                found = stored_webhooks.replaced_webhooks(store, self._account)
                stored = {webhook.type: webhook for webhook in found}
        except VoicecliError:
            if not self._taken:
                raise
        return [*(stored | self._taken).values()]

    def _put_all_back(self, *, only: str | None = None) -> list[str]:
        """All that can be, or ``only`` that type; then it raises the first of what went wrong."""
        replaced = [webhook for webhook in self._to_put_back() if only in (None, webhook.type)]
        done = []
        if replaced:
            self._tell_of_dropped()
        failures: list[VoicecliError] = []
        now = self.set_now() if replaced else {}
        for webhook in replaced:
            kind = webhook.type
            url = now[kind].url if kind in now else None
            try:
                if (url or DELETED) in webhook.own_urls and (url or webhook.url):
                    self._put_back(webhook, is_set=url is not None)
                    done.append(kind)
                elif url != webhook.url:
                    where = f"points to {url} by now" if url else "is not set any more"
                    before = f" Before voicecli listen it pointed to {webhook.url}." if webhook.url else ""
                    self._notify(f"The {kind} webhook {where}: it is left as it is.{before}")
            except VoicecliError as error:
                failures.append(error)
                continue
            with suppress(VoicecliError):  # else the next one finds it all right
                self.forget(kind)
        if failures:
            raise failures[0]
        return done

    def _tell_of_dropped(self) -> None:
        """Two listeners that were killed had written the base URL in two ways, so each remembered its own."""
        with suppress(VoicecliError), Store(self._home, fitted_before=True) as store:
            for kind, url in stored_webhooks.take_dropped_webhooks(store, self._account):
                where = "was not set" if url is None else f"pointed to {url}"
                self._notify(f"The {kind} webhook {where} at an earlier time, which is not restored.")

    def _put_back(self, webhook: ReplacedWebhook, *, is_set: bool) -> None:
        if webhook.url is None:
            if self.delete(webhook.type) is Deletion.DISABLED:
                self._notify(
                    f"The {webhook.type} webhook was not set before, and 8x8's API can't delete it: "
                    "it is disabled."
                )
            return
        self._set(webhook, webhook.url, token=None, is_set=is_set, enabled=webhook.enabled, needs_store=False)
        if webhook.had_authorization:
            self._notify(
                f"The {webhook.type} webhook is restored to {webhook.url} without its Authorization header, "
                "which 8x8 does not reveal: set it again, with voicecli webhooks set."
            )

    def _renew(self) -> None:
        """Where the folder was removed meanwhile: lock others out again, as soon as none is in the way, and
        keep what has to be put back."""
        if self._lock is None or self._lock.is_there():
            return
        removed, self._lock = self._lock, None
        try:
            self._lock_out_others()
        except VoicecliError:
            self._lock = removed
            return
        removed.close()
        with suppress(VoicecliError):  # it is put back by what is in memory
            for webhook in list(self._taken.values()):
                self._remember(webhook)

    def _lock_out_others(self) -> None:
        if self._lock is not None:
            return
        name = hashlib.blake2b("\n".join(self._account).encode(), digest_size=8).hexdigest()
        self._lock = Lock.take(self._home / f"registered-{name}.lock")
        if self._lock is None:
            subaccount = self._account.subaccount
            raise InUse(
                f"Another voicecli listen on this machine has registered for subaccount {subaccount}.",
                hint="Stop it first: 8x8 reports to one address for each type of event.",
            )


def _replaced(kind: str, before: Webhook | None, *, own_urls: tuple[str, ...]) -> ReplacedWebhook:
    if before is None:
        return ReplacedWebhook(kind, own_urls, url=None, enabled=True, had_authorization=False)
    return ReplacedWebhook(kind, own_urls, before.url, before.enabled, before.has_authorization)


def _with_deletion(webhook: ReplacedWebhook) -> ReplacedWebhook:
    """The same while it may be deleted, to be set anew."""
    return webhook._replace(own_urls=(*webhook.own_urls, DELETED))


def _is_about_the_account(refusal: Refused) -> bool:
    """Whether 8x8 would refuse anything else as well."""
    return isinstance(refusal, RateLimited) or refusal.http_status in ACCESS_DENIED


def _may_be_in_the_way(refusal: Refused) -> bool:
    """Whether 8x8 may have refused to set a webhook because one is set."""
    return not (_is_about_the_account(refusal) or refusal.is_missing)


def _is_in_the_way(refusal: Refused) -> bool:
    """Whether 8x8 says so."""
    return refusal.http_status == CONFLICT or ALREADY_SET.search(refusal.message) is not None


def _unchangeable(webhook: Webhook, refusal: Refused) -> Refused:
    return Refused(
        f"The {webhook.type} webhook still points to {webhook.url}: 8x8 refuses to change it, and its API "
        "has no request that deletes it.",
        hint="Ask 8x8's support to change it.",
        status_code=refusal.status_code,
        http_status=refusal.http_status,
    )


def is_there(webhook: Webhook | None, receiver: str) -> bool:
    """Whether a webhook leads to the receiver as it should, with a header that could not be put back."""
    if webhook is None or webhook.url != webhook_url(receiver, webhook.type):
        return False
    return webhook.enabled and webhook.has_authorization


def objection(webhook: Webhook, receiver: str) -> ConfigurationError | None:
    """Why a webhook is not to be pointed at the receiver: something would be lost."""
    if webhook.url != webhook_url(receiver, webhook.type) and health.is_listener(webhook.url):
        return ConfigurationError(
            f"The {webhook.type} webhook points to another voicecli listen, at {webhook.url}.",
            hint="Stop that one first, or take its events away from it with --force.",
        )
    if webhook.has_authorization:
        return ConfigurationError(
            f"The {webhook.type} webhook points to {webhook.url} and has an Authorization header, "
            "which 8x8 does not reveal, so it could not be restored afterwards.",
            hint="Give --force if you can set it again yourself.",
        )
    return None
