//! Fault 21: the primary dies in mid-backfill and its standby is promoted.
//!
//! Everything of Sluice reaches the database by a way that is led to the new primary. Nobody lends a hand: the job ends right. The
//! application's first traffic dies with the primary, and its acknowledged writes may be lost with the tail of the commits, as those
//! of any application are after an asynchronous fail-over; what is asked of each row is that new is what old gives.

use std::time::Duration;

use proto::JobId;
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::fleet::{self, Fleet};
use testbed::postgres::{Durability, Server};
use testbed::process::{Settings, Sluice};
use testbed::proxy::Proxy;
use testbed::rabbitmq::Broker;
use testbed::tracks::{self, Filling};
use testbed::traffic::{Traffic, beside_services};
use testbed::wait;
use testbed::watch::Watched;

use super::{Outcome, PATIENCE, ROWS, assert_settled, submit};

/// About twenty seconds for all rows: long enough for a server to die in the middle of it.
const TWENTY_SECONDS: &str =
    "[backfill]\nmax_parallel = 3\nmax_rows_per_second = 1000\n[throttle]\nmax_replica_lag = \"30s\"\n";

/// Likewise, and chunks end one after the other.
const ONE_AT_A_TIME: &str =
    "[backfill]\nmax_parallel = 1\nmax_rows_per_second = 1000\n[throttle]\nmax_replica_lag = \"30s\"\n";

/// An installation with two planners, which reaches its database by a way that can be led elsewhere.
struct Installation<'s> {
    primary: &'s Server,
    database: Database<'s>,
    way: Proxy,
    desk: Desk,
    fleet: Fleet,
    second: Sluice,
}

impl<'s> Installation<'s> {
    async fn start(primary: &'s Server, broker: &Broker) -> anyhow::Result<Self> {
        let database = Database::new(primary).await?;
        tracks::load(&database, ROWS, Filling::Sparse).await?;
        let way = Proxy::start(primary.port()).await?;
        let settings = Settings::default()
            .reaching("MAIN", &database, way.port())
            .over(&broker.vhost().await?);
        let fleet = Fleet::start(&settings, 2).await?;
        let second = Sluice::start(&["planner"], &settings).await?;
        fleet::ready(&second).await?;
        Ok(Self {
            primary,
            database,
            way,
            desk: Desk::new(&settings)?,
            fleet,
            second,
        })
    }

    /// A command to the job.
    async fn order(&self, command: &str) -> Outcome {
        let words = [command, "track-seconds", "--target", "main", "--as", "tester"];
        self.desk.ok(&words).await?;
        Ok(())
    }

    /// What writes to the primary until it dies, and is not asked what became of it.
    async fn doomed_traffic(&self) -> anyhow::Result<Traffic> {
        let url = self.database.url(Role::App);
        Ok(Traffic::start(&url, tracks::traffic(), beside_services()).await?)
    }
}

/// What writes to the promoted standby, with keys that the other one never used; each of its writes must be found in the end.
async fn traffic_after(database: &Database<'_>) -> anyhow::Result<Traffic> {
    let table = tracks::traffic().from_key(1_500_000_000);
    Ok(Traffic::start(&database.url(Role::App), table, beside_services()).await?)
}

/// The end of both tests, on the server that is the primary now.
async fn ends_right(there: Installation<'_>, promoted: &Server, job: JobId, writes: Traffic) -> Outcome {
    let database = there.database.on(promoted);
    let after = Watched::new(&database, &job.to_string())?;
    after.until("verified", PATIENCE).await?;
    let told: i64 = after
        .value("SELECT count(*) FROM sluice.event WHERE kind = 'ledger.failed-over' AND detail ->> 'was' = '1' AND detail ->> 'is' = '2' AND $1::uuid IS NOT NULL")
        .await?;
    assert_eq!(
        told, 1,
        "two planners have seen it, and one of them has put the ledger in order"
    );
    let timeline: i32 = after
        .value("SELECT timeline FROM sluice.ledger WHERE $1::uuid IS NOT NULL")
        .await?;
    assert_eq!(timeline, 2);
    for service in there.fleet.all().chain([&there.second]) {
        fleet::ready(service).await?;
    }
    assert_settled(&after, writes, there.fleet).await?;
    assert_eq!(
        there.second.terminate().await?,
        "exit status: 0",
        "{}",
        there.second.log()
    );
    Ok(())
}

/// The standby was required by the job, because it was there when that began; it is answered by before it is promoted, too.
#[tokio::test]
async fn a_job_goes_on_by_itself_on_the_promoted_standby_of_a_primary_that_died() -> Outcome {
    let (primary, broker) = (
        Server::start(Durability::ThrowAway).await?,
        Broker::shared().await?,
    );
    let standby = primary.replica("standby").await?;
    let there = Installation::start(&primary, broker).await?;
    let doomed = there.doomed_traffic().await?;
    let job = submit(&there.desk, &there.database, TWENTY_SECONDS).await?;
    job.under_way(3000, PATIENCE).await?;
    let required: bool = job
        .value("SELECT required FROM sluice.signal WHERE name = 'replica_lag' AND source = 'standby' AND $1::uuid IS NOT NULL")
        .await?;
    assert!(required, "the job knows its standby");

    there.primary.kill().await?;
    there.way.repoint(standby.port());
    there
        .fleet
        .planner
        .logged("a standby answers", Duration::from_secs(30))
        .await?;
    let promoted = standby.promote().await?;
    drop(doomed.stop().await);
    let writes = traffic_after(&there.database.on(&promoted)).await?;
    let id = job.id;
    ends_right(there, &promoted, id, writes).await
}

/// Rows, cursors and everything else of the ledger lose the same tail: finished chunks among it, whose messages are long acknowledged.
#[tokio::test]
async fn a_job_ends_right_although_the_promoted_standby_never_got_the_last_commits() -> Outcome {
    let (primary, broker) = (
        Server::start(Durability::ThrowAway).await?,
        Broker::shared().await?,
    );
    let there = Installation::start(&primary, broker).await?;
    let doomed = there.doomed_traffic().await?;
    let job = submit(&there.desk, &there.database, ONE_AT_A_TIME).await?;
    job.under_way(1000, PATIENCE).await?;
    // It comes after the job began, so nobody waits for it once it falls behind. The job rests meanwhile: how long a base backup
    // takes decides nothing.
    there.order("pause").await?;
    job.until("paused", PATIENCE).await?;
    let standby = primary.replica("late").await?;
    there.order("resume").await?;
    job.until("backfilling", PATIENCE).await?;
    let resumed: String = job
        .value("SELECT pg_current_wal_insert_lsn()::text WHERE $1::uuid IS NOT NULL")
        .await?;
    let there_too = format!(
        "SELECT count(*) = 1 AND bool_and(replay_lsn >= '{resumed}') FROM pg_stat_replication WHERE $1::uuid IS NOT NULL"
    );
    wait::until(
        "the standby knows that the job was resumed",
        PATIENCE,
        async || job.value::<bool>(&there_too).await,
    )
    .await?;
    standby.cut_off().await?;
    const DONE: &str = "SELECT count(*) FROM sluice.chunk WHERE job = $1 AND state = 'done'";
    let done: i64 = job.value(DONE).await?;
    let before = job.rows_so_far().await?;
    wait::until("another chunk is done", PATIENCE, async || {
        anyhow::Ok(job.value::<i64>(DONE).await? > done)
    })
    .await?;
    let acknowledged = job.rows_so_far().await?;
    assert!(acknowledged > before, "nothing was written that could be lost");
    assert_eq!(job.state().await?, "backfilling", "nothing is left to do");

    there.primary.kill().await?;
    let promoted = standby.promote().await?;
    let database = there.database.on(&promoted);
    let left = Watched::new(&database, &job.id.to_string())?
        .rows_so_far()
        .await?;
    assert!(
        left < acknowledged,
        "no commit was lost: {left} of {acknowledged} rows"
    );
    there.way.repoint(promoted.port());
    drop(doomed.stop().await);
    let writes = traffic_after(&database).await?;
    let id = job.id;
    ends_right(there, &promoted, id, writes).await
}
