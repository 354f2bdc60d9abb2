"""Who answers VCA webhooks of calls that were not placed from this store: always the same reply, a callflow
of the user's own, the user's application, or the receiver that 8x8 reported to before us."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from voicecli.errors import VoicecliError
from voicecli.events import Received
from voicecli.listener.forward import Receiver
from voicecli.listener.routes import Answered, Replier, entered
from voicecli.rules import Action
from voicecli.store.events import events_of_one
from voicecli.store.sqlite import Store
from voicecli.voice_api.continuation import continue_call
from voicecli.voice_api.replies import HANG_UP, Reply, read

if TYPE_CHECKING:
    from voicecli.account import AccountId

PASSED_ON = "Voicecli-Passed-On"  # a header: who gets it back asks nobody else, or it would go on for ever
_PLACED: Action = {"action": "makeCall"}  # stands for how the call came about


def always(reply: Reply) -> Replier:
    """The same reply for every VCA."""

    async def answer(_received: Received, _headers: Mapping[str, str]) -> Answered:
        return Answered(reply)

    return answer


class OwnCallflow:
    """Answers the first VCA of each call with a callflow of the user's own, up to its first question, and
    those that follow with what is left of it."""

    def __init__(self, home: Path, reply: Reply) -> None:
        self._home = home
        self._flow = [_PLACED, *reply.callflow]
        self._action_id = reply.client_action_id

    async def __call__(self, received: Received, _headers: Mapping[str, str]) -> Answered:
        with Store(self._home) as store:
            of_session = events_of_one(store, received.event.session_id)
        earlier = [one for one in of_session if one.id < received.id and one.event.type in ("VCA", "VCS")]
        first = next((one for one in earlier if one.event.type == "VCA"), received)
        since = [one for one in earlier if one.id > first.id]
        flow = continue_call(self._flow, started=first, earlier=since, event=received)
        return Answered(HANG_UP if flow is None else Reply(flow.callflow, self._action_id))


class Application:
    """The user's application; where it gives no valid reply, ``instead`` answers."""

    def __init__(self, url: str, *, timeout: float, instead: Replier) -> None:
        self._receiver = Receiver(url, timeout=timeout)
        self._instead = instead
        self._undo = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._undo.enter_async_context(self._receiver)
        await self._undo.enter_async_context(entered(self._instead))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._undo.aclose()

    async def __call__(self, received: Received, headers: Mapping[str, str]) -> Answered:
        reply, remark = await _asked(self._receiver, received, headers)
        if reply is not None:
            return Answered(reply, "as the application says", passed_on=True)
        answered = await self._instead(received, headers)
        return answered._replace(remark=f"the application {remark}", passed_on=True)


class FormerReceiver:
    """The receiver that 8x8 reported VCAs to before they came here: its calls go on as if nothing had
    changed. Where there is none, or it gives no valid reply, the call is hung up."""

    def __init__(self, home: Path, account: "AccountId | None", *, timeout: float) -> None:
        self._home = home
        self._account = account
        self._timeout = timeout

    async def __call__(self, received: Received, headers: Mapping[str, str]) -> Answered:
        url = None if PASSED_ON in headers else self._url()
        if url is None:
            return Answered(HANG_UP)
        own = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        async with Receiver(url, timeout=self._timeout) as receiver:
            reply, remark = await _asked(receiver, received, {**own, PASSED_ON: "1"})
        if reply is None:
            return Answered(HANG_UP, f"not placed from here; the receiver before us {remark}")
        return Answered(reply, "not placed from here: as the receiver before us says")

    def _url(self) -> str | None:
        if self._account is None:
            return None
        try:
            with Store(self._home) as store:
                replaced = store.replaced_webhooks(self._account)
        except VoicecliError:
            return None
        return next((one.url for one in replaced if one.type == "VCA" and one.enabled), None)


async def _asked(
    receiver: Receiver, received: Received, headers: Mapping[str, str]
) -> tuple[Reply | None, str]:
    """A receiver's reply; without a valid one, why, as the end of a sentence about it."""
    answer = await receiver.post("VCA", received.body, headers)
    if isinstance(answer, str):
        return None, answer
    reply = read(answer)
    return (reply, "") if isinstance(reply, Reply) else (None, f"answered no valid callflow: {reply}")
