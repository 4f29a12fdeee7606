-- Sluice's ledger, format 2: shares of a budget, and what tells a task that kills its worker.
-- A worker of format 1 goes on beside it: it knows no shares, and takes the one the throttle has for each of its job's leases.

-- Chunks that may be in flight: set by the active planner within the target's budget, taken away when a chunk is given back.
ALTER TABLE sluice.task ADD COLUMN IF NOT EXISTS admitted_at timestamptz;
-- Leases in a row that lapsed without any progress, and how far the chunk was then (-1: not a chunk).
ALTER TABLE sluice.task ADD COLUMN IF NOT EXISTS lapses integer NOT NULL DEFAULT 0;
ALTER TABLE sluice.task ADD COLUMN IF NOT EXISTS lapsed_at_block bigint;
CREATE INDEX IF NOT EXISTS task_in_flight ON sluice.task (job) WHERE kind = 'chunk' AND state IN ('ready', 'leased');

-- Whether each lease needs a share to write: true while a rate of the job or of its target is limited.
ALTER TABLE sluice.throttle ADD COLUMN IF NOT EXISTS shared boolean NOT NULL DEFAULT false;

CREATE TABLE IF NOT EXISTS sluice.share (
    task uuid PRIMARY KEY REFERENCES sluice.task (id),
    lease uuid NOT NULL,
    rows_per_second double precision NOT NULL,
    wal_bytes_per_second double precision NOT NULL,
    rows_before double precision NOT NULL,
    wal_bytes_before double precision NOT NULL,
    lowered_at timestamptz,
    granted_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE sluice.share IS 'What part of the budget a lease on a chunk may use; Infinity: not limited. Shares sum to the budget. A lowered one counts as what it was before until its worker must have seen it.';

UPDATE sluice.ledger SET format = 2 WHERE format < 2;
