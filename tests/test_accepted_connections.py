"""What connects to a server of a test while that ends is closed, and fails no other test."""

import asyncio
import socket
import warnings

import pytest


@pytest.mark.parametrize("turns", range(5))
def test_who_connects_while_a_server_and_its_loop_end_is_closed(turns: int) -> None:
    """After so many turns of the loop: the connection is not accepted yet, accepted, made."""

    async def end() -> None:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        client.connect(server.sockets[0].getsockname())
        for _ in range(turns):
            await asyncio.sleep(0)
        server.close()

    with socket.socket() as client, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(end())
    assert [str(warning.message) for warning in caught] == []
