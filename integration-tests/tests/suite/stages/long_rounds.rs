//! A planner whose round takes longer than its lease.

use std::time::Duration;

use testbed::database::Role;
use testbed::embedded::Embedded;

use super::ground::{Outcome, SECONDS, ask, database, tracks, until};

/// Jobs whose table is looked at every few seconds, while somebody has it to himself: that takes as long as a lock is waited for, two seconds.
const JOBS: usize = 6;
/// Longer than a round over them.
const WATCHED: Duration = Duration::from_secs(20);

/// Lease and heartbeat are kept beside the round. Without that every other planner would take over in turn, and every worker would
/// take the planner for dead.
#[tokio::test]
async fn a_round_over_many_slow_jobs_lets_neither_lease_nor_heartbeat_lapse() -> Outcome {
    let database = database().await?;
    tracks(&database, 100).await?;
    let embedded = Embedded::start(&database).await?;
    let mut names = vec!["track".to_owned()];
    for n in 1..JOBS {
        let name = format!("track_{n}");
        let copy = format!("CREATE TABLE {name} (LIKE track INCLUDING ALL); ANALYZE {name}");
        database.execute_as(Role::Owner, &copy).await?;
        database.grant_data_privileges(&[&name]).await?;
        names.push(name);
    }
    for name in &names {
        let spec = SECONDS
            .replace("\"track\"", &format!("\"{name}\""))
            .replace("track-seconds", &format!("{name}-seconds"));
        embedded.submit(&database, &spec).await?;
    }
    let all = format!("SELECT count(*) = {JOBS} FROM sluice.job WHERE state = 'verified'");
    let seen = "SELECT string_agg(name || ' ' || state, ', ') FROM sluice.job";
    until(&database, "every job is verified", &all, seen).await?;

    let mut holder = database.superuser().await?;
    let lock = format!("BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
    engine::sql::execute_script(&mut holder, lock).await?;
    let (mut least_left, mut oldest) = (f64::MAX, 0.0_f64);
    let watching = async {
        loop {
            let left = "SELECT coalesce(max(extract(epoch FROM until - clock_timestamp())), -1)::float8
                FROM sluice.lease WHERE name = 'planner'";
            let age =
                "SELECT max(extract(epoch FROM clock_timestamp() - beat_at))::float8 FROM sluice.throttle";
            least_left = least_left.min(ask::<f64>(&database, left).await?);
            oldest = oldest.max(ask::<f64>(&database, age).await?);
        }
    };
    let ended: Result<Outcome, _> = tokio::time::timeout(WATCHED, watching).await;
    if let Ok(failed) = ended {
        failed?;
    }
    assert!(least_left > 0.0, "the lease had lapsed, by {least_left} s");
    assert!(oldest < 5.0, "a heartbeat was {oldest} s old");
    engine::sql::execute_script(&mut holder, "ROLLBACK").await?;
    embedded.stop().await
}
