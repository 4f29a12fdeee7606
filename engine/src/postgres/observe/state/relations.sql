/* sluice:engine.observe_relations */
SELECT c.oid::int8, n.nspname || '.' || c.relname
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
/* The first oid that is not the server's own; temporary and TOAST tables are nobody else's. */
WHERE c.oid >= 16384
  AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%'
