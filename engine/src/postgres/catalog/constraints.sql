/* sluice:engine.catalog_constraints */
SELECT coalesce(
           jsonb_agg(
               jsonb_build_object(
                   'name', k.conname,
                   'kind', CASE k.contype
                       WHEN 'p' THEN 'primary-key'
                       WHEN 'u' THEN 'unique'
                       WHEN 'c' THEN 'check'
                       WHEN 'f' THEN 'foreign-key'
                       WHEN 'x' THEN 'exclusion'
                       ELSE 'trigger'
                   END,
                   'columns', (
                       SELECT coalesce(jsonb_agg(a.attname ORDER BY u.place), '[]')
                       FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
                       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
                   ),
                   'definition', pg_get_constraintdef(k.oid),
                   'validated', k.convalidated,
                   'references', (
                       SELECT jsonb_build_object('schema', n.nspname, 'name', c.relname)
                       FROM pg_catalog.pg_class AS c
                       JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                       WHERE c.oid = k.confrelid
                   ),
                   'comment', obj_description(k.oid, 'pg_constraint')
               ) ORDER BY k.conname, k.oid
           ),
           '[]'
       )::text
FROM pg_catalog.pg_constraint AS k
WHERE k.conrelid = $1::int8::oid
  /* 'n', NOT NULL as a constraint of its own, is told by the column. */
  AND k.contype IN ('p', 'u', 'c', 'f', 'x', 't')
