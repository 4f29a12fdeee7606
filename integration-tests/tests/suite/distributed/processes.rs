//! A process is killed, or stopped and woken: the ledger knows who may do what.

use std::time::Duration;

use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::postgres::Server;
use testbed::process::Sluice;
use testbed::rabbitmq::Broker;
use testbed::wait;

use super::{Outcome, PATIENCE, SLOW, assert_settled, queued, small, submit, traffic};

#[tokio::test]
async fn a_killed_planner_issues_the_outstanding_work_again() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let (database, settings) = small(Server::shared().await?, &vhost).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(1000, PATIENCE).await?;
    queued(&job).await?;
    fleet.planner.kill().await?;
    // What it had sent is gone too: only the ledger is left to start again from.
    broker.wipe(&vhost).await?;
    fleet.planner.start_again().await?;
    assert_settled(&job, writes, fleet).await
}

/// Traps 19 and 24: a worker that sleeps through its lease wakes up believing that the chunk is still its own.
#[tokio::test]
async fn a_worker_that_slept_through_its_lease_commits_nothing_any_more() -> Outcome {
    let broker = Broker::shared().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let (desk, mut fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let writes = traffic(&database).await?;
    let job = submit(
        &desk,
        &database,
        "[backfill]\nmax_parallel = 3\nmax_rows_per_second = 1500\n",
    )
    .await?;
    job.under_way(1000, PATIENCE).await?;
    fleet.backfillers[0].pause()?;
    fleet.hire().await?;
    wait::until(
        "the chunks of the sleeper are taken over",
        Duration::from_secs(60),
        async || {
            let count = "SELECT count(*) > 0 FROM sluice.task
            WHERE job = $1 AND kind = 'chunk' AND attempt > 1 AND state IN ('leased', 'done')";
            job.value::<bool>(count).await
        },
    )
    .await?;
    fleet.backfillers[0].resume()?;
    fleet.backfillers[0]
        .logged("the lease on a chunk was lost", Duration::from_secs(30))
        .await?;
    assert_settled(&job, writes, fleet).await
}

/// Everything dies at once, as when a machine goes down.
#[tokio::test]
async fn an_installation_that_is_killed_whole_goes_on_when_it_is_started_again() -> Outcome {
    let broker = Broker::shared().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 2).await?);
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(1000, PATIENCE).await?;
    for service in fleet.all() {
        service.kill().await?;
    }
    for service in fleet.all() {
        service.start_again().await?;
    }
    assert_settled(&job, writes, fleet).await
}

/// Counts what each process commits to the ledger, by the name under which it is connected.
const LEDGER_AUDIT: &str = "
    CREATE TABLE audit.ledger_change (application_name text NOT NULL);
    CREATE FUNCTION audit.note_ledger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO audit.ledger_change VALUES (current_setting('application_name'));
        RETURN NULL;
    END $$;
    DO $$ DECLARE one text; BEGIN
        FOREACH one IN ARRAY ARRAY['job', 'stage', 'task', 'chunk', 'sweep', 'event', 'command', 'flag', 'throttle'] LOOP
            EXECUTE format('CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON sluice.%I
                FOR EACH ROW EXECUTE FUNCTION audit.note_ledger()', one);
        END LOOP;
    END $$";

/// Fault 31. The first planner is frozen in the middle of a decision, its statements sent and not committed: when it wakes
/// up, it has to find out by itself that the lease is another's.
#[tokio::test]
async fn a_second_planner_takes_over_from_a_frozen_one_which_changes_nothing_when_it_wakes() -> Outcome {
    let broker = Broker::shared().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 2).await?);
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(1000, PATIENCE).await?;
    let mut audit = database.superuser().await?;
    engine::sql::execute_script(&mut audit, LEDGER_AUDIT).await?;
    let holder = "SELECT holder FROM sluice.lease WHERE name = 'planner' AND until > clock_timestamp() AND $1::uuid IS NOT NULL";
    let first: String = job.value(holder).await?;
    let by_the_first = format!(
        "SELECT count(*) FROM audit.ledger_change WHERE application_name = 'sluice {first}' AND $1::uuid IS NOT NULL"
    );
    wait::until("the audit knows the first planner", PATIENCE, async || {
        job.value::<i64>(&by_the_first).await.map(|changes| changes > 0)
    })
    .await?;

    let mut lock = database.superuser().await?;
    engine::sql::execute_script(&mut lock, "BEGIN; SELECT FROM sluice.job FOR NO KEY UPDATE").await?;
    wait::until("the planner waits to change the job", PATIENCE, async || {
        job.value::<bool>(
            "SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE strpos(query, 'ledger.job_change') > 0 AND wait_event_type = 'Lock' AND $1::uuid IS NOT NULL)",
        )
        .await
    })
    .await?;
    fleet.planner.pause()?;
    engine::sql::execute_script(&mut lock, "ROLLBACK").await?;

    let second = testbed::process::Sluice::start(&["planner"], &settings).await?;
    wait::until(
        "the other planner holds the lease",
        Duration::from_secs(30),
        async || job.value::<String>(holder).await.map(|now| now != first),
    )
    .await?;
    let before: i64 = job.value(&by_the_first).await?;
    fleet.planner.resume()?;
    assert_settled(&job, writes, fleet).await?;
    let after: i64 = job.value(&by_the_first).await?;
    assert_eq!(after, before, "the planner that woke up changed the ledger");
    assert_eq!(second.terminate().await?, "exit status: 0");
    Ok(())
}

/// A bug in one check must not take the sampler and the re-reader with it: without them every job of the target stops.
#[tokio::test]
async fn a_check_that_panics_costs_the_verifier_nothing_but_that_check() -> Outcome {
    let broker = Broker::shared().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let desk = Desk::new(&settings)?;
    let hands = [
        Sluice::start(&["planner"], &settings).await?,
        Sluice::start(&["backfiller"], &settings).await?,
    ];
    let clumsy = settings.clone().with("SLUICE_PANIC_AT", "check.begun");
    let verifier = Sluice::start(&["verifier"], &clumsy).await?;
    for service in hands.iter().chain([&verifier]) {
        testbed::fleet::ready(service).await?;
    }
    let job = submit(&desk, &database, "").await?;
    verifier
        .logged("a check panicked; it is given back", PATIENCE)
        .await?;
    job.until("verified", PATIENCE).await?;
    let port = verifier.port().await?;
    let metrics = testbed::http::get(port, "/metrics").await?.body;
    let counted = "sluice_handler_panics_total{role=\"verifier\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    for service in hands.iter().chain([&verifier]) {
        assert_eq!(service.terminate().await?, "exit status: 0", "{}", service.log());
    }
    Ok(())
}
