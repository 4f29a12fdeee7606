-- Sluice's ledger for SQLite, format 1: the tables of the PostgreSQL ledger with the prefix `sluice_`, because there are no schemas.
-- Additive and idempotent; readable with any SQL client. Ids and times are text (UUID; ISO 8601, UTC, milliseconds), so that they
-- sort and compare as text; documents are JSON as text.

-- Which ledger this is and on which server it was made; a copy elsewhere is recognised by it.
CREATE TABLE IF NOT EXISTS sluice_ledger (
    singleton INTEGER PRIMARY KEY DEFAULT 1 CHECK (singleton = 1),
    id TEXT NOT NULL,
    target TEXT NOT NULL,
    system_identifier TEXT NOT NULL,
    database_oid INTEGER NOT NULL,
    timeline INTEGER NOT NULL,
    format INTEGER NOT NULL,
    oldest_writer INTEGER NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- Immutable plans; only a plan is ever executed.
CREATE TABLE IF NOT EXISTS sluice_plan (
    hash TEXT PRIMARY KEY CHECK (length(hash) = 64),
    name TEXT NOT NULL,
    tag TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- One run of a plan. `machine` is the planner's own state; `version` guards every change of it.
CREATE TABLE IF NOT EXISTS sluice_job (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    plan_hash TEXT NOT NULL REFERENCES sluice_plan (hash),
    tag TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN (
        'submitted', 'planned', 'classified', 'expanding', 'dual-writing', 'backfilling', 'verified',
        'flipping-reads', 'flipping-writes', 'flipped', 'contract-ready', 'soft-dropped', 'contracted',
        'watching', 'done', 'paused', 'held', 'rolling-back', 'rolled-back', 'failed', 'aborted')),
    reason TEXT,
    authority TEXT NOT NULL DEFAULT 'old' CHECK (authority IN ('old', 'new')),
    machine TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0,
    submitted_by TEXT NOT NULL,
    authenticated INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    ended_at TEXT
);

-- The root tables of a job; one unfinished job a table, by the unique index.
CREATE TABLE IF NOT EXISTS sluice_job_table (
    job TEXT NOT NULL REFERENCES sluice_job (id),
    root_schema TEXT NOT NULL,
    root_table TEXT NOT NULL,
    unfinished INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (job, root_schema, root_table)
);
CREATE UNIQUE INDEX IF NOT EXISTS sluice_job_table_one_unfinished
    ON sluice_job_table (root_schema, root_table)
    WHERE unfinished;

-- The six stages of each job and how far each is.
CREATE TABLE IF NOT EXISTS sluice_stage (
    job TEXT NOT NULL REFERENCES sluice_job (id),
    name TEXT NOT NULL CHECK (name IN ('classify', 'expand', 'backfill', 'flip', 'contract', 'verify')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'done', 'undone')),
    started_at TEXT,
    ended_at TEXT,
    PRIMARY KEY (job, name)
);

-- The leaves a sweep covers, with the bound (in blocks) and the fingerprint it began with.
CREATE TABLE IF NOT EXISTS sluice_sweep (
    job TEXT NOT NULL REFERENCES sluice_job (id),
    fill INTEGER NOT NULL,
    sweep INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    leaf_oid INTEGER NOT NULL,
    leaf_schema TEXT NOT NULL,
    leaf_name TEXT NOT NULL,
    blocks INTEGER NOT NULL CHECK (blocks >= 0),
    fingerprint TEXT NOT NULL,
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (job, fill, sweep, seq)
);

-- A range of blocks [first_block, end_block) of a leaf: the unit of dispatch, retry, accounting and verification.
CREATE TABLE IF NOT EXISTS sluice_chunk (
    id TEXT PRIMARY KEY,
    job TEXT NOT NULL REFERENCES sluice_job (id),
    fill INTEGER NOT NULL,
    sweep INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('sweep', 'repair')),
    leaf_oid INTEGER NOT NULL,
    leaf_schema TEXT NOT NULL,
    leaf_name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    first_block INTEGER NOT NULL CHECK (first_block >= 0),
    end_block INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed', 'abandoned')),
    rows_seen INTEGER NOT NULL DEFAULT 0,
    rows_changed INTEGER NOT NULL DEFAULT 0,
    batches INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    done_at TEXT,
    verification TEXT NOT NULL DEFAULT 'pending' CHECK (verification IN ('pending', 'ok', 'mismatched', 'unreadable')),
    rows_checked INTEGER,
    rows_mismatched INTEGER,
    verified_at TEXT,
    CHECK (end_block > first_block),
    UNIQUE (job, fill, sweep, seq)
);
CREATE INDEX IF NOT EXISTS sluice_chunk_unverified ON sluice_chunk (job, fill, sweep) WHERE state = 'done' AND verification = 'pending';
CREATE INDEX IF NOT EXISTS sluice_chunk_open ON sluice_chunk (job) WHERE state IN ('open', 'failed');

-- How far a chunk under way is; advanced in the transaction that changes its rows, under the fence (attempt, lease).
CREATE TABLE IF NOT EXISTS sluice_chunk_cursor (
    chunk TEXT PRIMARY KEY REFERENCES sluice_chunk (id),
    attempt INTEGER NOT NULL DEFAULT 0,
    lease TEXT,
    cursor_block INTEGER NOT NULL,
    rows_seen INTEGER NOT NULL DEFAULT 0,
    rows_changed INTEGER NOT NULL DEFAULT 0,
    batches INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0,
    throttled_ms INTEGER NOT NULL DEFAULT 0,
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- Work that somebody should do, its lease and its outcome. A row comes before its message; published_at after the confirm.
CREATE TABLE IF NOT EXISTS sluice_task (
    id TEXT PRIMARY KEY,
    job TEXT NOT NULL REFERENCES sluice_job (id),
    kind TEXT NOT NULL CHECK (kind IN ('step', 'chunk', 'check')),
    phase TEXT,
    step INTEGER,
    fill INTEGER,
    chunk TEXT REFERENCES sluice_chunk (id),
    state TEXT NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased', 'done', 'failed', 'cancelled')),
    attempt INTEGER NOT NULL DEFAULT 0,
    lease TEXT,
    lease_until TEXT,
    worker TEXT,
    backend_pid INTEGER,
    backend_start TEXT,
    published_at TEXT,
    publications INTEGER NOT NULL DEFAULT 0,
    due_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    note TEXT,
    error TEXT,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    ended_at TEXT
);
CREATE INDEX IF NOT EXISTS sluice_task_outstanding ON sluice_task (job, kind) WHERE state IN ('ready', 'leased', 'failed');

-- A step that a job has run; written in the transaction of the step itself. Discard takes away only what has one.
CREATE TABLE IF NOT EXISTS sluice_step_marker (
    job TEXT NOT NULL REFERENCES sluice_job (id),
    step INTEGER NOT NULL,
    done_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (job, step)
);

-- The whole-table check before `verified`: one row a leaf, how far it read and what it found.
CREATE TABLE IF NOT EXISTS sluice_check_run (
    job TEXT NOT NULL REFERENCES sluice_job (id),
    fill INTEGER NOT NULL,
    round INTEGER NOT NULL,
    leaf_oid INTEGER NOT NULL,
    leaf_schema TEXT NOT NULL,
    leaf_name TEXT NOT NULL,
    blocks INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    cursor_block INTEGER NOT NULL DEFAULT 0,
    rows_checked INTEGER NOT NULL DEFAULT 0,
    rows_mismatched INTEGER NOT NULL DEFAULT 0,
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    ended_at TEXT,
    PRIMARY KEY (job, fill, round, leaf_oid)
);

-- What the verifier concluded. A failed one sticks until someone asks for a new round.
CREATE TABLE IF NOT EXISTS sluice_verdict (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL REFERENCES sluice_job (id),
    fill INTEGER NOT NULL,
    round INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('proceed', 'hold', 'roll-back')),
    rows_checked INTEGER NOT NULL,
    rows_mismatched INTEGER NOT NULL,
    why TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (job, fill, round)
);

-- Rows whose new value is not what old gives, by key: found beside expected.
CREATE TABLE IF NOT EXISTS sluice_mismatch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL REFERENCES sluice_job (id),
    fill INTEGER NOT NULL,
    round INTEGER NOT NULL,
    chunk TEXT,
    leaf_oid INTEGER NOT NULL,
    leaf_schema TEXT NOT NULL,
    leaf_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    block INTEGER NOT NULL,
    detail TEXT NOT NULL,
    found_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    resolved_at TEXT
);
CREATE INDEX IF NOT EXISTS sluice_mismatch_unresolved ON sluice_mismatch (job, fill) WHERE resolved_at IS NULL;

-- Rows that the triggers could not compute (kind error), where both sides were written and disagreed (kind conflict), where a write of the new side was lost (kind lost), or where it was kept and the way back is closed (kind closed).
CREATE TABLE IF NOT EXISTS sluice_quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_tag TEXT NOT NULL,
    table_schema TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    new_column TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('error', 'conflict', 'lost', 'closed')),
    sqlstate TEXT NOT NULL,
    message TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    resolved_at TEXT
);
CREATE INDEX IF NOT EXISTS sluice_quarantine_unresolved ON sluice_quarantine (job_tag) WHERE resolved_at IS NULL;
-- One open entry a row, column and kind: writing a bad row again and again adds nothing (each lost write counts). 
CREATE UNIQUE INDEX IF NOT EXISTS sluice_quarantine_once
    ON sluice_quarantine (job_tag, table_schema, table_name, new_column, kind, row_key)
    WHERE resolved_at IS NULL AND kind <> 'lost';

-- A wish of a person or a program; applied by the planner.
CREATE TABLE IF NOT EXISTS sluice_command (
    id TEXT PRIMARY KEY,
    job TEXT NOT NULL REFERENCES sluice_job (id),
    kind TEXT NOT NULL,
    body TEXT NOT NULL DEFAULT '{}',
    actor TEXT NOT NULL,
    authenticated INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    applied_at TEXT,
    outcome TEXT CHECK (outcome IN ('applied', 'refused')),
    answer TEXT
);
CREATE INDEX IF NOT EXISTS sluice_command_pending ON sluice_command (job, created_at) WHERE applied_at IS NULL;

-- Audit, append-only: who, what, when, why.
CREATE TABLE IF NOT EXISTS sluice_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    job TEXT,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS sluice_event_of_job ON sluice_event (job, id);

-- Which share of the entities reads and writes the new side. Off means the old path, which is also the default in the application's code.
CREATE TABLE IF NOT EXISTS sluice_flag (
    name TEXT PRIMARY KEY,
    job TEXT NOT NULL REFERENCES sluice_job (id),
    side TEXT NOT NULL CHECK (side IN ('read', 'write')),
    percentage INTEGER NOT NULL DEFAULT 0 CHECK (percentage BETWEEN 0 AND 100),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- Whoever sets it, with whatever client: a flag is not on before its job is verified, and writes do not move while old is the authority.
CREATE TRIGGER IF NOT EXISTS sluice_flag_guard_insert BEFORE INSERT ON sluice_flag WHEN NEW.percentage > 0
BEGIN
    SELECT RAISE(ABORT, 'a flag cannot be turned up: its job is not verified')
    WHERE NOT EXISTS (SELECT 1 FROM sluice_stage AS s WHERE s.job = NEW.job AND s.name = 'backfill' AND s.status = 'done');
    SELECT RAISE(ABORT, 'a flag cannot be turned up: old is still the authority')
    WHERE NEW.side = 'write' AND NOT EXISTS (SELECT 1 FROM sluice_job AS j WHERE j.id = NEW.job AND j.authority = 'new');
END;
CREATE TRIGGER IF NOT EXISTS sluice_flag_guard_update BEFORE UPDATE ON sluice_flag WHEN NEW.percentage > OLD.percentage
BEGIN
    SELECT RAISE(ABORT, 'a flag cannot be turned up: its job is not verified')
    WHERE NOT EXISTS (SELECT 1 FROM sluice_stage AS s WHERE s.job = NEW.job AND s.name = 'backfill' AND s.status = 'done');
    SELECT RAISE(ABORT, 'a flag cannot be turned up: old is still the authority')
    WHERE NEW.side = 'write' AND NOT EXISTS (SELECT 1 FROM sluice_job AS j WHERE j.id = NEW.job AND j.authority = 'new');
END;

-- How many writes of the new side a mirror has seen; written by its triggers, in the application's own transactions.
CREATE TABLE IF NOT EXISTS sluice_counter (
    name TEXT PRIMARY KEY,
    writes INTEGER NOT NULL DEFAULT 0
);

-- Who opened which gate; bound to the plan's hash, the target and the stage.
CREATE TABLE IF NOT EXISTS sluice_approval (
    job TEXT NOT NULL REFERENCES sluice_job (id),
    gate TEXT NOT NULL,
    plan_hash TEXT NOT NULL,
    target TEXT NOT NULL,
    actor TEXT NOT NULL,
    authenticated INTEGER NOT NULL DEFAULT 0,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (job, gate, plan_hash, target)
);

-- Proof of use or of no use of what a contract would drop.
CREATE TABLE IF NOT EXISTS sluice_evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL REFERENCES sluice_job (id),
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    detail TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- The last reading of each pressure signal; no value and a problem means: unreadable, so stop.
CREATE TABLE IF NOT EXISTS sluice_signal (
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    value REAL,
    unit TEXT NOT NULL,
    problem TEXT,
    required INTEGER NOT NULL DEFAULT 0,
    sampled_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (name, source)
);

-- What the planner allows each job now; a worker stops when this row says so or is stale.
CREATE TABLE IF NOT EXISTS sluice_throttle (
    job TEXT PRIMARY KEY REFERENCES sluice_job (id),
    go INTEGER NOT NULL,
    reason TEXT,
    max_parallel INTEGER NOT NULL,
    rows_per_second INTEGER,
    beat_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    stopped_at TEXT,
    stopped_ms INTEGER NOT NULL DEFAULT 0
);

-- Processes that are alive.
CREATE TABLE IF NOT EXISTS sluice_heartbeat (
    worker TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '{}',
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- Who is the active planner and the sampling verifier of this target.
CREATE TABLE IF NOT EXISTS sluice_lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    lease TEXT NOT NULL,
    until TEXT NOT NULL
);

-- Which of the ledger's own migrations were applied.
CREATE TABLE IF NOT EXISTS sluice_migration (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
