//! What can break, one named test a fault, each under an application that writes all the time.
//!
//! Real services, real servers, and a network that breaks where it is told to. When and where is drawn from a seed, which is
//! printed; `SLUICE_TEST_SEED` repeats one. What is asked at the end is always the same, see [`Scene::assert_settled`].
//!
//! | fault | test |
//! | --- | --- |
//! | 1 worker dies before the commit | `distributed::crashes::dying_before_a_batch_commits_counts_nothing` |
//! | 2 after the commit | `distributed::crashes::dying_after_a_batch_committed_counts_it_once` |
//! | 3 before the acknowledgement | `distributed::crashes::dying_before_a_chunk_is_acknowledged_repeats_nothing`, [`network`] |
//! | 4 outcome of a commit unknown | [`commits`] |
//! | 5 planner dies around a publish | [`publishing`] |
//! | 6 confirm lost | [`publishing`] |
//! | 7 publish refused | [`publishing`] |
//! | 8 message without a queue | `distributed::broker::a_queue_that_an_operator_deletes_is_made_again_with_its_work`, `bus` |
//! | 9 broker restarted in order | [`broker`] |
//! | 10 broker killed | `distributed::broker::a_broker_that_is_killed_and_comes_back_delays_the_job_only` |
//! | 11 broker frozen | [`broker`] |
//! | 12 worker cut off from the broker only | [`network`] |
//! | 13, 14 worker cut off from the database only, half-open | `distributed::half_open` |
//! | 15 one message twice, at once | [`messages`] |
//! | 16 message from long ago | [`messages`] |
//! | 17 worker sleeps through its lease | `distributed::processes::a_worker_that_slept_through_its_lease_commits_nothing_any_more` |
//! | 18 consumer too slow for the broker | [`broker`] |
//! | 19 consumer cancelled | `distributed::broker::a_queue_that_an_operator_deletes_is_made_again_with_its_work`, `bus` |
//! | 20 broker takes no messages | [`broker`] |
//! | 21 database fails over | `distributed::failover`, `stages::replicas`, `ledger::opening`; rows, cursor and counts lose the same tail |
//! | 22 database stopped at once | [`database`] |
//! | 23 deadlock with the application | `pitfalls::concurrency` |
//! | 24 lock timeout, serialization failure | `pitfalls::concurrency`, `backfiller::chunk::setbacks` |
//! | 25 statement timeout, cancelled by a person | `pitfalls::concurrency`, `stages::rows` |
//! | 26 disk full | [`database`] |
//! | 27 poison | `distributed::messages::what_nobody_can_read_is_parked_with_the_reason_and_work_goes_on`, `distributed::crashes::a_chunk_that_kills_every_worker_is_set_aside_and_the_job_says_so` |
//! | 28 the table changes under the job | `pitfalls::drift` |
//! | 29 clocks jump | [`clocks`] |
//! | 30 rows move at the borders of chunks | every test here; `stages::moves` |
//! | 31 two planners | `distributed::processes::a_second_planner_takes_over_from_a_frozen_one_which_changes_nothing_when_it_wakes` |
//! | 32 no connection left, replica lags, probe is away | `stages::throttle`, `stages::replicas` |
//! | 33 old and new messages | `proto`'s golden files, `stages::old_process` |
//! | 34 each worker is stopped in turn | [`deploys`] |
//! | 35 turned back at every stage | `stages::way_back` |

mod broker;
mod clocks;
mod commits;
mod database;
mod deploys;
mod messages;
mod network;
mod publishing;

use std::time::Duration;

use fastrand::Rng;
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::oracle;
use testbed::postgres::Server;
use testbed::process::Settings;
use testbed::rabbitmq::Vhost;
use testbed::tracks::{self, Filling};
use testbed::traffic::{Load, Outages, Traffic, beside_services};
use testbed::wait::{self, Look};
use testbed::watch::Watched;

type Outcome = anyhow::Result<()>;

/// A small job takes seconds; what it survives here may cost some leases, and a batch takes a second where ten builds run beside it.
const PATIENCE: Duration = Duration::from_secs(300);
/// About 2,700 sparse blocks, so three chunks.
const ROWS: u32 = 20_000;
/// Slow enough that there is something to interrupt.
const SLOW: &str = "[backfill]\nmax_parallel = 3\nmax_rows_per_second = 4000\n";
/// A minute for the whole table, so that no fault comes too late on any machine; [`Scene::assert_settled`] lifts the limit.
const STEADY: &str = "[backfill]\nmax_parallel = 3\nmax_rows_per_second = 300\n";
/// The queue of chunk tasks.
const CHUNKS: &str = "sluice.main.chunk";

/// A database with tracks, an application that writes to it, and how to reach both.
struct Scene<'d> {
    database: &'d Database<'d>,
    settings: Settings,
    desk: Desk,
    /// From which the test draws its times and places.
    rng: Rng,
    traffic: Traffic,
}

impl<'d> Scene<'d> {
    /// With 20,000 sparse rows.
    async fn new(database: &'d Database<'d>, vhost: &Vhost) -> anyhow::Result<Self> {
        Self::with(database, vhost, (ROWS, Filling::Sparse)).await
    }

    async fn with(
        database: &'d Database<'d>,
        vhost: &Vhost,
        (rows, filling): (u32, Filling),
    ) -> anyhow::Result<Self> {
        let mut rng = Rng::with_seed(seed()?);
        tracks::load(database, rows, filling).await?;
        let settings = Settings::of(database).over(vhost);
        let load = Load {
            seed: rng.u64(..),
            outages: Outages::AreEndured,
            ..beside_services()
        };
        Ok(Self {
            database,
            desk: Desk::new(&settings)?,
            settings,
            traffic: Traffic::start(&database.url(Role::App), tracks::traffic(), load).await?,
            rng,
        })
    }

    async fn submit(&self, sections: &str) -> anyhow::Result<Watched<'d>> {
        let spec = self
            .desk
            .write("spec.toml", &tracks::spec("track-seconds", sections))?;
        let submit = ["submit", &spec, "--target", "main", "--as", "tester"];
        Watched::new(self.database, &self.desk.ok(&submit).await?)
    }

    /// Submits a job that takes its time, and waits until as many rows are written as the seed says.
    async fn under_way(&mut self) -> anyhow::Result<Watched<'d>> {
        let job = self.submit(STEADY).await?;
        job.under_way(self.rng.i64(50..1000), PATIENCE).await?;
        Ok(job)
    }

    /// From now on the job goes as fast as it can.
    async fn hurry(&self) -> Outcome {
        let lift = ["tune", "track-seconds", "--max-rows-per-second", "0"];
        let whose = ["--target", "main", "--as", "ann"];
        // Refused where the job is at its end already.
        self.desk.run(&[lift, whose].concat()).await.map(drop)
    }

    /// The end of every test here, which shares no code with what it judges: the job is verified; no row was rewritten once right,
    /// new is `up(old)`, the chunks tile, and rows logged for Sluice are rows counted in the ledger ([`Watched::settled`]); no
    /// statement of the application failed, each took place once, and its last write of every row is found; nothing is left to do.
    async fn assert_settled(self, job: &Watched<'_>, fleet: Fleet) -> Outcome {
        const OPEN: &str = "SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND state IN ('ready', 'leased')";
        self.hurry().await?;
        job.until("verified", PATIENCE).await?;
        let (rows, report) = job.settled_beside(self.traffic, tracks::EXPECTED).await?;
        let logged = oracle::rows_logged(&mut self.database.superuser().await?, "application").await?;
        anyhow::ensure!(
            u64::try_from(logged)? == report.writes() + report.found_applied,
            "{logged} writes of the application are in the table, {} were acknowledged and {} found (of {} attempted)",
            report.writes(),
            report.found_applied,
            report.attempted
        );
        let open: i64 = job.value(OPEN).await?;
        anyhow::ensure!(open == 0, "{open} chunks are to be worked still");
        eprintln!(
            "{rows} rows changed; the application: {} attempted, {} acknowledged, {logged} applied",
            report.attempted,
            report.writes()
        );
        fleet.dismiss().await
    }
}

/// Printed, so that a failure can be repeated.
fn seed() -> anyhow::Result<u64> {
    let seed = match std::env::var("SLUICE_TEST_SEED") {
        Ok(text) => text.parse()?,
        Err(_) => fastrand::u64(..),
    };
    eprintln!("SLUICE_TEST_SEED={seed}");
    Ok(seed)
}

/// A database on the server that all share.
async fn database() -> anyhow::Result<Database<'static>> {
    Database::new(Server::shared().await?).await
}

/// Waits until so many of something are so; the query's `$1` is the job.
async fn until_so_many(job: &Watched<'_>, what: &str, query: &str, wanted: i64) -> Outcome {
    wait::until(what, PATIENCE, async || {
        let found: i64 = job.value(query).await?;
        Ok::<_, anyhow::Error>(if found >= wanted {
            Look::There(())
        } else {
            Look::NotYet(format!("{found} of {wanted}"))
        })
    })
    .await
}
