//! A backfiller dies at each place where dying could count a row twice, or not at all (invariant 2).

use std::time::Duration;

use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::postgres::Server;
use testbed::process::Sluice;
use testbed::rabbitmq::Broker;

use super::{Outcome, SLOW, assert_settled, small, submit, traffic};

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
