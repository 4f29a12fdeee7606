-- Sluice's ledger for SQLite, format 2: shares of a budget, and what tells a task that kills its worker.

-- Chunks that may be in flight: set by the active planner within the target's budget, taken away when a chunk is given back.
ALTER TABLE sluice_task ADD COLUMN admitted_at TEXT;
-- Leases in a row that lapsed without any progress, and how far the chunk was then (-1: not a chunk).
ALTER TABLE sluice_task ADD COLUMN lapses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sluice_task ADD COLUMN lapsed_at_block INTEGER;
CREATE INDEX IF NOT EXISTS sluice_task_in_flight ON sluice_task (job) WHERE kind = 'chunk' AND state IN ('ready', 'leased');

-- Whether each lease needs a share to write: true while a rate of the job or of its target is limited.
ALTER TABLE sluice_throttle ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;

-- What part of the budget a lease on a chunk may use; Inf: not limited. Shares sum to the budget. A lowered one counts as what it
-- was before until its worker must have seen it.
CREATE TABLE IF NOT EXISTS sluice_share (
    task TEXT PRIMARY KEY REFERENCES sluice_task (id),
    lease TEXT NOT NULL,
    rows_per_second REAL NOT NULL,
    wal_bytes_per_second REAL NOT NULL,
    rows_before REAL NOT NULL,
    wal_bytes_before REAL NOT NULL,
    lowered_at TEXT,
    granted_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

UPDATE sluice_ledger SET format = 2 WHERE format < 2;
