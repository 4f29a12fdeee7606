/* sluice:engine.live_writes */
SELECT s.relid::int8,
       (s.n_tup_ins + s.n_tup_upd + s.n_tup_del)::int8,
       extract(epoch FROM clock_timestamp())::float8,
       extract(epoch FROM clock_timestamp() - d.stats_reset)::float8
FROM pg_catalog.pg_stat_all_tables AS s
JOIN pg_catalog.pg_stat_database AS d ON d.datname = current_database()
WHERE s.relid::int8 = ANY ($1)
