/* sluice:engine.catalog_triggers */
/* tgtype is a bit set: 1 each row, 2 before, 4 insert, 16 update, 64 instead of. */
SELECT coalesce(
           jsonb_agg(
               jsonb_build_object(
                   'name', t.tgname,
                   'definition', pg_get_triggerdef(t.oid),
                   'before_row', t.tgtype & 67 = 3,
                   'on_update', t.tgtype & 16 <> 0,
                   'on_insert', t.tgtype & 4 <> 0,
                   'enabled', t.tgenabled,
                   'update_of', (
                       SELECT coalesce(jsonb_agg(a.attname ORDER BY u.place), '[]')
                       FROM unnest(t.tgattr::int2[]) WITH ORDINALITY AS u (attnum, place)
                       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.tgrelid AND a.attnum = u.attnum
                   )
               ) ORDER BY t.tgname COLLATE "C"
           ),
           '[]'
       )::text
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE (
      t.tgrelid = $1::int8::oid
      /* A partition's own triggers fire among the root's, in the order of all their names. */
      OR (
          t.tgparentid = 0
          AND t.tgrelid IN (SELECT part.relid FROM pg_catalog.pg_partition_tree($1::int8::oid::regclass) AS part)
      )
  )
  /* Before 15, a trigger cloned onto a partition counts as internal; foreign keys' own have a constraint. */
  AND (NOT t.tgisinternal OR t.tgconstraint = 0)
  AND n.nspname <> 'sluice'
