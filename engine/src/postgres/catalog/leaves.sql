/* sluice:engine.catalog_leaves */
WITH RECURSIVE family AS (
    SELECT $1::int8::oid AS relid
    UNION
    SELECT i.inhrelid FROM family AS f JOIN pg_catalog.pg_inherits AS i ON i.inhparent = f.relid
)
SELECT coalesce(
           jsonb_agg(
               jsonb_build_object(
                   'oid', c.oid::int8,
                   'name', jsonb_build_object('schema', n.nspname, 'name', c.relname),
                   'blocks', coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int8
               ) ORDER BY n.nspname, c.relname
           ),
           '[]'
       )::text
FROM family AS f
JOIN pg_catalog.pg_class AS c ON c.oid = f.relid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
