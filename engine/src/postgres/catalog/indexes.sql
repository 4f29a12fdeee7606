/* sluice:engine.catalog_indexes */
SELECT coalesce(
           jsonb_agg(
               jsonb_build_object(
                   'name', c.relname,
                   'definition', pg_get_indexdef(i.indexrelid),
                   'columns', (
                       SELECT coalesce(jsonb_agg(a.attname ORDER BY used.place, a.attnum), '[]')
                       FROM (
                           SELECT u.attnum, min(u.place) AS place
                           FROM (
                               SELECT k.attnum::int, k.place
                               FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
                               WHERE k.attnum > 0
                               UNION ALL
                               SELECT d.refobjsubid, 1000
                               FROM pg_catalog.pg_depend AS d
                               WHERE d.classid = 'pg_class'::regclass
                                 AND d.objid = i.indexrelid
                                 AND d.refclassid = 'pg_class'::regclass
                                 AND d.refobjid = i.indrelid
                                 AND d.refobjsubid > 0
                           ) AS u
                           GROUP BY u.attnum
                       ) AS used
                       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = used.attnum
                   ),
                   'unique', i.indisunique,
                   'expression_or_partial', i.indexprs IS NOT NULL OR i.indpred IS NOT NULL,
                   'constraint', (
                       SELECT k.conname
                       FROM pg_catalog.pg_constraint AS k
                       WHERE k.conindid = i.indexrelid
                         AND k.conrelid = i.indrelid
                         AND k.contype IN ('p', 'u', 'x')
                   ),
                   'valid', i.indisvalid AND i.indisready,
                   'comment', obj_description(i.indexrelid, 'pg_class')
               ) ORDER BY c.relname
           ),
           '[]'
       )::text
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = $1::int8::oid
