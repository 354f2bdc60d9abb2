"""What is PostgreSQL's own: connections that break, its clock, texts, versions, leases. What each engine
promises is asked of it by the tests of engines.ENGINES, and here in short."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import engines
import psycopg
import pytest
from conftest import DEADLINE, wait_until
from engines import Engine, Other, Postgresql, Sqlite
from postgresql_server import running
from shared_postgresql import KEY, SharedServer
from store_writes import ACCOUNT, ONCE, TABLES, WEBHOOK_TABLES, WRITES, event, fill, message

from voicecli import interrupts
from voicecli.clock import ClockJumps
from voicecli.errors import (
    ConfigurationError,
    PlacedBefore,
    StoreFailed,
    StoreUnreachable,
    VoicecliError,
    is_store_unreachable,
)
from voicecli.store import (
    hang_guard,
    opening,
    postgresql,
    postgresql_clock,
    postgresql_leases,
    postgresql_schema,
    runs,
)
from voicecli.store.engine import Store, Transaction
from voicecli.store.event_queries import events_after
from voicecli.store.event_recording import Recorded, record_events
from voicecli.store.guards import Guards
from voicecli.store.location import StorePlace
from voicecli.store.migrations import MIGRATIONS
from voicecli.store.opening import examine_database, migrate_store, open_interruptible, open_store
from voicecli.store.postgresql import PostgresqlStore
from voicecli.store.postgresql_migrating import Migrated, migrate
from voicecli.store.postgresql_sql import for_many, translate

HOUR = 3_600_000_000  # microseconds
MADE = {"id", "run", "client_action_id", "fingerprint", "sealed", "reason"}
"""Columns that have what was made by chance, with numbers left out, or in words of each engine's."""


@pytest.fixture(scope="module")
def place(postgresql: SharedServer, tmp_path_factory: pytest.TempPathFactory) -> StorePlace:
    """Of a store that the tests here share."""
    return postgresql.place(tmp_path_factory.mktemp("machine"), postgresql.new_database())


@pytest.fixture
def store(place: StorePlace) -> Iterator[PostgresqlStore]:
    with PostgresqlStore(place) as store:
        yield store


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Has an empty store at this folder."""
    engine = engines.make(Postgresql, request)
    yield engine
    engine.release(tmp_path)


def error_of(place: StorePlace) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        open_store(place)
    return caught.value


def database(place: StorePlace) -> "psycopg.Connection[tuple[Any, ...]]":
    """For what somebody else does to it."""
    return psycopg.connect(place.url or "", autocommit=True)


def change(place: StorePlace, statement: str) -> None:
    with closing(database(place)) as other:
        other.execute(statement)  # type: ignore[call-overload]


# -- the same as in SQLite ----------------------------------------------------------------------------


def comparable(store: Store) -> dict[str, list[str]]:
    """What there is, without moments and what is made by chance."""
    found = {}
    for table in (*TABLES, *WEBHOOK_TABLES):
        names, rows = store._select(f"SELECT * FROM {table}", ())
        kept = [number for number, name in enumerate(names) if table == "events" or name not in MADE]
        found[table] = sorted(str(["…" if is_moment(row[at]) else row[at] for at in kept]) for row in rows)
    return found


def is_moment(value: object) -> bool:
    return isinstance(value, int) and value > 1_000_000_000


def test_every_write_leaves_what_it_leaves_in_sqlite(engine: Postgresql, tmp_path: Path) -> None:
    left = []
    for one in (engine, Sqlite()):
        with one.open(tmp_path) as store:
            fill(store)
            for name in sorted(WRITES.keys() - {"claim a row"}):  # a worker of a team tells how it left that
                with suppress(PlacedBefore):  # by one of those before
                    WRITES[name](store)
            left.append(comparable(store))
    assert left[0] == left[1]
    assert all(left[0][table] for table in TABLES)


def test_both_have_the_same_versions() -> None:
    assert len(MIGRATIONS) == postgresql_schema.VERSION


def test_of_processes_that_claim_a_call_at_once_one_gets_it(engine: Postgresql, tmp_path: Path) -> None:
    engine.open(tmp_path).close()

    def claim(store: Store) -> str:
        try:
            return str(Guards(store, ACCOUNT).claim(message(), ONCE) > 0)
        except PlacedBefore:
            return "placed before"

    others = [Other(engine, tmp_path, claim) for _ in range(3)]
    assert Counter(other.result() for other in others) == {"True": 1, "placed before": 2}


def test_a_text_that_postgresql_does_not_have_is_kept_without_it(store: PostgresqlStore) -> None:
    [kept] = record_events(store, [event(1, 'a\0b\ud800c{"\\,}')._replace(body=b"\0\xff\\x")])
    row = "SELECT session, body FROM events WHERE id = ?"
    assert list(store.rows(row, (kept.id,))) == [('a\ufffdb?c{"\\,}', b"\0\xff\\x")]
    [again] = record_events(store, [event(1, 'a\0b\ud800c{"\\,}')])
    assert again == Recorded(kept.id, 2)
    assert record_events(store, []) == []


def test_statements_are_translated() -> None:
    """Those of SQLite's alone, and names of tables, which may be names of columns, too."""
    query = "SELECT 1 FROM calls INDEXED BY calls_sealed WHERE calls.run IN () AND instr(body, ?) > 0"
    assert translate(query, '"s"') == (
        'SELECT 1 FROM "s".calls WHERE calls.run IN (NULL) AND position(%s IN body) > 0'
    )
    update = "UPDATE calls SET seconds = ?, session = coalesce(?, session) WHERE id = ?"
    assert for_many(update, [(None, "s-1", 1), (None, None, 2)]) == (
        "UPDATE calls SET seconds = v.p0, session = coalesce(v.p1, session)"
        " FROM unnest(?::double precision[], ?::text[], ?::bigint[]) AS v(p0, p1, p2) WHERE id = v.p2",
        ["{NULL,NULL}", '{"s-1",NULL}', "{1,2}"],
    )


# -- who may use it -----------------------------------------------------------------------------------


def test_a_database_without_a_store_is_told_what_to_do(place: StorePlace) -> None:
    error = error_of(place._replace(url=f"{place.url}&schema=another"))
    assert "voicecli store migrate" in error.hint
    assert not is_store_unreachable(error)


def test_another_team_s_key_is_refused(place: StorePlace) -> None:
    assert "key is another" in error_of(place._replace(key=KEY[::-1])).message
    assert "key is missing" in error_of(place._replace(key=None)).message


def test_a_server_that_tells_of_commits_too_early_is_refused(place: StorePlace) -> None:
    """The URL says here what ALTER DATABASE says for all."""
    error = error_of(place._replace(url=f"{place.url}&options=-csynchronous_commit%3Doff"))
    assert "called twice" in error.message


def test_a_team_has_its_own_schema(place: StorePlace) -> None:
    """In one database; two that make it at once are one after the other."""
    other = place._replace(url=f"{place.url}&schema=other", key=KEY[::-1])
    made: list[Migrated] = []
    threads = [threading.Thread(target=lambda: made.append(migrate(other))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = postgresql_schema.VERSION
    assert Counter(one.before for one in made) == {None: 1, newest: 2}
    assert {one.after for one in made} == {newest}
    with PostgresqlStore(place) as ours, PostgresqlStore(other) as theirs, ours.transaction():
        assert ours.team != theirs.team
        assert ours.secret("once") != theirs.secret("once") != theirs.secret("seal")
        assert record_events(theirs, [event(1)]) == [Recorded(1, 1)]


def test_machines_are_brought_up_to_date_one_after_the_other(place: StorePlace) -> None:
    older = place._replace(url=f"{place.url}&schema=older")
    migrate(older)
    newest = postgresql_schema.VERSION
    change(older_database(older), f"UPDATE older.voicecli_schema SET version = {newest + 1}")
    open_store(older).close()
    assert migrate(older)[1:] == (newest + 1, newest + 1)
    change(older_database(older), f"UPDATE older.voicecli_schema SET compatible_from = {newest + 1}")
    assert "newer voicecli" in error_of(older).message
    open_store(older, accept_newer=True).close()
    change(older_database(older), f"UPDATE older.voicecli_schema SET version = {newest - 1}")
    assert "older voicecli" in error_of(older).message


def older_database(place: StorePlace) -> StorePlace:
    """What libpq takes."""
    return place._replace(url=(place.url or "").replace("&schema=older", ""))


def test_a_schema_of_another_program_is_left_alone(place: StorePlace) -> None:
    change(place, "CREATE SCHEMA theirs; CREATE TABLE theirs.events (id TEXT)")
    with pytest.raises(ConfigurationError, match="tables of another program"):
        migrate(place._replace(url=f"{place.url}&schema=theirs"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret-w%C3%B6rd@127.0.0.1:1/x?nonsense=1",
        "postgresql://me:s3cret-w%C3%B6rd@127.0.0.1:1/x?sslmode=s3cret-wörd",
        "postgresql://me:s3cret-w%C3%B6rd@127.0.0.1:1/x",
        "postgresql://me@127.0.0.1:1/x?password=s3cret-w%C3%B6rd",
    ],
)
def test_no_error_tells_the_password(tmp_path: Path, url: str) -> None:
    assert "s3cret" not in told_with_its_causes(error_of(StorePlace(tmp_path, url, KEY)))


@pytest.mark.parametrize("use", [open_store, migrate_store, examine_database])
def test_no_error_tells_a_password_that_the_server_repeats(
    postgresql: SharedServer, tmp_path: Path, use: Callable[[StorePlace], object]
) -> None:
    url = postgresql.url("s3cret").replace("postgres@", "postgres:s3cret@")
    with pytest.raises(VoicecliError, match="it has the password in it") as raised:
        use(StorePlace(tmp_path, url, KEY))
    assert 'database "s3cret" does not exist' not in told_with_its_causes(raised.value)


def told_with_its_causes(error: BaseException | None) -> str:
    """All that a traceback shows."""
    told = []
    while error is not None:
        told += [str(error), *map(str, error.args), getattr(error, "hint", "")]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "".join(told)


def test_who_can_t_reach_it_learns_that_and_soon(tmp_path: Path) -> None:
    began = time.monotonic()
    error = error_of(StorePlace(tmp_path, "postgresql://me@127.0.0.1:1/x", KEY))
    assert is_store_unreachable(error)
    assert error.message.startswith("The PostgreSQL database x at 127.0.0.1 can't be read: connection")
    assert time.monotonic() - began < 5


# -- connections that break ---------------------------------------------------------------------------


def test_a_cut_connection_costs_a_read_nothing_and_a_write_is_told(store: PostgresqlStore) -> None:
    store.cut()
    assert store.read_number("SELECT 1") == 1
    store.cut()
    with pytest.raises(StoreUnreachable):
        record_events(store, [event(100)])
    record_events(store, [event(101)])
    for act in (
        lambda transaction: transaction("UPDATE counters SET value = value"),
        lambda _: list(store.rows("SELECT 1")),  # not tried again: it would not be of the transaction
        lambda _: None,
    ):
        with pytest.raises(StoreUnreachable):
            cut_in_transaction(store, act)
    assert store.find_damage() is None


def cut_in_transaction(store: PostgresqlStore, act: Callable[[Transaction], object]) -> None:
    with store.transaction() as transaction:
        store.cut()
        act(transaction)


def test_a_statement_that_failed_can_not_be_passed_over(store: PostgresqlStore) -> None:

    def pass_over() -> None:
        with store.transaction() as transaction:
            transaction("UPDATE counters SET value = value + 1000")
            with suppress(StoreFailed):
                transaction("SELECT nonsense")

    with pytest.raises(StoreFailed, match="undone"):
        pass_over()
    assert store.read_number("SELECT value FROM counters") < 1000


def test_who_stands_still_in_a_transaction_holds_nobody_up_for_long(
    store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr(postgresql, "IDLE_TIMEOUT", 0.05)
        with pytest.raises(StoreUnreachable):
            stand_still(store)
    assert record_events(store, [event(102)])


def stand_still(store: PostgresqlStore) -> None:
    with store.transaction() as transaction:
        with PostgresqlStore(store._place) as another, another.transaction():
            transaction("UPDATE counters SET value = value")


@contextmanager
def standing_still(place: StorePlace) -> Iterator[None]:
    """The server takes connections, as a pooler does for it, and answers nothing about the store."""
    with closing(psycopg.connect(place.url or "")) as other:
        other.execute("LOCK TABLE voicecli.voicecli_schema, voicecli.events")
        yield


@pytest.fixture
def quick_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hang_guard, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(hang_guard, "PATIENCE", 0.1)
    monkeypatch.setattr(opening, "EXAMINATION_LIMIT", 0.1)


@pytest.mark.usefixtures("quick_guard")
def test_a_server_that_takes_connections_and_does_not_answer_is_away(place: StorePlace) -> None:
    with standing_still(place):
        error = error_of(place)
        assert is_store_unreachable(error)
        assert "the server did not answer in time" in error.message
        with pytest.raises(StoreUnreachable, match="did not answer"):
            examine_database(place)


@pytest.mark.usefixtures("quick_guard")
def test_a_signal_ends_the_waiting_for_such_a_server(
    place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupts, "_signals", interrupts._Signals())

    def read_and_interrupt() -> None:
        with open_interruptible(place) as store, standing_still(place):
            interrupts.note(signal.SIGINT)
            store.read_number("SELECT count(*) FROM events")

    with pytest.raises(KeyboardInterrupt):
        read_and_interrupt()


def test_who_waited_for_others_sees_what_they_have_written(place: StorePlace, store: PostgresqlStore) -> None:
    """Also where transactions of this server see, as a rule, what there was when they began."""
    strict = place._replace(url=f"{place.url}&options=-cdefault_transaction_isolation%3Drepeatable%5C%20read")
    seen: list[int] = []

    def wait() -> None:
        with PostgresqlStore(strict) as other, other.transaction():
            seen.append(other.read_number("SELECT max(id) FROM events"))

    waiting = threading.Thread(target=wait)
    with store.transaction() as transaction:
        waiting.start()
        blocked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: store.read_number(blocked))
        next_number = "UPDATE counters SET value = value + 1 WHERE name = 'events' RETURNING value"
        [[number]] = transaction(next_number).rows
        insert = "INSERT INTO events (id, received, type, session, key, body) VALUES (?, ?, ?, ?, ?, ?)"
        transaction(insert, (number, 1, "VSS", "s", b"", b""))
    waiting.join()
    assert seen == [number]


@pytest.fixture
def slow_commits(place: StorePlace) -> Iterator[None]:
    """A transaction that puts in a run takes a while to be committed, by the server."""
    change(
        place,
        """
        CREATE FUNCTION voicecli.wait() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON voicecli.runs
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION voicecli.wait()
        """,
    )
    yield
    change(place, "DROP TRIGGER wait ON voicecli.runs; DROP FUNCTION voicecli.wait")


def begin_run(store: Store) -> int:
    with store.transaction() as transaction:
        return runs.begin(store, transaction, 1)


@pytest.mark.usefixtures("slow_commits")
def test_who_writes_next_sees_what_a_lost_commit_became(store: PostgresqlStore) -> None:
    """It may be carried out after it was told as broken: a look shows nothing of it, and who has the store
    alone sees how it ended."""
    [count] = store.rows("SELECT count(*) FROM runs")
    threading.Timer(0.25, store.cut).start()
    with pytest.raises(StoreUnreachable):
        begin_run(store)
    assert list(store.rows("SELECT count(*) FROM runs")) == [count]
    with store.transaction():
        assert list(store.rows("SELECT count(*) FROM runs")) == [(count[0] + 1,)]


@pytest.mark.soak
def test_what_was_acknowledged_survives_a_server_that_is_killed(tmp_path: Path) -> None:
    with running() as server:
        place = StorePlace(tmp_path, server.url(server.create_database()), KEY)
        migrate(place)
        with PostgresqlStore(place) as store:
            kept = [record_events(store, [event(number)])[0].id for number in range(20)]
            for mode in ("immediate", "fast"):
                server.stop(mode)
                for _ in range(3):
                    with pytest.raises(StoreUnreachable):
                        record_events(store, [event(99)])
                    with pytest.raises(StoreUnreachable):
                        store.read_number("SELECT 1")
                assert is_store_unreachable(error_of(place))
                server.start()
                assert [one.id for one in events_after(store, 0)] == kept


# -- events in the order of commits -------------------------------------------------------------------


@pytest.mark.soak
def test_who_follows_misses_nothing_whatever_else_the_server_does(
    engine: Postgresql, postgresql: SharedServer, tmp_path: Path
) -> None:
    """Commits take their time in the server, and somebody's transaction stays open in another database."""
    engine.open(tmp_path).close()
    engine.spoil(
        tmp_path,
        """
        CREATE FUNCTION {0}.wait() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(random() * 0.004); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON {0}.events
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {0}.wait()
        """,
    )
    processes, each = 4, 40

    def write(store: Store, process: int) -> str:
        for number in range(each):
            record_events(store, [event(number, f"s-{process}")])
        return "done"

    with psycopg.connect(postgresql.url("postgres")) as elsewhere:
        elsewhere.execute("CREATE TABLE left_open (id INTEGER)")
        writes = [partial(write, process=number) for number in range(processes)]
        others = [Other(engine, tmp_path, one, watched=False) for one in writes]
        seen: list[int] = []
        with engine.open(tmp_path) as store:
            end = time.monotonic() + DEADLINE
            while len(seen) < processes * each and time.monotonic() < end:
                seen += [kept.id for kept in events_after(store, seen[-1] if seen else 0)]
        elsewhere.rollback()
    assert [other.result() for other in others] == ["done"] * processes
    assert seen == list(range(1, processes * each + 1))


# -- leases -------------------------------------------------------------------------------------------


def test_a_lease_is_renewed_until_it_is_closed_and_runs_out_otherwise(
    place: StorePlace, store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_leases, "RENEW_EVERY", 0.02)
    lease = store.take_lock("one")
    assert isinstance(lease, postgresql_leases.Lease)
    [renewing] = [thread for thread in threading.enumerate() if thread.name == "lease one"]
    with PostgresqlStore(place) as another:
        until = "SELECT until FROM leases WHERE name = 'one'"
        first = another.read_number(until)
        wait_until(lambda: another.read_number(until) > first)
        assert another.take_lock("one", seconds=0.1) is None
        assert lease.is_there()
        assert another.is_locked("one")
        lease._ending.set()  # as if its process had ended
        renewing.join(DEADLINE)
        another.execute_alone("UPDATE leases SET until = 0", ())  # so much time goes by
        lease._since = 0.0, 0.0
        taken = another.take_lock("one", seconds=0.1)
        assert taken is not None
        assert not lease.is_there()
        lease._ending.clear()
        lease.close()  # it has nothing to give up any more
        assert another.is_locked("one")
        taken.close()
        assert not another.is_locked("one")


def test_who_has_lost_a_lease_to_another_knows_it(
    place: StorePlace, store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_leases, "RENEW_EVERY", 0.05)
    lease = store.take_lock("two")
    assert lease is not None
    change(place, "UPDATE voicecli.leases SET holder = 'another' WHERE name = 'two'")
    wait_until(lambda: not lease.is_there())


# -- the clock ----------------------------------------------------------------------------------------


def test_it_is_the_server_s_time(place: StorePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's clock says."""
    server = time.time_ns() // 1000
    now = postgresql_clock.now
    monkeypatch.setattr(postgresql_clock, "now", lambda: now() - HOUR)
    with PostgresqlStore(place) as store:
        assert 0 <= store.now() - server < HOUR / 60
        monkeypatch.setattr(postgresql_clock, "now", lambda: now() + HOUR)
        monkeypatch.setattr(postgresql_clock, "FRESH_FOR", 0)
        assert 0 <= store.now() - server < HOUR / 60


def test_after_a_jump_of_our_clock_the_databases_is_not_known_until_it_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = postgresql_clock.ServerClock()
    clock.saw(0)
    assert clock.is_known
    monkeypatch.setattr(clock, "_jumps", ClockJumps(iter((0.0, HOUR, HOUR)).__next__, lambda: 0.0))
    assert not clock.is_known
    assert not clock.is_known  # where it could not be read, say
