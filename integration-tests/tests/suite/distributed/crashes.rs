//! A backfiller dies at each place where dying could count a row twice, or not at all (invariant 2).

use std::time::Duration;

use ledger::tasks::MOST_LAPSES;
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::postgres::Server;
use testbed::process::Sluice;
use testbed::rabbitmq::Broker;

use super::{Outcome, PATIENCE, SLOW, assert_settled, small, submit, traffic};

/// Item 27 of the faults: a chunk that takes all memory, say, ends whoever works on it, and nobody is left to tell.
#[tokio::test]
async fn a_chunk_that_kills_every_worker_is_set_aside_and_the_job_says_so() -> Outcome {
    let broker = Broker::shared().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let desk = Desk::new(&settings)?;
    let mut fleet = Fleet::start(&settings, 0).await?;
    let kills = settings
        .clone()
        .with("SLUICE_CRASH_AT", "batch.before_commit")
        .with("SLUICE__BACKFILLER__SLOTS", "1");
    let mut victim = Sluice::start(&["backfiller"], &kills).await?;
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, "[backfill]\nmax_parallel = 1\n").await?;
    for nth in 1..=MOST_LAPSES {
        let status = victim.ended(PATIENCE).await?;
        assert!(
            status.starts_with("signal: 6"),
            "victim {nth} ended with {status}\n{}",
            victim.log()
        );
        if nth < MOST_LAPSES {
            victim = Sluice::start(&["backfiller"], &kills).await?;
        }
    }
    fleet.hire().await?;
    job.until("held", PATIENCE).await?;
    let status = desk.ok(&["status", "track-seconds", "--target", "main"]).await?;
    assert!(
        status.contains("5 leases in a row lapsed at block 0 without any progress"),
        "{status}"
    );
    let parked = desk.ok(&["parked"]).await?;
    assert!(parked.contains("5 leases in a row"), "{parked}");
    // It was the memory, say, and there is more now.
    desk.ok(&["resume", "track-seconds", "--target", "main", "--as", "ann"])
        .await?;
    assert_settled(&job, writes, fleet).await
}

/// One backfiller dies where it is told to; another one, started after that, ends the job.
async fn check(point: &str) -> Outcome {
    let broker = Broker::shared().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let desk = Desk::new(&settings)?;
    let mut fleet = Fleet::start(&settings, 0).await?;
    let doomed = Sluice::start(&["backfiller"], &settings.clone().with("SLUICE_CRASH_AT", point)).await?;
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    let status = doomed.ended(Duration::from_secs(90)).await?;
    assert!(
        status.starts_with("signal: 6"),
        "it ended with {status}\n{}",
        doomed.log()
    );
    fleet.hire().await?;
    assert_settled(&job, writes, fleet).await
}

#[tokio::test]
async fn dying_before_a_batch_commits_counts_nothing() -> Outcome {
    check("batch.before_commit:5").await
}

#[tokio::test]
async fn dying_after_a_batch_committed_counts_it_once() -> Outcome {
    check("batch.after_commit:5").await
}

#[tokio::test]
async fn dying_before_the_event_of_a_chunk_loses_nothing() -> Outcome {
    check("chunk.before_event").await
}

#[tokio::test]
async fn dying_before_a_chunk_is_acknowledged_repeats_nothing() -> Outcome {
    check("chunk.before_ack").await
}

#[tokio::test]
async fn dying_before_a_step_commits_repeats_it() -> Outcome {
    check("step.before_commit:2").await
}

#[tokio::test]
async fn dying_after_a_step_committed_finds_it_done() -> Outcome {
    check("step.after_commit:2").await
}
