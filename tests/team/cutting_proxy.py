"""A network between clients and a PostgreSQL server that loses requests and answers, and delivers late."""

import asyncio
import multiprocessing
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import left_behind

LATEST = 0.5  # seconds by which a request is late
MOST = 1 << 16  # bytes that are read at once


@contextmanager
def cutting(target: Path, *, share: float, seed: int) -> Iterator[Path]:
    """A folder, for ``host=``, where connections reach the socket ``target``; in this share of the cases what
    a client sends is lost, or its answer is, and the connection with it."""
    ready = multiprocessing.Event()
    with left_behind.cleared_up(Path(tempfile.mkdtemp(prefix="cut-"))) as folder:
        arguments = (folder / target.name, target, random.Random(seed), share, ready)
        process = multiprocessing.get_context("fork").Process(target=_run, args=arguments, daemon=True)
        process.start()
        try:
            assert ready.wait(60), "the proxy does not start"
            yield folder
        finally:
            process.kill()
            process.join()


def _run(*arguments: Any) -> None:
    asyncio.run(_serve(*arguments))


async def _serve(path: Path, target: Path, dice: random.Random, share: float, ready: Event) -> None:
    async def connected(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await _Connection(client, to_client, dice, share).run(target)

    server = await asyncio.start_unix_server(connected, path)
    ready.set()
    await server.serve_forever()


class _Connection:
    def __init__(
        self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, dice: random.Random, share: float
    ) -> None:
        self._client, self._to_client = client, to_client
        self._dice, self._share = dice, share

    async def run(self, target: Path) -> None:
        try:
            server, to_server = await asyncio.open_unix_connection(target)
        except OSError:
            self._to_client.transport.abort()
            raise
        answers = asyncio.create_task(self._answer(server))
        try:
            await self._ask(to_server)
            await answers
        finally:
            answers.cancel()
            to_server.transport.abort()
            self._to_client.transport.abort()

    async def _ask(self, to_server: asyncio.StreamWriter) -> None:
        """Until the client has gone, or was cut off."""
        while data := await self._client.read(MOST):
            if self._dice.random() < self._share:
                self._to_client.transport.abort()
                match self._dice.choice(("request", "answer", "late")):
                    case "request":
                        to_server.transport.abort()
                        return
                    case "late":
                        await asyncio.sleep(self._dice.uniform(0, LATEST))
                to_server.write(data)
                break
            to_server.write(data)
            await to_server.drain()
        to_server.write_eof()  # it does what it got before it sees that nobody is there

    async def _answer(self, server: asyncio.StreamReader) -> None:
        """Until the server has ended the connection, or was killed."""
        try:
            while data := await server.read(MOST):
                self._to_client.write(data)
        finally:
            self._to_client.close()
