//! The way between a worker and the broker breaks, and the database is as near as ever.

use testbed::desk::Desk;
use testbed::fleet::{self, Fleet};
use testbed::process::Sluice;
use testbed::proxy::{Order, Protocol, Proxy, Toward};
use testbed::rabbitmq::{Broker, Vhost};

use super::{CHUNKS, Outcome, PATIENCE, SLOW, Scene, database, until_so_many};

const AGAIN: &str = "SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND attempt > 1";

/// One worker behind the proxy, which listens; no other.
async fn behind(scene: &Scene<'_>, vhost: &Vhost, way: &Proxy) -> anyhow::Result<(Fleet, Sluice)> {
    let fleet = Fleet::start(&scene.settings, 0).await?;
    let through = vhost.with_heartbeat(2);
    let settings = scene
        .settings
        .clone()
        .with("SLUICE__BUS__URL", &through.url_through(way.port()));
    let worker = Sluice::start(&["backfiller"], &settings).await?;
    fleet::ready(&worker).await?;
    Ok((fleet, worker))
}

/// Fault 12, in one direction and in both: the broker gives the messages to another worker, the one that is cut off gives its
/// chunks back by the ledger, and each row is written once.
async fn check(breaks: impl Fn(&Proxy)) -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let way = Proxy::start(broker.port()).await?;
    let (mut fleet, cut_off) = behind(&scene, &vhost, &way).await?;
    let job = scene.under_way().await?;
    breaks(&way);
    fleet.hire().await?;
    cut_off
        .logged("lost its connection to the broker", PATIENCE)
        .await?;
    until_so_many(&job, "another worker has its chunks", AGAIN, 1).await?;
    way.flow();
    fleet.add(cut_off);
    scene.assert_settled(&job, fleet).await
}

#[tokio::test]
async fn a_worker_cut_off_from_the_broker_only_gives_its_chunks_to_another() -> Outcome {
    check(Proxy::stall).await
}

#[tokio::test]
async fn a_worker_that_hears_nothing_of_the_broker_gives_its_chunks_to_another() -> Outcome {
    check(|way| way.stall_toward(Toward::Client)).await
}

/// Fault 3 as a network makes it: the acknowledgement leaves and never arrives, and the connection goes after it.
#[tokio::test]
async fn an_acknowledgement_that_is_lost_with_its_connection_repeats_no_work() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let scene = Scene::new(&database, &vhost).await?;
    let way = Proxy::start_listening(broker.port(), Protocol::Amqp).await?;
    let (mut fleet, worker) = behind(&scene, &vhost, &way).await?;
    let key = CHUNKS.to_owned();
    way.order(Order::SwallowAck { key });
    let job = scene.submit(SLOW).await?;
    way.until_carried_out(1, PATIENCE).await?;
    way.blink();
    fleet.add(worker);
    scene.assert_settled(&job, fleet).await
}

/// A link of a quarter of a second: nothing but slower.
#[tokio::test]
async fn a_slow_link_to_the_broker_costs_time_only() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let way = Proxy::start(broker.port()).await?;
    way.delay(std::time::Duration::from_millis(250));
    scene.settings = scene
        .settings
        .with("SLUICE__BUS__URL", &vhost.url_through(way.port()));
    scene.desk = Desk::new(&scene.settings)?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    let job = scene.under_way().await?;
    scene.assert_settled(&job, fleet).await
}
