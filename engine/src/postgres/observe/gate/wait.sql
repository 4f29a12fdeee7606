/* sluice:engine.observe_wait */
SELECT l.locktype, coalesce(i.indrelid, l.relation)::int8, pg_catalog.pg_blocking_pids($1)
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = l.relation
WHERE l.pid = $1
  AND NOT l.granted
LIMIT 1
