/* sluice:engine.live_timezone */
SELECT split_part(s.setting, '=', 2)
FROM pg_catalog.pg_db_role_setting AS d
JOIN pg_catalog.pg_database AS here ON here.datname = current_database()
JOIN pg_catalog.pg_roles AS me ON me.rolname = session_user
CROSS JOIN LATERAL unnest(d.setconfig) AS s (setting)
WHERE lower(split_part(s.setting, '=', 1)) = 'timezone'
  AND d.setdatabase IN (0, here.oid)
  AND d.setrole IN (0, me.oid)
/* The order in which the server applies them, last first: role in database, role, database, all roles. */
ORDER BY d.setrole <> 0 DESC, d.setdatabase <> 0 DESC
LIMIT 1
