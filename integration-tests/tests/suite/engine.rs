//! What the engine makes and asks, against a real server: its own tests need none.

mod catalog;
mod conformance;
mod expression;
mod fingerprint;
mod lag;
mod mirror;
mod session;
mod signals;

use engine::catalog::TableName;
use secrecy::SecretString;
use sqlx::postgres::PgConnection;
use testbed::database::{Database, Role};

type Outcome = anyhow::Result<()>;

fn named(name: &str) -> TableName {
    TableName {
        schema: "public".into(),
        name: name.into(),
    }
}

/// The ledger's own migration, so that what trigger functions write fits the table as it really is: they swallow
/// a refused insert into the quarantine, and a copy of the table here would hide that.
async fn quarantine(database: &Database<'_>) -> Outcome {
    let owner = database.role(Role::Owner);
    let migration = include_str!("../../../ledger/migrations/postgresql/0001_foundation.sql");
    let grants = format!(
        "GRANT USAGE, CREATE ON SCHEMA sluice TO {owner}; GRANT INSERT ON sluice.quarantine TO {owner}"
    );
    database
        .execute_as(Role::Ledger, "CREATE SCHEMA IF NOT EXISTS sluice")
        .await?;
    database.execute_as(Role::Ledger, migration).await?;
    database.execute_as(Role::Ledger, &grants).await?;
    Ok(())
}

/// A connection as the engine makes it.
async fn connect(database: &Database<'_>, role: Role) -> anyhow::Result<PgConnection> {
    use engine::postgres::session::{Home, Route, SessionOptions, connect};
    let options = SessionOptions {
        application_name: "sluice test".into(),
        max_connections: 1,
        route: Route::Direct,
        home: Home::default(),
    };
    Ok(connect(&SecretString::from(database.url(role)), &options).await?)
}
