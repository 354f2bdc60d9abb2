"""Who answers the VCAs of calls that were not placed from here: always the same reply (``constant_reply``), a
callflow of the user's own (``CallflowReplier``), the user's application (``ApplicationReplier``), or the
receiver that 8x8 reported to before us (``PreviousReceiverReplier``).

``cli.listen.vca_replier`` chooses one of them. Calls that were placed from here have ``calling.vca_replier``,
which asks the chosen one about all others."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from voicecli.errors import VoicecliError
from voicecli.listener.forward import WebhookClient
from voicecli.listener.routes import Answered, Replier, as_context
from voicecli.listener.tasks import STORE_LIMIT, with_store
from voicecli.store import unsubscribed
from voicecli.store.event_queries import events_of_session
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.webhooks import replaced_webhooks
from voicecli.threads import in_daemon_thread
from voicecli.voice_api.callflow import destinations
from voicecli.voice_api.callflow_rules import Action
from voicecli.voice_api.replies import HANG_UP, Reply, parse_reply, reply_without_callflow
from voicecli.voice_api.vca_continuation import continue_call
from voicecli.voice_api.webhook_events import Received

if TYPE_CHECKING:
    from voicecli.account import AccountId

PASSED_ON = "Voicecli-Passed-On"  # a header: who gets it back asks nobody else, or it would go on for ever
MAX_CALLS = 1_000  # whose VCAs are remembered
_PLACED: Action = {"action": "makeCall"}  # stands for how the call came about


def constant_reply(reply: Reply) -> Replier:
    """The same reply for every VCA."""

    async def answer(_received: Received, _headers: Mapping[str, str]) -> Answered:
        return Answered(reply)

    return answer


class CallHistory:
    """What came of each call before a VCA: what the store has; and the VCAs that were asked about here, for
    when the store can't be read, or could not be written."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, list[Received]] = OrderedDict()  # by session

    def before(self, received: Received, kept: Callable[[], Iterable[Received]]) -> list[Received]:
        """In the order in which they came. ``kept`` reads the session's events in the store."""
        number, session = received.id, received.event.session_id
        try:
            stored = [one for one in kept() if number == 0 or one.id < number]
        except VoicecliError:
            stored = []
        asked = self._asked.setdefault(session, []) if session else []
        known = {(one.received, one.body) for one in stored} | {one.id for one in stored}
        unknown = [
            one
            for one in asked
            if one.id not in known
            and (one.received, one.body) not in known
            and not 0 < number <= one.id  # this one came to another listener before
        ]
        asked.append(received)
        if len(self._asked) > MAX_CALLS:
            self._asked.popitem(last=False)
        late = {(one.received, one.body) for one in asked if not one.id}  # their numbers, if any, came later
        numbered = [one for one in stored + unknown if one.id and (one.received, one.body) not in late]
        ordered = sorted(numbered, key=lambda one: one.id)  # the clock may have been set back
        for one in stored + unknown:
            if one not in numbered:
                after = (index for index, other in enumerate(ordered) if other.received > one.received)
                ordered.insert(next(after, len(ordered)), one)
        return ordered


class CallflowReplier:
    """Answers the first VCA of each call with a callflow of the user's own, up to its first question, and
    those that follow with what is left of it."""

    def __init__(self, place: StorePlace, reply: Reply) -> None:
        self._place = place
        self._flow = [_PLACED, *reply.callflow]
        self._action_id = reply.client_action_id
        self._history = CallHistory()

    async def __call__(self, received: Received, _headers: Mapping[str, str]) -> Answered:
        kept: list[Received] = []
        with suppress(VoicecliError):
            read = partial(events_of_session, session_id=received.event.session_id)
            kept = await with_store(self._place, read)
        of_session = self._history.before(received, lambda: kept)
        earlier = [one for one in of_session if one.event.type in ("VCA", "VCS")]
        first = next((index for index, one in enumerate(earlier) if one.event.type == "VCA"), len(earlier))
        started, *since = earlier[first:] or [received]
        flow = continue_call(self._flow, started=started, earlier=since, event=received)
        return Answered(HANG_UP if flow is None else Reply(flow.callflow, self._action_id))


class ApplicationReplier(AsyncExitStack):
    """The user's application; where it gives no valid reply, ``instead`` answers."""

    def __init__(self, url: str, *, timeout: float, with_token: bool, instead: Replier) -> None:
        super().__init__()
        self._receiver = WebhookClient(url, timeout=timeout, with_token=with_token)
        self._instead = instead

    async def __aenter__(self) -> Self:
        await self.enter_async_context(self._receiver)
        await self.enter_async_context(as_context(self._instead))
        return self

    async def __call__(self, received: Received, headers: Mapping[str, str]) -> Answered:
        reply, remark = await _asked(self._receiver, received, headers)
        if reply is not None:
            return Answered(reply, "as the application says", passed_on=True)
        answered = await self._instead(received, headers)
        return answered._replace(remark=f"the application {remark}", passed_on=True)


class PreviousReceiverReplier:
    """The receiver that 8x8 reported VCAs to before they came here: its calls go on as if nothing had
    changed. Where there is none, or it gives no valid reply, the call is hung up. It is not
    shortened where nobody can tell whether there is one, since the store can't be read."""

    def __init__(self, place: StorePlace, account: "AccountId | None", *, timeout: float) -> None:
        self._place = place
        self._account = account
        self._timeout = timeout
        self._known = False  # from the store, at some time
        self._url: str | None = None

    async def __call__(self, received: Received, headers: Mapping[str, str]) -> Answered:
        try:
            self._url, self._known = await self._read(), True
        except VoicecliError as error:  # where it was before it hardly changes
            if not self._known:
                return Answered(reply_without_callflow(received.event), error.message)
        url = None if PASSED_ON in headers else self._url
        if url is None:
            return Answered(HANG_UP)
        async with WebhookClient(url, timeout=self._timeout, with_token=False) as receiver:
            reply, remark = await _asked(receiver, received, {**headers, PASSED_ON: "1"})
        if reply is None:
            return Answered(HANG_UP, f"not placed from here; the receiver before us {remark}")
        return Answered(reply, "not placed from here: as the receiver before us says")

    async def _read(self) -> str | None:
        """Where they went; None where nobody got them. Raises ConfigurationError and StoreFailed."""
        if self._account is None:
            return None
        replaced = await with_store(self._place, partial(replaced_webhooks, account=self._account))
        return next((one.url for one in replaced if one.type == "VCA" and one.enabled), None)


class UnsubscribedFilter(AsyncExitStack):
    """Answers as another replier does, but calls nobody who has unsubscribed: such a reply loses its
    makeCall, and hangs up where nothing else is in it. Where the store can't be read it stays as it is, as a
    call that is placed does: a live call waits for it. The remark says so, without the number."""

    def __init__(self, place: StorePlace, replier: Replier) -> None:
        super().__init__()
        self._place = place
        self._replier = replier

    async def __aenter__(self) -> Self:
        await self.enter_async_context(as_context(self._replier))
        return self

    async def __call__(self, received: Received, headers: Mapping[str, str]) -> Answered:
        answered = await self._replier(received, headers)
        people = destinations(answered.reply.callflow)
        if not people:
            return answered
        try:
            async with asyncio.timeout(STORE_LIMIT if self._place.is_shared else None):
                spared = await in_daemon_thread(partial(self._unsubscribed, people))
        except TimeoutError:
            remark = "it is not known in time whether somebody it calls has unsubscribed"
            return _with_remark(answered, remark)
        except VoicecliError as error:
            remark = f"it is not known whether somebody it calls has unsubscribed: {error.message}"
            return _with_remark(answered, remark)
        if spared is None:
            return answered
        left = [action for action in answered.reply.callflow if not destinations([action])]
        reply = replace(answered.reply, callflow=tuple(left) or HANG_UP.callflow)
        return _with_remark(answered._replace(reply=reply), "nobody is dialled: the number has unsubscribed")

    def _unsubscribed(self, people: Sequence[str]) -> str | None:
        with open_store(self._place, accept_newer=True) as store:
            return unsubscribed.first_unsubscribed(store, people)


def _with_remark(answered: Answered, remark: str) -> Answered:
    return answered._replace(remark="; ".join(filter(None, (answered.remark, remark))))


async def _asked(
    receiver: WebhookClient, received: Received, headers: Mapping[str, str]
) -> tuple[Reply | None, str]:
    """A receiver's reply; without a valid one, why, as the end of a sentence about it."""
    answer = await receiver.post("VCA", received.body, headers)
    if isinstance(answer, str):
        return None, answer
    reply = parse_reply(answer)
    return (reply, "") if isinstance(reply, Reply) else (None, f"answered no valid callflow: {reply}")
