/* sluice:engine.observe_outside */
SELECT c.oid::int8, c.relfilenode::int8, pg_catalog.pg_stat_get_numscans(c.oid)
FROM pg_catalog.pg_class AS c
WHERE c.oid >= 16384
  AND c.relkind IN ('r', 'm')
