"""Hands events to the writing process and says when they are on disk."""

import asyncio
import marshal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from voicecli.errors import StoreFailed
from voicecli.listener.event_keeper import NumberedNote, SpooledNote, SpoolState
from voicecli.listener.writer import HEADER, frame
from voicecli.platforms import system
from voicecli.store.event_recording import KeptEvent, Recorded
from voicecli.store.location import StorePlace

PATIENCE = 10.0  # seconds that a commit may take
MAX_WAITING = 64 << 20  # bytes of events that wait for it
RESTART_AFTER = 1.0  # seconds
TOO_MANY = "Events can't be kept: too many wait for the disk."


class Recorder:
    """``start`` it, ``record`` events, ``stop`` it. What arrives in one turn of the event loop travels
    together, and all that has arrived while a commit was under way shares the next one. ``on_spool`` gets
    each change of the events that wait for a shared store."""

    def __init__(self, place: StorePlace, *, on_spool: Callable[[SpoolState], None] = lambda _: None) -> None:
        self._place = place
        self._on_spool = on_spool
        self.spool = SpoolState(0, None, 0)
        # To be sent at the end of this turn.
        self._events: list[tuple[object, ...]] = []
        self._replies: list[NumberedNote] = []
        self._spooled_replies: list[SpooledNote] = []
        # Who waits for which event, in order, and its bytes.
        self._waiting: deque[tuple[asyncio.Future[Recorded], int]] = deque()
        self._size = 0  # bytes of all of these
        self._since = 0.0  # the loop's time at which the first of these, or the last answer, came
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._guarding: asyncio.Task[None] | None = None
        self._up = False
        self._why = ""  # it is not up
        self._stopping = False

    async def start(self) -> None:
        self._process = await self._start_writer()
        self._watching = asyncio.create_task(self._watch())
        self._guarding = asyncio.create_task(self._guard())

    async def stop(self) -> None:
        """Let it finish what it has, and end."""
        self._stopping = True
        if self._guarding is not None:
            self._guarding.cancel()
        if self._process is None or self._process.stdin is None or self._watching is None:
            return
        self._flush()
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._watching, PATIENCE)
        except TimeoutError:  # a disk that hangs
            self._process.kill()
        await self._process.wait()

    async def _start_writer(self) -> Process:
        process = await start_writer(self._place)
        self._up = True
        if self._stopping and process.stdin is not None:
            process.stdin.close()
        return process

    async def _watch(self) -> None:
        """Read its answers, and start another should it die."""
        while self._process is not None and self._process.stdout is not None:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._read(self._process.stdout)
            self._up = False
            self._events.clear()
            self._replies.clear()
            self._spooled_replies.clear()
            self._why = await _last_words(self._process)
            self._give_up()
            while not self._up:
                if not self._stopping:
                    await asyncio.sleep(RESTART_AFTER)
                if self._stopping:
                    return
                try:
                    self._process = await self._start_writer()
                except OSError as error:
                    self._why = f"Events can't be kept: {error.strerror}."

    def _give_up(self) -> None:
        while self._waiting:
            self._answer(self._next(), self._why)

    async def _guard(self) -> None:
        """Give up on a process that stands still: 8x8 will send again what it gets no answer to."""
        while True:
            await asyncio.sleep(PATIENCE / 10)
            now = asyncio.get_running_loop().time()
            if self._waiting and now - self._since > PATIENCE and self._process is not None:
                self._up, self._why = False, f"Events can't be kept: the disk took over {PATIENCE:.0f} s."
                with suppress(ProcessLookupError):
                    self._process.kill()
                self._give_up()

    def _next(self) -> "asyncio.Future[Recorded]":
        done, size = self._waiting.popleft()
        self._size -= size
        return done

    def record(self, event: KeptEvent) -> "asyncio.Future[Recorded]":
        """Done when the event is on disk; fails with StoreFailed when it could not be kept."""
        done: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        if not self._up or self._size > MAX_WAITING:
            self._answer(done, TOO_MANY if self._up else self._why)
            return done
        if not self._waiting:
            self._since = asyncio.get_running_loop().time()
        self._flush_soon()
        self._events.append(tuple(event))
        self._waiting.append((done, len(event.body)))
        self._size += len(event.body)
        return done

    def replied(self, event: KeptEvent, number: int, words: str, remark: str = "") -> None:
        """Note what an event that is kept was answered, and a remark on that; nobody waits for it. ``number``
        is 0 while it has none."""
        if self._up:
            self._flush_soon()
            if number:
                self._replies.append((words, remark or None, number))
            else:
                self._spooled_replies.append((words, remark or None, event.session, event.identity))

    def _flush_soon(self) -> None:
        if not (self._events or self._replies or self._spooled_replies):
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        content = (self._events, self._replies, self._spooled_replies)
        self._events, self._replies, self._spooled_replies = [], [], []
        if any(content) and self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(frame(content))

    async def _read(self, answers: asyncio.StreamReader) -> None:
        while True:
            length = int.from_bytes(await answers.readexactly(HEADER), "big")
            content = marshal.loads(await answers.readexactly(length))  # noqa: S302 - our other half
            if isinstance(content, tuple):
                self.spool = SpoolState(*content)
                self._on_spool(self.spool)
                continue
            for answer in content:
                if self._waiting:  # else nobody waited that long
                    self._answer(self._next(), answer)
            self._since = asyncio.get_running_loop().time()

    @staticmethod
    def _answer(done: "asyncio.Future[Recorded]", answer: tuple[int, int] | str) -> None:
        if done.done():
            return  # the request was cancelled
        if isinstance(answer, str):
            done.set_exception(StoreFailed(answer))
        else:
            done.set_result(Recorded(*answer))


async def start_writer(place: StorePlace) -> Process:
    # -P: nothing that lies in the current folder is loaded in place of a module.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "voicecli.listener.writer", str(place.folder)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        **system.IN_BACKGROUND,
    )
    if process.stdin is not None:
        process.stdin.write(frame((place.url, place.key)))  # arguments can be seen by others of the machine
    return process


async def _last_words(process: Process) -> str:
    """Why it ended: the last line of what it wrote to stderr."""
    words = b"" if process.stderr is None else await process.stderr.read()
    reason = words.decode(errors="replace").strip().rpartition("\n")[2]
    return f"Events can't be kept: the process that writes has ended{f' ({reason})' if reason else ''}."
