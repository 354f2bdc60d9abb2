"""``voicecli store``, and what ``doctor`` and ``prune`` do with the store of a team."""

import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event

import postgresql_server
import pytest
from conftest import Program, RunningSandbox
from lists import action
from past import keep_a_call
from running_listener import public_access
from shared_postgresql import SharedServer, environment

from voicecli import clock
from voicecli.broadcast.retention import prune_in_background
from voicecli.checks import store as store_checks
from voicecli.errors import ConfigurationError
from voicecli.store import contacts, sqlite
from voicecli.store.location import StorePlace
from voicecli.store.opening import migrate_store, open_store
from voicecli.store.spool import place_of_spool

OF_DATABASE = list(store_checks.OF_DATABASE)


@pytest.fixture
def empty(postgresql: SharedServer, tmp_path: Path) -> StorePlace:
    """A database with nothing in it."""
    return postgresql.place(tmp_path / "home", postgresql.new_database("template0"))


def test_migrate_says_what_it_did(run: Program, empty: StorePlace) -> None:
    env = environment(empty)
    before = run("sessions", env=env)
    assert (before.code, "Hint: voicecli store migrate makes it" in before.err) == (3, True)
    made = run("store", "migrate", env=env)
    assert made.out.startswith("The store was made: PostgreSQL database ")
    assert run("sessions", env=env).code == 0
    again = run("store", "migrate", env=env)
    assert again.out.startswith("There is nothing to do: PostgreSQL database ")
    other_key = {"VOICECLI_STORE_KEY": "A" * 43}
    for command in (("store", "migrate"), ("sessions",)):
        refused = run(*command, env={**env, **other_key})
        assert (refused.code, refused.err.partition("\n")[0]) == (3, "Error: The team's key is another one.")


def test_the_hint_to_migrate_can_be_copied(run: Program, empty: StorePlace) -> None:
    settings = environment(empty)
    url = settings.pop("VOICECLI_STORE")
    refused = run("sessions", "--store", url, env=settings)
    hint = refused.err.partition("Hint: ")[2]
    assert "makes it, once for a team." in hint
    program, *arguments = shlex.split(hint.partition(" makes it")[0])
    assert (program, run(*arguments, env=settings).code) == ("voicecli", 0)


def test_of_machines_that_migrate_at_once_one_does(empty: StorePlace) -> None:
    with ThreadPoolExecutor(4) as machines:
        done = [*machines.map(migrate_store, [empty] * 4)]
    assert sorted(one.before or 0 for one in done) == [0] + [done[0].after] * 3


def test_without_a_database_there_is_nothing_to_migrate(run: Program) -> None:
    for command in ("migrate", "copy"):
        done = run("store", command)
        assert (done.code, "VOICECLI_STORE" in done.err) == (3, True)


def test_where_nothing_was_kept_there_is_nothing_to_copy(run: Program, team: StorePlace) -> None:
    done = run("store", "copy", env=environment(team))
    assert (done.code, "There is no store in" in done.err) == (3, True)
    assert not (team.folder / sqlite.FILE).exists()


def test_copy_tells_how_much_there_was(run: Program, team: StorePlace) -> None:
    keep_a_call(team.folder)
    env = environment(team)
    done = run("store", "copy", env=env)
    assert (done.code, done.err) == (0, "")
    [events, verdict] = done.out.splitlines()
    assert events.split() == "events 4 4 added".split()
    assert verdict.startswith("Added 4 rows to the PostgreSQL database ")
    again = run("store", "copy", env=env)
    assert again.out.splitlines()[0].split() == "events 4 4 were there".split()
    assert run("stats", "--json", env=env).json["ended"] == 1


def test_another_machine_goes_on_with_a_broadcast_that_was_copied(
    run: Program, own_sandbox: RunningSandbox, team: StorePlace, tmp_path: Path
) -> None:
    people = [f"+331990012{number}" for number in range(10, 20)]
    (tmp_path / "people.csv").write_text("\n".join(["phone", *people]))
    alone = {**own_sandbox.environment, "VOICECLI_HOME": str(team.folder)}
    begun = run("broadcast", "people.csv", "Hello", "--yes", "--max-calls", "4", "-q", env=alone)
    copied = run("store", "copy", env={**own_sandbox.environment, **environment(team)})
    broadcast_id = begun.out.strip()
    assert f"from the database only, or people are called twice: {broadcast_id}." in copied.err
    other = {**own_sandbox.environment, **environment(team), "VOICECLI_HOME": str(tmp_path / "other")}
    again = run("broadcast", "people.csv", "Hello", "--yes", env=other)
    assert (again.code, broadcast_id in again.err) == (9, True)
    assert run("broadcast", "join", broadcast_id, env=other).code == 2  # first somebody says that it goes on
    assert run("broadcast", "resume", broadcast_id, env=other).code == 0
    assert sorted(action(one, 0, "destination") for one in own_sandbox.sandbox.requested) == people


@pytest.fixture
def checks(run: Program, own_sandbox: RunningSandbox) -> "Checks":
    return Checks(run, own_sandbox)


class Checks:
    """What doctor finds of a database, by check."""

    def __init__(self, run: Program, sandbox: RunningSandbox) -> None:
        self._run, self._env = run, sandbox.environment

    def __call__(
        self, place: StorePlace, *, more: Sequence[str] = ()
    ) -> tuple[int, dict[str, dict[str, str]]]:
        done = self._run("doctor", "--json", *public_access(), env={**self._env, **environment(place)})
        found = {check["check"]: check for check in done.json["checks"]}
        return done.code, {check: found[check] for check in [*OF_DATABASE, "public URL", *more]}


def test_doctor_looks_at_the_database(checks: Checks, team: StorePlace) -> None:
    code, found = checks(team)
    assert (code, {check["state"] for check in found.values()}) == (0, {"ok"})
    assert "answers: PostgreSQL " in found["database"]["words"]
    assert "(LISTEN)" in found["pooler"]["words"]


def test_doctor_looks_at_the_database_before_there_is_an_account(run: Program, team: StorePlace) -> None:
    done = run("doctor", "--json", env=environment(team))
    checks = {check["check"]: check["state"] for check in done.json["checks"]}
    assert done.code == 3
    assert checks == {".env": "ok", "settings": "failed", **dict.fromkeys(OF_DATABASE, "ok")}


def test_doctor_knows_a_pooler(
    checks: Checks, team: StorePlace, postgresql: SharedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not postgresql_server.Bouncer.is_there():
        pytest.skip("there is no PgBouncer")
    monkeypatch.setattr(store_checks, "TRIAL", 0.3)
    with postgresql_server.pooling(postgresql) as bouncer:
        name = (team.url or "").partition("@/")[2].partition("?")[0]
        code, found = checks(team._replace(url=bouncer.url(name)))
    assert (code, {check["state"] for check in found.values()}) == (0, {"ok"})
    assert "as behind PgBouncer" in found["pooler"]["words"]


def test_doctor_names_each_right_that_is_missing_and_only_the_owner_migrates(
    checks: Checks, team: StorePlace, postgresql: SharedServer
) -> None:
    database = (team.url or "").partition("@/")[2].partition("?")[0]
    user = f"little_{database}"
    grants = (
        f"CREATE USER {user}",
        f"GRANT USAGE ON SCHEMA voicecli TO {user}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA voicecli TO {user}",
        f"REVOKE INSERT, UPDATE, DELETE ON voicecli.voicecli_schema FROM {user}",
    )
    for statement in grants:
        postgresql.execute(statement, database)
    little = team._replace(url=(team.url or "").replace("postgres@", f"{user}@"))
    assert checks(little)[0] == 0
    with open_store(little) as store:
        contacts.prepare(store)  # it may make no index, and does without
        assert not store.read_number(
            "SELECT count(*) FROM pg_indexes WHERE indexname = 'calls_by_destination'"
        )
    postgresql.execute(f"REVOKE UPDATE, DELETE ON voicecli.events, voicecli.calls FROM {user}", database)
    code, found = checks(little)
    assert code == 3
    wanted = f"GRANT UPDATE, DELETE ON voicecli.calls, voicecli.events TO {user};"
    assert (found["grants"]["state"], wanted in found["grants"]["hint"]) == ("failed", True)
    assert found["public URL"]["state"] == "skipped"
    with pytest.raises(ConfigurationError) as caught:
        migrate_store(little._replace(url=f"{little.url}&schema=another"))
    assert "Only the owner" in caught.value.hint


def test_doctor_tells_a_wrong_key_and_a_database_that_is_away(checks: Checks, team: StorePlace) -> None:
    code, found = checks(team._replace(key=bytes(32)))
    assert (code, found["store"]["words"]) == (3, "The team's key is another one.")
    code, found = checks(team._replace(url="postgresql://voicecli@127.0.0.1:9/calls"))
    assert (code, [found[check]["state"] for check in OF_DATABASE]) == (3, ["failed", *["skipped"] * 4])


def test_doctor_tells_a_database_that_takes_no_changes(
    checks: Checks, team: StorePlace, postgresql: SharedServer
) -> None:
    database = (team.url or "").partition("@/")[2].partition("?")[0]
    postgresql.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    code, found = checks(team)
    assert (code, found["store"]["state"]) == (3, "failed")
    assert "read-only transaction" in found["store"]["words"]


def test_doctor_tells_of_events_that_wait_on_this_machine(checks: Checks, team: StorePlace) -> None:
    keep_a_call(place_of_spool(team).folder)
    code, found = checks(team, more=["spool"])
    assert (code, found["spool"]["state"]) == (0, "warning")
    assert found["spool"]["words"].startswith("4 events of a time when the database was away")


def test_doctor_tells_clocks_apart(checks: Checks, team: StorePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    from voicecli.store import postgresql_examination  # not at the top: psycopg may not be there

    now = clock.now
    monkeypatch.setattr(postgresql_examination.clock, "now", lambda: now() - 7_000_000)
    _, found = checks(team)
    assert found["store clock"]["state"] == "warning"
    assert "This machine's clock is 7 s behind the database's." in found["store clock"]["words"]


def test_one_machine_at_a_time_deletes(run: Program, team: StorePlace) -> None:
    prune = ("prune", "--older-than", "30d")
    with open_store(team) as other:
        lock = other.take_lock("prune")
        assert lock is not None
        with closing(lock):
            refused = run(*prune, env=environment(team))
            assert (refused.code, "Another machine of the team" in refused.err) == (3, True)
            assert prune_in_background(team, timedelta(days=30), Event()) == ""
        assert run(*prune, env=environment(team)).code == 0
