/* sluice:engine.observe_locks */
SELECT c.oid::int8, n.nspname || '.' || c.relname, c.relkind::text, l.mode
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_database AS d ON d.oid = l.database
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.pid = $1
  AND l.locktype = 'relation'
  AND d.datname = pg_catalog.current_database()
  AND n.nspname NOT LIKE 'pg\_%'
