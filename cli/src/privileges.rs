//! What the target's roles lack for a plan, asked before anything is created, with the statements to paste.

use engine::catalog::TableName;
use engine::db::{Pool, Raw};
use engine::error::{Class, classify};
use engine::postgres::privileges::{self, MissingPrivilege, Role};
use engine::postgres::{error, identity};
use shared::settings::DatabaseRole;

use crate::error::Error;
use crate::place::Place;

/// Refuses unless every role has what work on these tables needs, on a server that can be written.
///
/// # Errors
/// [`Error::Refused`] with the list, or what the database says.
pub async fn require(place: &Place, tables: &[TableName]) -> Result<(), Error> {
    let mut missing = Vec::new();
    for (database_role, role) in [
        (DatabaseRole::Owner, Role::Owner),
        (DatabaseRole::Data, Role::Data),
        (DatabaseRole::Monitor, Role::Monitor),
        (DatabaseRole::Ledger, Role::Ledger),
    ] {
        missing.extend(lacking(&place.pool(database_role).await?, role, tables).await?);
    }
    missing.dedup_by(|a, b| a.grant_sql == b.grant_sql);
    refuse(FOR_A_PLAN, &missing)
}

/// Refuses unless the owner role has what the plan's objects need, on a server that can be written.
///
/// # Errors
/// As [`require`].
pub async fn require_of_owner(pool: &Pool, tables: &[TableName]) -> Result<(), Error> {
    refuse(FOR_A_MEASUREMENT, &lacking(pool, Role::Owner, tables).await?)
}

/// What one role lacks; of the owner's server, that it can be written at all.
async fn lacking(pool: &Pool, role: Role, tables: &[TableName]) -> Result<Vec<MissingPrivilege>, Error> {
    let mut conn = pool
        .acquire()
        .await
        .map_err(error::Error::query("take a connection"))?;
    // A file knows no roles.
    let Raw::Postgres(conn) = conn.raw() else {
        return Ok(Vec::new());
    };
    if role == Role::Owner {
        identity::read(conn)
            .await?
            .suitable()
            .map_err(|why| Error::Refused(why.to_string()))?;
    }
    Ok(privileges::missing(conn, role, tables).await?)
}

fn refuse(beginning: &str, missing: &[MissingPrivilege]) -> Result<(), Error> {
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::Refused(words(beginning, missing)))
    }
}

const FOR_A_MEASUREMENT: &str = "the owner role lacks privileges that the plan needs, and without them nothing can be measured; \
    nothing was touched. Have an administrator run:";
const FOR_A_PLAN: &str =
    "the database roles lack privileges that the plan needs; nothing was touched. Have an administrator run:";
const FOR_THE_LEDGER: &str = "there is a ledger in this database, and this role may not use it; nothing was touched. \
    Connect as its owner (`ledger_url`, or --ledger-url URL), or have an administrator run:";

/// Whether a ledger was not opened because its role may not use it.
#[must_use]
pub fn are_missing(error: &ledger::Error) -> bool {
    matches!(error, ledger::Error::Statement { source, .. } if classify(source) == Class::Permission)
}

/// What a role lacks that was not let into the ledger; `refusal` itself if it lacks nothing.
///
/// # Errors
/// What the database says.
pub async fn of_ledger(pool: &Pool, refusal: ledger::Error) -> Result<Error, Error> {
    let mut conn = pool
        .acquire()
        .await
        .map_err(error::Error::query("take a connection"))?;
    let Raw::Postgres(conn) = conn.raw() else {
        return Ok(refusal.into());
    };
    let missing = privileges::missing(conn, Role::Ledger, &[]).await?;
    Ok(if missing.is_empty() {
        refusal.into()
    } else {
        Error::Locked(words(FOR_THE_LEDGER, &missing))
    })
}

fn words(beginning: &str, missing: &[MissingPrivilege]) -> String {
    let mut text = beginning.to_owned();
    for one in missing {
        let sql = one.grant_sql.trim_end();
        let end = if sql.contains(';') || sql.starts_with("--") {
            ""
        } else {
            ";"
        };
        text.push_str(&format!(
            "\n  {sql}{end}\n    (role {:?} needs {})",
            one.user, one.what
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_should_lend_is_a_remark_and_no_statement() {
        let missing = [MissingPrivilege {
            role: Role::Ledger,
            user: "poor".to_owned(),
            what: "the rights of \"root\"".to_owned(),
            grant_sql: "-- it belongs to the superuser \"root\": connect as that role".to_owned(),
        }];
        let text = words(FOR_THE_LEDGER, &missing);
        assert!(
            text.contains("\n  -- it belongs to the superuser \"root\": connect as that role\n"),
            "{text}"
        );
    }

    #[test]
    fn every_missing_privilege_comes_with_the_statement_to_paste() {
        let missing = [MissingPrivilege {
            role: Role::Data,
            user: "sluice_data".to_owned(),
            what: "UPDATE on \"public\".\"track\"".to_owned(),
            grant_sql: "GRANT UPDATE ON \"public\".\"track\" TO \"sluice_data\"".to_owned(),
        }];
        let text = words(FOR_A_PLAN, &missing);
        assert!(
            text.contains("\n  GRANT UPDATE ON \"public\".\"track\" TO \"sluice_data\";\n"),
            "{text}"
        );
        assert!(text.contains("role \"sluice_data\" needs UPDATE"), "{text}");
    }
}
