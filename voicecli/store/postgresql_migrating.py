"""Makes the tables of a team's store, and brings them up to date: the deed of the schema's owner."""

import secrets
from typing import Any, NamedTuple

import psycopg

from voicecli.errors import ConfigurationError
from voicecli.store.location import StorePlace
from voicecli.store.postgresql_connection import Target
from voicecli.store.postgresql_errors import as_store_failed, without_secrets
from voicecli.store.postgresql_schema import (
    COMPATIBLE_FROM,
    STATE,
    STEPS,
    TABLES,
    VERSION,
    SchemaState,
    check_key,
    key_check,
    require_key,
    statements,
)
from voicecli.store.postgresql_sql import translate

Connection = psycopg.Connection[tuple[Any, ...]]


class Migrated(NamedTuple):
    """What became of it: which one it is, and the versions before (None: there was nothing) and after."""

    name: str
    before: int | None
    after: int


def migrate(place: StorePlace) -> Migrated:
    """Bring it to this voicecli's version, all or nothing; of two that do so at once, the second finds it
    done. A newer one stays as it is. Raises ConfigurationError, and StoreFailed where a right is missing."""
    key = require_key(place)
    target = Target.of(place.url or "")
    try:
        with target.connect() as db, db.transaction():
            # For the whole database, since schemas, too, are made in it.
            db.execute("SELECT pg_advisory_xact_lock(hashtext('voicecli migrate'))")
            state = _state(db, target)
            if state is not None:
                check_key(state, key)
            before = None if state is None else state.version
            if before is None or before < VERSION:
                _bring_up_to_date(db, target, before, key)
            return Migrated(f"{target.name}, schema {target.schema}", before, max(before or 0, VERSION))
    except psycopg.Error as error:
        failure = f"The {target.name} can't be brought up to date"
        ours = as_store_failed(error, failure, "", target.secrets)
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            ours.hint = (
                "Only the owner of the schema can do that: --store URL names that user for one command."
            )
        raise ours from without_secrets(error, target.secrets)


def _state(db: Connection, target: Target) -> SchemaState | None:
    """None where there is no store yet. Raises ConfigurationError where its place is taken."""
    query = (
        "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = %s"
    )
    there = {name for (name,) in db.execute(query, (target.schema,))} & set(TABLES)
    if "voicecli_schema" in there:
        [row] = db.execute(translate(STATE, target.quoted_schema)).fetchall()
        return SchemaState(*row)
    if there:
        raise ConfigurationError(
            f"The schema {target.schema} has tables of another program.", hint="Choose another with ?schema=."
        )
    return None


def _bring_up_to_date(db: Connection, target: Target, before: int | None, key: bytes) -> None:
    schema = target.quoted_schema
    if (
        before is None
        and not db.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (target.schema,)).fetchall()
    ):
        db.execute(f"CREATE SCHEMA {schema}")
    for version in range((before or min(STEPS) - 1) + 1, VERSION + 1):
        for statement in statements(version, schema):
            db.execute(statement)
    if before is None:
        first = f"INSERT INTO {schema}.voicecli_schema VALUES (%s, %s, %s, %s)"
        db.execute(first, (VERSION, COMPATIBLE_FROM, key_check(key), secrets.token_hex(8)))
    else:
        update = f"UPDATE {schema}.voicecli_schema SET version = %s, compatible_from = %s"
        db.execute(update, (VERSION, COMPATIBLE_FROM))
