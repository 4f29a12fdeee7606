//! What a body or a query does to the whole server, which a first word does not show: `DO $$ BEGIN CREATE ROLE app; END $$`, a function that ends
//! somebody's session.
//!
//! The scratch database is on the live server, so such a statement would be done for real. Every word counts, also in strings and comments, since
//! a body is a string and may hold others. So it says yes too often; then a statement is not observed, and says so. What is put together of
//! pieces of strings is not seen.

/// Functions that act on sessions, on the server or beyond it.
const FUNCTIONS: &[&str] = &[
    "DBLINK",
    "DBLINK_CONNECT",
    "DBLINK_CONNECT_U",
    "DBLINK_EXEC",
    "DBLINK_OPEN",
    "DBLINK_SEND_QUERY",
    "LO_EXPORT",
    "LO_IMPORT",
    "PG_BACKUP_START",
    "PG_BACKUP_STOP",
    "PG_CANCEL_BACKEND",
    "PG_COPY_LOGICAL_REPLICATION_SLOT",
    "PG_COPY_PHYSICAL_REPLICATION_SLOT",
    "PG_CREATE_LOGICAL_REPLICATION_SLOT",
    "PG_CREATE_PHYSICAL_REPLICATION_SLOT",
    "PG_CREATE_RESTORE_POINT",
    "PG_DROP_REPLICATION_SLOT",
    "PG_FILE_RENAME",
    "PG_FILE_UNLINK",
    "PG_FILE_WRITE",
    "PG_LOGICAL_EMIT_MESSAGE",
    "PG_LOG_BACKEND_MEMORY_CONTEXTS",
    "PG_PROMOTE",
    "PG_RELOAD_CONF",
    "PG_REPLICATION_ORIGIN_CREATE",
    "PG_REPLICATION_ORIGIN_DROP",
    "PG_REPLICATION_SLOT_ADVANCE",
    "PG_ROTATE_LOGFILE",
    "PG_STAT_RESET_SHARED",
    "PG_STAT_RESET_SLRU",
    "PG_SWITCH_WAL",
    "PG_TERMINATE_BACKEND",
    "PG_WAL_REPLAY_PAUSE",
    "PG_WAL_REPLAY_RESUME",
];

/// What belongs to the server and not to a database, behind CREATE, ALTER or DROP.
const SHARED: &[&str] = &[
    "DATABASE",
    "GROUP",
    "OWNED",
    "ROLE",
    "SUBSCRIPTION",
    "SYSTEM",
    "TABLESPACE",
    "USER",
];

/// Whether it may act on the server, by any of its words.
pub(super) fn reaches_the_server(text: &str) -> bool {
    let capitals = text.to_uppercase();
    let words: Vec<&str> = capitals
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().enumerate().any(|(at, word)| {
        let rest = &words[at + 1..];
        match *word {
            "CREATE" | "ALTER" | "DROP" => {
                rest.first().is_some_and(|what| SHARED.contains(what)) && rest.get(1) != Some(&"MAPPING")
            }
            "REASSIGN" => rest.first() == Some(&"OWNED"),
            // Of rights on an object it says ON; of a role it does not.
            "GRANT" | "REVOKE" => grants_a_role(rest),
            function => FUNCTIONS.contains(&function),
        }
    })
}

fn grants_a_role(rest: &[&str]) -> bool {
    let end = rest.iter().position(|word| ["TO", "FROM"].contains(word));
    end.is_some_and(|end| !rest[..end].contains(&"ON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_body_does_to_the_server_is_seen() {
        for text in [
            "DO $$ BEGIN CREATE ROLE app; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            "DO $$ BEGIN EXECUTE 'alter  user app SET x = 1'; END $$",
            "DO 'BEGIN GRANT admin TO app; END'",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ SELECT pg_catalog.pg_reload_conf() $$",
            "CALL p(dblink_exec('c', 'x'))",
        ] {
            assert!(reaches_the_server(text), "{text}");
        }
        for text in [
            "DO $$ BEGIN LOCK TABLE users; GRANT SELECT ON t TO app; END $$",
            "DO $$ BEGIN IF current_user = 'x' THEN UPDATE t SET user_id = 1; END IF; END $$",
            "CREATE USER MAPPING FOR bob SERVER s",
            "ALTER TABLE t ADD COLUMN role text",
            "SELECT pg_advisory_lock(1)",
            "",
        ] {
            assert!(!reaches_the_server(text), "{text}");
        }
    }
}
