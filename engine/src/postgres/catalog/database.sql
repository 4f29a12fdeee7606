/* sluice:engine.catalog_database */
SELECT jsonb_build_object(
           'engine', 'postgresql',
           'server_version', current_setting('server_version_num')::int,
           'database', current_database(),
           'search_path', to_jsonb(current_schemas(false)),
           'tables', '[]'::jsonb,
           'publications_for_all_tables', (
               SELECT coalesce(jsonb_agg(p.pubname ORDER BY p.pubname), '[]')
               FROM pg_catalog.pg_publication AS p
               WHERE p.puballtables
           ),
           'logical_slots', (
               SELECT coalesce(jsonb_agg(s.slot_name ORDER BY s.slot_name), '[]')
               FROM pg_catalog.pg_replication_slots AS s
               WHERE s.slot_type = 'logical'
                 AND s.database = current_database()
           ),
           'event_triggers', (
               SELECT coalesce(jsonb_agg(e.evtname ORDER BY e.evtname), '[]')
               FROM pg_catalog.pg_event_trigger AS e
               WHERE e.evtenabled <> 'D'
           )
       )::text
