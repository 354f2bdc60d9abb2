"""The listeners of a team, on whichever machines they run: each has a lease, which it renews while it lives.
Only a store that is shared has them. Every function raises StoreFailed."""

from typing import NamedTuple

from voicecli.account import AccountId
from voicecli.store.engine import Store

LEASE = 20.0  # seconds
RENEW_EVERY = 5.0  # seconds: several renewals may fail


class TeamListener(NamedTuple):
    """``id`` is the instance that its /health tells, ``host`` who runs it where (user@host), ``process`` its
    number there. ``registered`` are the types whose webhooks it has pointed at ``public_url``, ``types`` all
    those that lead to it as it found them last. ``token`` is a fingerprint of the token that events have to
    carry; None: they need none."""

    id: str
    account: AccountId
    host: str
    process: int
    public_url: str | None = None
    registered: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    token: bytes | None = None


def live_listeners(store: Store, account: AccountId) -> list[TeamListener]:
    """Those whose lease is not over, by the database's clock."""
    return _listeners(store, account, "lease_until >= ?")


def dead_listeners(store: Store, account: AccountId) -> list[TeamListener]:
    """Those that have not ended, and whose lease is over: they were killed, or can't reach the database."""
    return _listeners(store, account, "lease_until < ?")


def renew(store: Store, listener: TeamListener) -> bool:
    """It lives: for LEASE seconds from now on, it is as it says. False where it was not known, or not any
    more: then it is now."""
    lease_until = store.now() + round(LEASE * 1e6)
    of = (*listener.account, listener.host, listener.process, listener.public_url)
    types = (" ".join(listener.registered), " ".join(listener.types))
    row = (listener.id, *of, *types, listener.token, lease_until)
    with store.transaction(concurrent=True) as transaction:
        is_known = bool(transaction(_UPDATE, (*row[3:], listener.id)).changed)
        if not is_known:
            transaction(_INSERT, row)
        return is_known


def forget(store: Store, listener: str) -> None:
    """It has ended, or been dead for long enough."""
    store.execute_many("DELETE FROM listeners WHERE id = ?", [(listener,)])


def _listeners(store: Store, account: AccountId, which: str) -> list[TeamListener]:
    query = f"SELECT {_COLUMNS} FROM listeners WHERE base_url = ? AND subaccount = ? AND {which} ORDER BY id"
    return list(store.read(_read, query, (*account, store.now())))


def _read(
    number: str,
    base_url: str,
    subaccount: str,
    host: str,
    process: int,
    public_url: str | None,
    registered: str,
    types: str,
    token: bytes | None,
) -> TeamListener:
    known = tuple(registered.split()), tuple(types.split())
    return TeamListener(number, AccountId(base_url, subaccount), host, process, public_url, *known, token)


_COLUMNS = "id, base_url, subaccount, host, process, public_url, registered, types, token"
_INSERT = f"INSERT INTO listeners ({_COLUMNS}, lease_until) VALUES ({', '.join('?' * 10)})"
_UPDATE = (
    "UPDATE listeners SET host = ?, process = ?, public_url = ?, registered = ?, types = ?, token = ?,"
    " lease_until = ? WHERE id = ?"
)
