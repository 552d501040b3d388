-- Milliseconds since 1970 in UTC by the clock of the database, which all machines share. Times are told to people by it; no lease
-- hangs on it.
CREATE FUNCTION milliseconds_now() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;

-- One row a job. Times are milliseconds since 1970 in UTC; recipe, fingerprint, styles, masks, notices and error hold JSON.
CREATE TABLE jobs (
    -- The order of submission, which is the order of lists: jobs are submitted one after the other, under a lock, so that a number
    -- is never seen after a later one. A number is never used again.
    number             bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                 text    COLLATE "C" NOT NULL UNIQUE,
    status             text    COLLATE "C" NOT NULL,
    revision           bigint  NOT NULL DEFAULT 1,
    created_at         bigint  NOT NULL,
    started_at         bigint,
    finished_at        bigint,
    recipe             text    NOT NULL,
    fingerprint        text,
    cancel_requested   boolean NOT NULL DEFAULT FALSE,
    notices            text    NOT NULL DEFAULT '[]',
    error              text,
    -- Whose the job is, and how it is to be done.
    client             text    COLLATE "C" NOT NULL DEFAULT '',
    priority           bigint  NOT NULL DEFAULT 1,
    -- The place in the queue among jobs of one priority: the clients take turns.
    turn               bigint  NOT NULL DEFAULT 0,
    -- When the job fails if no worker has begun it by then.
    start_by           bigint,
    webhook            text,
    -- The request that submitted it, for the logs of the workers.
    request            text,
    -- The latest claim, and the lease of the worker that holds it: how long it may be silent, and how often it was heard.
    attempt            bigint  NOT NULL DEFAULT 0,
    worker             text    COLLATE "C",
    lease_milliseconds bigint,
    renewals           bigint  NOT NULL DEFAULT 0,
    -- Workers that this job has crashed in a row, with no checkpoint between them.
    crashes            bigint  NOT NULL DEFAULT 0,
    -- Previews saved so far.
    previews           bigint  NOT NULL DEFAULT 0,
    -- Names of blobs.
    content            text    NOT NULL,
    styles             text    NOT NULL,
    masks              text    NOT NULL DEFAULT '[]',
    style_masks        text    NOT NULL DEFAULT '[]',
    initial            text,
    checkpoint         text,
    preview            text,
    result             text,
    result_16          text,
    CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    CHECK ((status = 'running') = (worker IS NOT NULL)),
    CHECK ((status = 'running') = (lease_milliseconds IS NOT NULL)),
    CHECK ((status IN ('succeeded', 'failed', 'canceled')) = (finished_at IS NOT NULL)),
    CHECK ((status = 'succeeded') = (result IS NOT NULL)),
    CHECK ((status = 'failed') = (error IS NOT NULL)),
    CHECK (priority IN (0, 1, 2))
)
-- Leases are renewed and progress is counted in place: with room in its page, and no index over what changes, a row's new version
-- costs no index entry.
WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Which jobs are in which status; no index has a column that renewals or progress change.
CREATE INDEX jobs_by_status ON jobs (status, number);
CREATE INDEX jobs_by_client ON jobs (client, number);
CREATE INDEX jobs_in_line ON jobs (priority DESC, turn, number) WHERE status = 'queued';
CREATE INDEX jobs_waiting ON jobs (client, priority, turn) WHERE status = 'queued';
CREATE INDEX jobs_to_start ON jobs (start_by) WHERE status = 'queued' AND start_by IS NOT NULL;
CREATE INDEX jobs_served ON jobs (priority, turn) WHERE status = 'running';
CREATE INDEX jobs_under_way ON jobs (worker) WHERE status = 'running';
CREATE INDEX jobs_finished ON jobs (finished_at DESC, number DESC) WHERE finished_at IS NOT NULL;

-- One row a progress entry. A loss that is no number is NULL.
CREATE TABLE progress (
    job               bigint NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    stage             bigint NOT NULL,
    epoch             bigint NOT NULL,
    content           double precision,
    style             double precision,
    tv                double precision,
    total             double precision,
    learning_rate     double precision,
    seconds_per_epoch double precision,
    PRIMARY KEY (job, stage, epoch)
);

-- One row that is written to see whether the database can be written.
CREATE TABLE probe (
    id      bigint PRIMARY KEY CHECK (id = 1),
    written bigint NOT NULL
);

-- The keys that the API is used with. A row stays when its key is revoked: the service that had keys once is never open again.
CREATE TABLE keys (
    -- The part of a key that may be shown.
    id             text COLLATE "C" PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    -- SHA-256 of the secret part, in hexadecimal.
    hash           text NOT NULL,
    -- JSON.
    scopes         text NOT NULL,
    -- What webhooks of its jobs are signed with.
    webhook_secret text NOT NULL,
    created_at     bigint NOT NULL,
    last_used_at   bigint,
    revoked_at     bigint
);

-- People who are logged in on the page.
CREATE TABLE sessions (
    -- SHA-256 of the cookie, in hexadecimal.
    hash       text   COLLATE "C" PRIMARY KEY,
    key        text   COLLATE "C" NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    expires_at bigint NOT NULL
);
CREATE INDEX sessions_by_key ON sessions (key);

-- Bytes that a client has uploaded on a day, counted in days since 1970 in UTC.
CREATE TABLE uploaded (
    client text   COLLATE "C" NOT NULL,
    day    bigint NOT NULL,
    bytes  bigint NOT NULL,
    PRIMARY KEY (client, day)
);

-- What clients have used of the requests that they may make in a minute: when all of them will be there again, in milliseconds since
-- 1970. It is counted with every request, and forgotten in a crash.
CREATE UNLOGGED TABLE turns (
    client  text             COLLATE "C" PRIMARY KEY,
    full_at double precision NOT NULL
)
WITH (fillfactor = 50);

-- Requests that are to make one job however often they come.
CREATE TABLE idempotency_keys (
    client      text   COLLATE "C" NOT NULL,
    key         text   NOT NULL,
    -- SHA-256 of what was asked for, in hexadecimal.
    fingerprint text   NOT NULL,
    job         bigint NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    created_at  bigint NOT NULL,
    PRIMARY KEY (client, key)
);
CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job);

-- What is to be told to webhooks: a row is written in the transaction that ends its job.
CREATE TABLE deliveries (
    -- The message's name, the same at every try.
    id           text   COLLATE "C" PRIMARY KEY,
    job          bigint NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    url          text   NOT NULL,
    -- JSON, the same at every try.
    body         text   NOT NULL,
    created_at   bigint NOT NULL,
    tries        bigint NOT NULL DEFAULT 0,
    -- When it is to be tried next; null once it is delivered or given up.
    next_try_at  bigint,
    delivered_at bigint,
    -- What the last try was answered: a status of HTTP, or why there was none.
    last_status  bigint,
    last_error   text
);
CREATE INDEX deliveries_due ON deliveries (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX deliveries_by_job ON deliveries (job);
