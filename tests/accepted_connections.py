"""Connections that asyncio leaves open where a server, or its loop, ends while somebody connects
(python/cpython#109564). What collects them would warn, and fail a test that has nothing to do with it."""

import asyncio
import weakref
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Coroutine
from typing import Any

BaseLoop: Any = BaseSelectorEventLoop
accept, close = BaseLoop._accept_connection2, BaseLoop.close


def install() -> None:
    """Close each such connection, in all loops of this process; what clients leave open is told as ever."""
    BaseLoop._accept_connection2 = _accept
    BaseLoop.close = _close


def _accept(
    loop: Any, protocol: Any, connection: Any, extra: Any, tls: Any, server: Any, *rest: Any, **more: Any
) -> Coroutine[None, None, None]:
    async def start() -> None:
        if server is None or server.sockets:  # where it has been closed meanwhile, asyncio would fail
            never_started.detach()
            await accept(loop, protocol, connection, extra, tls, server, *rest, **more)

    starting = start()
    never_started = weakref.finalize(starting, connection.close)
    return starting


def _close(loop: Any) -> None:
    accepted = [transport for transport in loop._transports.values() if transport._server is not None]
    if accepted and not loop.is_closed():
        for transport in accepted:
            transport.abort()
        loop.call_soon(loop.stop)
        loop.run_forever()  # once, in which they close
    close(loop)


async def end_other_tasks() -> None:
    """Of this loop, as ``asyncio.run`` does before it closes its loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
