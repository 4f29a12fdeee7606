/* sluice:engine.catalog_dependents */
WITH RECURSIVE
family AS (
    SELECT $1::int8::oid AS relid
    UNION
    SELECT i.inhrelid FROM family AS f JOIN pg_catalog.pg_inherits AS i ON i.inhparent = f.relid
),
found AS (
    SELECT DISTINCT
           CASE
               WHEN v.relkind = 'v' THEN 'view'
               WHEN v.relkind = 'm' THEN 'materialized view'
               WHEN d.classid = 'pg_rewrite'::regclass THEN 'rule'
               WHEN d.classid = 'pg_policy'::regclass THEN 'policy'
               WHEN d.classid = 'pg_statistic_ext'::regclass THEN 'statistics'
               WHEN d.classid = 'pg_proc'::regclass THEN 'function'
               WHEN d.classid = 'pg_trigger'::regclass THEN 'trigger'
               WHEN d.classid = 'pg_publication_rel'::regclass THEN 'publication'
               WHEN d.classid = 'pg_attrdef'::regclass THEN 'generated column'
               WHEN d.classid = 'pg_class'::regclass THEN 'generated column'
               ELSE 'object'
           END AS kind,
           CASE
               WHEN v.relkind IN ('v', 'm') THEN pg_describe_object('pg_class'::regclass, v.oid, 0)
               WHEN g.attname IS NOT NULL THEN pg_describe_object('pg_class'::regclass, g.attrelid, g.attnum)
               ELSE pg_describe_object(d.classid, d.objid, d.objsubid)
           END AS name,
           a.attname AS column
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    LEFT JOIN pg_catalog.pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class AND v.oid <> d.refobjid
    LEFT JOIN pg_catalog.pg_attrdef AS ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid
    /* A generated column that reads another: by its default's entry, or (before 15) by its own. */
    LEFT JOIN pg_catalog.pg_attribute AS g
        ON g.attrelid = d.refobjid
       AND g.attgenerated <> ''
       AND g.attnum <> d.refobjsubid
       AND g.attnum = CASE WHEN d.classid = 'pg_class'::regclass THEN d.objsubid ELSE ad.adnum END
    WHERE d.refclassid = 'pg_class'::regclass
      AND d.refobjid = $1::int8::oid
      AND d.refobjsubid > 0
      /* Constraints and indexes are listed as such; a column's own default is part of it; sequences are told by it. */
      AND d.classid <> 'pg_constraint'::regclass
      AND (d.classid NOT IN ('pg_attrdef'::regclass, 'pg_class'::regclass) OR g.attname IS NOT NULL)
      /* The triggers that Sluice installs depend on no column; those of foreign keys are their constraint's. */
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_trigger AS t
          WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND t.tgconstraint <> 0 AND t.tgisinternal
      )
    UNION ALL
    /* Rows there are out of our reach: whoever sweeps the leaves has to refuse. */
    SELECT 'foreign partition', pg_describe_object('pg_class'::regclass, c.oid, 0), ''
    FROM family AS f
    JOIN pg_catalog.pg_class AS c ON c.oid = f.relid
    WHERE c.relkind = 'f'
      AND c.oid <> $1::int8::oid
)
SELECT coalesce(
           jsonb_agg(
               jsonb_build_object('kind', kind, 'name', name, 'column', "column") ORDER BY kind, name, "column"
           ),
           '[]'
       )::text
FROM found
