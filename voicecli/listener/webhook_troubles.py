"""What was found wrong with a listener's webhooks: what of it is news, and when to set one again."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import NamedTuple

from voicecli.errors import VoicecliError
from voicecli.listener.webhook_check import WebhookCheck, WebhookState
from voicecli.output.json_fields import with_former_names

LATE = 120.0  # seconds in which events may still come that 8x8 sent before a webhook was set again
SET_TOKEN_EVERY = 3600.0  # seconds, where a webhook carries another token: somebody else may be setting it
TRY_AT_LEAST_EVERY = 16  # checks, where setting a webhook again changed nothing


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


class _InVain(NamedTuple):
    """Setting a webhook again changed nothing."""

    check: WebhookCheck  # how it stayed
    every: int  # checks until it is tried again
    left: int  # of these


class _TokenSet(NamedTuple):
    """A webhook was set again, since it carried another token."""

    at: float  # by the monotonic clock
    refused: int  # events that were refused until then


class WebhookTroubles:
    """``told`` has the webhooks that are not right, as they were told of, by type."""

    def __init__(self) -> None:
        self.told: dict[str, WebhookCheck] = {}
        self._in_vain: dict[str, _InVain] = {}  # by type
        self._token_set: dict[str, _TokenSet] = {}  # by type

    def token_was_set(self, kind: str, refused: int) -> None:
        """A webhook was set again, since so many events of its type were refused for their token."""
        self._token_set[kind] = _TokenSet(monotonic(), refused)

    def judge_token(self, check: WebhookCheck, refused: int) -> WebhookCheck:
        """With the events that were ``refused`` for their token; those do not count that 8x8 may have sent
        before the webhook was set again for this."""
        if (before := self._token_set.get(check.type)) is not None:
            is_late = monotonic() - before.at < LATE
            before = before._replace(refused=refused if is_late else min(before.refused, refused))
            self._token_set[check.type] = before
        has_other = refused > (0 if before is None else before.refused)
        return check._replace(state=WebhookState.OTHER_TOKEN) if check.is_ok and has_other else check

    def waits(self, check: WebhookCheck) -> bool:
        """Whether setting it again was in vain, and the next attempt is not due yet."""
        if check.state is WebhookState.OTHER_TOKEN:
            before = self._token_set.get(check.type)
            return before is not None and monotonic() - before.at < SET_TOKEN_EVERY
        vain = self._in_vain.get(check.type)
        if vain is None or vain.check != check or vain.left <= 1:
            return False
        self._in_vain[check.type] = vain._replace(left=vain.left - 1)
        return True

    def news(
        self,
        found: WebhookCheck,
        after: WebhookCheck,
        failures: Mapping[str, VoicecliError | None],
        remedy: Callable[[WebhookCheck, Mapping[str, VoicecliError | None]], str],
    ) -> WebhookNews | None:
        """What to tell of a webhook that was ``found`` so, and is so ``after`` setting it again, unless that
        was told before."""
        kind = found.type
        told = self.told.pop(kind, None)
        accepted = kind in failures and failures[kind] is None
        vain = self._in_vain.get(kind)
        if after.is_ok:
            self._in_vain.pop(kind, None)
        # Where it is found so still, 8x8 could not be asked again.
        if accepted and (after.is_ok or (after is found and vain is None)):
            return WebhookNews(found, True, f"{found.words} It is set again.")
        if after.is_ok:
            return (
                None if told is None else WebhookNews(after, False, f"The {kind} webhook points here again.")
            )
        self.told[kind] = after
        if accepted:
            every = 2 if vain is None or vain.check != after else min(2 * vain.every, TRY_AT_LEAST_EVERY)
            self._in_vain[kind] = _InVain(after, every, every)
        if told == after:
            return None
        return WebhookNews(after, False, f"{after.words} {remedy(after, failures)}")
