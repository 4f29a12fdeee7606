//! The demonstration leaves nothing behind: when it went well, when it is interrupted, when the database is not free for it.

use std::time::Duration;

use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::keeper::Signal;
use testbed::postgres::Server;
use testbed::process::{Settings, Sluice};

use super::Outcome;

const ROWS: &str = "20000";
/// A busy machine may take this long until the demonstration is in the middle of a fill, or has cleaned up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Schemas that are not the server's own, and what is left of the demonstration's connections.
const LEFT: &str = "SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'";
const CONNECTED: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND (application_name LIKE 'sluice%' OR application_name LIKE 'application%')";

/// A database whose owner may make schemas, and a URL with which one person does everything.
async fn database() -> anyhow::Result<(Database<'static>, String)> {
    let database = Database::new(Server::shared().await?).await?;
    let grant = format!(
        "GRANT CREATE ON DATABASE {} TO {owner}; GRANT pg_monitor TO {owner}",
        database.name(),
        owner = database.role(Role::Owner)
    );
    let mut conn = database.superuser().await?;
    engine::sql::execute_script(&mut conn, grant).await?;
    let url = database.url(Role::Owner);
    Ok((database, url))
}

async fn assert_clean(database: &Database<'_>) -> Outcome {
    let left: String = database.value(Role::Owner, LEFT).await?;
    assert_eq!(left, "public");
    testbed::wait::until("nobody is connected", PATIENCE, async || {
        database
            .value::<i64>(Role::Owner, CONNECTED)
            .await
            .map(|connected| connected == 0)
    })
    .await
}

#[tokio::test]
async fn the_demonstration_keeps_its_promises_and_leaves_nothing() -> Outcome {
    let (database, url) = database().await?;
    let desk = Desk::new(&Settings::default().with("SHOWN_TO_NOBODY", &url))?;
    let answer = desk
        .json(&["demo", "--database-url", &url, "--rows", ROWS, "--json"])
        .await?;
    assert_eq!(answer["verdict"], "every promise held", "{answer:#}");
    assert_eq!(answer["rows"], 20_000);
    assert_eq!(answer["mismatches"], 0);
    for writes in [&answer["writes"], &answer["second"]["writes"]] {
        assert!(writes["made"].as_u64() > Some(0), "{answer:#}");
        assert_eq!(writes["made"], writes["found"]);
    }
    for phase in ["before", "during", "after"] {
        let latency = &answer["latency_ms"][phase];
        assert!(
            latency["p50"].as_f64() > Some(0.0) && latency["p99"].as_f64() >= latency["p50"].as_f64(),
            "{answer:#}"
        );
    }
    let stages = answer["stages"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(stages.len(), 6);
    assert!(stages.iter().all(|stage| stage["seconds"].is_f64()), "{answer:#}");
    assert_eq!(answer["checklist"].as_array().map(Vec::len), Some(6));
    assert_eq!(answer["second"]["state"], "rolled-back");
    assert_eq!(answer["second"]["schema_equal"], true);
    assert_clean(&database).await
}

#[tokio::test]
async fn an_interrupted_demonstration_leaves_nothing() -> Outcome {
    let (database, url) = database().await?;
    for moment in [
        "an application writes to it",
        "demo-fax-number: flipping-reads",
        "demo-name-length: ",
    ] {
        let args = ["demo", "--database-url", &url, "--rows", ROWS];
        let demo = Sluice::start(&args, &Settings::default()).await?;
        demo.logged(moment, PATIENCE).await?;
        demo.signal(Signal::INT)?;
        let status = demo.ended(PATIENCE).await?;
        assert!(status.contains('1'), "{status}\n{}", demo.log());
        assert!(demo.log().contains("nothing of it is left"), "{}", demo.log());
        assert_clean(&database).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_not_free_is_refused_and_left_alone() -> Outcome {
    let (database, url) = database().await?;
    let desk = Desk::new(&Settings::default())?;
    let made = "CREATE SCHEMA sluice_demo; CREATE TABLE sluice_demo.mine AS SELECT 7 AS v";
    database.execute_as(Role::Owner, made).await?;
    desk.run(&["demo", "--database-url", &url, "--rows", ROWS])
        .await?
        .exits(1)?
        .says(&["schema sluice_demo already", "DROP SCHEMA sluice_demo CASCADE"])?;
    assert_eq!(
        database
            .value::<i32>(Role::Owner, "SELECT v FROM sluice_demo.mine")
            .await?,
        7
    );
    desk.run(&["demo", "--database-url", "sqlite:mine.db"])
        .await?
        .exits(2)?
        .says(&["makes an SQLite file of its own"])?;
    Ok(())
}
