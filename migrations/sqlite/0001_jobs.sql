-- One row a job. Times are milliseconds since 1970 in UTC; recipe, fingerprint, styles, notices and error hold JSON.
CREATE TABLE jobs (
    -- The order of submission, which is the order of the queue and of lists. A number is never used again.
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE,
    status           TEXT    NOT NULL,
    revision         INTEGER NOT NULL DEFAULT 1,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    recipe           TEXT    NOT NULL,
    fingerprint      TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    notices          TEXT    NOT NULL DEFAULT '[]',
    error            TEXT,
    -- The latest claim, and the lease of the worker that holds it.
    attempt          INTEGER NOT NULL DEFAULT 0,
    worker           TEXT,
    lease_ends_at    INTEGER,
    -- Workers that this job has crashed in a row, with no checkpoint between them.
    crashes          INTEGER NOT NULL DEFAULT 0,
    -- Names of blobs.
    content          TEXT    NOT NULL,
    styles           TEXT    NOT NULL,
    checkpoint       TEXT,
    preview          TEXT,
    result           TEXT,
    CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    CHECK ((status = 'running') = (worker IS NOT NULL)),
    CHECK ((status = 'running') = (lease_ends_at IS NOT NULL)),
    CHECK ((status IN ('succeeded', 'failed', 'canceled')) = (finished_at IS NOT NULL)),
    CHECK ((status = 'succeeded') = (result IS NOT NULL)),
    CHECK ((status = 'failed') = (error IS NOT NULL))
) STRICT;

CREATE INDEX jobs_by_status ON jobs (status, number);

-- One row a progress entry. A loss that is no number is NULL.
CREATE TABLE progress (
    job               INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    stage             INTEGER NOT NULL,
    epoch             INTEGER NOT NULL,
    content           REAL,
    style             REAL,
    tv                REAL,
    total             REAL,
    learning_rate     REAL,
    seconds_per_epoch REAL,
    PRIMARY KEY (job, stage, epoch)
) STRICT, WITHOUT ROWID;
