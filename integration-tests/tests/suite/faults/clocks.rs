//! Wall clocks that jump: leases are the database's time and the machine's own monotonic time.

use testbed::clock::SteppingClock;
use testbed::database::Role;
use testbed::embedded::{Embedded, Part};
use testbed::tracks::{self, Filling};
use testbed::traffic::{Load, Traffic};
use testbed::wait;
use testbed::watch::Watched;

use super::{Outcome, PATIENCE, SLOW, database, seed};

const HOUR: i64 = 3600;

/// Fault 29. An hour on, two hours back, and so forth, while two workers hold leases: none is lost.
#[tokio::test]
async fn a_wall_clock_that_jumps_an_hour_costs_nobody_a_lease() -> Outcome {
    const TAKEN_AGAIN: &str =
        "SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND attempt > 1";
    const PLANNERS: &str = "SELECT count(*) FROM sluice.lease WHERE name = 'planner' AND $1::uuid IS NOT NULL
        AND until BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() + interval '1 minute'";
    let database = database().await?;
    tracks::load(&database, super::ROWS, Filling::Sparse).await?;
    let load = Load {
        seed: seed()?,
        ..Load::default()
    };
    let traffic = Traffic::start(&database.url(Role::App), tracks::traffic(), load).await?;
    let clock = SteppingClock::new();
    let mut embedded = Embedded::connect(&database).await?.on_clock(clock.clone());
    embedded.start_parts(&[
        Part::Planner,
        Part::Backfiller(2),
        Part::Backfiller(2),
        Part::Verifier,
    ]);
    let id = embedded
        .submit(&database, &tracks::spec("track-seconds", SLOW))
        .await?;
    let job = Watched::new(&database, &id.to_string())?;
    let mut steps = 0;
    for (rows, step) in (1..).map(|n| (n * 500, if n % 2 == 1 { HOUR } else { -2 * HOUR })) {
        let ended = wait::until("the job goes on", PATIENCE, async || {
            let state = job.state().await?;
            let ended = matches!(state.as_str(), "verified" | "held");
            anyhow::Ok((ended || job.rows_so_far().await? >= rows).then_some(ended))
        });
        if ended.await? {
            break;
        }
        clock.step(step);
        steps += 1;
    }
    assert!(steps > 5, "the clock jumped {steps} times only");
    job.until("verified", PATIENCE).await?;
    job.settled_beside(traffic, tracks::EXPECTED).await?;
    assert_eq!(job.value::<i64>(TAKEN_AGAIN).await?, 0, "a lease was lost");
    assert_eq!(job.value::<i64>(PLANNERS).await?, 1, "the planner's lease is off");
    embedded.stop().await
}
