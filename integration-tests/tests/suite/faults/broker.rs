//! The broker is restarted in order, freezes, loses patience with its consumers, or takes no messages.

use std::time::Duration;

use serde_json::Value;
use testbed::fleet::{self, Fleet};
use testbed::rabbitmq::{Broker, Consumers, Vhost};
use testbed::wait::{self, Look};

use super::{CHUNKS, Outcome, PATIENCE, Scene, database, until_so_many};

/// A service that has lost its broker says so.
const AWAY: &str = "no connection to the broker";

/// Fault 9. As an operator does it for an upgrade.
#[tokio::test]
async fn a_broker_that_is_restarted_in_order_is_found_again_within_seconds() -> Outcome {
    let broker = Broker::start().await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    let job = scene.under_way().await?;
    broker.control(&["stop_app"]).await?;
    for service in fleet.all() {
        service.logged(AWAY, PATIENCE).await?;
    }
    broker.control(&["start_app"]).await?;
    let all = async {
        for service in fleet.all() {
            fleet::ready(service).await?;
        }
        anyhow::Ok(())
    };
    // The longest pause between two attempts is 10 s.
    tokio::time::timeout(Duration::from_secs(25), all).await??;
    scene.assert_settled(&job, fleet).await
}

/// Fault 11. Connections stay open and nothing answers: heartbeats tell, and what was in hand is given back.
#[tokio::test]
async fn a_frozen_broker_is_noticed_by_its_heartbeats_and_delays_the_job_only() -> Outcome {
    let broker = Broker::start().await?;
    let vhost = broker.vhost().await?.with_heartbeat(2);
    let database = database().await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    let job = scene.under_way().await?;
    broker.freeze()?;
    for service in fleet.all() {
        service.logged(AWAY, Duration::from_secs(30)).await?;
    }
    broker.thaw()?;
    scene.assert_settled(&job, fleet).await
}

/// Fault 18. Slow: chunks that take longer than the broker waits for an acknowledgement. Its patience is ten seconds here, not
/// half an hour. The channel is closed, the chunk is given back at its cursor, and so the job goes on in pieces.
#[tokio::test]
async fn a_consumer_that_the_broker_lost_patience_with_goes_on_at_its_cursor() -> Outcome {
    let broker = Broker::start_treating(Consumers::ClosedAfter(Duration::from_secs(10))).await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    let job = scene.under_way().await?;
    let closed = "delivery acknowledgement on channel";
    tokio::select! {
        line = fleet.backfillers[0].logged(closed, PATIENCE) => line?,
        line = fleet.backfillers[1].logged(closed, PATIENCE) => line?,
    };
    const AGAIN: &str = "SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND attempt > 1";
    until_so_many(&job, "a chunk is taken again", AGAIN, 1).await?;
    scene.assert_settled(&job, fleet).await
}

async fn queue(broker: &Broker, vhost: &Vhost) -> anyhow::Result<Value> {
    broker.describe(&format!("queues/{}/{CHUNKS}", vhost.name)).await
}

/// Fault 20. An alarm blocks the connections that publish; acknowledgements go over another one.
#[tokio::test]
async fn a_broker_with_a_full_disk_gets_its_acknowledgements_and_its_messages_later() -> Outcome {
    const DONE: &str =
        "SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND state = 'done'";
    let broker = Broker::start().await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    let job = scene.under_way().await?;
    until_so_many(&job, "every chunk is in hand", IN_HAND, 3).await?;
    broker
        .control(&["set_disk_free_limit", "100000000000000"])
        .await?;
    scene.hurry().await?;
    until_so_many(&job, "the chunks are done", DONE, 3).await?;
    wait::until("the broker has every acknowledgement", PATIENCE, async || {
        let seen = queue(&broker, &vhost).await?;
        let left = (&seen["messages_ready"], &seen["messages_unacknowledged"]);
        Ok::<_, anyhow::Error>(if left == (&Value::from(0), &Value::from(0)) {
            Look::There(())
        } else {
            Look::NotYet(format!("{left:?}"))
        })
    })
    .await?;
    let blocked = "the broker takes no messages";
    tokio::select! {
        line = fleet.backfillers[0].logged(blocked, PATIENCE) => line?,
        line = fleet.backfillers[1].logged(blocked, PATIENCE) => line?,
    };
    assert_ne!(job.state().await?, "verified", "its check was not published");
    broker.control(&["set_disk_free_limit", "50MB"]).await?;
    scene.assert_settled(&job, fleet).await
}

const IN_HAND: &str =
    "SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND state IN ('leased', 'done')";
