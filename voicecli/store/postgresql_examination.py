"""What ``doctor`` asks a team's database: what runs there, what its user may do, and how its clock is set."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg

from voicecli import clock
from voicecli.store.location import StorePlace
from voicecli.store.postgresql_clock import CLOCK
from voicecli.store.postgresql_connection import Target
from voicecli.store.postgresql_errors import as_store_failed, without_secrets
from voicecli.store.postgresql_schema import TABLES
from voicecli.store.postgresql_sql import translate

Connection = psycopg.Connection[tuple[Any, ...]]
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_ONLY_READ = "voicecli_schema"


class Examination(NamedTuple):
    """``server`` is its version, ``version`` that of our tables (None: they can't be read).
    ``missing`` are the rights that the ``user`` lacks, as in a GRANT, and ``offset`` is by how much the
    database's clock is ahead of ours."""

    name: str
    server: str
    user: str
    missing: tuple[str, ...]
    version: int | None
    offset: timedelta


def examine(place: StorePlace) -> Examination:
    """Raises ConfigurationError for a URL that can't be used, and StoreFailed."""
    target = Target.of(place.url or "")
    try:
        with target.connect() as db:
            [(server, user)] = db.execute("SELECT current_setting('server_version'), current_user").fetchall()
            missing = tuple(_missing_rights(db, target))
            return Examination(
                target.name, server.split()[0], user, missing, _version(db, target), _offset(db)
            )
    except psycopg.Error as error:
        failure = f"The {target.name} can't be reached"
        ours = as_store_failed(error, failure, "", target.secrets)
        raise ours from without_secrets(error, target.secrets)


def _missing_rights(db: Connection, target: Target) -> Iterator[str]:
    """Of those that every command needs. What is not there at all is not among them."""
    schema = "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = %s"
    if db.execute(schema, (target.schema,)).fetchall() == [(False,)]:
        yield f"USAGE ON SCHEMA {target.schema}"
    query = """
        SELECT string_agg(right_name, ', ' ORDER BY place), relname FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace,
        unnest(%s::text[]) WITH ORDINALITY AS rights (right_name, place)
        WHERE nspname = %s AND relname = ANY(%s) AND relkind = 'r'
        AND NOT (relname = %s AND right_name != 'SELECT')
        AND NOT has_table_privilege(pg_class.oid, right_name)
        GROUP BY relname ORDER BY relname
    """
    tables: dict[str, list[str]] = {}  # by the rights on them that are missing
    for names, table in db.execute(
        query, (list(_RIGHTS), target.schema, list(TABLES), _ONLY_READ)
    ).fetchall():
        tables.setdefault(names, []).append(f"{target.schema}.{table}")
    yield from (f"{names} ON {', '.join(of_these)}" for names, of_these in tables.items())


def _version(db: Connection, target: Target) -> int | None:
    with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
        query = translate("SELECT version FROM voicecli_schema", target.quoted_schema)
        [(version,)] = db.execute(query).fetchall()
        return int(version)
    return None


def _offset(db: Connection) -> timedelta:
    """Half of the time of a round trip is taken for the way back."""
    before = clock.now()
    [(theirs,)] = db.execute(f"SELECT {CLOCK}").fetchall()
    return timedelta(microseconds=theirs - (before + clock.now()) / 2)
