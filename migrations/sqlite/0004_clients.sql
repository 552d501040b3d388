-- Whose a job is, and how it is to be done: jobs of earlier versions are nobody's, of normal priority, and have no deadline.
ALTER TABLE jobs ADD COLUMN client TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 1 CHECK (priority IN (0, 1, 2));
-- The place in the queue among jobs of one priority: the clients take turns.
ALTER TABLE jobs ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
-- When a job fails that no worker has begun by then, in milliseconds since 1970.
ALTER TABLE jobs ADD COLUMN start_by INTEGER;
ALTER TABLE jobs ADD COLUMN webhook TEXT;
-- The request that submitted it, for the logs of the workers.
ALTER TABLE jobs ADD COLUMN request TEXT;
-- Those that wait keep their order, and whoever comes now does not wait for all of them.
UPDATE jobs SET turn = number WHERE status IN ('queued', 'running');
-- Previews saved so far.
ALTER TABLE jobs ADD COLUMN previews INTEGER NOT NULL DEFAULT 0;

-- The queue, the queue of each client, and those in it that are to begin in time.
CREATE INDEX jobs_in_line ON jobs (status, priority DESC, turn, number);
CREATE INDEX jobs_waiting ON jobs (client, status, priority, turn);
CREATE INDEX jobs_to_start ON jobs (status, start_by) WHERE start_by IS NOT NULL;
CREATE INDEX jobs_by_client ON jobs (client, number);

-- The keys that the API is used with. A row stays when its key is revoked: the service that had keys once is never open again.
CREATE TABLE keys (
    -- The part of a key that may be shown.
    id             TEXT    PRIMARY KEY,
    name           TEXT    NOT NULL UNIQUE,
    -- SHA-256 of the secret part, in hexadecimal.
    hash           TEXT    NOT NULL,
    -- JSON.
    scopes         TEXT    NOT NULL,
    -- What webhooks of its jobs are signed with.
    webhook_secret TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    last_used_at   INTEGER,
    revoked_at     INTEGER
) STRICT, WITHOUT ROWID;

-- People who are logged in on the page.
CREATE TABLE sessions (
    -- SHA-256 of the cookie, in hexadecimal.
    hash       TEXT    PRIMARY KEY,
    key        TEXT    NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Bytes that a client has uploaded on a day, counted in days since 1970 in UTC.
CREATE TABLE uploaded (
    client TEXT    NOT NULL,
    day    INTEGER NOT NULL,
    bytes  INTEGER NOT NULL,
    PRIMARY KEY (client, day)
) STRICT, WITHOUT ROWID;

-- Requests that are to make one job however often they come.
CREATE TABLE idempotency_keys (
    client      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    -- SHA-256 of what was asked for, in hexadecimal.
    fingerprint TEXT    NOT NULL,
    job         INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (client, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job);

-- What is to be told to webhooks: a row is written in the transaction that ends its job.
CREATE TABLE deliveries (
    -- The message's name, the same at every try.
    id           TEXT    PRIMARY KEY,
    job          INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    url          TEXT    NOT NULL,
    -- JSON, the same at every try.
    body         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 0,
    -- When it is to be tried next; null once it is delivered or given up.
    next_try_at  INTEGER,
    delivered_at INTEGER,
    -- What the last try was answered: a status of HTTP, or why there was none.
    last_status  INTEGER,
    last_error   TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX deliveries_by_job ON deliveries (job);
