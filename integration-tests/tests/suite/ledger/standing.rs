//! A ledger that is not where it was used last: on another timeline, another server, another database. What really happens to a server
//! then is tried in `distributed`; here the ledger's row is made to say that something else was before.

use std::sync::Arc;
use std::time::Duration;

use engine::db;
use ledger::chunks::{self, Progress};
use ledger::failover::FAILED_OVER;
use ledger::tasks::Outstanding;
use ledger::{Error, Ledger, Target};
use proto::LeaseId;
use shared::clock::{Clock, SystemClock};
use shared::service::Readiness;
use testbed::database::{Database, Role};
use testbed::postgres::Server;
use testbed::{target, wait};

use super::{Outcome, claimed, one_chunk};

/// The active planner of these tests.
async fn planner(ledger: &Ledger) -> anyhow::Result<LeaseId> {
    let lease = LeaseId::random();
    assert!(ledger.hold_lease("planner", "first", lease).await?);
    Ok(lease)
}

/// Pitfall 24: what the old primary promised is void, although its clock says otherwise.
#[tokio::test]
async fn after_a_fail_over_every_lease_is_void_and_outstanding_work_is_issued_again_at_once() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let (job, chunk, task) = one_chunk(&ledger).await?;
    let lease = planner(&ledger).await?;
    ledger.mark_published(task, lease).await?;
    let claim = claimed(&ledger, task, "worker").await?;
    db::query("UPDATE sluice.job SET state = 'backfilling' WHERE id = $1")
        .bind(job.0)
        .execute(ledger.pool())
        .await?;
    // The old server's clock was an hour ahead.
    const AHEAD: &str = "UPDATE sluice.task SET lease_until = now() + interval '1 hour';
        UPDATE sluice.lease SET until = now() + interval '1 hour';
        INSERT INTO sluice.throttle (job, go, max_parallel, beat_at) SELECT id, true, 1, now() + interval '1 hour' FROM sluice.job;
        INSERT INTO sluice.signal (name, source, value, unit, required) VALUES ('replica_lag', 'standby', 0, 'seconds', true);
        UPDATE sluice.ledger SET timeline = 77";
    database.execute_as(Role::Ledger, AHEAD).await?;
    assert!(matches!(
        ledger.look().await,
        Err(Error::Promoted { was: 77, is: 1 })
    ));

    let again = target::ledger(&database).await?;
    again.look().await?;
    assert!(!again.renew(task, claim.fence).await?, "its worker stops");
    let mut conn = again.pool().acquire().await?;
    let refused = chunks::advance(&mut conn, chunk, claim.fence, Progress::default()).await;
    assert!(matches!(refused, Err(Error::LeaseLost { .. })), "{refused:?}");
    assert!(!again.finish_chunk(&claim, None).await?);
    let due: Vec<Outstanding> = again.to_publish(10).await?;
    assert!(due.iter().any(|outstanding| outstanding.task == task), "{due:?}");
    assert_eq!(again.lapsed_lease(task).await?, Some(claim.fence.lease));
    assert!(again.hold_lease("planner", "second", LeaseId::random()).await?);
    let fresh = "SELECT (SELECT count(*) FROM sluice.throttle WHERE beat_at > clock_timestamp())
        + (SELECT count(*) FROM sluice.signal WHERE required AND name = 'replica_lag')";
    assert_eq!(database.value::<i64>(Role::Ledger, fresh).await?, 0);
    let second = claimed(&again, task, "another").await?;
    assert_eq!(second.fence.attempt, 2);

    let told = format!(
        "SELECT count(*) FROM sluice.event WHERE kind = '{FAILED_OVER}' AND (detail ->> 'leases_voided')::int = 1"
    );
    assert_eq!(database.value::<i64>(Role::Ledger, &told).await?, 1);
    // Whoever comes next finds it in order.
    let third = target::ledger(&database).await?;
    assert!(third.renew(task, second.fence).await?, "it was voided twice");
    assert_eq!(database.value::<i64>(Role::Ledger, &told).await?, 1);
    Ok(())
}

#[tokio::test]
async fn planners_that_see_a_fail_over_at_once_reconcile_the_ledger_once() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    target::ledger(&database).await?;
    database
        .execute_as(Role::Ledger, "UPDATE sluice.ledger SET timeline = 77")
        .await?;
    let (a, b, c) = tokio::join!(
        target::ledger(&database),
        target::ledger(&database),
        target::ledger(&database)
    );
    for ledger in [a?, b?, c?] {
        ledger.look().await?;
    }
    let told = format!("SELECT count(*) FROM sluice.event WHERE kind = '{FAILED_OVER}'");
    assert_eq!(database.value::<i64>(Role::Ledger, &told).await?, 1);
    Ok(())
}

/// Why a target that was open is left, once the ledger's row was changed.
async fn left_because(database: &Database<'_>, target: &Target, change: &str) -> anyhow::Result<String> {
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let readiness = Readiness::new();
    let part = readiness.part("ledger of test");
    let watching = target.watch_health(&part, &*clock);
    let changing = async {
        wait::until("the target is ready", Duration::from_secs(30), async || {
            anyhow::Ok(readiness.is_ready())
        })
        .await?;
        database.execute_as(Role::Ledger, change).await
    };
    let watched = tokio::time::timeout(Duration::from_secs(60), async {
        tokio::join!(watching, changing)
    });
    let (why, changed) = watched.await?;
    changed?;
    assert!(!readiness.is_ready());
    Ok(why)
}

/// What a running service finds, not only one that starts.
#[tokio::test]
async fn a_target_that_is_another_one_while_it_is_worked_for_is_left_with_the_reason() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    for (change, back, reason) in [
        (
            "UPDATE sluice.ledger SET system_identifier = '1' || system_identifier",
            "UPDATE sluice.ledger SET system_identifier = substr(system_identifier, 2)",
            "a copy is read-only until it is adopted",
        ),
        (
            "UPDATE sluice.ledger SET id = gen_random_uuid()",
            "SELECT 1",
            "the ledger is another one now",
        ),
        (
            "UPDATE sluice.ledger SET timeline = 77",
            "SELECT 1",
            "timeline 1, the ledger was used last on 77",
        ),
        (
            "UPDATE sluice.ledger SET oldest_writer = 99",
            "UPDATE sluice.ledger SET oldest_writer = 1",
            "upgrade sluice",
        ),
        (
            "ALTER SCHEMA sluice RENAME TO away",
            "ALTER SCHEMA away RENAME TO sluice",
            "there is no ledger in this database",
        ),
    ] {
        let target = target::connect(&database).await?;
        let why = left_because(&database, &target, change).await?;
        assert!(why.contains(reason), "{change}: {why}");
        target.close(&*SystemClock::shared()).await;
        database.execute_as(Role::Ledger, back).await?;
    }
    Ok(())
}

/// One URL of a target that leads elsewhere would have rows read there and recorded here.
#[tokio::test]
async fn urls_that_lead_to_two_databases_are_no_target() -> Outcome {
    let server = Server::shared().await?;
    let (one, other) = (Database::new(server).await?, Database::new(server).await?);
    let mut settings = target::settings(&one);
    settings.monitor_url = Some(other.url(Role::Monitor).into());
    let refused = target::connect_with(&one, &settings).await;
    let why = refused
        .err()
        .map(|error| format!("{:#}", anyhow::Error::from(error)));
    assert!(
        why.as_deref()
            .is_some_and(|why| why.contains("another database answers")),
        "{why:?}"
    );
    Ok(())
}
