-- Sluice's ledger for SQLite, format 3: pace between stop and go, batches that give way, and a pulse by which replicas are measured.

-- Part of its speed at which a job works; which signal eases it, and which one stops it.
ALTER TABLE sluice_throttle ADD COLUMN factor REAL NOT NULL DEFAULT 1;
ALTER TABLE sluice_throttle ADD COLUMN eased_by TEXT;
ALTER TABLE sluice_throttle ADD COLUMN signal TEXT;

-- Batches that gave way to a session that waited for them, and how long the last batch took.
ALTER TABLE sluice_chunk_cursor ADD COLUMN gave_way INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sluice_chunk_cursor ADD COLUMN batch_ms INTEGER;

-- A file has no replicas: nobody writes here, the table stands for its twin.
CREATE TABLE IF NOT EXISTS sluice_pulse (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    series TEXT NOT NULL,
    beat INTEGER NOT NULL
);

-- What the planner asks of a sweep at every look must not cost more the more chunks there are.
CREATE INDEX IF NOT EXISTS sluice_chunk_found_wrong ON sluice_chunk (job, fill, sweep) WHERE verification IN ('mismatched', 'unreadable');
CREATE INDEX IF NOT EXISTS sluice_task_of_chunk ON sluice_task (chunk) WHERE chunk IS NOT NULL;

UPDATE sluice_ledger SET format = 3 WHERE format < 3;
