"""Going on with a broadcast, as a program does it."""

import asyncio
from dataclasses import asdict
from pathlib import Path

import pytest
from conftest import RunningSandbox

from voicecli.account import Account
from voicecli.broadcast.begin import plan_broadcast, prepare_broadcast
from voicecli.broadcast.options import BroadcastOptions, Content
from voicecli.broadcast.resume import reopen_broadcast
from voicecli.broadcast.run import OpenBroadcast, run_broadcast
from voicecli.sandbox import API_KEY, SOURCE, SUBACCOUNT
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.sqlite import Store
from voicecli.voice_api.async_client import AsyncClient

PEOPLE = b"phone\n+33199001234\n+33199001235\n+33199001236\n+33199001237\n"


@pytest.mark.parametrize(("changes", "most"), [({}, None), ({"max_calls": 4}, 4)])
def test_what_is_left_of_max_calls_holds_unless_it_is_changed(
    sandbox: RunningSandbox, tmp_path: Path, changes: dict[str, object], most: int | None
) -> None:
    account = Account(API_KEY, SUBACCOUNT, sandbox.sandbox.url)
    options = BroadcastOptions(source=SOURCE, max_calls=3, concurrency=1)

    async def one_call(broadcast: OpenBroadcast) -> None:
        def on_row(row: BroadcastRow) -> None:
            if row.state is RowState.ACCEPTED:
                running.cancel()

        client = AsyncClient(**asdict(account))
        running = asyncio.create_task(run_broadcast(broadcast, client, on_row=on_row))
        with pytest.raises(asyncio.CancelledError):
            await running

    with Store(tmp_path / "home") as store:
        content = Content("Hello.")
        plan = plan_broadcast(PEOPLE, options, content)
        with prepare_broadcast(store, account.identity, PEOPLE, plan, options).start(content) as begun:
            asyncio.run(one_call(begun))
            made = begun.journal.attempts
        again = reopen_broadcast(
            store, begun.id, account.identity, read_list=lambda broadcast: PEOPLE, changes=changes
        )
        with again as broadcast:
            assert 0 < made < 3
            assert broadcast.options.max_calls == (most or 3 - made)
