"""Points a subaccount's webhooks at a listener, and puts back what was there (``replaced_webhooks``)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from voicecli.account import AccountId
from voicecli.errors import ConfigurationError, VoicecliError
from voicecli.listener.registration_claims import FileClaim, RegistrationClaim
from voicecli.listener.replaced_webhooks import ReplacedWebhooks, replaced_by_ours
from voicecli.listener.webhook_changes import (
    IGNORED,
    current_webhooks,
    ignored,
    list_changed,
)
from voicecli.listener.webhook_check import WebhookCheck, WebhookState, check_webhook
from voicecli.listener.webhook_takeover import is_set_for, taking_error
from voicecli.listener.webhook_troubles import WebhookNews, WebhookTroubles
from voicecli.store.listeners import TeamListener
from voicecli.store.location import StorePlace
from voicecli.store.webhooks import DELETED, ReplacedWebhook
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import Webhook
from voicecli.voice_api.webhook_events import webhook_url


class Registration:
    """The webhooks of one subaccount as far as they are ours. Blocks on the network: use it in a thread, and
    in one at a time.

    ``notify`` gets what a person should know. From ``take`` to ``restore`` or ``close`` no other process of
    this machine can take webhooks of the same subaccount; with a store that a team shares, only other
    listeners of it with the same public URL and token can, and the last of them puts back what was there.
    """

    def __init__(self, client: Client, place: StorePlace, *, notify: Callable[[str], None]) -> None:
        self._client = client
        self._place = place
        self._account = client.account.identity
        self._notify = notify
        self._claim = _claim(place, client, notify)
        self._replaced = ReplacedWebhooks(client, place, notify)
        self._preset: dict[str, str] = {}  # the URLs of those that led here already, by type
        self._observed: str | None = None  # the public URL, where none is taken
        self._token: str | None = None  # that a webhook has to carry
        self._take_again: Callable[[], list[str]] = list
        self._troubles = WebhookTroubles()

    def current_webhooks(self) -> dict[str, Webhook]:
        """The webhooks at 8x8, by type. Raises what the client raises."""
        return current_webhooks(self._client)

    def take(
        self,
        kinds: Sequence[str],
        public_url: str,
        *,
        token: str | None,
        new_token: bool = False,
        force: bool = False,
        optional: Sequence[str] = (),
        if_unset: Sequence[str] = (),
    ) -> list[str]:
        """Point the webhooks of these types at ``public_url``, after restoring what an earlier run may have
        left; the types of those that now are ours. One that leads there already, with an Authorization
        header, is left alone unless the token is new. The ``optional`` ones are taken where nothing is lost
        by that, those in ``if_unset`` where none is set.

        Raises ConfigurationError where that would lose something (unless ``force``): a webhook whose
        Authorization header can't be put back, or another listener's. Raises InUse, StoreFailed, and what
        the client raises.
        """
        again = {"token": token, "force": force, "optional": optional, "if_unset": if_unset}
        self._take_again = partial(self.take, kinds, public_url, **again)  # type: ignore[arg-type]
        with self._claim.changing(public_url=public_url, token=token) as others:
            self._claim.forget_dead()
            joint = self._joint(others)
            self._replaced.restore(keep=joint)
            found = self.current_webhooks()

            def taking_error_of(kind: str) -> ConfigurationError | None:
                may_be_lost = kind in found and not force and kind not in joint
                return taking_error(found[kind], public_url) if may_be_lost else None

            harmless = [one for one in optional if taking_error_of(one) is None]
            free = [kind for kind in if_unset if kind not in found]
            wanted = list(dict.fromkeys((*kinds, *harmless, *free)))
            may_stay = not (force or new_token)
            there = [kind for kind in wanted if may_stay and is_set_for(found.get(kind), public_url)]
            kinds = [kind for kind in wanted if kind not in there]
            for kind in kinds:
                if (error := taking_error_of(kind)) is not None:
                    raise error
            self._claim.take(public_url, wanted, token)
            for kind in kinds:
                url = webhook_url(public_url, kind)
                taken = joint.get(kind) or replaced_by_ours(kind, found.get(kind), own_urls=(url,))
                self._replaced.remember(taken)
                self._replaced.set(taken, url, token=token, is_set=kind in found)
        self._keep_preset([kind for kind in there if kind not in joint], public_url)
        self._replaced.taken |= {kind: joint[kind] for kind in there if kind in joint}
        self._tell_of_others(others)
        self._token = token
        urls = {kind: own for kind, own in self._wanted().items() if kind in kinds}
        for check in ignored(self._client, urls, needs_token=token is not None):
            self._troubles.told[check.type] = check
            self._notify(f"{check.words} {IGNORED}")
        return [kind for kind in wanted if kind in self._replaced.taken]

    def _joint(self, others: Sequence[TeamListener]) -> dict[str, ReplacedWebhook]:
        """What other listeners of the team have taken, too, by type. Raises StoreFailed."""
        theirs = {kind for other in others for kind in other.registered}
        return {one.type: one for one in self._replaced.to_restore() if one.type in theirs} if theirs else {}

    def _keep_preset(self, kinds: Iterable[str], public_url: str) -> None:
        for kind in kinds:
            self._notify(
                f"The {kind} webhook points here already, with an Authorization header: it is left as it is. "
                "If its events are refused, it is set again."
            )
            self._preset[kind] = webhook_url(public_url, kind)

    def _tell_of_others(self, others: Sequence[TeamListener]) -> None:
        if others:
            who = ", ".join(dict.fromkeys(f"{one.host} (process {one.process})" for one in others))
            self._notify(f"The webhooks lead to other listeners of the team, too: {who}.")

    def observe(self, public_url: str, *, token: str | None) -> None:
        """From now on ``check`` sees whether the webhooks that lead to ``public_url`` stay as they are; none
        is changed."""
        self._observed, self._token = public_url, token
        self._preset = {kind: webhook_url(public_url, kind) for kind in self._preset}

    @property
    def account(self) -> AccountId:
        """Whose webhooks they are."""
        return self._account

    def leads_here(self, kind: str) -> bool:
        """Whether events of this type come to where it was pointed last, as far as that is known. That it
        carries another token is not, once somebody may have set it right: 8x8 does not tell."""
        trouble = self._troubles.told.get(kind)
        is_clear = trouble is None or trouble.state is WebhookState.OTHER_TOKEN
        return is_clear and kind in self._wanted()

    def checks(self) -> list[WebhookCheck]:
        """How the webhooks that are to lead here were found last."""
        return [
            self._troubles.told.get(kind) or WebhookCheck(kind, WebhookState.OK, urls[-1])
            for kind, urls in self._wanted().items()
        ]

    def move(self, public_url: str, *, token: str | None) -> list[WebhookNews]:
        """Point what is ours at a new address, except what somebody has moved, as far as 8x8 tells; what is
        new of those that don't lead there. Raises StoreFailed, and what the client raises; then it can be
        tried again."""
        self._token = token
        now: Mapping[str, Webhook] = {}
        with suppress(VoicecliError):  # then all are set
            now = current_webhooks(self._client, retries=0)
        elsewhere: list[WebhookCheck] = []
        for kind, taken in list(self._replaced.taken.items()):
            url = webhook_url(public_url, kind)
            if taken.own_urls != (url,):
                moving = taken._replace(own_urls=(*(own for own in taken.own_urls if own != url), url))
                self._replaced.remember(moving)
                if kind in now and now[kind].url not in moving.own_urls:
                    elsewhere.append(WebhookCheck(kind, WebhookState.MOVED, now[kind].url))
                    continue
                self._replaced.set(moving, url, token=token, is_set=True)
                self._replaced.remember(taken._replace(own_urls=(url,)))
        for kind, before in self._preset.items():
            self._preset[kind] = webhook_url(public_url, kind)
            points_to = now[kind].url if kind in now else before
            if points_to != self._preset[kind]:
                elsewhere.append(WebhookCheck(kind, WebhookState.MOVED, points_to))
        news = [self._troubles.news(check, check, {}, self._remedy) for check in elsewhere]
        return [one for one in news if one is not None]

    def restore(self) -> list[str]:
        """Put back what runs that ended have left, and what this one has taken; the types of these. Then
        others may take them. ``webhook_watch`` calls it when a listener ends.

        A webhook that points elsewhere by now is left alone. Raises InUse, StoreFailed, and what the client
        raises; what could not be put back stays in the store.
        """
        if not self._replaced.to_restore():
            return []
        with self._claim.changing() as others:
            try:
                joint = self._joint(others)
                for kind in joint:
                    self._replaced.taken.pop(kind, None)
                return self._replaced.restore(keep=joint)
            finally:
                self._claim.give_up()

    def check(self, *, other_token: Mapping[str, int] = {}) -> list[WebhookNews]:
        """Compare the webhooks at 8x8 with what they should be; what is new. Of those that were taken, one
        that has no token or another one, is disabled or is not set is set again; one that points elsewhere
        was moved by somebody, and is left alone. ``other_token`` says how many events of 8x8's were refused
        for their token since the last one with ours, by type: the list does not tell. Raises what the client
        raises where nothing could be found out."""
        self._renew_claim()
        now = current_webhooks(self._client, retries=0)
        if self._observed is not None:
            for kind, webhook in now.items():
                if webhook.url == webhook_url(self._observed, kind):
                    self._preset[kind] = webhook.url
        found = {
            kind: self._troubles.judge_token(self._compare(kind, now), other_token.get(kind, 0))
            for kind in self._wanted()
        }
        failures = {} if self._observed is not None else self._set_again(found)
        accepted = [kind for kind, failure in failures.items() if failure is None]
        for kind in accepted:
            if found[kind].state is WebhookState.OTHER_TOKEN:
                self._troubles.token_was_set(kind, other_token[kind])
        newest = {kind: self._wanted()[kind][-1:] for kind in accepted}
        after = found | list_changed(self._client, newest, needs_token=self._token is not None)
        news = [self._troubles.news(found[kind], after[kind], failures, self._remedy) for kind in found]
        return [one for one in news if one is not None]

    def _wanted(self) -> dict[str, list[str]]:
        """Where the webhooks should point that are to lead here, by type; the newest URL comes last."""
        # Another thread may change them.
        left, taken = [*self._preset.items()], [*self._replaced.taken.values()]
        own = {one.type: [url for url in one.own_urls if url != DELETED] for one in taken}
        return {kind: [url] for kind, url in left} | own

    def _compare(self, kind: str, now: Mapping[str, Webhook]) -> WebhookCheck:
        newest = self._wanted()[kind][-1:]
        return check_webhook(kind, now.get(kind), newest, needs_token=self._token is not None)

    def _set_again(self, found: Mapping[str, WebhookCheck]) -> dict[str, VoicecliError | None]:
        """Set those again that nobody has moved; by type why that failed, or None where 8x8 accepted it."""
        failures: dict[str, VoicecliError | None] = {}
        for kind, check in found.items():
            *former, url = self._wanted()[kind]
            moved = check.state is WebhookState.MOVED and check.url not in former
            if check.is_ok or moved or self._troubles.waits(check):
                continue
            is_set = check.url is not None
            try:
                if (taken := self._replaced.taken.get(kind)) is not None:
                    self._replaced.set(taken, url, token=self._token, is_set=is_set)
                    if taken.own_urls != (url,):
                        self._replaced.remember(taken._replace(own_urls=(url,)))
                else:  # it led here before, and is to do so afterwards
                    before = ReplacedWebhook(kind, (url,), url, enabled=True, had_authorization=True)
                    self._replaced.set(before, url, token=self._token, is_set=is_set, needs_store=False)
                    if kind in self._replaced.taken:
                        self._replaced.forget(kind)
                failures[kind] = None
            except VoicecliError as error:
                failures[kind] = error
        return failures

    def _remedy(self, check: WebhookCheck, failures: Mapping[str, VoicecliError | None]) -> str:
        kind = check.type
        set_again = f"voicecli webhooks set {kind.lower()} {self._wanted()[kind][-1]}"
        if self._observed is not None:
            return f"To set it again: {set_again}"
        if check.state is WebhookState.MOVED and kind not in self._replaced.taken:
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
        with self._claim.changing():
            self._claim.give_up()

    @property
    def instance(self) -> str:
        """By which the listener's /health can be told to be its."""
        return self._claim.instance

    def announce(self, public_url: str | None) -> None:
        """The listener is up. Until ``close`` the others of a team know of it, and of the types of events
        that lead to it."""
        self._claim.announce(public_url, lambda: [kind for kind in self._wanted() if self.leads_here(kind)])

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
        self._claim.close()

    def _renew_claim(self) -> None:
        """Where it was lost, since the folder was removed, or the database was away for long: claim again,
        and keep what has to be put back. What listeners of the team have left that died is put back."""
        if self._claim.renew():
            if self._place.is_shared:
                self._replaced.taken.clear()
                self._preset.clear()
                self._take_again()
                return
            with suppress(VoicecliError):  # it is put back by what is in memory
                for webhook in list(self._replaced.taken.values()):
                    self._replaced.remember(webhook)
        with suppress(VoicecliError):  # it is tried again
            if self._claim.has_dead():
                with self._claim.changing() as others:
                    if self._claim.forget_dead():
                        self._replaced.restore(keep={*self._joint(others), *self._replaced.taken})


def _claim(place: StorePlace, client: Client, notify: Callable[[str], None]) -> RegistrationClaim:
    if not place.is_shared:
        return FileClaim(place, client.account.identity)
    from voicecli.listener.team_claim import TeamClaim

    return TeamClaim(place, client.account.identity, pause=client.pause, notify=notify)
