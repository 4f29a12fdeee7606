//! The broker dies, forgets, or is away: the ledger is the truth, so work is delayed and nothing else.

use std::time::Duration;

use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::postgres::Server;
use testbed::rabbitmq::Broker;

use super::{Outcome, PATIENCE, SLOW, assert_settled, queued, small, submit, traffic};

#[tokio::test]
async fn a_broker_that_is_killed_and_comes_back_delays_the_job_only() -> Outcome {
    let broker = Broker::start().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 2).await?);
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(1000, PATIENCE).await?;
    broker.kill().await?;
    broker.restart().await?;
    assert_settled(&job, writes, fleet).await
}

/// Everything in the broker is gone, as after `rabbitmqctl reset`: the planner issues the work again from the ledger.
#[tokio::test]
async fn a_wiped_broker_loses_no_work() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let (database, settings) = small(Server::shared().await?, &vhost).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(1000, PATIENCE).await?;
    queued(&job).await?;
    broker.wipe(&vhost).await?;
    assert_settled(&job, writes, fleet).await
}

#[tokio::test]
async fn a_queue_that_an_operator_deletes_is_made_again_with_its_work() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let (database, settings) = small(Server::shared().await?, &vhost).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(1000, PATIENCE).await?;
    queued(&job).await?;
    for queue in ["sluice.main.chunk", "sluice.main.check"] {
        broker.delete_queue(&vhost, queue).await?;
    }
    assert_settled(&job, writes, fleet).await
}

/// A pause is a row in the ledger: it needs no broker, and stops the writing within two seconds.
#[tokio::test]
async fn a_job_can_be_paused_while_the_broker_is_dead() -> Outcome {
    let broker = Broker::start().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 2).await?);
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(1000, PATIENCE).await?;
    broker.kill().await?;
    desk.run(&["pause", "track-seconds", "--target", "main", "--as", "ann"])
        .await?
        .exits(0)?;
    job.until("paused", Duration::from_secs(10)).await?;
    let late: i64 = job
        .value(
            "SELECT count(*) FROM audit.row_change
             WHERE application_name LIKE 'sluice%' AND at > interval '2 seconds'
                + (SELECT applied_at FROM sluice.command WHERE job = $1 AND kind = 'pause')",
        )
        .await?;
    assert_eq!(late, 0, "rows were written more than two seconds after the pause");
    broker.restart().await?;
    desk.run(&["resume", "track-seconds", "--target", "main", "--as", "ann"])
        .await?
        .exits(0)?;
    assert_settled(&job, writes, fleet).await
}
