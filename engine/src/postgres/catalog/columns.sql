/* sluice:engine.catalog_columns */
WITH RECURSIVE domains AS (
    SELECT a.attnum, t.oid AS typid, t.typbasetype, t.typnotnull
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = $1::int8::oid
      AND a.attnum > 0
      AND t.typtype = 'd'
    UNION ALL
    SELECT d.attnum, t.oid, t.typbasetype, t.typnotnull
    FROM domains AS d
    JOIN pg_catalog.pg_type AS t ON t.oid = d.typbasetype
    WHERE t.typtype = 'd'
)
SELECT coalesce(
           jsonb_agg(
               jsonb_build_object(
                   'name', a.attname,
                   'type_name', format_type(a.atttypid, a.atttypmod),
                   'constrained_domain', EXISTS (
                       SELECT
                       FROM domains AS d
                       WHERE d.attnum = a.attnum
                         AND (d.typnotnull OR EXISTS (
                             SELECT FROM pg_catalog.pg_constraint AS dc WHERE dc.contypid = d.typid
                         ))
                   ),
                   'collation', (
                       SELECT quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                       FROM pg_catalog.pg_collation AS co
                       JOIN pg_catalog.pg_namespace AS cn ON cn.oid = co.collnamespace
                       WHERE co.oid = a.attcollation
                         AND a.attcollation <> t.typcollation
                   ),
                   'not_null', a.attnotnull,
                   'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(ad.adbin, ad.adrelid) END,
                   'owns_sequence', EXISTS (
                       SELECT
                       FROM pg_catalog.pg_depend AS d
                       JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
                       WHERE d.classid = 'pg_class'::regclass
                         AND d.refclassid = 'pg_class'::regclass
                         AND d.refobjid = a.attrelid
                         AND d.refobjsubid = a.attnum
                         AND d.deptype = 'a'
                   ),
                   'identity', a.attidentity <> '',
                   'generated', a.attgenerated <> '',
                   'comment', col_description(a.attrelid, a.attnum),
                   'grants', (
                       SELECT coalesce(
                                  jsonb_agg(
                                      jsonb_build_object(
                                          'grantee',
                                          CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END,
                                          'privilege', x.privilege_type,
                                          'grantable', x.is_grantable
                                      ) ORDER BY x.grantee, x.privilege_type
                                  ),
                                  '[]'
                              )
                       FROM aclexplode(a.attacl) AS x
                   ),
                   'statistics_target', nullif(a.attstattarget, -1),
                   /* pg_attver is the server's own stamp of a column's birth (minor releases of 2026); pg_dump drops it too. */
                   'options', (
                       SELECT coalesce(jsonb_agg(o.option ORDER BY o.place), '[]')
                       FROM unnest(a.attoptions) WITH ORDINALITY AS o (option, place)
                       WHERE NOT starts_with(o.option, 'pg_attver=')
                   ),
                   'storage', CASE WHEN a.attstorage <> t.typstorage THEN
                       CASE a.attstorage
                           WHEN 'p' THEN 'PLAIN'
                           WHEN 'e' THEN 'EXTERNAL'
                           WHEN 'm' THEN 'MAIN'
                           ELSE 'EXTENDED'
                       END
                   END
               ) ORDER BY a.attnum
           ),
           '[]'
       )::text
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum
WHERE a.attrelid = $1::int8::oid
  AND a.attnum > 0
  AND NOT a.attisdropped
