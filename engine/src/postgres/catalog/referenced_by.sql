/* sluice:engine.catalog_referenced_by */
SELECT coalesce(
           jsonb_agg(
               jsonb_build_object(
                   'table', jsonb_build_object('schema', n.nspname, 'name', c.relname),
                   'constraint', k.conname,
                   'columns', (
                       SELECT jsonb_agg(a.attname ORDER BY u.place)
                       FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, place)
                       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
                   )
               ) ORDER BY n.nspname, c.relname, k.conname
           ),
           '[]'
       )::text
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.confrelid = $1::int8::oid
  AND k.contype = 'f'
  /* One line a constraint, not one a partition. */
  AND k.conparentid = 0
