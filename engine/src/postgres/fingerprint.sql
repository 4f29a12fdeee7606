/* sluice:engine.fingerprint */
WITH
asked AS (
    SELECT $1::int8::oid AS root, $2::int8::oid AS leaf
),
tables AS (
    SELECT jsonb_agg(
               jsonb_build_array(
                   c.oid::int8, n.nspname, c.relname, c.relkind, c.relpersistence, c.relfilenode::int8,
                   c.relrowsecurity, c.relforcerowsecurity, c.relreplident
               ) ORDER BY c.oid
           ) AS facts,
           count(*) AS found
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid IN (SELECT root FROM asked UNION SELECT leaf FROM asked)
),
columns AS (
    SELECT jsonb_agg(
               jsonb_build_array(
                   a.attrelid::int8, a.attnum, a.attname, a.atttypid::int8, a.atttypmod, a.attcollation::int8,
                   a.attnotnull, a.attgenerated, a.attidentity
               ) ORDER BY a.attrelid, a.attnum
           ) AS facts
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid IN (SELECT root FROM asked UNION SELECT leaf FROM asked)
      AND a.attnum > 0
      AND NOT a.attisdropped
),
triggers AS (
    SELECT jsonb_agg(
               jsonb_build_array(
                   /* xmin: disabled and enabled again, it looks the same; rows may have been missed meanwhile. */
                   t.tgrelid::int8, t.xmin::text, t.tgname, t.tgenabled, t.tgtype, t.tgattr::text, encode(t.tgargs, 'hex'),
                   encode(sha256(convert_to(coalesce(t.tgqual::text, ''), 'UTF8')), 'hex'),
                   p.oid::int8, p.prosecdef, p.proconfig, p.prolang::int8, p.proowner::int8,
                   encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
               ) ORDER BY t.tgrelid, t.tgname
           ) AS facts
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgrelid IN (SELECT root FROM asked UNION SELECT leaf FROM asked)
      /* Foreign keys' own triggers come and go with other tables; clones on partitions count as ours. */
      AND (NOT t.tgisinternal OR t.tgconstraint = 0)
),
parents AS (
    SELECT jsonb_agg(jsonb_build_array(i.inhrelid::int8, i.inhparent::int8) ORDER BY i.inhrelid, i.inhseqno) AS facts
    FROM pg_catalog.pg_inherits AS i
    WHERE i.inhrelid IN (SELECT root FROM asked UNION SELECT leaf FROM asked)
)
SELECT encode(
           sha256(convert_to(
               jsonb_build_array(tables.facts, columns.facts, triggers.facts, parents.facts)::text,
               'UTF8'
           )),
           'hex'
       )
FROM asked, tables, columns, triggers, parents
WHERE tables.found = CASE WHEN asked.root = asked.leaf THEN 1 ELSE 2 END
