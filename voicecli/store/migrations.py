"""How the store's file came to its present form: numbered changes of its tables."""

# Each is applied once, in order; a file knows how many it has had (PRAGMA user_version). Never change one.
MIGRATIONS = (
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
        state TEXT NOT NULL,                -- see placed.State
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
        state TEXT NOT NULL,                -- see journal.State
        seen INTEGER NOT NULL               -- the newest event that was taken in
    );
    CREATE INDEX broadcasts_by_list ON broadcasts (fingerprint);
    CREATE TABLE broadcast_rows (
        broadcast INTEGER NOT NULL,
        line INTEGER NOT NULL,              -- where the row begins in the list, from 1
        destination TEXT NOT NULL,
        state TEXT NOT NULL,                -- see journal.RowState
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
)
