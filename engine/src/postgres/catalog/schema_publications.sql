/* sluice:engine.catalog_schema_publications */
SELECT coalesce(jsonb_agg(jsonb_build_array(p.pubname, n.nspname) ORDER BY p.pubname, n.nspname), '[]')::text
FROM pg_catalog.pg_publication_namespace AS pn
JOIN pg_catalog.pg_publication AS p ON p.oid = pn.pnpubid
JOIN pg_catalog.pg_namespace AS n ON n.oid = pn.pnnspid
WHERE n.nspname = ANY ($1::text[])
