"""What becomes of an event that a listener is sent: it is kept, answered, passed on and shown."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from voicecli.errors import StoreFailed
from voicecli.listener import duplicates
from voicecli.listener.forward import Forwarder
from voicecli.listener.recorder import Recorder
from voicecli.listener.routes import Answered, Replier
from voicecli.plurals import counted
from voicecli.store.event_recording import KeptEvent, Recorded
from voicecli.voice_api.replies import Reply, reply_without_callflow
from voicecli.voice_api.webhook_events import Event, Received

VCA_PATIENCE = 3.0  # seconds that a call waits for the disk before its VCA is answered
KEEP_AGAIN_AFTER = 1.0  # seconds
MAX_LATE = 1_000  # VCAs that are answered and wait for the disk


class Arrival(NamedTuple):
    """An event as it came."""

    event: Event
    path_kind: str  # the type that its path is meant for
    body: bytes
    headers: Mapping[str, str]
    identity: bytes
    received: int

    @property
    def message(self) -> tuple[bytes, Mapping[str, str]]:
        return self.body, self.headers

    @property
    def remarks(self) -> tuple[str, ...]:
        at_home = self.event.type in (self.path_kind, "")
        return () if at_home else (f"came to /{self.path_kind.lower()}",)

    def kept(self, reply: str | None) -> KeptEvent:
        type_, session = self.event.type, self.event.session_id
        return KeptEvent(self.received, type_, session, self.identity, reply, self.body)


class EventIntake:
    """``on_event`` gets each event once it is on disk; ``warn`` gets what a person must know."""

    def __init__(
        self,
        recorder: Recorder,
        replier: Replier,
        forwarder: Forwarder | None,
        *,
        on_event: Callable[[Received], None],
        warn: Callable[[str], None],
    ) -> None:
        self.last_event: int | None = None  # when it came: microseconds since 1970
        self.unauthorised = 0  # requests without the token since then
        self._recorder = recorder
        self._replier = replier
        self._forwarder = forwarder
        self._on_event = on_event
        self._warn = warn
        self._failing = False
        self._replies: OrderedDict[bytes, asyncio.Task[Reply]] = OrderedDict()  # by identity
        self._late: set[asyncio.Task[None]] = set()  # keep VCAs that are answered already
        self._dropped = 0  # VCAs that are answered, and were too many to wait for the disk
        self._unshown: list[tuple[bytes, Received]] = []  # with their identities
        self._shown = duplicates.ShownEvents()

    async def stop(self) -> None:
        """Show what is kept, and give up what is not."""
        self._show_all()
        late = [*self._late]
        if lost := self._dropped + len(late):
            what = counted(lost, "VCA event that was", "VCA events that were")
            self._warn(f"{what} answered could not be kept.")
        if late:
            for task in late:
                task.cancel()
            await asyncio.wait(late)

    async def take(self, arrival: Arrival) -> bytes:
        """Keep an event, show it, and give the answer's body. Raises StoreFailed; but never for a VCA, since
        8x8 ends the call as ERROR where that gets no reply."""
        if arrival.event.type != "VCA":
            again = await self._keep(arrival, None)
            if not again:
                self._pass_on(arrival)
            return b"{}"
        if (replying := self._replies.get(arrival.identity)) is not None:  # it comes again
            reply = await asyncio.shield(replying)
            try:
                await self._keep(arrival, reply.words())
            except Exception as error:  # noqa: BLE001 - the reply is known
                self.report_error(error)
        else:
            replying = self._replies[arrival.identity] = asyncio.create_task(self._reply(arrival))
            reply = await asyncio.shield(replying)
        return reply.body(arrival.event)

    async def _reply(self, arrival: Arrival) -> Reply:
        """The event is on disk before anybody acts on it, and shown when the reply is known. What can't be
        kept in time is answered all the same, and kept and shown later."""
        try:
            keeping = self._recorder.record(arrival.kept(None))
            await asyncio.wait({keeping}, timeout=VCA_PATIENCE)
            recorded = keeping.result() if keeping.done() and keeping.exception() is None else None
            number, times = recorded or (0, 1)
            received = Received(number, arrival.received, arrival.event, arrival.body, times)
            try:
                answered = await self._replier(received, arrival.headers)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the call
                self.report_error(error)
                answered = Answered(reply_without_callflow(arrival.event), "an internal error of voicecli")
        except BaseException:
            self._replies.pop(arrival.identity, None)
            raise
        if len(self._replies) > duplicates.REMEMBERED:
            self._replies.popitem(last=False)
        if recorded is None:
            late = asyncio.create_task(self._keep_late(arrival, answered, keeping))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
        else:
            self._show_answered(arrival, answered, recorded)
        return answered.reply

    async def _keep_late(
        self, arrival: Arrival, answered: Answered, keeping: "asyncio.Future[Recorded]"
    ) -> None:
        """Keep a VCA that was answered before it was on disk."""
        while True:
            try:
                recorded = await keeping
                break
            except StoreFailed as error:
                self.report_error(error)
                if len(self._late) > MAX_LATE:
                    if not self._dropped:
                        self._warn(f"More than {MAX_LATE:,} answered VCA events wait: the rest is not kept.")
                    self._dropped += 1
                    return
            await asyncio.sleep(KEEP_AGAIN_AFTER)
            keeping = self._recorder.record(arrival.kept(answered.reply.words()))
        self._show_answered(arrival, answered, recorded)

    def _show_answered(self, arrival: Arrival, answered: Answered, recorded: Recorded) -> None:
        reply, remark, passed_on = answered
        self._recorder.replied(arrival.kept(None), recorded.id, reply.words(), remark)
        remarks = (*arrival.remarks, remark) if remark else arrival.remarks
        again = False
        try:
            again = self._show(arrival, recorded, reply.words(), remarks)
        except Exception as error:  # noqa: BLE001 - the reply is known
            self.report_error(error)
        if not passed_on and not again:
            self._pass_on(arrival)

    def _pass_on(self, arrival: Arrival) -> None:
        if self._forwarder is not None:
            self._forwarder.pass_on(arrival.path_kind, arrival.event.session_id, *arrival.message)

    async def _keep(self, arrival: Arrival, reply: str | None) -> bool:
        """Keep and show it; whether it was shown before."""
        recorded = await self._recorder.record(arrival.kept(reply))
        return self._show(arrival, recorded, reply, arrival.remarks)

    def _show(
        self, arrival: Arrival, recorded: Recorded, reply: str | None, remarks: tuple[str, ...]
    ) -> bool:
        if self._failing:
            self._failing = False
            self._warn("Events are kept again.")
        number, times = recorded
        again = self._shown.add(arrival.identity, recorded)
        if not self._unshown:
            asyncio.get_running_loop().call_soon(self._show_all)
        shown = Received(number, arrival.received, arrival.event, arrival.body, times, again, reply, remarks)
        self._unshown.append((arrival.identity, shown))
        self.unauthorised, self.last_event = 0, arrival.received
        return again

    def _show_all(self) -> None:
        """Those that one commit has kept are answered first, and then shown together: one by one, in between
        the answers, takes twice as long."""
        unshown, self._unshown = self._unshown, []
        for identity, received in unshown:
            try:
                self._on_event(received)
            except Exception as error:  # noqa: BLE001 - it is kept, and answered
                self._shown.remove(identity)  # it is news when it comes again
                self.report_error(error)

    def report_error(self, error: Exception) -> None:
        """Warn of a fault; that events can't be kept is told once."""
        if not isinstance(error, StoreFailed):
            self._warn(f"Internal error of voicecli ({type(error).__name__}: {error}).")
        elif not self._failing:
            self._failing = True
            self._warn(
                f"{error.message} Events are answered 503, so that 8x8 can send them again; VCA events get "
                "their replies, so that calls go on, and are kept as soon as that can be done."
            )
