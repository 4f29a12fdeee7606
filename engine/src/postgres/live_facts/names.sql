/* sluice:engine.live_names */
SELECT jsonb_build_object(
           /* The worst of all overloads, wherever they are: which one is called depends on types that nobody has resolved. */
           'functions', (
               SELECT coalesce(jsonb_object_agg(found.proname, found.worst), '{}')
               FROM (
                   SELECT p.proname,
                          CASE
                              WHEN bool_or(p.provolatile = 'v') THEN 'v'
                              WHEN bool_or(p.provolatile = 's') THEN 's'
                              ELSE 'i'
                          END AS worst
                   FROM pg_catalog.pg_proc AS p
                   WHERE p.prokind IN ('f', 'a', 'w')
                     AND (p.proname = ANY ($1)
                          OR ($1::text[] IS NULL AND p.oid >= 16384))
                   GROUP BY p.proname
               ) AS found
           ),
           'constrained_domains', (
               WITH RECURSIVE bases AS (
                   SELECT t.oid AS domain, t.typname, t.oid AS base
                   FROM pg_catalog.pg_type AS t
                   WHERE t.typtype = 'd'
                     AND t.oid >= 16384
                     AND ($1::text[] IS NULL OR t.typname = ANY ($1))
                   UNION
                   SELECT b.domain, b.typname, t.typbasetype
                   FROM bases AS b
                   JOIN pg_catalog.pg_type AS t ON t.oid = b.base AND t.typtype = 'd'
               )
               SELECT coalesce(jsonb_agg(DISTINCT b.typname), '[]')
               FROM bases AS b
               JOIN pg_catalog.pg_type AS t ON t.oid = b.base AND t.typtype = 'd'
               WHERE t.typnotnull
                  OR EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.contypid = t.oid)
           )
       )::text
