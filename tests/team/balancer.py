"""A load balancer before listeners: it takes the next one that answers, and knows nothing of what passes."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from typing import Self

import accepted_connections

MOST = 1 << 16  # bytes that are read at once


class Balancer:
    """At a port of its own, in a thread, before some ports of this machine."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports, self._next = ports, cycle(ports)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> int:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        self._server.close()
        await accepted_connections.end_other_tasks()

    def _connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(client, to_client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        for _ in self._ports:
            with suppress(OSError):
                listener, to_listener = await asyncio.open_connection("127.0.0.1", next(self._next))
                try:
                    await asyncio.gather(_pass(client, to_listener), _pass(listener, to_client))
                finally:
                    to_listener.transport.abort()
                break
        to_client.transport.abort()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Until the source has ended, or was killed."""
    try:
        with suppress(OSError):
            while data := await source.read(MOST):
                target.write(data)
                await target.drain()
    finally:
        target.close()
