/* sluice:engine.observe_gate_relations */
WITH RECURSIVE
named AS (
    SELECT coalesce(i.indrelid, c.oid) AS relid
    FROM pg_catalog.pg_class AS c
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
    WHERE c.relname = ANY ($1)
    UNION
    SELECT h.inhrelid
    FROM named AS n
    JOIN pg_catalog.pg_inherits AS h ON h.inhparent = n.relid
),
/* A schema that is named stands for all that is in it. */
wanted AS (
    SELECT relid FROM named
    UNION
    SELECT c.oid
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY ($1)
      AND NOT EXISTS (SELECT FROM named)
)
SELECT c.oid::int8,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       c.relkind <> 'm',
       c.oid IN (SELECT relid FROM wanted)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid >= 16384
  AND c.relkind IN ('r', 'p', 'm')
  AND c.relispopulated
  AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%'
ORDER BY 4 DESC, 1
LIMIT $2
