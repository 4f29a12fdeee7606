//! What the roles of a target lack for a job.

use engine::catalog::TableName;
use engine::db::Raw;
use engine::postgres::privileges;
use ledger::Target;

/// What the target's roles lack for work on these tables, each with the GRANT to paste.
///
/// # Errors
/// What the database said.
pub async fn missing_privileges(
    target: &Target,
    tables: &[TableName],
) -> Result<Vec<privileges::MissingPrivilege>, engine::postgres::error::Error> {
    let mut missing = Vec::new();
    let pools = [
        (privileges::Role::Owner, &target.owner),
        (privileges::Role::Data, &target.data),
        (privileges::Role::Monitor, &target.monitor),
        (privileges::Role::Ledger, target.ledger.pool()),
    ];
    for (role, pool) in pools {
        let mut conn = pool
            .acquire()
            .await
            .map_err(engine::postgres::error::Error::query(
                "connect to ask for privileges".to_owned(),
            ))?;
        match conn.raw() {
            Raw::Postgres(conn) => missing.extend(privileges::missing(conn, role, tables).await?),
            // A file knows no roles; whether it may be written shows when it is.
            Raw::Sqlite(_) => {}
        }
    }
    Ok(missing)
}
