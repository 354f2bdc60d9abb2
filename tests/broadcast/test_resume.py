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
from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.sqlite import SqliteStore
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

    with SqliteStore(tmp_path / "home") as store:
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


def test_reports_are_recorded_by_the_options_as_they_are_changed(tmp_path: Path) -> None:
    account = Account(API_KEY, SUBACCOUNT, "http://127.0.0.1:9")
    options = BroadcastOptions(source=SOURCE, retry=("NO_ANSWER",), attempts=2)
    content = Content("Hello.")
    with SqliteStore(tmp_path / "home") as store:
        plan = plan_broadcast(PEOPLE, options, content)
        with prepare_broadcast(store, account.identity, PEOPLE, plan, options).start(content) as begun:
            row = next(begun.journal.rows())
            called = row._replace(state=RowState.ACCEPTED, attempts=1, outcome="NO_ANSWER")
            begun.journal.write([(row, called)])
        again = reopen_broadcast(
            store, begun.id, account.identity, read_list=lambda broadcast: PEOPLE, changes={"retry": ()}
        )
        with again as broadcast:
            assert next(broadcast.journal.rows()).state is RowState.ACCEPTED
            assert list(tmp_path.rglob("*.reserve"))  # as at the start: for when the disk is full
