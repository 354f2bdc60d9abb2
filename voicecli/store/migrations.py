"""How the store's file comes to its present form: the tables, and numbered changes of them."""

from typing import Final

FIRST: Final = 10
"""The number (PRAGMA user_version) of the form that the first of MIGRATIONS makes. Those before it were never
released."""

# Each of the others brings a file from one number to the next. Never change one. They only add
# (tests/store/test_migrations.py says what does), since a listener of an earlier version may go on beside a
# newer command.
MIGRATIONS: tuple[str, ...] = (
    """
    -- All moments are in microseconds since 1970, UTC. What is NULL is not known, or does not apply.
    -- AUTOINCREMENT: the number of an event that was deleted is not given to another.
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        received INTEGER NOT NULL,
        type TEXT NOT NULL,                 -- VCA, VSS, … or the eventType of an unknown one
        session TEXT NOT NULL,              -- empty for an event of no session
        key BLOB NOT NULL,                  -- the same for the same event: see KeptEvent
        times INTEGER NOT NULL DEFAULT 1,   -- how often it came
        reply TEXT,                         -- what a VCA was answered, in words, never its text
        body BLOB NOT NULL,                 -- byte for byte
        remark TEXT                         -- on the reply to a VCA: why an application's was rejected, say
    );
    -- One index for both: all events of a session, and whether an event is there already.
    CREATE UNIQUE INDEX events_by_session ON events (session, key);
    CREATE INDEX events_by_time ON events (received);

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

    -- Every request that places a call: see sessions.attempt.
    CREATE TABLE calls (
        id INTEGER PRIMARY KEY,
        placed INTEGER NOT NULL,
        base_url TEXT NOT NULL,
        subaccount TEXT NOT NULL,
        state TEXT NOT NULL,                -- see AttemptState
        session TEXT,                       -- NULL until 8x8 has told it
        client_request_id TEXT NOT NULL,
        source TEXT NOT NULL,
        destination TEXT NOT NULL,
        fingerprint BLOB,                   -- of a call placed with --once: a keyed hash
        guarded INTEGER NOT NULL,           -- until when it keeps the same call from being placed; 0: never
        client_action_id TEXT,
        asks TEXT,
        broadcast INTEGER,                  -- its number
        line INTEGER,
        valid_until INTEGER,
        outcome TEXT,
        outcome_source TEXT,
        seconds REAL,
        price TEXT,
        currency TEXT,
        sealed BLOB,                        -- the whole callflow, as long as somebody may need it
        answer_until INTEGER,               -- until when its last question can be answered
        run INTEGER
    );
    -- Partial ones, so that a broadcast's calls do not pay for what they do not have.
    CREATE INDEX calls_by_time ON calls (placed);
    CREATE INDEX calls_by_request ON calls (client_request_id);
    CREATE INDEX calls_by_session ON calls (session) WHERE session IS NOT NULL;
    CREATE INDEX calls_by_fingerprint ON calls (fingerprint) WHERE fingerprint IS NOT NULL;
    CREATE INDEX calls_without_session ON calls (destination) WHERE session IS NULL;
    CREATE INDEX calls_sealed ON calls (valid_until) WHERE sealed IS NOT NULL;
    CREATE INDEX calls_asking ON calls (answer_until) WHERE answer_until IS NOT NULL AND outcome IS NULL;
    CREATE INDEX calls_by_run ON calls (run) WHERE run IS NOT NULL;
    CREATE INDEX calls_guarded ON calls (guarded) WHERE guarded > 0;

    -- A command that places calls and waits for them; guards: what nobody else may place meanwhile.
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        process INTEGER NOT NULL,           -- its number on its machine
        began INTEGER NOT NULL,
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

    CREATE TABLE unsubscribed (
        destination TEXT PRIMARY KEY,       -- E.164; see unsubscribed.py for one that is not known yet
        since INTEGER NOT NULL,
        session TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE seen_events (              -- how far each reader has come
        reader TEXT PRIMARY KEY,
        event INTEGER NOT NULL              -- the newest that it has read
    ) WITHOUT ROWID;

    CREATE TABLE broadcasts (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,            -- begins the clientRequestId of each of its calls
        created INTEGER NOT NULL,
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
        changed INTEGER NOT NULL DEFAULT 0,
        session TEXT,                       -- of the last attempt, as all that follows
        outcome TEXT,
        digits TEXT,
        seconds REAL,
        reason TEXT,                        -- why it was refused or skipped, or what is unknown
        bridge TEXT,                        -- what became of the second leg
        PRIMARY KEY (broadcast, line)
    ) WITHOUT ROWID
    """,
)
