"""Hands events to the writing process and says when they are on disk."""

import asyncio
import marshal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from contextlib import suppress
from pathlib import Path

from voicecli.errors import StoreFailed
from voicecli.listener.writer import HEADER, frame
from voicecli.store import KeptEvent, Recorded

PATIENCE = 10.0  # seconds that the last commit may take when we stop
RESTART_AFTER = 1.0  # seconds


class Recorder:
    """``start`` it, ``record`` events, ``stop`` it. What arrives in one turn of the event loop travels
    together, and all that has arrived while a commit was under way shares the next one."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._rows: list[tuple[object, ...]] = []  # to be sent at the end of this turn
        self._waiting: deque[asyncio.Future[Recorded]] = deque()  # sent, in order
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._up = False
        self._stopping = False

    async def start(self) -> None:
        self._process = await self._spawn()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Let it finish what it has, and end."""
        self._stopping = True
        if self._process is None or self._process.stdin is None or self._watching is None:
            return
        self._flush()
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._watching, PATIENCE)
        except TimeoutError:  # a disk that hangs
            self._process.kill()
        await self._process.wait()

    async def _spawn(self) -> Process:
        # -P: nothing that lies in the current folder is loaded in place of a module. A session of its own:
        # Ctrl-C on the terminal is not for it.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "voicecli.listener.writer", str(self._home)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            start_new_session=True,
        )
        self._up = True
        return process

    async def _watch(self) -> None:
        """Read its answers, and start another should it die."""
        while self._process is not None and self._process.stdout is not None:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._read(self._process.stdout)
            self._up = False
            self._rows.clear()
            while self._waiting:
                self._answer(self._waiting.popleft(), "the process that writes has ended")
            if self._stopping:
                return
            await asyncio.sleep(RESTART_AFTER)
            self._process = await self._spawn()

    def record(self, event: KeptEvent) -> "asyncio.Future[Recorded]":
        """Done when the event is on disk; fails with StoreFailed when it could not be kept."""
        return self._send(tuple(event))

    def replied(self, number: int, words: str) -> None:
        """Note what an event that is kept was answered; nobody waits for that."""
        self._send((words, number)).add_done_callback(lambda done: done.exception())

    def _send(self, row: tuple[object, ...]) -> "asyncio.Future[Recorded]":
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Recorded] = loop.create_future()
        if not self._up:
            self._answer(done, "the process that writes has ended")
            return done
        if not self._rows:
            loop.call_soon(self._flush)
        self._rows.append(row)
        self._waiting.append(done)
        return done

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows and self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(frame(rows))

    async def _read(self, answers: asyncio.StreamReader) -> None:
        while True:
            length = int.from_bytes(await answers.readexactly(HEADER), "big")
            for answer in marshal.loads(await answers.readexactly(length)):  # noqa: S302 - our other half
                self._answer(self._waiting.popleft(), answer)

    @staticmethod
    def _answer(done: "asyncio.Future[Recorded]", answer: tuple[int, int] | str) -> None:
        if done.done():
            return  # whoever asked has gone
        if isinstance(answer, str):
            done.set_exception(StoreFailed(answer))
        else:
            done.set_result(Recorded(*answer))
