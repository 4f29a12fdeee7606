/* sluice:engine.catalog_table */
WITH RECURSIVE
family AS (
    SELECT $1::int8::oid AS relid
    UNION
    SELECT i.inhrelid FROM family AS f JOIN pg_catalog.pg_inherits AS i ON i.inhparent = f.relid
),
ancestors AS (
    SELECT $1::int8::oid AS relid
    UNION
    SELECT i.inhparent FROM ancestors AS a JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = a.relid
)
SELECT jsonb_build_object(
           'name', jsonb_build_object('schema', n.nspname, 'name', c.relname),
           'oid', c.oid::int8,
           'kind', CASE
               WHEN c.relkind = 'f' THEN 'foreign'
               WHEN c.relkind IN ('v', 'm') THEN 'view'
               WHEN c.relpersistence = 't' THEN 'temporary'
               WHEN c.relkind = 'p' THEN 'partitioned'
               WHEN c.relpersistence = 'u' THEN 'unlogged'
               ELSE 'ordinary'
           END,
           'owner', pg_get_userbyid(c.relowner),
           'row_security', c.relrowsecurity,
           'force_row_security', c.relforcerowsecurity,
           'replica_identity', c.relreplident,
           'policies', (
               SELECT coalesce(jsonb_agg(p.polname ORDER BY p.polname), '[]')
               FROM pg_catalog.pg_policy AS p
               WHERE p.polrelid = c.oid
           ),
           'publications', (
               SELECT coalesce(jsonb_agg(DISTINCT p.pubname), '[]')
               FROM pg_catalog.pg_publication_rel AS pr
               JOIN pg_catalog.pg_publication AS p ON p.oid = pr.prpubid
               WHERE pr.prrelid IN (SELECT relid FROM ancestors UNION SELECT relid FROM family)
           ),
           'parents', (
               SELECT coalesce(
                          jsonb_agg(
                              jsonb_build_object('schema', pn.nspname, 'name', pc.relname) ORDER BY i.inhseqno
                          ),
                          '[]'
                      )
               FROM pg_catalog.pg_inherits AS i
               JOIN pg_catalog.pg_class AS pc ON pc.oid = i.inhparent
               JOIN pg_catalog.pg_namespace AS pn ON pn.oid = pc.relnamespace
               WHERE i.inhrelid = c.oid
           ),
           'partition_columns', (
               SELECT coalesce(jsonb_agg(DISTINCT a.attname), '[]')
               FROM family AS f
               JOIN pg_catalog.pg_partitioned_table AS pt ON pt.partrelid = f.relid
               JOIN pg_catalog.pg_attribute AS a ON a.attrelid = f.relid AND a.attnum > 0
               WHERE a.attnum = ANY (pt.partattrs)
                  /* Columns inside a key expression: the server notes that they depend on their own table. */
                  OR EXISTS (
                      SELECT
                      FROM pg_catalog.pg_depend AS d
                      WHERE d.classid = 'pg_class'::regclass
                        AND d.objid = f.relid
                        AND d.objsubid = a.attnum
                        AND d.refclassid = 'pg_class'::regclass
                        AND d.refobjid = f.relid
                        AND d.refobjsubid = 0
                        AND d.deptype = 'i'
                  )
           ),
           'estimated_rows', (
               SELECT coalesce(sum(lc.reltuples) FILTER (WHERE lc.reltuples >= 0), -1)::int8
               FROM family AS f
               JOIN pg_catalog.pg_class AS lc ON lc.oid = f.relid
               WHERE lc.relkind IN ('r', 'm')
           )
       )::text
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = $1::int8::oid
