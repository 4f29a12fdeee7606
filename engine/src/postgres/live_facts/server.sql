/* sluice:engine.live_server */
SELECT jsonb_build_object(
           'version', current_setting('server_version_num')::int,
           /* Not current_schemas(): that leaves out what this role may not use, and the script runs as another. */
           'search_path', (
               SELECT coalesce(jsonb_agg(n.nspname ORDER BY p.place), '[]')
               FROM regexp_split_to_table(current_setting('search_path'), '\s*,\s*') WITH ORDINALITY AS p (written, place)
               JOIN pg_catalog.pg_namespace AS n
                   ON n.nspname = CASE
                       WHEN p.written = '"$user"' THEN current_user
                       WHEN p.written LIKE '"%"' THEN replace(substr(p.written, 2, length(p.written) - 2), '""', '"')
                       ELSE p.written
                   END
           ),
           'sees_sessions', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
           'hidden_sessions', EXISTS (
               SELECT
               FROM pg_catalog.pg_stat_activity AS a
               WHERE a.datname = current_database()
                 AND a.backend_type = 'client backend'
                 AND a.state = 'disabled'
           ),
           'oldest_transaction', (
               SELECT extract(epoch FROM clock_timestamp() - min(open.began))::float8
               FROM (
                   SELECT a.xact_start AS began
                   FROM pg_catalog.pg_stat_activity AS a
                   WHERE a.datname = current_database()
                     AND a.backend_type = 'client backend'
                     AND a.pid <> pg_backend_pid()
                     AND a.application_name NOT LIKE 'sluice%'
                   UNION ALL
                   SELECT p.prepared FROM pg_catalog.pg_prepared_xacts AS p WHERE p.database = current_database()
               ) AS open
           ),
           /* A logical walsender has a slot; a copy that is being made is in another state. To a role that may not see the state, every one counts. */
           'replicas', (
               SELECT count(*)
               FROM pg_catalog.pg_stat_replication AS r
               WHERE coalesce(r.state, 'streaming') IN ('streaming', 'catchup')
                 AND NOT EXISTS (
                     SELECT
                     FROM pg_catalog.pg_replication_slots AS s
                     WHERE s.active_pid = r.pid
                       AND s.slot_type = 'logical'
                 )
           )
       )::text
