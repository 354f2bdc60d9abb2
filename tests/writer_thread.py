"""A listener's writer in a thread of this process: to start a process for each takes most of a short test."""

import asyncio
import os
from contextlib import suppress
from threading import Thread

from voicecli.errors import ConfigurationError
from voicecli.listener import writer
from voicecli.store.location import StorePlace


class WriterThread:
    """What a recorder needs of an ``asyncio.subprocess.Process``. It can't be killed."""

    stderr = None

    def __init__(
        self,
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
        answers: asyncio.BaseTransport,
        thread: Thread,
    ) -> None:
        self.stdin, self.stdout = stdin, stdout
        self._answers, self._thread = answers, thread

    async def wait(self) -> None:
        await asyncio.to_thread(self._thread.join)
        self._answers.close()
        await asyncio.sleep(0)  # in which it closes


async def start(place: StorePlace) -> WriterThread:
    """In place of ``recorder.start_writer``."""
    (reading, to_writer), (from_writer, writing) = os.pipe(), os.pipe()
    loop, answers = asyncio.get_running_loop(), asyncio.StreamReader()
    source, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(answers), os.fdopen(from_writer, "rb", 0)
    )
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(to_writer, "wb", 0)
    )

    def serve() -> None:
        try:
            with suppress(ConfigurationError):  # the store was removed before it began; another takes over
                writer.serve(place, reading, writing)
        finally:
            os.close(reading)
            os.close(writing)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    return WriterThread(asyncio.StreamWriter(transport, protocol, None, loop), answers, source, thread)
