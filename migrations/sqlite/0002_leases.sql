-- Leases are told by a counter and no clock: `lease_ends_at` goes, `renewals` and `lease_milliseconds` come. A constraint
-- cannot be changed in place, so both tables are written anew; the names are theirs again in the end.
CREATE TABLE jobs_2 (
    number             INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT    NOT NULL UNIQUE,
    status             TEXT    NOT NULL,
    revision           INTEGER NOT NULL DEFAULT 1,
    created_at         INTEGER NOT NULL,
    started_at         INTEGER,
    finished_at        INTEGER,
    recipe             TEXT    NOT NULL,
    fingerprint        TEXT,
    cancel_requested   INTEGER NOT NULL DEFAULT 0,
    notices            TEXT    NOT NULL DEFAULT '[]',
    error              TEXT,
    -- The latest claim, and the lease of the worker that holds it: how long it may be silent, and how often it was heard.
    attempt            INTEGER NOT NULL DEFAULT 0,
    worker             TEXT,
    lease_milliseconds INTEGER,
    renewals           INTEGER NOT NULL DEFAULT 0,
    -- Workers that this job has crashed in a row, with no checkpoint between them.
    crashes            INTEGER NOT NULL DEFAULT 0,
    -- Names of blobs.
    content            TEXT    NOT NULL,
    styles             TEXT    NOT NULL,
    checkpoint         TEXT,
    preview            TEXT,
    result             TEXT,
    CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    CHECK ((status = 'running') = (worker IS NOT NULL)),
    CHECK ((status = 'running') = (lease_milliseconds IS NOT NULL)),
    CHECK ((status IN ('succeeded', 'failed', 'canceled')) = (finished_at IS NOT NULL)),
    CHECK ((status = 'succeeded') = (result IS NOT NULL)),
    CHECK ((status = 'failed') = (error IS NOT NULL))
) STRICT;

INSERT INTO jobs_2 (
    number, id, status, revision, created_at, started_at, finished_at, recipe, fingerprint, cancel_requested, notices, error,
    attempt, worker, lease_milliseconds, crashes, content, styles, checkpoint, preview, result
) SELECT
    number, id, status, revision, created_at, started_at, finished_at, recipe, fingerprint, cancel_requested, notices, error,
    attempt, worker, iif(status = 'running', 15000, NULL), crashes, content, styles, checkpoint, preview, result
FROM jobs;

-- The number of a deleted job stays used.
DELETE FROM sqlite_sequence WHERE name = 'jobs_2';
INSERT INTO sqlite_sequence (name, seq) SELECT 'jobs_2', seq FROM sqlite_sequence WHERE name = 'jobs';

CREATE TABLE progress_2 (
    job               INTEGER NOT NULL REFERENCES jobs_2 (number) ON DELETE CASCADE,
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

INSERT INTO progress_2 SELECT * FROM progress;

-- In this order: a job takes its progress along.
DROP TABLE progress;
DROP TABLE jobs;
ALTER TABLE jobs_2 RENAME TO jobs;
ALTER TABLE progress_2 RENAME TO progress;

CREATE INDEX jobs_by_status ON jobs (status, number);

-- One row that is written to see whether the database can be written.
CREATE TABLE probe (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    written INTEGER NOT NULL
) STRICT;
