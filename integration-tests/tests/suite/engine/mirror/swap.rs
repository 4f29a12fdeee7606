//! Why a swap begins with the table's lock: a writer in the middle of a statement runs the old body to its end.

use engine::postgres::error::sqlstate;
use sqlx::postgres::PgConnection;
use std::time::Duration;
use testbed::database::{Database, Role};
use testbed::postgres::Server;
use testbed::wait::{self, Look};

use super::{Outcome, check_mail, emails, install, mail, mirror_of, rows};

const PATIENCE: Duration = Duration::from_secs(30);

/// A writer of the old path has called the old body before and now waits for a row that another transaction has locked.
struct Race {
    late: tokio::task::JoinHandle<sqlx::Result<u64>>,
    holder: PgConnection,
}

async fn race(database: &Database<'_>) -> anyhow::Result<Race> {
    check_mail(
        database,
        "INSERT INTO t (id, email) VALUES (1, 'Ann@x')",
        "1:Ann@x:ann@x",
    )
    .await?;
    let mut late = database.connect(Role::App).await?;
    let note = "UPDATE t SET note = 'late' WHERE id = 1";
    // The body is in this session's cache from now on.
    engine::sql::execute_script(&mut late, note).await?;
    let mut holder = database.connect(Role::App).await?;
    // A lock on the row only: on the table it stands in nobody's way.
    engine::sql::execute_script(&mut holder, "BEGIN; SELECT FROM t WHERE id = 1 FOR UPDATE").await?;
    let late = tokio::spawn(async move { engine::sql::execute_script(&mut late, note).await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait::until("the late writer waits for the row", PATIENCE, async || {
        let waiting: i64 = database.value(Role::Monitor, waits).await?;
        Ok::<_, anyhow::Error>(if waiting == 1 {
            Look::There(())
        } else {
            Look::NotYet(format!("{waiting} wait"))
        })
    })
    .await?;
    Ok(Race { late, holder })
}

#[tokio::test]
async fn a_swap_waits_for_every_writer_that_may_still_run_the_old_body() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    emails(&database).await?;
    let sql = install(&database, &mirror_of("t", vec![mail()])).await?;
    let Race { late, mut holder } = race(&database).await?;
    // Without its first statement too: the one that replaces the trigger would wait for the same lock.
    for statements in [&sql.lead.statements[..], &sql.lead.statements[1..]] {
        let mut owner = database.connect(Role::Owner).await?;
        let impatient = format!("SET lock_timeout = '200ms'; {}", statements.join(";\n"));
        let refused = engine::sql::execute_script(&mut owner, impatient).await;
        let code = sqlstate(&refused.expect_err("it waits"));
        assert_eq!(code.as_deref(), Some("55P03"));
    }
    engine::sql::execute_script(&mut holder, "COMMIT").await?;
    late.await??;
    super::swap(&database, &sql.lead).await?;
    check_mail(&database, "UPDATE t SET mail = 'Bob@x'", "1:Bob@x:Bob@x").await
}

/// What the wait is for: replacing the function alone succeeds at once, a new value is written and committed under the
/// new body, and the late writer puts `up(old)` over it.
#[tokio::test]
async fn a_function_replaced_without_the_lock_lets_a_late_writer_overwrite_a_new_value() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    emails(&database).await?;
    let sql = install(&database, &mirror_of("t", vec![mail()])).await?;
    let Race { late, mut holder } = race(&database).await?;
    let create = sql
        .lead
        .statements
        .iter()
        .find(|s| s.starts_with("CREATE OR REPLACE FUNCTION"));
    database
        .execute_as(Role::Owner, create.expect("a swap replaces the function"))
        .await?;
    engine::sql::execute_script(&mut holder, "UPDATE t SET mail = 'Bob@x' WHERE id = 1; COMMIT").await?;
    late.await??;
    // This is the harm; a server where it does not happen any more needs no lock.
    assert_eq!(rows(&database, "id, email, mail").await?, "1:Bob@x:bob@x");
    Ok(())
}
