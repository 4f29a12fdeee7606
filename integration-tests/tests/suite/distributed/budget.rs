//! One table, one budget, many processes: workers come, are killed, and come again; small jobs beside a huge one.

use std::time::Duration;

use shared::clock::SystemClock;
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::gauge::Gauge;
use testbed::postgres::{Durability, Server};
use testbed::process::Settings;
use testbed::rabbitmq::Broker;
use testbed::tracks::{self, Filling};
use testbed::wait::{self, Look};
use testbed::watch::Watched;

use super::{Outcome, traffic};

/// The knobs: how many rows, how many rows a second, how many backfillers at most, how many seconds at most between two of their comings and
/// goings, how many small jobs.
const ROWS: &str = "SLUICE_TEST_BUDGET_ROWS";
const RATE: &str = "SLUICE_TEST_BUDGET_RATE";
const WORKERS: &str = "SLUICE_TEST_BUDGET_WORKERS";
const PAUSE: &str = "SLUICE_TEST_BUDGET_PAUSE";
const SMALL: &str = "SLUICE_TEST_SMALL_JOBS";

const PATIENCE: Duration = Duration::from_secs(1200);
/// Rows of a full block of tracks, and some to spare.
const ROWS_A_BLOCK: f64 = 120.0;
const CHUNKS: i64 = 4;

fn knob(name: &str, default: u32) -> anyhow::Result<u32> {
    Ok(match std::env::var(name) {
        Ok(text) => text.parse()?,
        Err(_) => default,
    })
}

/// Kills one of the backfillers or hires another, again and again, until the job is verified. How many were killed.
async fn come_and_go(fleet: &mut Fleet, job: &Watched<'_>, most: usize, seed: u64) -> anyhow::Result<usize> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut killed = 0;
    let clock = SystemClock::shared();
    let begun = clock.monotonic();
    let pause = u64::from(knob(PAUSE, 2)?.max(1));
    while job.state().await? == "backfilling" {
        anyhow::ensure!(clock.monotonic() - begun < PATIENCE, "{}", job.story().await?);
        let alive: Vec<usize> = (0..fleet.backfillers.len())
            .filter(|i| fleet.backfillers[*i].pid().is_some())
            .collect();
        if alive.len() < most && random.bool() || alive.is_empty() {
            fleet.hire().await?;
        } else if random.u8(..3) == 0 {
            let which = alive[random.usize(..alive.len())];
            fleet.backfillers[which].kill().await?;
            killed += 1;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(500..500 + 1000 * pause))).await;
    }
    Ok(killed)
}

/// Invariants 2 and 8 at once: nothing lost, nothing doubled, and never more load than the budget, whoever is there.
#[tokio::test]
async fn workers_that_come_and_die_at_random_keep_the_budget_and_the_counts() -> Outcome {
    let (rows, rate) = (knob(ROWS, 150_000)?, knob(RATE, 6000)?);
    let most = knob(WORKERS, 4)? as usize;
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let server = Server::start(Durability::ThrowAway).await?;
    let broker = Broker::shared().await?;
    let database = Database::new(&server).await?;
    tracks::load(&database, rows, Filling::Full).await?;
    let settings = Settings::of(&database).over(&broker.vhost().await?);
    let (desk, mut fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let writes = traffic(&database).await?;
    let sections = format!("[backfill]\nmax_parallel = {CHUNKS}\nmax_rows_per_second = {rate}\n");
    let spec = desk.write("spec.toml", &tracks::spec("budget", &sections))?;
    let id = desk
        .ok(&["submit", &spec, "--target", "main", "--as", "tester"])
        .await?;
    let job = Watched::new(&database, &id)?;
    job.under_way(1, PATIENCE).await?;
    let clock = SystemClock::shared();
    let (gauge, begun) = (Gauge::start(&database).await?, clock.monotonic());
    let killed = come_and_go(&mut fleet, &job, most, seed).await?;
    let (seen, took) = (gauge.stop().await?, clock.monotonic() - begun);
    job.until("verified", PATIENCE).await?;

    let (changed, _) = job.settled_beside(writes, tracks::EXPECTED).await?;
    eprintln!(
        "| {rows} rows | up to {most} backfillers, {killed} killed | {took:.0?} | chunks in hand {} of {CHUNKS} | shares up to {:.0} of {rate} \
         rows/s | fullest 3 s {:.0} rows/s | {changed} changed | lost 0 | doubled 0 |",
        seen.most_leased(),
        seen.largest_shares(),
        seen.fullest_window(),
    );
    seen.ensure_within(CHUNKS, f64::from(rate), ROWS_A_BLOCK)?;
    fleet.dismiss().await
}

/// How long each small job took from its submission to `verified`, in seconds, sorted.
async fn times(database: &Database<'_>) -> anyhow::Result<Vec<f64>> {
    let mut conn = database.superuser().await?;
    Ok(engine::sql::scalar(
        "SELECT extract(epoch FROM s.ended_at - j.created_at)::float8 FROM sluice.job j JOIN sluice.stage s ON s.job = j.id
         WHERE j.name LIKE 'small%' AND s.name = 'backfill' AND s.status = 'done' ORDER BY 1",
    )
    .fetch_all(&mut conn)
    .await?)
}

/// A small job waits for a place, not for the end of a huge one.
#[tokio::test]
async fn small_jobs_are_not_starved_by_a_huge_one() -> Outcome {
    let small = knob(SMALL, 12)? as usize;
    let server = Server::start(Durability::ThrowAway).await?;
    let broker = Broker::shared().await?;
    let database = Database::new(&server).await?;
    // Still at work when the last small one is done, however many there are.
    tracks::load(&database, 400_000.max(5_000 * small as u32), Filling::Full).await?;
    let names: Vec<String> = (0..small).map(|n| format!("small{n}")).collect();
    for name in &names {
        let make = format!(
            "CREATE TABLE {name} AS SELECT n AS id, n AS v FROM generate_series(1, 500) AS n; ALTER TABLE {name} ADD PRIMARY KEY (id)"
        );
        database.execute_as(Role::Owner, &make).await?;
        database.grant_data_privileges(&[name]).await?;
    }
    let settings = Settings::of(&database)
        .over(&broker.vhost().await?)
        .with("SLUICE__TARGETS__MAIN__BUDGET__MAX_PARALLEL", "2")
        .with("SLUICE__TARGETS__MAIN__BUDGET__MAX_ROWS_PER_SECOND", "2000");
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 2).await?);
    let spec = desk.write(
        "huge.toml",
        &tracks::spec("huge", "[backfill]\nmax_parallel = 4\n"),
    )?;
    let id = desk
        .ok(&["submit", &spec, "--target", "main", "--as", "tester"])
        .await?;
    let huge = Watched::new(&database, &id)?;
    huge.under_way(1000, PATIENCE).await?;
    let gauge = Gauge::start(&database).await?;
    let submitting = names.iter().map(|name| {
        let text = format!(
            "name = \"{name}\"\n\n[[change]]\nkind = \"add_column\"\ntable = \"{name}\"\ncolumn = \"w\"\ntype = \"integer\"\nup = \"v\"\n"
        );
        let desk = &desk;
        async move {
            let spec = desk.write(&format!("{name}.toml"), &text)?;
            desk.ok(&["submit", &spec, "--target", "main", "--as", "tester"]).await
        }
    });
    // A few command lines at a time: each is a process.
    let mut submitting = submitting.collect::<Vec<_>>().into_iter();
    loop {
        let batch: Vec<_> = submitting.by_ref().take(8).collect();
        if batch.is_empty() {
            break;
        }
        futures_util::future::try_join_all(batch).await?;
    }
    wait::until("every small job is verified", PATIENCE, async || {
        let done = times(&database).await?.len();
        Ok::<_, anyhow::Error>(if done == small {
            Look::There(())
        } else {
            Look::NotYet(format!("{done} of {small}; {}", huge.story().await?))
        })
    })
    .await?;
    assert_eq!(
        huge.state().await?,
        "backfilling",
        "the huge one was over before: nothing was tested"
    );
    let times = times(&database).await?;
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    eprintln!(
        "| {small} small jobs | fastest {:.1} s | median {:.1} s | 95 % {:.1} s | slowest {:.1} s | the huge one still at work |",
        at(0.0),
        at(0.5),
        at(0.95),
        at(1.0)
    );
    gauge.stop().await?.ensure_within(2, 2000.0, ROWS_A_BLOCK)?;
    fleet.dismiss().await
}
