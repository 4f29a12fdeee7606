//! The ledger as a whole: made once, migrated, recognised, refused; who is the active one.

use ledger::{Error, Ledger};
use proto::LeaseId;
use sqlx::Executor;
use std::time::Duration;
use testbed::database::{Database, Role};
use testbed::postgres::Server;
use testbed::{target, wait};

use super::{Outcome, sqlx_text};

#[tokio::test]
async fn many_processes_create_the_ledger_at_once_and_it_is_created_once() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let (a, b, c) = tokio::join!(
        target::ledger(&database),
        target::ledger(&database),
        target::ledger(&database)
    );
    assert_eq!(a?.id(), b?.id());
    c?;
    assert_eq!(
        database
            .value::<i64>(Role::Ledger, "SELECT count(*) FROM sluice.migration")
            .await?,
        i64::from(ledger::migrations::FORMAT)
    );
    Ok(())
}

/// PITFALLS 20: a session that waits in `pg_advisory_lock` holds a snapshot, and CREATE INDEX CONCURRENTLY
/// elsewhere ends in "deadlock detected".
#[tokio::test]
async fn a_waiting_migrator_does_not_deadlock_with_create_index_concurrently() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t (id int)")
        .await?;
    let mut other = database.connect(Role::Ledger).await?;
    other.execute("SELECT pg_advisory_lock(126909663503205)").await?;
    let waiting = async {
        let ledger = target::ledger(&database).await?;
        anyhow::Ok(ledger.id())
    };
    let indexing = async {
        let mut watcher = database.superuser().await?;
        wait::until("the migrator waits", Duration::from_secs(20), async || {
            sqlx::query_scalar::<_, bool>(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%ledger.migrate %')",
            )
            .fetch_one(&mut watcher)
            .await
        })
        .await?;
        database
            .execute_as(Role::Owner, "CREATE INDEX CONCURRENTLY t_id ON t (id)")
            .await?;
        other.execute("SELECT pg_advisory_unlock_all()").await?;
        anyhow::Ok(())
    };
    let (waited, indexed) = tokio::join!(waiting, indexing);
    indexed?;
    waited?;
    Ok(())
}

/// PITFALLS 25: a restored copy contains running jobs.
#[tokio::test]
async fn a_copy_of_the_database_is_not_worked_on() -> Outcome {
    let server = Server::shared().await?;
    let database = Database::new(server).await?;
    target::ledger(&database).await?;
    let mut admin = server.superuser("postgres").await?;
    let copy = format!("{}_copy", database.name());
    let close = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
        database.name()
    );
    wait::until("the copy is made", Duration::from_secs(20), async || {
        admin.execute(sqlx::raw_sql(sqlx_text(&close))).await?;
        Ok::<_, sqlx::Error>(
            admin
                .execute(sqlx::raw_sql(sqlx_text(&format!(
                    "CREATE DATABASE {copy} TEMPLATE {}",
                    database.name()
                ))))
                .await
                .is_ok(),
        )
    })
    .await?;
    let url = database.url(Role::Ledger);
    let url = format!("{}{copy}", url.strip_suffix(database.name()).unwrap_or(&url));
    let pool = sqlx::PgPool::connect(&url).await?;
    let opened = Ledger::open(engine::db::Pool::Postgres(pool.clone()), "test".into()).await;
    pool.close().await;
    admin
        .execute(sqlx::raw_sql(sqlx_text(&format!(
            "DROP DATABASE {copy} WITH (FORCE)"
        ))))
        .await?;
    assert!(matches!(opened, Err(Error::Clone { .. })), "{opened:?}");
    Ok(())
}

/// PITFALLS 26: the first ledger row would stop the subscriber.
#[tokio::test]
async fn a_publication_for_all_tables_is_refused_before_anything_is_created() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let mut admin = database.superuser().await?;
    admin
        .execute("CREATE PUBLICATION everything FOR ALL TABLES")
        .await?;
    let refused = target::ledger(&database)
        .await
        .err()
        .map(|e| format!("{:#}", anyhow::Error::from(e)));
    assert!(
        refused.as_deref().is_some_and(|r| r.contains("everything")),
        "{refused:?}"
    );
    assert!(
        !database
            .value::<bool>(Role::Ledger, "SELECT to_regnamespace('sluice') IS NOT NULL")
            .await?
    );
    let mut settings = target::settings(&database);
    settings.acknowledge_publications = vec!["everything".to_owned()];
    target::connect_with(&database, &settings).await?;
    Ok(())
}

#[tokio::test]
async fn a_named_lease_has_one_holder_and_passes_on_when_given_up() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let (ann, bob) = (LeaseId::random(), LeaseId::random());
    assert!(ledger.hold_lease("planner", "ann", ann).await?);
    assert!(!ledger.hold_lease("planner", "bob", bob).await?);
    assert!(
        ledger.hold_lease("planner", "ann", ann).await?,
        "a holder may renew"
    );
    ledger.drop_lease("planner", ann).await?;
    assert!(ledger.hold_lease("planner", "bob", bob).await?);
    assert!(
        !ledger.hold_lease("planner", "ann", ann).await?,
        "the old holder woke up and got it back"
    );
    Ok(())
}
