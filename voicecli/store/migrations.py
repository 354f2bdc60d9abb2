"""How the store's file came to its present form: numbered changes of its tables."""

import sqlite3
from collections.abc import Callable


def _one_form_of_each_account(db: sqlite3.Connection) -> None:
    """Until here, an account was told by its base URL as somebody had written it (placed calls and webhooks
    to be put back), or in an earlier canonical form (broadcasts)."""
    from voicecli.account import AccountId

    db.execute(
        """
        CREATE TABLE former_base_urls (
            base_url TEXT NOT NULL,
            subaccount TEXT NOT NULL,
            written TEXT NOT NULL,              -- part of the fingerprints of calls that were kept before
            PRIMARY KEY (base_url, subaccount, written)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE dropped_webhooks (         -- not to be put back: another one is newer, see the migration
            base_url TEXT NOT NULL,
            subaccount TEXT NOT NULL,
            type TEXT NOT NULL,
            url TEXT                            -- as in replaced_webhooks
        )
        """
    )
    changed = [
        (written, account)
        for written, subaccount in db.execute(
            "SELECT base_url, subaccount FROM calls UNION SELECT base_url, subaccount FROM replaced_webhooks"
            " UNION SELECT base_url, subaccount FROM broadcasts"
        )
        if (account := AccountId.of(written, subaccount)).service != written
    ]
    for written, account in changed:
        db.execute("INSERT INTO former_base_urls VALUES (?, ?, ?)", (*account, written))
        for table in ("calls", "broadcasts"):
            db.execute(
                f"UPDATE {table} SET base_url = ? WHERE base_url = ? AND subaccount = ?",
                (account.service, written, account.subaccount),
            )
    _join_webhooks(db, AccountId.of)


def _join_webhooks(db: sqlite3.Connection, account_of: Callable[[str, str], tuple[str, str]]) -> None:
    """Of several to be put back for one account, the newest stays. Where it took over from an older one of
    ours, what that one had replaced is what was there before; any other is dropped, which is told when the
    webhook is put back."""
    groups: dict[tuple[str, str, str], list[list[object]]] = {}
    newest_first = (
        "SELECT base_url, subaccount, type, own_url, url, enabled, had_authorization FROM replaced_webhooks"
        " ORDER BY rowid DESC"
    )
    for base_url, subaccount, kind, *rest in db.execute(newest_first).fetchall():
        groups.setdefault((*account_of(base_url, subaccount), kind), []).append(rest)
    db.execute("DELETE FROM replaced_webhooks")
    for of, [(own, *before), *older] in groups.items():
        for older_own, *older_before in older:
            if before[0] in str(older_own).split():
                before = older_before
            elif before[0] != older_before[0]:
                db.execute("INSERT INTO dropped_webhooks VALUES (?, ?, ?, ?)", (*of, older_before[0]))
            own = f"{own} {older_own}"
        db.execute("INSERT INTO replaced_webhooks VALUES (?, ?, ?, ?, ?, ?, ?)", (*of, own, *before))


# Each is applied once, in order; a file knows how many it has had (PRAGMA user_version). Never change one.
# From the eighth on they only add (tests/test_migrations.py says what does), since a listener of an earlier
# version may go on beside a newer command.
MIGRATIONS: tuple[str | Callable[[sqlite3.Connection], None], ...] = (
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        received INTEGER NOT NULL,          -- microseconds since 1970, UTC
        type TEXT NOT NULL,                 -- VCA, VSS, … or the eventType of an unknown one
        session TEXT NOT NULL,              -- empty for an event of no session
        key BLOB NOT NULL,                  -- the same for the same event: see KeptEvent
        times INTEGER NOT NULL DEFAULT 1,   -- how often it came
        reply TEXT,                         -- what a VCA was answered, in words, never its text
        body BLOB NOT NULL                  -- byte for byte
    );
    -- One index for both: all events of a session, and whether an event is there already.
    CREATE UNIQUE INDEX events_by_session ON events (session, key);

    CREATE TABLE replaced_webhooks (
        base_url TEXT NOT NULL,
        subaccount TEXT NOT NULL,
        type TEXT NOT NULL,
        own_url TEXT NOT NULL,              -- where we pointed it; blanks between several
        url TEXT,                           -- where it pointed before; NULL where it was not set
        enabled INTEGER NOT NULL,
        had_authorization INTEGER NOT NULL,
        PRIMARY KEY (base_url, subaccount, type)
    );
    """,
    """
    -- AUTOINCREMENT: the number of an event that was deleted is not given to another.
    CREATE TABLE kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        received INTEGER NOT NULL,
        type TEXT NOT NULL,
        session TEXT NOT NULL,
        key BLOB NOT NULL,
        times INTEGER NOT NULL DEFAULT 1,
        reply TEXT,
        body BLOB NOT NULL
    );
    INSERT INTO kept SELECT id, received, type, session, key, times, reply, body FROM events;
    DROP TABLE events;
    ALTER TABLE kept RENAME TO events;
    CREATE UNIQUE INDEX events_by_session ON events (session, key);
    CREATE INDEX events_by_time ON events (received);

    CREATE TABLE calls (
        id INTEGER PRIMARY KEY,
        placed INTEGER NOT NULL,            -- microseconds since 1970, UTC
        base_url TEXT NOT NULL,
        subaccount TEXT NOT NULL,
        state TEXT NOT NULL,                -- see AttemptState
        session TEXT,                       -- NULL until 8x8 has told it
        client_request_id TEXT NOT NULL,
        source TEXT NOT NULL,
        destination TEXT NOT NULL,
        fingerprint BLOB,                   -- of a call placed with --once: a keyed hash
        guarded INTEGER NOT NULL            -- until when it keeps the same call from being placed; 0: never
    );
    CREATE INDEX calls_by_time ON calls (placed);
    CREATE INDEX calls_by_session ON calls (session);
    CREATE INDEX calls_by_request ON calls (client_request_id);
    CREATE INDEX calls_by_fingerprint ON calls (fingerprint);
    """,
    """
    CREATE TABLE unsubscribed (
        destination TEXT PRIMARY KEY,       -- E.164; see unsubscribed.py for one that is not known yet
        since INTEGER NOT NULL,             -- microseconds since 1970, UTC
        session TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE seen_events (              -- how far each reader has come
        reader TEXT PRIMARY KEY,
        event INTEGER NOT NULL              -- the newest that it has read
    ) WITHOUT ROWID;

    CREATE TABLE broadcasts (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,            -- begins the clientRequestId of each of its calls
        created INTEGER NOT NULL,           -- microseconds since 1970, UTC
        base_url TEXT NOT NULL,
        subaccount TEXT NOT NULL,
        file TEXT NOT NULL,                 -- the list's; empty: it came from standard input
        fingerprint BLOB NOT NULL,          -- of the list: a keyed hash
        part INTEGER NOT NULL,              -- the shard, from 1
        parts INTEGER NOT NULL,
        options TEXT NOT NULL,              -- how people are called (JSON), without what they hear
        sealed BLOB NOT NULL,               -- what they hear: unreadable without its key, see sealing.py
        state TEXT NOT NULL,                -- see BroadcastState
        seen INTEGER NOT NULL               -- the newest event that was processed
    );
    CREATE INDEX broadcasts_by_list ON broadcasts (fingerprint);
    CREATE TABLE broadcast_rows (
        broadcast INTEGER NOT NULL,
        line INTEGER NOT NULL,              -- where the row begins in the list, from 1
        destination TEXT NOT NULL,
        state TEXT NOT NULL,                -- see RowState
        attempts INTEGER NOT NULL DEFAULT 0,  -- requests that have left, or may have
        changed INTEGER NOT NULL DEFAULT 0, -- microseconds since 1970, UTC
        session TEXT,                       -- of the last attempt, as all that follows
        outcome TEXT,
        digits TEXT,
        seconds REAL,
        reason TEXT,                        -- why it was refused or skipped, or what is unknown
        PRIMARY KEY (broadcast, line)
    ) WITHOUT ROWID;
    """,
    _one_form_of_each_account,
    """
    -- From here on, calls has every request that places a call. What is NULL is not known, or does not apply.
    -- asks, outcome, outcome_source, seconds: see sessions.attempt; broadcast: its number; valid_until: in
    -- microseconds since 1970, UTC; sealed: the whole callflow, as long as somebody may need it.
    ALTER TABLE calls ADD COLUMN client_action_id TEXT;
    ALTER TABLE calls ADD COLUMN asks TEXT;
    ALTER TABLE calls ADD COLUMN broadcast INTEGER;
    ALTER TABLE calls ADD COLUMN line INTEGER;
    ALTER TABLE calls ADD COLUMN valid_until INTEGER;
    ALTER TABLE calls ADD COLUMN outcome TEXT;
    ALTER TABLE calls ADD COLUMN outcome_source TEXT;
    ALTER TABLE calls ADD COLUMN seconds REAL;
    ALTER TABLE calls ADD COLUMN price TEXT;
    ALTER TABLE calls ADD COLUMN currency TEXT;
    ALTER TABLE calls ADD COLUMN sealed BLOB;
    -- Partial ones, so that a broadcast's calls do not pay for what they do not have.
    DROP INDEX calls_by_session;
    DROP INDEX calls_by_fingerprint;
    CREATE INDEX calls_by_session ON calls (session) WHERE session IS NOT NULL;
    CREATE INDEX calls_by_fingerprint ON calls (fingerprint) WHERE fingerprint IS NOT NULL;
    CREATE INDEX calls_without_session ON calls (destination) WHERE session IS NULL;
    CREATE INDEX calls_sealed ON calls (valid_until) WHERE sealed IS NOT NULL;
    """,
    """
    -- Until when its last question can be answered (microseconds since 1970, UTC); NULL: it asks nothing.
    ALTER TABLE calls ADD COLUMN answer_until INTEGER;
    CREATE INDEX calls_asking ON calls (answer_until) WHERE answer_until IS NOT NULL AND outcome IS NULL;
    """,
    """
    -- The last calls of broadcasts that were begun before: what is reported of them names their session only.
    INSERT INTO calls (placed, base_url, subaccount, state, session, client_request_id, source, destination,
        guarded, broadcast, line, outcome, outcome_source, seconds)
    SELECT changed, base_url, subaccount, 'accepted', session, id || '-' || line || '-' || attempts, '',
        destination, 0, broadcast, line, outcome, iif(outcome IS NULL, NULL, 'vss'), seconds
    FROM broadcast_rows JOIN broadcasts ON number = broadcast
    WHERE session IS NOT NULL AND session NOT IN (SELECT session FROM calls WHERE session IS NOT NULL);
    """,
    """
    -- What there is to say of the reply to a VCA: why an application's was rejected, say.
    ALTER TABLE events ADD COLUMN remark TEXT;
    """,
    """
    -- A command that places calls and waits for them; guards: what nobody else may place meanwhile.
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        process INTEGER NOT NULL,           -- its number on its machine
        began INTEGER NOT NULL,             -- microseconds since 1970, UTC, as all moments
        lease_until INTEGER NOT NULL        -- it lives until then at least, unless it renews that; 0: ended
    );
    CREATE TABLE guards (                   -- of the runs whose calls stand for each other
        run INTEGER NOT NULL,
        base_url TEXT NOT NULL,
        subaccount TEXT NOT NULL,
        client_request_id TEXT NOT NULL,
        fingerprint BLOB                    -- as in calls
    );
    CREATE INDEX guards_by_run ON guards (run);
    CREATE INDEX guards_by_request ON guards (client_request_id);
    CREATE INDEX guards_by_fingerprint ON guards (fingerprint) WHERE fingerprint IS NOT NULL;
    ALTER TABLE calls ADD COLUMN run INTEGER;
    CREATE INDEX calls_by_run ON calls (run) WHERE run IS NOT NULL;
    CREATE INDEX calls_guarded ON calls (guarded) WHERE guarded > 0;
    """,
    "ALTER TABLE broadcast_rows ADD COLUMN bridge TEXT",  # what became of the second leg
    """
    -- Who has placed it and where (user@host), and where a run is.
    ALTER TABLE calls ADD COLUMN placed_by TEXT;
    ALTER TABLE runs ADD COLUMN host TEXT;
    """,
    """
    -- What the keys of a call mean (1=confirmed,9=stop); NULL: those that asks names confirm. Events that
    -- came before are of no such call.
    ALTER TABLE calls ADD COLUMN key_names TEXT;
    CREATE INDEX calls_with_keys ON calls (placed) WHERE key_names IS NOT NULL;
    INSERT INTO seen_events (reader, event) SELECT 'stop keys', coalesce(max(id), 0) FROM events;
    """,
    "ALTER TABLE broadcast_rows ADD COLUMN left_out TEXT",  # see LeftOut
)
