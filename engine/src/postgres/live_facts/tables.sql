/* sluice:engine.live_tables */
WITH RECURSIVE
/* Named by a word of the script: itself, by an index, or by the type of a column. NULL: all. */
named AS (
    SELECT coalesce(i.indrelid, c.oid) AS relid
    FROM pg_catalog.pg_class AS c
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
    WHERE $1::text[] IS NULL
       OR c.relname = ANY ($1)
    UNION
    SELECT a.attrelid
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_attribute AS a ON a.atttypid = t.oid OR a.atttypid = t.typarray
    WHERE t.typname = ANY ($1)
      AND t.oid >= 16384
      AND a.attnum > 0
),
/* What is locked with a table: its partitions, what it is a partition of, and the other side of foreign keys. */
up AS (
    SELECT relid FROM named
    UNION
    SELECT h.inhparent FROM up JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = up.relid
),
partners AS (
    SELECT relid FROM up
    UNION
    SELECT CASE k.confrelid WHEN up.relid THEN k.conrelid ELSE k.confrelid END
    FROM up
    JOIN pg_catalog.pg_constraint AS k ON k.contype = 'f' AND up.relid IN (k.conrelid, k.confrelid)
),
wanted AS (
    SELECT relid FROM partners
    UNION
    SELECT h.inhrelid FROM wanted AS w JOIN pg_catalog.pg_inherits AS h ON h.inhparent = w.relid
),
/* Every table with all that are below it, itself included. */
family AS (
    SELECT relid AS root, relid FROM wanted
    UNION
    SELECT f.root, h.inhrelid FROM family AS f JOIN pg_catalog.pg_inherits AS h ON h.inhparent = f.relid
),
relations AS (
    SELECT c.*, n.nspname || '.' || c.relname AS full_name
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'f')
      AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
),
published AS (
    SELECT DISTINCT p.pubname::text AS pubname, p.schemaname || '.' || p.tablename AS full_name
    FROM pg_catalog.pg_publication_tables AS p
),
/* What the server keeps as depending on a table (column 0) or a column. */
depending AS (
    SELECT d.refobjid AS relid,
           d.refobjsubid AS attnum,
           CASE
               WHEN v.relkind = 'v' THEN 'view ' || vn.nspname || '.' || v.relname
               WHEN v.relkind = 'm' THEN 'materialized view ' || vn.nspname || '.' || v.relname
               WHEN r.oid IS NOT NULL THEN 'rule ' || r.rulename || ' on ' || vn.nspname || '.' || v.relname
               WHEN p.oid IS NOT NULL THEN 'policy ' || p.polname || ' on ' || pn.nspname || '.' || pc.relname
               WHEN f.oid IS NOT NULL THEN
                   'function ' || fn.nspname || '.' || f.proname || '(' || pg_get_function_identity_arguments(f.oid) || ')'
               WHEN t.oid IS NOT NULL THEN 'trigger ' || t.tgname
               WHEN g.attname IS NOT NULL THEN 'generated column ' || g.attname
               ELSE pg_describe_object(d.classid, d.objid, d.objsubid)
           END AS what,
           CASE
               WHEN t.oid IS NOT NULL THEN 'column'
               WHEN g.attname IS NOT NULL THEN 'column'
               WHEN d.classid = 'pg_publication_rel'::regclass THEN 'column'
               ELSE 'both'
           END AS concerns
    FROM pg_catalog.pg_depend AS d
    LEFT JOIN pg_catalog.pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class
    LEFT JOIN pg_catalog.pg_namespace AS vn ON vn.oid = v.relnamespace
    LEFT JOIN pg_catalog.pg_policy AS p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
    LEFT JOIN pg_catalog.pg_class AS pc ON pc.oid = p.polrelid
    LEFT JOIN pg_catalog.pg_namespace AS pn ON pn.oid = pc.relnamespace
    LEFT JOIN pg_catalog.pg_proc AS f ON d.classid = 'pg_proc'::regclass AND f.oid = d.objid
    LEFT JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.pronamespace
    LEFT JOIN pg_catalog.pg_trigger AS t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND NOT t.tgisinternal
    LEFT JOIN pg_catalog.pg_attrdef AS ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid
    LEFT JOIN pg_catalog.pg_attribute AS g
        ON g.attrelid = d.refobjid
       AND g.attgenerated <> ''
       AND g.attnum <> d.refobjsubid
       AND g.attnum = CASE WHEN d.classid = 'pg_class'::regclass THEN d.objsubid ELSE ad.adnum END
    WHERE d.refclassid = 'pg_class'::regclass
      AND d.refobjid IN (SELECT relid FROM wanted)
      AND (
          /* A view depends on itself by its own rule. */
          (r.oid IS NOT NULL AND NOT (v.oid = d.refobjid AND v.relkind IN ('v', 'm')))
          OR p.oid IS NOT NULL
          OR f.oid IS NOT NULL
          OR (d.refobjsubid > 0 AND (t.oid IS NOT NULL OR g.attname IS NOT NULL
                                     OR d.classid = 'pg_publication_rel'::regclass))
      )
)
SELECT coalesce(jsonb_object_agg(c.full_name, jsonb_build_object(
           'oid', c.oid::int8,
           'leaves', (
               SELECT coalesce(jsonb_agg(l.oid::int8 ORDER BY l.oid), '[]')
               FROM family AS f
               JOIN relations AS l ON l.oid = f.relid AND l.relkind IN ('r', 'm')
               /* A parent of plain inheritance has rows of its own, and a statement on it reaches those of its children. */
               WHERE f.root = c.oid
           ),
           'rows', (
               SELECT CASE WHEN bool_and(l.reltuples >= 0) AND NOT bool_and(l.reltuples = 0 AND l.relpages = 0 AND old.server)
                           THEN sum(l.reltuples)::int8 END
               FROM family AS f
               JOIN relations AS l ON l.oid = f.relid AND l.relkind IN ('r', 'm')
               /* Before 14 a table that was never analyzed has 0 rows, not -1. */
               CROSS JOIN (SELECT current_setting('server_version_num')::int < 140000 AS server) AS old
               WHERE f.root = c.oid
           ),
           'partitioned', c.relkind = 'p',
           'partitions', (
               SELECT coalesce(jsonb_agg(l.full_name ORDER BY l.full_name), '[]')
               FROM family AS f
               JOIN relations AS l ON l.oid = f.relid AND l.relispartition
               WHERE f.root = c.oid
                 AND f.relid <> c.oid
           ),
           'default_partition', (
               SELECT l.full_name
               FROM pg_catalog.pg_partitioned_table AS pt
               JOIN relations AS l ON l.oid = pt.partdefid
               WHERE pt.partrelid = c.oid
           ),
           'columns', (
               SELECT coalesce(jsonb_object_agg(a.attname, jsonb_build_object(
                          'type_name', format_type(a.atttypid, a.atttypmod),
                          'not_null', a.attnotnull,
                          'used_by', (
                              SELECT coalesce(jsonb_agg(DISTINCT d.what), '[]')
                              FROM depending AS d
                              WHERE d.relid = c.oid
                                AND d.attnum = a.attnum
                          )
                      )), '{}')
               FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = c.oid
                 AND a.attnum > 0
                 AND NOT a.attisdropped
           ),
           'constraints', (
               SELECT coalesce(jsonb_object_agg(k.conname, jsonb_build_object(
                          'kind', k.contype,
                          'valid', k.convalidated,
                          /* Of a CHECK, it takes a reader's lock on the table. */
                          'definition', CASE WHEN $2 THEN pg_get_constraintdef(k.oid) ELSE '' END,
                          'references', (SELECT l.full_name FROM relations AS l WHERE l.oid = k.confrelid),
                          'columns', (
                              SELECT coalesce(jsonb_agg(a.attname ORDER BY array_position(k.conkey, a.attnum)), '[]')
                              FROM pg_catalog.pg_attribute AS a
                              WHERE a.attrelid = c.oid
                                AND a.attnum = ANY (k.conkey)
                          )
                      )), '{}')
               FROM pg_catalog.pg_constraint AS k
               WHERE k.conrelid = c.oid
           ),
           'indexes', (
               SELECT coalesce(jsonb_object_agg(x.relname, i.indisvalid), '{}')
               FROM pg_catalog.pg_index AS i
               JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
               WHERE i.indrelid = c.oid
           ),
           'publications', (
               SELECT coalesce(jsonb_agg(DISTINCT p.pubname), '[]')
               FROM published AS p
               JOIN relations AS l ON l.full_name = p.full_name
               WHERE l.oid IN (
                   SELECT f.relid FROM family AS f WHERE f.root = c.oid
                   UNION ALL
                   SELECT f.root FROM family AS f WHERE f.relid = c.oid
               )
           ),
           'dependents', (
               SELECT coalesce(jsonb_agg(DISTINCT found.what), '[]')
               FROM (
                   SELECT d.what FROM depending AS d WHERE d.relid = c.oid AND d.concerns = 'both'
                   UNION ALL
                   /* What a body names is no dependency to the server, and fails when it runs. */
                   SELECT 'function ' || n.nspname || '.' || f.proname || '(' || pg_get_function_identity_arguments(f.oid) || ')'
                   FROM pg_catalog.pg_proc AS f
                   JOIN pg_catalog.pg_language AS l ON l.oid = f.prolang AND l.lanname IN ('sql', 'plpgsql')
                   JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
                   WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
                     AND f.prosrc ~* ('\m' || regexp_replace(c.relname, '(\W)', '\\\1', 'g') || '\M')
               ) AS found
           ),
           'referenced_by', (
               SELECT coalesce(jsonb_agg(DISTINCT l.full_name), '[]')
               FROM pg_catalog.pg_constraint AS k
               JOIN relations AS l ON l.oid = k.conrelid
               WHERE k.contype = 'f'
                 AND k.confrelid = c.oid
                 AND k.conparentid = 0
           )
       )), '{}')::text
FROM relations AS c
WHERE c.oid IN (SELECT relid FROM wanted)
