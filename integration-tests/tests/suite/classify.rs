//! `sluice classify`: scripts and folders as people have them, by the built binary; and what a statement locks, rewrites and scans, asked
//! of a real server.

mod bad_input;
mod dumps;
mod exit_codes;
mod explain;
mod folders;
mod ground;
mod live;
mod live_facts;
mod observe;
mod oracle;
mod outputs;
mod sarif;
mod schema;
mod scripts;

use engine::postgres::observe::{Lock, Observed, RelationKind, Statement};
use testbed::database::{Database, Role};

type Outcome = anyhow::Result<()>;

/// The owner may make scratch databases.
async fn may_create(database: &Database<'_>) -> Outcome {
    let mut conn = database.superuser().await?;
    let text = format!("ALTER ROLE {} CREATEDB", database.role(Role::Owner));
    engine::sql::execute_script(&mut conn, text).await?;
    Ok(())
}

fn statements<'a>(texts: &[&'a str]) -> Vec<Statement<'a>> {
    texts.iter().map(|text| Statement::from(*text)).collect()
}

/// Locks on what is no index, as `relation Mode`.
fn on_tables(locks: &[Lock]) -> Vec<String> {
    locks
        .iter()
        .filter(|lock| lock.kind != RelationKind::Index)
        .map(|lock| format!("{} {}", lock.relation, lock.mode))
        .collect()
}

fn summary(seen: &Observed) -> String {
    format!("{seen:?}")
}
