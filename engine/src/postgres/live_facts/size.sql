/* sluice:engine.live_size */
SELECT pg_catalog.pg_relation_size(c.oid)
           + CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_catalog.pg_total_relation_size(c.reltoastrelid) END,
       pg_catalog.pg_indexes_size(c.oid)
FROM pg_catalog.pg_class AS c
WHERE c.oid = $1::int8::oid
