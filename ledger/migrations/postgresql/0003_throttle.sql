-- Sluice's ledger, format 3: pace between stop and go, batches that give way, and a pulse by which replicas are measured.
-- A worker of format 2 goes on beside it: it stops and goes as before, and knows no pace in between.

-- Part of its speed at which a job works; which signal eases it, and which one stops it.
ALTER TABLE sluice.throttle ADD COLUMN IF NOT EXISTS factor double precision NOT NULL DEFAULT 1;
ALTER TABLE sluice.throttle ADD COLUMN IF NOT EXISTS eased_by text;
ALTER TABLE sluice.throttle ADD COLUMN IF NOT EXISTS signal text;

-- Batches that gave way to a session that waited for them, and how long the last batch took.
ALTER TABLE sluice.chunk_cursor ADD COLUMN IF NOT EXISTS gave_way integer NOT NULL DEFAULT 0;
ALTER TABLE sluice.chunk_cursor ADD COLUMN IF NOT EXISTS batch_ms bigint;

CREATE TABLE IF NOT EXISTS sluice.pulse (
    id integer PRIMARY KEY CHECK (id = 1),
    series uuid NOT NULL,
    beat bigint NOT NULL
) WITH (fillfactor = 10);
COMMENT ON TABLE sluice.pulse IS 'Written a few times a second by the verifier that samples, and read on each replica that is configured by URL: what has not arrived there is its lag.';

-- What the planner asks of a sweep at every look must not cost more the more chunks there are.
CREATE INDEX IF NOT EXISTS chunk_found_wrong ON sluice.chunk (job, fill, sweep) WHERE verification IN ('mismatched', 'unreadable');
CREATE INDEX IF NOT EXISTS task_of_chunk ON sluice.task (chunk) WHERE chunk IS NOT NULL;

UPDATE sluice.ledger SET format = 3 WHERE format < 3;
