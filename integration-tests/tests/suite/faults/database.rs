//! The database stops at once, or has no room.

use std::time::Duration;

use testbed::database::Database;
use testbed::fleet::Fleet;
use testbed::postgres::{Durability, Server, SmallDisk};
use testbed::rabbitmq::Broker;
use testbed::tracks::Filling;
use testbed::wait;

use super::{Outcome, PATIENCE, Scene};

/// Fault 22. As `pg_ctl -m immediate` stops it: sessions end in the middle of what they do.
#[tokio::test]
async fn a_database_that_is_stopped_at_once_and_started_again_loses_and_doubles_nothing() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let vhost = Broker::shared().await?.vhost().await?;
    let database = Database::new(&server).await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    let job = scene.under_way().await?;
    for _ in 0..2 {
        let before = job.rows_so_far().await?;
        server.crash_and_restart().await?;
        let more = scene.rng.i64(1..500);
        wait::until("the job goes on", PATIENCE, async || {
            let state = job.state().await?;
            anyhow::Ok(state != "backfilling" || job.rows_so_far().await? > before + more)
        })
        .await?;
    }
    scene.assert_settled(&job, fleet).await
}

/// Fault 26. Every batch writes new versions of rows, so none can be committed: nothing is written half, and once there is room the
/// job goes on by itself. The application suffers from a full disk, with or without a migration.
#[tokio::test]
async fn a_full_disk_stops_the_fill_which_goes_on_when_there_is_room() -> Outcome {
    if let Some(why) = SmallDisk::obstacle() {
        eprintln!("SKIPPED: {why}");
        return Ok(());
    }
    let disk = SmallDisk::start(200).await?;
    let vhost = Broker::shared().await?.vhost().await?;
    let database = Database::new(disk.server()).await?;
    disk.hold(&database).await?;
    let mut scene = Scene::with(&database, &vhost, (60_000, Filling::Full)).await?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    let job = scene.under_way().await?;
    disk.fill()?;
    let full = "No space left on device";
    tokio::select! {
        line = fleet.backfillers[0].logged(full, PATIENCE) => line?,
        line = fleet.backfillers[1].logged(full, PATIENCE) => line?,
    };
    let written = job.rows_so_far().await?;
    disk.free()?;
    wait::until("the job goes on", Duration::from_secs(60), async || {
        job.rows_so_far().await.map(|rows| rows > written)
    })
    .await?;
    scene.assert_settled(&job, fleet).await
}
