/* sluice:engine.live_estimated_size */
SELECT ((c.relpages::int8 + coalesce(t.relpages, 0)) * block.size)::int8,
       (SELECT coalesce(sum(x.relpages), 0)::int8 * block.size
        FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
        WHERE i.indrelid = c.oid)::int8
FROM pg_catalog.pg_class AS c
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = c.reltoastrelid
CROSS JOIN (SELECT pg_catalog.current_setting('block_size')::int8 AS size) AS block
WHERE c.oid = $1::int8::oid
