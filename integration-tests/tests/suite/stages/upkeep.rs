//! VACUUM beside a fill, ANALYZE after it.

use engine::db::Raw;
use engine::postgres::upkeep::{self, Cost};
use std::time::Duration;
use testbed::database::{Database, Role};
use testbed::embedded::{Embedded, PATIENCE, Part};
use testbed::place::Place;
use testbed::tracks::{self, Filling};
use testbed::wait;

use super::ground::{Outcome, SECONDS, ask, database};

const ROWS: u32 = 200_000;
const SIZE: &str = "SELECT pg_relation_size('track')";

/// By how much of its size the table grows while it is filled.
async fn growth(at_percent: u32) -> anyhow::Result<f64> {
    let database = database().await?;
    tracks::load(&database, ROWS, Filling::Full).await?;
    // Ours alone: autovacuum would come at a time of its own.
    database
        .execute_as(Role::Owner, "ALTER TABLE track SET (autovacuum_enabled = off)")
        .await?;
    let mut settings = Place::from(&database).settings();
    settings.budget.vacuum_at_dead_percent = Some(at_percent);
    let mut embedded = Embedded::connect_with(&database, &settings).await?;
    embedded.start_parts(&[Part::Planner, Part::Verifier, Part::Backfiller(2)]);
    let before: i64 = ask(&database, SIZE).await?;
    let spec = format!("{SECONDS}[backfill]\nmax_rows_per_second = 15000\n");
    let job = embedded.submit(&database, &spec).await?;
    embedded.verified(job).await?;
    let after: i64 = ask(&database, SIZE).await?;
    if at_percent > 0 {
        wait::until("the new column is analyzed", PATIENCE, async || {
            const ANALYZED: &str = "SELECT EXISTS (SELECT FROM pg_stats WHERE tablename = 'track' AND attname = 'seconds' AND n_distinct <> 0)";
            ask::<bool>(&database, ANALYZED).await
        })
        .await?;
    }
    embedded.stop().await?;
    Ok((after - before) as f64 / before as f64)
}

#[tokio::test]
async fn a_fill_uses_the_space_again_that_it_frees() -> Outcome {
    let (with, without) = tokio::try_join!(growth(10), growth(0))?;
    assert!(
        without > 0.8,
        "every row has a new version, and no space is freed: it grew by {without:.2} only"
    );
    assert!(
        with < without * 0.7,
        "it grew by {with:.2}, by {without:.2} without VACUUM"
    );
    Ok(())
}

/// A VACUUM of ours is in the way of the application's own migration, is told so, and can be ended at once.
#[tokio::test]
async fn a_vacuum_that_is_in_the_way_is_seen_and_can_be_ended() -> Outcome {
    let database = database().await?;
    tracks::load(&database, 50_000, Filling::Full).await?;
    const DIES: &str = "ALTER TABLE track SET (autovacuum_enabled = off); UPDATE track SET bytes = bytes + 1; SELECT pg_stat_force_next_flush()";
    database.execute_as(Role::Owner, DIES).await?;
    let embedded = Embedded::connect(&database).await?;
    let oid = ask::<i64>(&database, "SELECT 'track'::regclass::oid::int8").await?;
    let mut owner = embedded.target.owner.detached().await?;
    let Raw::Postgres(owner) = owner.raw() else {
        anyhow::bail!("not a server")
    };
    let found = condition(&database, Role::Owner, oid).await?;
    assert!(
        found.permitted && !found.busy && found.live >= 50_000,
        "{found:?}"
    );
    assert!(!condition(&database, Role::Monitor, oid).await?.permitted);

    let pid = engine::postgres::session::backend(owner).await?.pid;
    let leaf = engine::catalog::TableName {
        schema: "public".into(),
        name: "track".into(),
    };
    let slowest = Cost {
        delay: Duration::from_millis(100),
        limit: 1,
    };
    let vacuuming = upkeep::vacuum(owner, &leaf, slowest);
    let mut others = database.connect(Role::Owner).await?;
    let mut watcher = database.connect(Role::Owner).await?;
    let meanwhile = async {
        wait::until("it is at work", PATIENCE, async || {
            anyhow::Ok(condition(&database, Role::Owner, oid).await?.busy)
        })
        .await?;
        assert!(!upkeep::is_in_the_way(&mut watcher, pid).await?);
        let migration =
            engine::sql::execute_script(&mut others, "ALTER TABLE track ADD COLUMN theirs integer");
        let ending = async {
            wait::until("a session waits for it", PATIENCE, async || {
                upkeep::is_in_the_way(&mut watcher, pid).await
            })
            .await?;
            anyhow::ensure!(upkeep::cancel(&mut watcher, pid).await?);
            anyhow::Ok(())
        };
        let (migrated, ended) = tokio::join!(migration, ending);
        ended?;
        migrated?;
        anyhow::Ok(())
    };
    let (vacuumed, meanwhile) = tokio::join!(vacuuming, meanwhile);
    meanwhile?;
    assert!(vacuumed.is_err(), "it was cancelled");
    embedded.stop().await
}

async fn condition(database: &Database<'_>, role: Role, oid: i64) -> anyhow::Result<upkeep::Condition> {
    let mut conn = database.connect(role).await?;
    let found = upkeep::condition(&mut conn, u32::try_from(oid)?).await?;
    found.ok_or_else(|| anyhow::anyhow!("the table is gone"))
}
