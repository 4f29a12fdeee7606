-- Sluice's ledger, format 1. Additive and idempotent; readable with any SQL client.
-- Each table says in its comment what a row is. Times are the database's own clock.

CREATE SCHEMA IF NOT EXISTS sluice;

CREATE TABLE IF NOT EXISTS sluice.ledger (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id uuid NOT NULL,
    target text NOT NULL,
    system_identifier text NOT NULL,
    database_oid bigint NOT NULL,
    timeline integer NOT NULL,
    format integer NOT NULL,
    oldest_writer integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sluice.ledger IS 'Which ledger this is and on which server it was made; a copy elsewhere is recognised by it.';

CREATE TABLE IF NOT EXISTS sluice.plan (
    hash text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    name text NOT NULL,
    tag text NOT NULL,
    document json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sluice.plan IS 'Immutable plans; only a plan is ever executed.';

CREATE TABLE IF NOT EXISTS sluice.job (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    target text NOT NULL,
    plan_hash text NOT NULL REFERENCES sluice.plan (hash),
    tag text NOT NULL,
    state text NOT NULL CHECK (state IN (
        'submitted', 'planned', 'classified', 'expanding', 'dual-writing', 'backfilling', 'verified',
        'flipping-reads', 'flipping-writes', 'flipped', 'contract-ready', 'soft-dropped', 'contracted',
        'watching', 'done', 'paused', 'held', 'rolling-back', 'rolled-back', 'failed', 'aborted')),
    reason text,
    authority text NOT NULL DEFAULT 'old' CHECK (authority IN ('old', 'new')),
    machine jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    submitted_by text NOT NULL,
    authenticated boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
COMMENT ON TABLE sluice.job IS 'One run of a plan. `machine` is the planner''s own state; `version` guards every change of it.';

CREATE TABLE IF NOT EXISTS sluice.job_table (
    job uuid NOT NULL REFERENCES sluice.job (id),
    root_schema text NOT NULL,
    root_table text NOT NULL,
    unfinished boolean NOT NULL DEFAULT true,
    PRIMARY KEY (job, root_schema, root_table)
);
CREATE UNIQUE INDEX IF NOT EXISTS job_table_one_unfinished
    ON sluice.job_table (root_schema, root_table)
    WHERE unfinished;
COMMENT ON TABLE sluice.job_table IS 'The root tables of a job; one unfinished job a table, by the unique index.';

CREATE TABLE IF NOT EXISTS sluice.stage (
    job uuid NOT NULL REFERENCES sluice.job (id),
    name text NOT NULL CHECK (name IN ('classify', 'expand', 'backfill', 'flip', 'contract', 'verify')),
    status text NOT NULL CHECK (status IN ('pending', 'running', 'done', 'undone')),
    started_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (job, name)
);
COMMENT ON TABLE sluice.stage IS 'The six stages of each job and how far each is.';

CREATE TABLE IF NOT EXISTS sluice.sweep (
    job uuid NOT NULL REFERENCES sluice.job (id),
    fill integer NOT NULL,
    sweep integer NOT NULL,
    seq integer NOT NULL,
    leaf_oid bigint NOT NULL,
    leaf_schema text NOT NULL,
    leaf_name text NOT NULL,
    blocks bigint NOT NULL CHECK (blocks >= 0),
    fingerprint text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job, fill, sweep, seq)
);
COMMENT ON TABLE sluice.sweep IS 'The leaves a sweep covers, with the bound (in blocks) and the fingerprint it began with.';

CREATE TABLE IF NOT EXISTS sluice.chunk (
    id uuid PRIMARY KEY,
    job uuid NOT NULL REFERENCES sluice.job (id),
    fill integer NOT NULL,
    sweep integer NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sweep', 'repair')),
    leaf_oid bigint NOT NULL,
    leaf_schema text NOT NULL,
    leaf_name text NOT NULL,
    fingerprint text NOT NULL,
    first_block bigint NOT NULL CHECK (first_block >= 0),
    end_block bigint NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed', 'abandoned')),
    rows_seen bigint NOT NULL DEFAULT 0,
    rows_changed bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    retries integer NOT NULL DEFAULT 0,
    error jsonb,
    done_at timestamptz,
    verification text NOT NULL DEFAULT 'pending' CHECK (verification IN ('pending', 'ok', 'mismatched', 'unreadable')),
    rows_checked bigint,
    rows_mismatched bigint,
    verified_at timestamptz,
    CHECK (end_block > first_block),
    UNIQUE (job, fill, sweep, seq)
);
CREATE INDEX IF NOT EXISTS chunk_unverified ON sluice.chunk (job, fill, sweep) WHERE state = 'done' AND verification = 'pending';
CREATE INDEX IF NOT EXISTS chunk_open ON sluice.chunk (job) WHERE state IN ('open', 'failed');
COMMENT ON TABLE sluice.chunk IS 'A range of blocks [first_block, end_block) of a leaf: the unit of dispatch, retry, accounting and verification.';

CREATE TABLE IF NOT EXISTS sluice.chunk_cursor (
    chunk uuid PRIMARY KEY REFERENCES sluice.chunk (id),
    attempt integer NOT NULL DEFAULT 0,
    lease uuid,
    cursor_block bigint NOT NULL,
    rows_seen bigint NOT NULL DEFAULT 0,
    rows_changed bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    retries integer NOT NULL DEFAULT 0,
    throttled_ms bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 60);
COMMENT ON TABLE sluice.chunk_cursor IS 'How far a chunk under way is; advanced in the transaction that changes its rows, under the fence (attempt, lease).';

CREATE TABLE IF NOT EXISTS sluice.task (
    id uuid PRIMARY KEY,
    job uuid NOT NULL REFERENCES sluice.job (id),
    kind text NOT NULL CHECK (kind IN ('step', 'chunk', 'check')),
    phase text,
    step integer,
    fill integer,
    chunk uuid REFERENCES sluice.chunk (id),
    state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased', 'done', 'failed', 'cancelled')),
    attempt integer NOT NULL DEFAULT 0,
    lease uuid,
    lease_until timestamptz,
    worker text,
    backend_pid integer,
    backend_start text,
    published_at timestamptz,
    publications integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    note text,
    error jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS task_outstanding ON sluice.task (job, kind) WHERE state IN ('ready', 'leased', 'failed');
COMMENT ON TABLE sluice.task IS 'Work that somebody should do, its lease and its outcome. A row comes before its message; published_at after the confirm.';

CREATE TABLE IF NOT EXISTS sluice.step_marker (
    job uuid NOT NULL REFERENCES sluice.job (id),
    step integer NOT NULL,
    done_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job, step)
);
COMMENT ON TABLE sluice.step_marker IS 'A step that a job has run; written in the transaction of the step itself. Discard takes away only what has one.';

CREATE TABLE IF NOT EXISTS sluice.check_run (
    job uuid NOT NULL REFERENCES sluice.job (id),
    fill integer NOT NULL,
    round integer NOT NULL,
    leaf_oid bigint NOT NULL,
    leaf_schema text NOT NULL,
    leaf_name text NOT NULL,
    blocks bigint NOT NULL,
    fingerprint text NOT NULL,
    cursor_block bigint NOT NULL DEFAULT 0,
    rows_checked bigint NOT NULL DEFAULT 0,
    rows_mismatched bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (job, fill, round, leaf_oid)
) WITH (fillfactor = 60);
COMMENT ON TABLE sluice.check_run IS 'The whole-table check before `verified`: one row a leaf, how far it read and what it found.';

CREATE TABLE IF NOT EXISTS sluice.verdict (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job uuid NOT NULL REFERENCES sluice.job (id),
    fill integer NOT NULL,
    round integer NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('proceed', 'hold', 'roll-back')),
    rows_checked bigint NOT NULL,
    rows_mismatched bigint NOT NULL,
    why text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (job, fill, round)
);
COMMENT ON TABLE sluice.verdict IS 'What the verifier concluded. A failed one sticks until someone asks for a new round.';

CREATE TABLE IF NOT EXISTS sluice.mismatch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job uuid NOT NULL REFERENCES sluice.job (id),
    fill integer NOT NULL,
    round integer NOT NULL,
    chunk uuid,
    leaf_oid bigint NOT NULL,
    leaf_schema text NOT NULL,
    leaf_name text NOT NULL,
    row_key jsonb NOT NULL,
    block bigint NOT NULL,
    detail jsonb NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz
);
CREATE INDEX IF NOT EXISTS mismatch_unresolved ON sluice.mismatch (job, fill) WHERE resolved_at IS NULL;
COMMENT ON TABLE sluice.mismatch IS 'Rows whose new value is not what old gives, by key: found beside expected.';

CREATE TABLE IF NOT EXISTS sluice.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_tag text NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    row_key jsonb NOT NULL,
    new_column text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('error', 'conflict', 'lost', 'closed')),
    sqlstate text NOT NULL,
    message text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz
);
CREATE INDEX IF NOT EXISTS quarantine_unresolved ON sluice.quarantine (job_tag) WHERE resolved_at IS NULL;
-- One open entry a row, column and kind: writing a bad row again and again adds nothing (each lost write counts). Keys can be large, so they are hashed.
CREATE UNIQUE INDEX IF NOT EXISTS quarantine_once
    ON sluice.quarantine (job_tag, table_schema, table_name, new_column, kind, md5(row_key::text))
    WHERE resolved_at IS NULL AND kind <> 'lost';
COMMENT ON TABLE sluice.quarantine IS 'Rows that the triggers could not compute (kind error), where both sides were written and disagreed (kind conflict), where a write of the new side was lost (kind lost), or where it was kept and the way back is closed (kind closed).';

CREATE TABLE IF NOT EXISTS sluice.command (
    id uuid PRIMARY KEY,
    job uuid NOT NULL REFERENCES sluice.job (id),
    kind text NOT NULL,
    body jsonb NOT NULL DEFAULT '{}',
    actor text NOT NULL,
    authenticated boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    applied_at timestamptz,
    outcome text CHECK (outcome IN ('applied', 'refused')),
    answer text
);
CREATE INDEX IF NOT EXISTS command_pending ON sluice.command (job, created_at) WHERE applied_at IS NULL;
COMMENT ON TABLE sluice.command IS 'A wish of a person or a program; applied by the planner.';

CREATE TABLE IF NOT EXISTS sluice.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    job uuid,
    actor text NOT NULL,
    kind text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS event_of_job ON sluice.event (job, id);
COMMENT ON TABLE sluice.event IS 'Audit, append-only: who, what, when, why.';

CREATE TABLE IF NOT EXISTS sluice.flag (
    name text PRIMARY KEY,
    job uuid NOT NULL REFERENCES sluice.job (id),
    side text NOT NULL CHECK (side IN ('read', 'write')),
    percentage integer NOT NULL DEFAULT 0 CHECK (percentage BETWEEN 0 AND 100),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sluice.flag IS 'Which share of the entities reads and writes the new side. Off means the old path, which is also the default in the application''s code.';

-- Whoever sets it, with whatever client: a flag is not on before its job is verified, and writes do not move while old is the authority.
CREATE OR REPLACE FUNCTION sluice.flag_guard() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $guard$
BEGIN
    IF NEW.percentage = 0 OR (TG_OP = 'UPDATE' AND NEW.percentage <= OLD.percentage) THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT FROM sluice.stage AS s WHERE s.job = NEW.job AND s.name = 'backfill' AND s.status = 'done') THEN
        RAISE EXCEPTION 'flag % cannot be turned up: its job is not verified', NEW.name USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.side = 'write' AND NOT EXISTS (SELECT FROM sluice.job AS j WHERE j.id = NEW.job AND j.authority = 'new') THEN
        RAISE EXCEPTION 'flag % cannot be turned up: old is still the authority', NEW.name USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$guard$;
CREATE OR REPLACE TRIGGER flag_guard BEFORE INSERT OR UPDATE ON sluice.flag FOR EACH ROW EXECUTE FUNCTION sluice.flag_guard();

-- MurmurHash3, x86, 32 bits, seed 0: what flagd buckets by. Products are taken in halves, because 32 times 32 bits do not fit a bigint.
CREATE OR REPLACE FUNCTION sluice.murmur3(bytes bytea) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $murmur$
DECLARE
    mask CONSTANT bigint := 4294967295;
    size CONSTANT integer := length(bytes);
    hash bigint := 0;
    part bigint;
    at integer := 0;
BEGIN
    WHILE at < size LOOP
        part := get_byte(bytes, at);
        IF at + 1 < size THEN part := part | (get_byte(bytes, at + 1)::bigint << 8); END IF;
        IF at + 2 < size THEN part := part | (get_byte(bytes, at + 2)::bigint << 16); END IF;
        IF at + 3 < size THEN part := part | (get_byte(bytes, at + 3)::bigint << 24); END IF;
        part := (part * 11601 + ((part * 52382 & 65535) << 16)) & mask;
        part := ((part << 15) | (part >> 17)) & mask;
        part := (part * 13715 + ((part * 7047 & 65535) << 16)) & mask;
        hash := hash # part;
        IF at + 3 < size THEN
            hash := ((hash << 13) | (hash >> 19)) & mask;
            hash := (hash * 5 + 3864292196) & mask;
        END IF;
        at := at + 4;
    END LOOP;
    hash := hash # size;
    hash := hash # (hash >> 16);
    hash := (hash * 51819 + ((hash * 34283 & 65535) << 16)) & mask;
    hash := hash # (hash >> 13);
    hash := (hash * 44597 + ((hash * 49842 & 65535) << 16)) & mask;
    RETURN hash # (hash >> 16);
END
$murmur$;

-- The bucket of an entity, 0 to 99: flagd's `fractional` with weights that sum to 100, over the flag's name and the entity's key.
CREATE OR REPLACE FUNCTION sluice.bucket(flag text, entity text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $bucket$
    SELECT ((sluice.murmur3(pg_catalog.convert_to(flag || entity, 'UTF8')) * 100) >> 32)::integer
$bucket$;

-- Whether an entity uses the new side. A flag that is not there is off.
CREATE OR REPLACE FUNCTION sluice.is_on(flag text, entity text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $on$
    SELECT EXISTS (SELECT FROM sluice.flag AS f WHERE f.name = $1 AND sluice.bucket($1, $2) < f.percentage)
$on$;

CREATE TABLE IF NOT EXISTS sluice.approval (
    job uuid NOT NULL REFERENCES sluice.job (id),
    gate text NOT NULL,
    plan_hash text NOT NULL,
    target text NOT NULL,
    actor text NOT NULL,
    authenticated boolean NOT NULL DEFAULT false,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job, gate, plan_hash, target)
);
COMMENT ON TABLE sluice.approval IS 'Who opened which gate; bound to the plan''s hash, the target and the stage.';

CREATE TABLE IF NOT EXISTS sluice.evidence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job uuid NOT NULL REFERENCES sluice.job (id),
    kind text NOT NULL,
    source text NOT NULL,
    detail jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sluice.evidence IS 'Proof of use or of no use of what a contract would drop.';

CREATE TABLE IF NOT EXISTS sluice.signal (
    name text NOT NULL,
    source text NOT NULL,
    value double precision,
    unit text NOT NULL,
    problem text,
    required boolean NOT NULL DEFAULT false,
    sampled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, source)
) WITH (fillfactor = 50);
COMMENT ON TABLE sluice.signal IS 'The last reading of each pressure signal; no value and a problem means: unreadable, so stop.';

CREATE TABLE IF NOT EXISTS sluice.throttle (
    job uuid PRIMARY KEY REFERENCES sluice.job (id),
    go boolean NOT NULL,
    reason text,
    max_parallel integer NOT NULL,
    rows_per_second bigint,
    beat_at timestamptz NOT NULL DEFAULT now(),
    stopped_at timestamptz,
    stopped_ms bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE sluice.throttle IS 'What the planner allows each job now; a worker stops when this row says so or is stale.';

CREATE TABLE IF NOT EXISTS sluice.heartbeat (
    worker text PRIMARY KEY,
    role text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE sluice.heartbeat IS 'Processes that are alive.';

CREATE TABLE IF NOT EXISTS sluice.lease (
    name text PRIMARY KEY,
    holder text NOT NULL,
    attempt integer NOT NULL,
    lease uuid NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE sluice.lease IS 'Who is the active planner and the sampling verifier of this target.';

CREATE TABLE IF NOT EXISTS sluice.migration (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sluice.migration IS 'Which of the ledger''s own migrations were applied.';
